//! A world of logs, tapes and viewers under random schedules: the very types that serve, without tasks, threads or Kafka.
//!
//! Held after every step: no viewer misses a record or sees one twice, in any partition, over cuts, rings that leave it
//! behind, topics that grow and topics that are made anew; an id stands behind all that was delivered and before all that
//! was not; a ring keeps to its bounds. At the end everybody is woken by its own bell alone and must come to the end.
//!
//! A million schedules: `cargo test --lib -- --ignored a_million_schedules --nocapture`, some minutes. What fails names its seed;
//! `play` plays that one.

mod library;
mod watcher;
mod world;

use world::World;

/// How many things happen in each schedule.
const STEPS: usize = 120;

/// What happened in some schedules.
#[derive(Clone, Copy, Debug, Default)]
struct Played {
    /// How many records were delivered.
    delivered: usize,
    /// How often a ring left a viewer behind.
    overrun: usize,
    /// How often a stretch of a log was begun, how often one was shared, and how often none was to be had.
    begun: usize,
    shared: usize,
    refused: usize,
}

impl std::iter::Sum for Played {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            delivered: sum.delivered + one.delivered,
            overrun: sum.overrun + one.overrun,
            begun: sum.begun + one.begun,
            shared: sum.shared + one.shared,
            refused: sum.refused + one.refused,
        })
    }
}

fn play(seed: u64) -> Played {
    let mut world = World::new(seed);
    for _ in 0..STEPS {
        world.step();
    }
    world.finish()
}

/// Plays so many schedules on all processors.
fn play_all(seeds: u64) -> Played {
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let play_some = |first: u64| -> Played {
        let played = (first..seeds).step_by(threads as usize).map(|seed| {
            std::panic::catch_unwind(|| play(seed)).unwrap_or_else(|_| panic!("schedule {seed} is not held"))
        });
        played.sum()
    };
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|first| scope.spawn(move || play_some(first))).collect();
        running.into_iter().map(|thread| thread.join().expect("every schedule is held")).sum()
    })
}

#[test]
fn no_schedule_makes_a_viewer_miss_a_record_or_see_one_twice() {
    let played = play_all(10_000);
    println!("simulation: {played:?}");
    let shows = played.delivered > 100_000 && played.overrun > 1_000;
    assert!(shows && played.shared > 1_000 && played.refused > 100, "schedules that show little: {played:?}");
}

#[test]
#[ignore = "it takes minutes"]
fn a_million_schedules_do_neither() {
    println!("simulation: {:?}", play_all(1_000_000));
}
