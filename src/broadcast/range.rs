//! Ranges of the logs, read through once: for the last records, and for a record by its address.

use super::follower::{Follower, Step};
use super::live::Watch;
use super::opening::{Opening, Place};
use super::track::Track;
use super::{Error, Passed, Shared};
use crate::kafka::Error as KafkaError;
use crate::record::{Isolation, Record, Until};
use std::future::poll_fn;
use tokio::time::Instant;

/// Gives `each` every record from where `places` begin to where they end, in the order of their partitions.
///
/// # Errors
/// [`Error::Full`]; why it cannot be read, or [`KafkaError::Unavailable`] when that took longer than to the deadline.
pub async fn read(
    shared: &Shared,
    isolation: Isolation,
    places: Vec<Place>,
    deadline: Instant,
    mut each: impl FnMut(&Record),
) -> Result<(), Error> {
    let opening = Opening { places, ..Opening::default() };
    let mut track = Track::new(&opening, Some(Until::Now), 0);
    let watch = Watch { isolation, flush: shared.flush, filter: None };
    let find = |place: &Place, bell: &_| shared.live.find(watch, place, bell);
    let mut follower = Follower::new((&opening.places, &track), find, std::time::Instant::now());
    while !track.finished() {
        shared.place(&mut follower, &mut track, (None, watch)).await?;
        let step = poll_fn(|cx| follower.poll(&track, cx));
        let step = tokio::time::timeout_at(deadline, step).await;
        match step.map_err(|_| KafkaError::unavailable("what the log holds could not be read in time"))? {
            Step::Block(t, block) => {
                for passed in block.passed() {
                    match passed {
                        Passed::Record(record) if track.take(t, record) => each(record),
                        Passed::Record(_) => {}
                        Passed::Moved { partition, next } => {
                            track.moved(t, *partition, *next);
                        }
                    }
                }
            }
            Step::Seek | Step::Overrun(_) => {}
            Step::Failed(error) => return Err(error.into()),
        }
    }
    Ok(())
}
