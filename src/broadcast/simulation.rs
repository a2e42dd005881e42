//! A world of logs, tapes and viewers under random schedules: the very types that serve, without tasks, threads or Kafka.
//!
//! Held after every step: no viewer misses a record or sees one twice, in any partition, over cuts, rings that leave it
//! behind, topics that grow and topics that are made anew; an id stands behind all that was delivered and before all that
//! was not; a ring keeps to its bounds. At the end everybody is woken by its own bell alone and must come to the end.
//!
//! A million schedules: `cargo test --lib -- --ignored a_million_schedules --nocapture`, some minutes. What fails names its seed;
//! `play` plays that one.

mod watcher;
mod world;

use world::World;

/// How many things happen in each schedule.
const STEPS: usize = 120;

fn play(seed: u64) -> (usize, usize) {
    let mut world = World::new(seed);
    for _ in 0..STEPS {
        world.step();
    }
    world.finish()
}

/// Plays so many schedules on all processors; how many records were delivered, and how often a ring left a viewer behind.
fn play_all(seeds: u64) -> (usize, usize) {
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let play_some = |first: u64| {
        let played = (first..seeds).step_by(threads as usize).map(|seed| {
            std::panic::catch_unwind(|| play(seed)).unwrap_or_else(|_| panic!("schedule {seed} is not held"))
        });
        played.fold((0, 0), |(a, b), (c, d)| (a + c, b + d))
    };
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|first| scope.spawn(move || play_some(first))).collect();
        let played = running.into_iter().map(|thread| thread.join().expect("every schedule is held"));
        played.fold((0, 0), |(a, b), (c, d)| (a + c, b + d))
    })
}

#[test]
fn no_schedule_makes_a_viewer_miss_a_record_or_see_one_twice() {
    let (delivered, overrun) = play_all(10_000);
    println!("simulation: {delivered} delivered, {overrun} times left behind by a ring");
    assert!(delivered > 100_000 && overrun > 1_000, "schedules that show little");
}

#[test]
#[ignore = "it takes minutes"]
fn a_million_schedules_do_neither() {
    let (delivered, overrun) = play_all(1_000_000);
    println!("simulation: {delivered} delivered, {overrun} times left behind by a ring");
}
