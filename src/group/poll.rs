//! A poll: acknowledge, wait until there is something, take it.

use super::acks::{self, Acks};
use super::delivery::{AckMode, Delivery};
use super::desk::{Appetite, Given};
use super::pool::{Attached, Pool};
use super::{Error, station};
use crate::kafka::Error as KafkaError;
use crate::kafka::error::Remedy;
use crate::kafka::member::Phase;
use crate::record::{GroupId, Start, TopicName};
use std::pin::pin;
use std::time::{Duration, Instant};

/// How long a poll waits at most for its records to be committed before it is given them (`written`).
const COMMIT_PATIENCE: Duration = Duration::from_secs(10);

/// How often a poll looks without being told to.
const LOOK: Duration = Duration::from_secs(1);

/// What a poll asks for.
#[derive(Clone, Debug)]
pub struct Poll {
    /// The group.
    pub group: GroupId,
    /// The topics, each once, in order.
    pub topics: Vec<TopicName>,
    /// The settings of the group.
    pub delivery: Delivery,
    /// Where a partition begins of which the group has no offset.
    pub start: Start,
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
    let fenced = acks::apply(pool, &poll.group, &poll.acks)?;
    pool.look_up(&poll.topics, &poll.delivery).await?;
    let attached = pool.attach(&poll).await?;
    let records = wait(pool, &attached, &poll).await?;
    let records =
        if poll.delivery.ack == AckMode::Written { committed(&attached, records).await } else { records };
    let counted = &pool.metrics().groups;
    counted.handed_out.inc_by(records.len() as u64);
    counted.redelivered.inc_by(records.iter().filter(|given| given.attempt > 1).count() as u64);
    let now = Instant::now();
    let left = records.iter().map(|given| given.until.saturating_duration_since(now)).min();
    let lease = (poll.delivery.ack == AckMode::Explicit).then(|| left.unwrap_or_default());
    Ok(Polled { records, lease, fenced })
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
    if open.phase == Phase::Closed {
        let gone = || KafkaError::Unavailable {
            reason: "the group's member has left".to_owned(),
            written: crate::kafka::error::Written::No,
        };
        return Err(Error::Kafka(open.trouble.clone().unwrap_or_else(gone)));
    }
    if open.phase == Phase::Joining
        && let Some(error) = open.trouble.as_ref().filter(|error| error.remedy() != Remedy::Retry)
    {
        return Err(Error::Kafka(error.clone()));
    }
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
        open.look_by(until);
    }
    Ok(given)
}

/// Why nothing could come, if so.
fn trouble(attached: &Attached) -> Option<KafkaError> {
    let open = attached.station.open();
    open.trouble.clone().filter(|_| open.phase != Phase::Consuming)
}

/// Those of the records that Kafka has committed: none other may go to the client. The rest may be lost, which is what at most
/// once means.
async fn committed(attached: &Attached, records: Vec<Given>) -> Vec<Given> {
    let deadline = Instant::now() + COMMIT_PATIENCE;
    attached.member.commit_soon();
    loop {
        let mut changed = pin!(attached.station.changed.notified());
        changed.as_mut().enable();
        let known: Vec<_> = {
            let open = attached.station.open();
            records.iter().map(|given| open.desk.is_committed(&given.address)).collect()
        };
        if Instant::now() >= deadline || known.iter().all(|known| *known != Some(false)) {
            let pairs = records.into_iter().zip(known);
            return pairs.filter(|(_, known)| *known == Some(true)).map(|(given, _)| given).collect();
        }
        tokio::select! {
            () = changed => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}
