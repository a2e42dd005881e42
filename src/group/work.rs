//! What a request works off, and the way from a member to it that polls and streams share.

use super::Error;
use super::delivery::Delivery;
use super::desk::Given;
use super::pool::Attached;
use super::station::Open;
use crate::kafka::Error as KafkaError;
use crate::kafka::error::{Remedy, Written};
use crate::kafka::member::Phase;
use crate::record::{GroupId, Start, TopicName};
use crate::telemetry::Metrics;
use std::pin::pin;
use std::time::{Duration, Instant};

/// How often it is looked for records without being told to.
pub const LOOK: Duration = Duration::from_secs(1);

/// How long it is waited at most for records to be committed before they are given (`written`).
const COMMIT_PATIENCE: Duration = Duration::from_secs(10);

/// A group's work.
#[derive(Clone, Debug)]
pub struct Work {
    /// The group.
    pub group: GroupId,
    /// The topics, each once, in order.
    pub topics: Vec<TopicName>,
    /// The settings of the group.
    pub delivery: Delivery,
    /// Where a partition begins of which the group has no offset.
    pub start: Start,
}

/// Whether the member that is behind this may still bring something.
///
/// # Errors
/// Why it will not.
pub fn check(open: &Open) -> Result<(), Error> {
    if open.phase == Phase::Closed {
        let gone = || KafkaError::Unavailable {
            reason: "the group's member has left".to_owned(),
            written: Written::No,
        };
        return Err(Error::Kafka(open.trouble.clone().unwrap_or_else(gone)));
    }
    let lasting = open.trouble.as_ref().filter(|error| error.remedy() != Remedy::Retry);
    match lasting {
        Some(error) if open.phase == Phase::Joining => Err(Error::Kafka(error.clone())),
        _ => Ok(()),
    }
}

/// Counts what was handed out.
pub fn count(metrics: &Metrics, records: &[Given]) {
    let counted = &metrics.groups;
    counted.handed_out.inc_by(records.len() as u64);
    counted.redelivered.inc_by(records.iter().filter(|given| given.attempt > 1).count() as u64);
}

/// Those of the records that Kafka has committed: none other may go to the client. The rest may be lost, which is what at most
/// once means.
pub async fn committed(attached: &Attached, records: Vec<Given>) -> Vec<Given> {
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
