//! A world of logs, tapes and viewers under random schedules: the very types that serve, without tasks, threads or Kafka.
//!
//! Held after every step: no viewer misses a record or sees one twice, in any partition, over cuts, rings that leave it
//! behind, topics that grow and topics that are made anew; an id stands behind all that was delivered and before all that
//! was not; a ring keeps to its bounds. At the end everybody is woken by its own bell alone and must come to the end.
//!
//! `SIMULATION_SEEDS` says how many schedules are played, and `SIMULATION_SEED` plays a single one.

mod watcher;
mod world;

use world::World;

/// How many schedules are played, unless more are asked for.
const SEEDS: u64 = 10_000;

/// How many things happen in each.
const STEPS: usize = 120;

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

fn play(seed: u64) -> (usize, usize) {
    let mut world = World::new(seed);
    for _ in 0..STEPS {
        world.step();
    }
    world.finish()
}

#[test]
fn no_schedule_makes_a_viewer_miss_a_record_or_see_one_twice() {
    let seeds = match setting("SIMULATION_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..setting("SIMULATION_SEEDS").unwrap_or(SEEDS),
    };
    let (mut delivered, mut overrun) = (0, 0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let played = std::thread::scope(|scope| {
        let play_some = |first: u64| {
            let seeds = seeds.clone().skip(first as usize).step_by(threads as usize);
            move || {
                let played = seeds.map(|seed| {
                    std::panic::catch_unwind(|| play(seed))
                        .unwrap_or_else(|_| panic!("SIMULATION_SEED={seed}"))
                });
                played.fold((0, 0), |(a, b), (c, d)| (a + c, b + d))
            }
        };
        let running: Vec<_> = (0..threads).map(|first| scope.spawn(play_some(first))).collect();
        running.into_iter().map(|thread| thread.join().expect("every schedule is held")).collect::<Vec<_>>()
    });
    for (records, times) in played {
        delivered += records;
        overrun += times;
    }
    println!("simulation: {delivered} delivered, {overrun} times left behind by a ring");
    if setting("SIMULATION_SEED").is_none() {
        assert!(delivered > 0 && overrun > 0, "schedules that show nothing");
    }
}
