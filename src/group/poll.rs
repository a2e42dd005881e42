//! A poll: acknowledge, wait until there is something, take it.

use super::acks::{self, Acks};
use super::delivery::AckMode;
use super::desk::{Appetite, Given};
use super::pool::{Attached, Pool};
use super::token::Ids;
use super::work::{LOOK, Work, check, committed, count};
use super::{Error, station};
use crate::kafka::Error as KafkaError;
use crate::kafka::member::Phase;
use std::pin::pin;
use std::time::{Duration, Instant};

/// What a poll asks for.
#[derive(Clone, Debug)]
pub struct Poll {
    /// What it works off.
    pub work: Work,
    /// What is acknowledged first.
    pub acks: Acks,
    /// The name of the session that it belongs to, and its number in that.
    pub session: Option<(String, u64)>,
    /// How much it takes.
    pub appetite: Appetite,
    /// How long it waits for something.
    pub wait: Duration,
}

/// What a poll came to.
#[derive(Clone, Debug)]
pub struct Polled {
    /// The records; none where there was nothing in time.
    pub records: Vec<Given>,
    /// What writes their ids.
    pub ids: Ids,
    /// How long they are held; `None` where they need no acknowledgement.
    pub lease: Option<Duration>,
    /// Ids that acknowledged nothing any more.
    pub fenced: Vec<String>,
}

/// Serves a poll.
///
/// # Errors
/// Why it is not served.
pub async fn serve(pool: &std::sync::Arc<Pool>, poll: Poll) -> Result<Polled, Error> {
    let Work { group, topics, delivery, .. } = &poll.work;
    let fenced = acks::apply(pool, group, &poll.acks)?;
    pool.look_up(topics, delivery).await?;
    let session = poll.session.as_ref().map(|(name, _)| name.as_str());
    let attached = pool.attach(&poll.work, session).await?;
    let records = wait(pool, &attached, &poll).await?;
    let records =
        if delivery.ack == AckMode::Written { committed(&attached, records).await } else { records };
    count(pool.metrics(), &records);
    let now = Instant::now();
    let left = records.iter().filter_map(|given| given.until).min();
    let left = left.map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
    let lease = (delivery.ack == AckMode::Explicit).then_some(left);
    Ok(Polled { records, ids: attached.station.ids.clone(), lease, fenced })
}

async fn wait(pool: &Pool, attached: &Attached, poll: &Poll) -> Result<Vec<Given>, Error> {
    let deadline = Instant::now() + poll.wait;
    let mut draining = pin!(pool.draining());
    loop {
        let mut changed = pin!(attached.station.changed.notified());
        // From here on nothing is missed.
        changed.as_mut().enable();
        let now = Instant::now();
        let given = take(attached, poll, now)?;
        if !given.is_empty() {
            // The end of a lease is waited for by the member's thread.
            attached.station.nudge();
            return Ok(given);
        }
        if now >= deadline {
            return trouble(attached).map_or(Ok(Vec::new()), |error| Err(Error::Kafka(error)));
        }
        let patience = deadline.saturating_duration_since(now).min(LOOK);
        tokio::select! {
            () = changed => {}
            () = tokio::time::sleep(patience) => {}
            () = &mut draining => return Ok(Vec::new()),
        }
    }
}

/// What there is for this poll now.
fn take(attached: &Attached, poll: &Poll, now: Instant) -> Result<Vec<Given>, Error> {
    let mut open = attached.station.open();
    let open: &mut station::Open = &mut open;
    check(open)?;
    let name = poll.session.as_ref().map(|(name, _)| name.as_str());
    if let Some((name, seq)) = &poll.session
        && let Some(before) = open.desk.sessions.before(name, *seq)
        && let Some(again) = open.desk.hand_again(before)
    {
        return Ok(again);
    }
    let sequence = open.desk.sessions.sequence(name);
    let given = open.desk.hand_out((attached.number, sequence), poll.appetite, now);
    if let Some(last) = given.last() {
        let until = last.until;
        if let Some((name, seq)) = &poll.session {
            let batch = given.iter().map(|given| given.address.clone()).collect();
            open.desk.sessions.remember(name, *seq, last.address.holder.sequence, batch);
        }
        until.into_iter().for_each(|until| open.look_by(until));
    }
    Ok(given)
}

/// Why nothing could come, if so.
fn trouble(attached: &Attached) -> Option<KafkaError> {
    let open = attached.station.open();
    open.trouble.clone().filter(|_| open.phase != Phase::Consuming)
}
