//! Where logs begin and end, and which offset a time stands for: ListOffsets for many topics at once.

use super::{Catalog, Topic};
use crate::kafka::error::{Error, Remedy};
use crate::kafka::ffi;
use crate::record::{Isolation, TopicName};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often a leader that does not know its partition is asked again.
const LEADER_STEP: Duration = Duration::from_millis(50);

/// Which offset ListOffsets looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetSpec {
    /// Where the log begins.
    Earliest,
    /// The last stable offset: where a `read_committed` reader ends.
    LastStable,
    /// The high watermark.
    HighWatermark,
    /// The first record with this timestamp or a later one, in epoch milliseconds from 0 on; -1 when there is none.
    Time(i64),
}

/// Where the logs of a topic's partitions begin and end, by partition number.
///
/// In every partition `earliest <= last_stable <= high`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watermarks {
    /// The first offset still held.
    pub earliest: Vec<i64>,
    /// One past the last record that no open transaction holds back (`read_committed`'s end).
    pub last_stable: Vec<i64>,
    /// One past the last record written.
    pub high: Vec<i64>,
}

impl Watermarks {
    /// Where a reader of that isolation ends.
    pub fn end(&self, isolation: Isolation) -> &[i64] {
        match isolation {
            Isolation::Committed => &self.last_stable,
            Isolation::Uncommitted => &self.high,
        }
    }

    /// Puts in order what was asked at slightly different times. None of the three ever goes back in a log that lives,
    /// so the larger numbers are true of the last of those times.
    fn of_one_time(earliest: Vec<i64>, mut last_stable: Vec<i64>, mut high: Vec<i64>) -> Self {
        for ((earliest, last_stable), high) in earliest.iter().zip(&mut last_stable).zip(&mut high) {
            *last_stable = (*last_stable).max(*earliest);
            *high = (*high).max(*last_stable);
        }
        Self { earliest, last_stable, high }
    }
}

/// Offsets by topic, then by partition number.
type Offsets = BTreeMap<TopicName, Vec<i64>>;

impl Catalog {
    /// Where the topics' logs begin and end now, in the order of `topics`. Callers that ask for the same topic alone at the
    /// same time share one question.
    ///
    /// # Errors
    /// What kept a partition's leader from answering, or [`Error::TopicNotFound`] for a topic deleted since it was
    /// described.
    pub async fn watermarks(&self, topics: &[Arc<Topic>]) -> Result<Vec<Arc<Watermarks>>, Error> {
        let [topic] = topics else { return self.ask_watermarks(topics).await };
        let (slot, partitions) = (self.slot(&topic.name), topic.partitions.len());
        let one = async || Ok(self.ask_watermarks(topics).await?.swap_remove(0));
        let shared = slot.log.ask(Duration::ZERO, one).await?;
        // Whoever asked knew of as many partitions as there were then.
        Ok(vec![if shared.high.len() == partitions { shared } else { one().await? }])
    }

    async fn ask_watermarks(&self, topics: &[Arc<Topic>]) -> Result<Vec<Arc<Watermarks>>, Error> {
        let (mut earliest, mut last_stable, mut high) = tokio::try_join!(
            self.offsets(topics, OffsetSpec::Earliest),
            self.offsets(topics, OffsetSpec::LastStable),
            self.offsets(topics, OffsetSpec::HighWatermark),
        )?;
        let taken = (0..topics.len()).map(|index| {
            let [earliest, last_stable, high] = [&mut earliest, &mut last_stable, &mut high]
                .map(|offsets| std::mem::take(&mut offsets[index]));
            Arc::new(Watermarks::of_one_time(earliest, last_stable, high))
        });
        Ok(taken.collect())
    }

    /// For each topic, by partition number, the first offset whose record has this timestamp (epoch milliseconds) or a
    /// later one; `None` where there is none. A time before 1970 counts as 1970.
    ///
    /// Records of open and aborted transactions count too: the answer tells where to begin, not what will be seen.
    ///
    /// # Errors
    /// As for [`Catalog::watermarks`].
    pub async fn offsets_at(
        &self,
        topics: &[Arc<Topic>],
        timestamp: i64,
    ) -> Result<Vec<Vec<Option<i64>>>, Error> {
        // Negative numbers are words of ListOffsets.
        let found = self.offsets(topics, OffsetSpec::Time(timestamp.max(0))).await?;
        let known = |offset: i64| (offset >= 0).then_some(offset);
        Ok(found.into_iter().map(|offsets| offsets.into_iter().map(known).collect()).collect())
    }

    /// A topic just made is described before its leaders know of it, and a leader may have moved just now: both are
    /// over in a moment, and are asked again as long as a request may take.
    async fn offsets(&self, topics: &[Arc<Topic>], spec: OffsetSpec) -> Result<Vec<Vec<i64>>, Error> {
        let deadline = Instant::now() + self.shared.request_timeout;
        let mut wanted: BTreeMap<TopicName, usize> = BTreeMap::new();
        for topic in topics {
            let partitions = wanted.entry(topic.name.clone()).or_default();
            *partitions = topic.partitions.len().max(*partitions);
        }
        let mut found = Offsets::new();
        while !wanted.is_empty() {
            if let Err(error) = self.look_up(&mut wanted, spec, &mut found).await {
                if Instant::now() >= deadline {
                    return Err(error);
                }
                self.may_pass(&wanted, error).await?;
                tokio::time::sleep(LEADER_STEP).await;
            }
        }
        let of = |topic: &Arc<Topic>| found[&topic.name][..topic.partitions.len()].to_vec();
        Ok(topics.iter().map(of).collect())
    }

    /// Asks once, and moves what was found from `wanted` to `found`. Of several errors one is told.
    async fn look_up(
        &self,
        wanted: &mut BTreeMap<TopicName, usize>,
        spec: OffsetSpec,
        found: &mut Offsets,
    ) -> Result<(), Error> {
        let (asked, timeout) = (wanted.clone(), self.shared.request_timeout);
        let listed = self.call(move |client| ffi::list_offsets(client, &asked, spec, timeout)).await?;
        let mut failed = None;
        for (topic, offsets) in listed {
            match offsets {
                Ok(offsets) => {
                    wanted.remove(&topic);
                    found.insert(topic, offsets);
                }
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Whether asking again may help: not when a topic is gone, or Kafka refuses.
    async fn may_pass(&self, wanted: &BTreeMap<TopicName, usize>, error: Error) -> Result<(), Error> {
        let gone = matches!(error, Error::TopicNotFound(_));
        if !gone && error.remedy() != Remedy::Retry {
            return Err(error);
        }
        let names: Vec<_> = wanted.keys().cloned().collect();
        for described in self.describe(&names, Duration::ZERO).await {
            match described {
                Err(error) if error.remedy() != Remedy::Retry => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_asked_at_different_times_are_told_as_of_one() {
        let told = Watermarks::of_one_time(vec![0, 9, 0], vec![5, 7, 4], vec![4, 8, 6]);
        assert_eq!((&told.last_stable, &told.high), (&vec![5, 9, 4], &vec![5, 9, 6]));
        assert_eq!(told.end(Isolation::Committed), [5, 9, 4]);
        assert_eq!(told.end(Isolation::Uncommitted), [5, 9, 6]);
    }
}
