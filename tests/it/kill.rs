//! The process is killed outright, again and again, and nothing that was promised is lost.
//!
//! The broker is outside it, and it listens on the same port again, as under any supervisor. Viewers come back by
//! their last id alone, writers go on with their next record, and what both saw is compared with what librdkafka's
//! own consumer reads: the ledger. `PROPERTY_SEED` repeats a run's choices; the cluster's timing is its own.

mod check;
mod viewer;
mod writer;

use crate::harness::{Context, CursorReader, Gateway, Test, Wire, fixed_address, seed};
use crate::tests;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use viewer::{Habit, Viewer};

pub fn tests() -> Vec<Test> {
    tests![a_gateway_that_is_killed_loses_nothing_acknowledged_and_no_viewer_notices]
}

/// How often the process is killed.
const KILLS: usize = 20;

/// The latest moment of a life at which it is killed, in milliseconds from when it listens.
const LONGEST_LIFE: u64 = 900;

const PARTITIONS: usize = 3;

/// Writers, each with one record under way at a time.
const WRITERS: usize = 6;

/// How each viewer asks.
const VIEWERS: [Habit; 7] = [
    Habit { first: 0, wires: &[Wire::Sse], query: "from=latest" },
    Habit { first: 0, wires: &[Wire::Sse], query: "from=latest&format=value" },
    Habit { first: 0, wires: &[Wire::Ndjson], query: "from=earliest" },
    Habit { first: 0, wires: &[Wire::Page], query: "from=earliest" },
    Habit { first: KILLS / 3, wires: &[Wire::Sse, Wire::Ndjson, Wire::Page], query: "from=earliest" },
    Habit { first: KILLS / 2, wires: &[Wire::Ndjson], query: "from=latest" },
    Habit { first: KILLS / 2, wires: &[Wire::Sse], query: "from=earliest&format=value" },
];

/// How many records each partition holds before anything begins: who reads them is cut off amid a backlog.
const BACKLOG: usize = 2000;

async fn a_gateway_that_is_killed_loses_nothing_acknowledged_and_no_viewer_notices(context: Context) {
    let seed = seed("kill");
    let mut random = StdRng::seed_from_u64(seed);
    let topic = context.topic("killed", PARTITIONS as i32).await;
    let address = fixed_address(&mut random);
    let gateway = Gateway::at(address);
    let backlog = writer::write_backlog(&context.kafka().writer(), &topic, PARTITIONS, BACKLOG).await;
    let mut child = context.serve_at(&address.to_string(), &[]);
    child.line("listening").await;
    let cluster = gateway.get("/v1/cluster").await.json(200);
    let cursors = CursorReader::new(cluster["id"].as_str().expect("an id"), [topic.as_str()]);
    let (ends, told) = watch::channel(None);
    let (mut viewers, mut writers, enough) =
        (JoinSet::new(), JoinSet::new(), Arc::new(AtomicBool::new(false)));
    let view = |habit, number| {
        let seed = seed ^ (32 + number as u64);
        Viewer::new(gateway.clone(), topic.clone(), cursors.clone(), habit, seed).watch(told.clone())
    };
    for writer in 0..WRITERS {
        let random = StdRng::seed_from_u64(seed ^ (writer as u64 + 1));
        writers.spawn(writer::write(gateway.clone(), topic.clone(), writer, random, enough.clone()));
    }
    for kill in 0..KILLS {
        for (number, habit) in VIEWERS.into_iter().enumerate().filter(|(_, habit)| habit.first == kill) {
            viewers.spawn(view(habit, number));
        }
        // Some lives end while the process is still starting.
        if !random.random_bool(0.1) {
            child.line("listening").await;
        }
        tokio::time::sleep(Duration::from_millis(random.random_range(0..LONGEST_LIFE))).await;
        child.kill().await;
        child = context.serve_at(&address.to_string(), &[]);
    }
    child.line("listening").await;
    enough.store(true, Ordering::Relaxed);
    let sent: Vec<_> = backlog.into_iter().chain(writers.join_all().await.into_iter().flatten()).collect();
    let ledger = context.kafka().consume_all(&topic).await;
    check::writers(&sent, &ledger, seed);
    let all = check::ends(&topic, &ledger);
    ends.send(Some(all.clone())).expect("the viewers wait for it");
    for watched in viewers.join_all().await {
        check::viewer(&watched, &all, &ledger, seed);
    }
}
