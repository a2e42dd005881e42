//! Asks Kafka what a request's topics are and where their logs stand, and has the answer judged.

use super::opening::{Asked, Opening, View};
use super::track::{Sight, Track};
use super::{Error, Reading, Shared, back};
use crate::kafka::Error as KafkaError;
use crate::kafka::catalog::{Topic, Watermarks};
use crate::record::cursor::TopicMark;
use crate::record::{Cursor, Start, TopicName};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How often an opening begins again because a topic or a record went away while it was being looked at.
const ATTEMPTS: usize = 3;

/// How old what a running stream knows of its topics may be.
pub(super) const SIGHT_AGE: Duration = Duration::from_secs(5);

/// Where a reader stands that has begun already.
#[derive(Clone, Debug)]
pub struct Standing {
    pub cursor: Cursor,
    /// The topics it stands in: they may be gone.
    pub topics: Vec<TopicName>,
}

impl From<&Track> for Standing {
    fn from(track: &Track) -> Self {
        Self { cursor: track.cursor().clone(), topics: track.topics().cloned().collect() }
    }
}

impl Shared {
    /// Resolves where `reading` begins, or goes on from `standing`.
    ///
    /// # Errors
    /// What Kafka said, [`Error::Lost`], or [`Error::TooWide`].
    pub(super) async fn opening(
        self: &Arc<Self>,
        reading: &Reading,
        standing: Option<&Standing>,
    ) -> Result<Opening, Error> {
        let mut attempts = 1;
        loop {
            match self.attempt(reading, standing).await {
                // A topic that was there a moment ago may be one of several, and a log may be cut while `-N` reads back.
                Err(Error::Kafka(KafkaError::TopicNotFound(_) | KafkaError::OffsetOutOfRange))
                    if attempts < ATTEMPTS =>
                {
                    attempts += 1;
                }
                opening => return opening,
            }
        }
    }

    async fn attempt(
        self: &Arc<Self>,
        reading: &Reading,
        standing: Option<&Standing>,
    ) -> Result<Opening, Error> {
        let known = standing.map_or(&[][..], |standing| &standing.topics);
        let cursor = standing.map(|standing| &standing.cursor).or(reading.cursor());
        let (cluster, topics) = self.survey(reading, known, Duration::ZERO).await?;
        let live: Vec<_> = topics.values().flatten().cloned().collect();
        check_partitions(reading, &live)?;
        let logs = if live.is_empty() { Vec::new() } else { self.catalog.watermarks(&live).await? };
        let mut views = views(reading, &cluster, &topics, logs);
        let says =
            |cursor: &Cursor, view: &View| cursor.segments.iter().any(|s| s.topic.same_name(view.mark));
        let untold = |view: &View| !cursor.is_some_and(|cursor| says(cursor, view));
        if let Some(missing) = views.iter().find(|view| view.literal && view.log.is_none() && untold(view)) {
            return Err(KafkaError::TopicNotFound(missing.name.clone()).into());
        }
        let fresh = |view: &View| cursor.is_none_or(|cursor| view.literal && !says(cursor, view));
        let short = self.starts(reading, &live, &mut views, fresh).await?;
        let asked = Asked {
            cursor,
            partitions: reading.partitions.as_ref(),
            isolation: reading.isolation,
            on_loss: reading.on_loss,
            explicit: matches!(reading.from, Start::Offsets(_)),
        };
        let opening = Opening { short, ..Opening::resolve(asked, &views)? };
        if live.is_empty()
            && reading.topics.patterns().is_empty()
            && let Some(topic) = reading.topics.literals().first()
        {
            return Err(KafkaError::TopicNotFound(topic.clone()).into());
        }
        // An id that is refused when it comes back would end an EventSource for ever.
        if opening.cursor().room() > self.max_cursor_bytes {
            return Err(Error::TooWide(self.max_cursor_bytes));
        }
        Ok(opening)
    }

    /// What the topics of a running stream are now, as far as they can be read.
    ///
    /// # Errors
    /// What kept Kafka from answering.
    pub(super) async fn sights(&self, reading: &Reading, known: &[TopicName]) -> Result<Vec<Sight>, Error> {
        let (cluster, topics) = self.survey(reading, known, SIGHT_AGE).await?;
        let live = topics.into_iter().filter_map(|(name, topic)| Some((name, topic?)));
        Ok(live
            .map(|(name, topic)| {
                let mark = TopicMark::new(&cluster, &name, topic.id);
                (name, mark, topic.partitions.len())
            })
            .collect())
    }

