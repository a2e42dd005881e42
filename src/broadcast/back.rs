//! The last records of each partition: `from=-N`.
//!
//! Offsets have holes (transactions, compaction), so the N-th last record is found by reading back from the end, in
//! stretches that double, over at most 64 N offsets.

use super::opening::{Place, View};
use super::{Error, Reading, Shared, range};
use crate::record::{Record, TopicName};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How far back is looked, in offsets for each record asked for.
const REACH: i64 = 64;

/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A partition that is read back.
struct Stretch {
    /// Where the log begins, and where it ends.
    earliest: i64,
    end: i64,
    /// What is being read: from here, and up to there.
    from: i64,
    to: i64,
    /// The records' offsets in what is being read, and how many lie behind it.
    found: Vec<i64>,
    behind: usize,
    read: bool,
}

impl Stretch {
    /// Whether enough was found, or no more can be.
    fn settled(&self, count: usize) -> bool {
        self.found.len() + self.behind >= count || self.from == self.limit(count)
    }

    fn limit(&self, count: usize) -> i64 {
        self.earliest.max(self.end - REACH * count as i64)
    }

    /// Goes on to the stretch before.
    fn lengthen(&mut self, count: usize) {
        let doubled = 2 * (self.end - self.from);
        self.behind += self.found.len();
        self.found.clear();
        self.to = self.from;
        self.from = self.limit(count).max(self.end - doubled);
        self.read = self.from >= self.to;
    }

    /// Where the last `count` records begin.
    fn start(&self, count: usize) -> i64 {
        let wanted = count.saturating_sub(self.behind);
        self.found.len().checked_sub(wanted).and_then(|n| self.found.get(n)).copied().unwrap_or(self.from)
    }

    fn short(&self, count: usize) -> bool {
        self.found.len() + self.behind < count && self.from > self.earliest
    }
}

/// Sets where each partition of `views` starts; whether some partition came out short though its log may hold more.
pub(super) async fn find(
    shared: &Arc<Shared>,
    reading: &Reading,
    count: u32,
    views: &mut [&mut View],
) -> Result<bool, Error> {
    let (count, deadline) = (count as usize, Instant::now() + PATIENCE);
    let mut stretches = stretches(reading, count, views);
    loop {
        read(shared, reading, views, &mut stretches, deadline).await?;
        let mut open = stretches.values_mut().filter(|stretch| !stretch.settled(count)).peekable();
        if open.peek().is_none() {
            break;
        }
        open.for_each(|stretch| stretch.lengthen(count));
    }
    for view in views {
        for (p, start) in view.starts.iter_mut().enumerate() {
            if let Some(stretch) = stretches.get(&(view.name.clone(), p as i32)) {
                *start = stretch.start(count);
            }
        }
    }
    Ok(stretches.values().any(|stretch| stretch.short(count)))
}

type Stretches = HashMap<(TopicName, i32), Stretch>;

fn stretches(reading: &Reading, count: usize, views: &[&mut View]) -> Stretches {
    let mut stretches = HashMap::new();
    for view in views {
        let Some(log) = &view.log else { continue };
        let ends = log.earliest.iter().zip(log.end(reading.isolation));
        for (partition, (earliest, end)) in (0..).zip(ends) {
            if reading.partitions.as_ref().is_none_or(|chosen| chosen.contains(partition)) {
                let (earliest, end) = (*earliest, *end.max(earliest));
                let from = earliest.max(end - count as i64);
                let (found, behind, read) = (Vec::new(), 0, from >= end);
                let stretch = Stretch { earliest, end, from, to: end, found, behind, read };
                stretches.insert((view.name.clone(), partition), stretch);
            }
        }
    }
    stretches
}

/// Reads every stretch that is not read yet.
async fn read(
    shared: &Arc<Shared>,
    reading: &Reading,
    views: &[&mut View],
    stretches: &mut Stretches,
    deadline: Instant,
) -> Result<(), Error> {
    let places = views.iter().filter_map(|view| place(view, stretches)).collect();
    let mut found: HashMap<(TopicName, i32), Vec<i64>> = HashMap::new();
    let take = |record: &Record| {
        found.entry((record.topic.clone(), record.partition)).or_default().push(record.offset);
    };
    range::read(shared, reading.isolation, places, deadline, take).await?;
    for (at, stretch) in stretches.iter_mut().filter(|(_, stretch)| !stretch.read) {
        (stretch.read, stretch.found) = (true, found.remove(at).unwrap_or_default());
    }
    Ok(())
}

/// The stretches of a topic that are not read yet, if there are any.
fn place(view: &View, stretches: &Stretches) -> Option<Place> {
    let of = |p| stretches.get(&(view.name.clone(), p as i32)).filter(|stretch| !stretch.read);
    let stretches: Vec<_> = (0..view.starts.len()).map(of).collect();
    let at = |at: fn(&Stretch) -> i64| stretches.iter().map(|stretch| stretch.map_or(0, at)).collect();
    stretches.iter().any(Option::is_some).then(|| Place {
        name: view.name.clone(),
        mark: view.mark,
        known: stretches.len(),
        next: at(|stretch| stretch.from),
        selected: stretches.iter().map(Option::is_some).collect(),
        end: at(|stretch| stretch.to),
    })
}
