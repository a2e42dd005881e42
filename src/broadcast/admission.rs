//! How many streams there may be: in all, of one topic, for one address, for one caller.
//!
//! A stream counts from its opening until it is dropped, in every place at once or in none.

use crate::config;
use crate::record::{Party, TopicName};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Who asks for a stream.
#[derive(Clone, Debug, Default)]
pub struct Client {
    /// Its address, where it has one.
    pub address: Option<IpAddr>,
    /// The caller that it has shown to be.
    pub principal: String,
}

/// Of what there are as many streams as there may be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Crowded {
    /// In all.
    #[error("the gateway has as many streams as it may (streams.max_streams)")]
    InAll,
    /// Of a topic.
    #[error("topic `{0}` has as many streams as one topic may have (streams.max_streams_per_topic)")]
    Topic(TopicName),
    /// Of the client's address.
    #[error("this address has as many streams as one may have (streams.max_streams_per_address)")]
    Address,
    /// Of the caller.
    #[error("this caller has as many streams as one may have (streams.max_streams_per_principal)")]
    Principal,
}

impl Crowded {
    /// Whether it is the client that has too many, not the gateway.
    pub fn is_own_doing(&self) -> bool {
        matches!(self, Self::Address | Self::Principal)
    }
}

/// Counts streams. Clones count the same.
#[derive(Clone, Debug)]
pub struct Admission(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    most: [usize; 4],
    counts: Mutex<HashMap<Place, usize>>,
}

/// What streams are counted by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Place {
    All,
    Topic(TopicName),
    Address(Party),
    Principal(String),
}

/// A stream that counts. It counts no more when this is dropped.
#[derive(Debug)]
pub struct Admitted {
    admission: Admission,
    places: Vec<Place>,
}

impl Admission {
    /// As many as the section allows.
    pub fn new(limits: &config::Streams) -> Self {
        let most = [
            limits.max_streams,
            limits.max_streams_per_topic,
            limits.max_streams_per_address,
            limits.max_streams_per_principal,
        ];
        Self(Arc::new(Inner { most, counts: Mutex::default() }))
    }

    /// Lets a stream of these topics in.
    ///
    /// # Errors
    /// Where there are as many as there may be.
    pub fn admit<'a>(
        &self,
        client: &Client,
        topics: impl IntoIterator<Item = &'a TopicName>,
    ) -> Result<Admitted, Crowded> {
        let mut places = vec![Place::All, Place::Principal(client.principal.clone())];
        places.extend(client.address.map(|address| Place::Address(Party::of(address))));
        places.extend(topics.into_iter().cloned().map(Place::Topic));
        let mut counts = self.counts();
        let full = |place: &&Place| counts.get(place).is_some_and(|count| *count >= self.most(place));
        if let Some(full) = places.iter().find(full) {
            return Err(match full {
                Place::All => Crowded::InAll,
                Place::Topic(topic) => Crowded::Topic(topic.clone()),
                Place::Address(_) => Crowded::Address,
                Place::Principal(_) => Crowded::Principal,
            });
        }
        for place in &places {
            *counts.entry(place.clone()).or_default() += 1;
        }
        drop(counts);
        Ok(Admitted { admission: self.clone(), places })
    }

    fn most(&self, place: &Place) -> usize {
        self.0.most[match place {
            Place::All => 0,
            Place::Topic(_) => 1,
            Place::Address(_) => 2,
            Place::Principal(_) => 3,
        }]
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<Place, usize>> {
        self.0.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut counts = self.admission.counts();
        for place in &self.places {
            if let Some(count) = counts.get_mut(place) {
                *count -= 1;
                if *count == 0 {
                    counts.remove(place);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_counts_everywhere_or_nowhere_and_no_more_when_it_is_gone() {
        let limits = config::Streams {
            max_streams: 3,
            max_streams_per_topic: 2,
            max_streams_per_address: 2,
            max_streams_per_principal: 2,
            ..config::Streams::default()
        };
        let admission = Admission::new(&limits);
        let [a, b] = ["a", "b"].map(|name| TopicName::parse(name).expect("a legal name"));
        let client = |host: u8, principal: &str| Client {
            address: Some([192, 0, 2, host].into()),
            principal: principal.to_owned(),
        };
        let _one = admission.admit(&client(1, "x"), [&a, &b]).expect("room");
        let two = admission.admit(&client(1, "y"), [&a]).expect("room");
        assert_eq!(admission.admit(&client(1, "z"), [&b]).err(), Some(Crowded::Address));
        assert_eq!(admission.admit(&client(2, "z"), [&b, &a]).err(), Some(Crowded::Topic(a.clone())));
        let _three = admission.admit(&client(2, "x"), [&b]).expect("who was refused counts nowhere");
        assert_eq!(admission.admit(&client(3, "z"), []).err(), Some(Crowded::InAll));
        drop(two);
        assert_eq!(admission.admit(&client(3, "x"), []).err(), Some(Crowded::Principal));
        let _four = admission.admit(&client(3, "z"), [&a]).expect("room again");
        assert_eq!(admission.counts().len(), 8, "nobody who is gone is remembered");
    }
}