    /// The cluster's id, and every topic that is asked for or `known`, with `None` for one that is not there.
    async fn survey(
        &self,
        reading: &Reading,
        known: &[TopicName],
        max_age: Duration,
    ) -> Result<(Arc<str>, BTreeMap<TopicName, Option<Arc<Topic>>>), Error> {
        let literals = reading.topics.literals();
        let mut names: Vec<_> = literals.iter().chain(known).cloned().collect();
        if !reading.topics.patterns().is_empty() {
            let all = self.catalog.names(max_age).await?;
            names.extend(all.iter().filter(|name| reading.topics.matches(name)).cloned());
        }
        names.sort();
        names.dedup();
        let (cluster, described) =
            tokio::join!(self.catalog.cluster_id(max_age), self.catalog.describe(&names, max_age));
        let mut topics = BTreeMap::new();
        for (name, topic) in names.into_iter().zip(described) {
            let topic = match topic {
                Ok(topic) => Some(topic),
                Err(KafkaError::TopicNotFound(_)) => None,
                // A pattern's topic that may not be seen is one that it does not match.
                Err(KafkaError::Forbidden(_)) if !literals.contains(&name) => None,
                Err(error) => return Err(error.into()),
            };
            topics.insert(name, topic);
        }
        Ok((cluster?, topics))
    }

    /// Sets where `from` puts the topics that are `fresh` to the cursor; whether `-N` came out short.
    async fn starts(
        self: &Arc<Self>,
        reading: &Reading,
        live: &[Arc<Topic>],
        views: &mut [View],
        fresh: impl Fn(&View) -> bool,
    ) -> Result<bool, Error> {
        let mut short = false;
        let concerned = |view: &&mut View| view.log.is_some() && fresh(view);
        match reading.from {
            Start::Latest => {}
            Start::Earliest | Start::Cursor(_) => {
                for view in views {
                    view.starts = view.log.as_ref().map(|log| log.earliest.clone()).unwrap_or_default();
                }
            }
            Start::Offsets(ref starts) => {
                for (partition, offset) in starts {
                    for view in views.iter_mut() {
                        if let Some(start) = view.starts.get_mut(*partition as usize) {
                            *start = *offset;
                        }
                    }
                }
            }
            Start::Time(time) => {
                let mut views: Vec<_> = views.iter_mut().filter(concerned).collect();
                let topics: Vec<_> = views.iter().filter_map(|view| find(live, &view.name)).collect();
                if topics.is_empty() {
                    return Ok(false);
                }
                for (view, found) in views.iter_mut().zip(self.catalog.offsets_at(&topics, time).await?) {
                    for (start, found) in view.starts.iter_mut().zip(found) {
                        *start = found.unwrap_or(*start);
                    }
                }
            }
            Start::Back(count) => {
                let mut views: Vec<_> = views.iter_mut().filter(concerned).collect();
                short = back::find(self, reading, count, &mut views).await?;
            }
        }
        Ok(short)
    }
}

fn find(topics: &[Arc<Topic>], name: &TopicName) -> Option<Arc<Topic>> {
    topics.iter().find(|topic| topic.name == *name).cloned()
}

/// One view a topic, which begins at its end.
fn views(
    reading: &Reading,
    cluster: &str,
    topics: &BTreeMap<TopicName, Option<Arc<Topic>>>,
    logs: Vec<Arc<Watermarks>>,
) -> Vec<View> {
    let mut logs = logs.into_iter();
    let view = |(name, topic): (&TopicName, &Option<Arc<Topic>>)| {
        let log = topic.as_ref().and_then(|_| logs.next());
        View {
            name: name.clone(),
            mark: TopicMark::new(cluster, name, topic.as_ref().and_then(|topic| topic.id)),
            literal: reading.topics.literals().contains(name),
            starts: log.as_ref().map(|log| log.end(reading.isolation).to_vec()).unwrap_or_default(),
            log,
        }
    };
    topics.iter().map(view).collect()
}

/// Partitions that no topic has are a mistake, unless a topic that has them may still join.
fn check_partitions(reading: &Reading, live: &[Arc<Topic>]) -> Result<(), Error> {
    let widest = live.iter().max_by_key(|topic| topic.partitions.len());
    match (&reading.partitions, widest) {
        (Some(chosen), Some(topic))
            if reading.topics.patterns().is_empty()
                && chosen.highest() as usize >= topic.partitions.len() =>
        {
            let partitions = topic.partitions.len();
            Err(KafkaError::PartitionOutOfRange { topic: topic.name.clone(), partitions }.into())
        }
        _ => Ok(()),
    }
}
