//! Producers whose topic was deleted under them, and who may go on when it is made again.
//!
//! A producer numbers its batches for each partition by name and hears nothing of a new log. Kafka takes any first
//! number from a producer that the log does not know; the engine takes only 0, and any other kills an idempotent
//! producer, with all that it has under way. So who had written to a deleted log is remembered until it comes back.
//! Others still begin with 0: that refuses a second batch which overtook the first.

use super::batch::Batch;
use noida::kafka::engine::{PartitionState, TopicState};
use std::collections::HashSet;

/// Remembered at most; beyond it all are forgotten, which costs their producers a new start.
const MOST: usize = 10_000;

/// The length of a batch's fixed part, and its format.
const FIXED_BYTES: usize = 61;
const FORMAT: (usize, u8) = (16, 2);

/// Topic, partition and producer id of each.
#[derive(Debug, Default)]
pub struct Orphans(HashSet<(String, i32, i64)>);

impl Orphans {
    /// Remembers who had written to a topic that is about to be deleted.
    pub fn remember(&mut self, topic: &TopicState) {
        for (partition, log) in &topic.partitions {
            for (producer, _) in log.producer_seqs.keys() {
                if self.0.len() >= MOST {
                    self.0.clear();
                }
                self.0.insert((topic.name.clone(), *partition, *producer));
            }
        }
    }

    /// Lets a remembered producer go on in this new log with the number of this batch.
    pub fn admit(&mut self, topic: &str, log: &mut PartitionState, batch: &[u8]) {
        if self.0.is_empty() || batch.len() < FIXED_BYTES || batch[FORMAT.0] != FORMAT.1 {
            return;
        }
        let (producer, epoch, sequence) = Batch::new(batch).sequence();
        if producer >= 0 && self.0.remove(&(topic.to_owned(), log.id, producer)) && sequence > 0 {
            log.producer_seqs.insert((producer, epoch), (sequence - 1, -1));
        }
    }
}
