//! Acknowledgements as they come: by ids, for one record each or for all up to it, positive or negative.

use super::Error;
use super::ledger::Outcome;
use super::pool::Pool;
use super::station::Station;
use super::token::is_token;
use crate::record::GroupId;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What acknowledgements come to, as metrics tell it.
pub const OUTCOMES: [&str; 3] = ["done", "late", "fenced"];

/// How much of a text that is no id is repeated.
const REPEATED: usize = 40;

/// What a client acknowledges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acks {
    /// Each stands for all records that its session was handed up to and with it.
    pub up_to: Vec<String>,
    /// Each stands for one record.
    pub ids: Vec<String>,
    /// Given back.
    pub nacks: Vec<Nack>,
}

/// A record that is given back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nack {
    /// Its id.
    pub id: String,
    /// How long it is not to be handed out again.
    pub delay: Duration,
}

/// What is to be done with an id.
#[derive(Clone, Copy)]
enum Deed {
    UpTo,
    One,
    Back(Duration),
    Resume,
}

/// What became of the id that the client of a stream brought back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resumed {
    /// What it was handed up to it is acknowledged.
    Done,
    /// It stands for nothing any more: its record may come again.
    Dropped,
}

impl Acks {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.up_to.is_empty() && self.ids.is_empty() && self.nacks.is_empty()
    }

    fn deeds(&self) -> impl Iterator<Item = (&str, Deed)> {
        let nacks = self.nacks.iter().map(|nack| (nack.id.as_str(), Deed::Back(nack.delay)));
        let ids = self.ids.iter().map(|id| (id.as_str(), Deed::One));
        self.up_to.iter().map(|id| (id.as_str(), Deed::UpTo)).chain(ids).chain(nacks)
    }
}

/// Does what a client asks for, and gives the ids that stand for nothing any more.
///
/// # Errors
/// [`Error::NoId`], and then nothing was done.
pub fn apply(pool: &Pool, group: &GroupId, acks: &Acks) -> Result<Vec<String>, Error> {
    if let Some((text, _)) = acks.deeds().find(|(id, _)| !is_token(id)) {
        return Err(Error::NoId(text.chars().take(REPEATED).collect()));
    }
    let stations = pool.stations(group);
    let mut fenced = Vec::new();
    for (id, deed) in acks.deeds() {
        if settle(pool, &stations, id, deed) == Outcome::Fenced {
            fenced.push(id.to_owned());
        }
    }
    if !acks.is_empty() {
        tell(&stations);
    }
    Ok(fenced)
}

/// Acknowledges by the id that a stream's client brings back. A text that is no id stands for nothing.
pub fn resume(pool: &Pool, group: &GroupId, id: &str) -> Resumed {
    let stations = pool.stations(group);
    let outcome = settle(pool, &stations, id, Deed::Resume);
    tell(&stations);
    if outcome == Outcome::Fenced { Resumed::Dropped } else { Resumed::Done }
}

fn settle(pool: &Pool, stations: &[Arc<Station>], id: &str, deed: Deed) -> Outcome {
    let outcome = stations.iter().find_map(|station| apply_to(station, id, deed)).unwrap_or(Outcome::Fenced);
    pool.metrics().groups.acked(match outcome {
        Outcome::Done => OUTCOMES[0],
        Outcome::Late => OUTCOMES[1],
        Outcome::Fenced => OUTCOMES[2],
    });
    outcome
}

fn tell(stations: &[Arc<Station>]) {
    for station in stations {
        station.changed.notify_waiters();
        station.nudge();
    }
}

/// `None` where the id is none of this station's.
fn apply_to(station: &Arc<Station>, id: &str, deed: Deed) -> Option<Outcome> {
    let now = Instant::now();
    let mut open = station.open();
    let token = open.desk.read(id).ok().filter(|token| station.topics.contains(&token.topic))?;
    Some(match deed {
        Deed::UpTo => open.desk.ack_up_to(&token),
        Deed::One => open.desk.ack(&token),
        Deed::Resume => {
            open.look_by(now);
            open.desk.resume(&token, now)
        }
        Deed::Back(delay) => {
            // It may have been the last attempt.
            open.look_by(now);
            open.desk.nack(&token, delay, now)
        }
    })
}
