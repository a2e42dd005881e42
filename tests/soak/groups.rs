//! Groups of all ways to acknowledge side by side, while clients and the gateway are killed at random.

use crate::harness::{Child, Context, Crowd, Gateway, Mode, Test, seed};
use crate::{length, tests};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::net::TcpListener;
use std::time::{Duration, Instant};

pub fn tests() -> Vec<Test> {
    tests![groups_lose_nothing_though_clients_and_gateways_are_killed]
}

const PARTITIONS: i32 = 6;

/// How many records each group is handed in a gateway's life, at least: it has joined by then.
const LEAST: usize = 50;

/// How much longer than that a gateway lives at most, in milliseconds.
const LONGEST_LIFE: u64 = 8000;

/// A member that was killed is missed by the brokers only after its session: a classic one, and a short one.
const SETTINGS: [(&str, &str); 4] = [
    ("SLUICEGATE_GROUPS__PROTOCOL", "eager"),
    ("SLUICEGATE_KAFKA__CONSUMER__SESSION__TIMEOUT__MS", "6000"),
    ("SLUICEGATE_KAFKA__CONSUMER__HEARTBEAT__INTERVAL__MS", "500"),
    ("SLUICEGATE_TELEMETRY__LOG", "warn,sluicegate::app=info"),
];

async fn groups_lose_nothing_though_clients_and_gateways_are_killed(context: Context) {
    let seed = seed("groups");
    let mut random = StdRng::seed_from_u64(seed);
    let socket = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    let gateway = Gateway::at(socket.local_addr().expect("it is bound"));
    let mut child = serve(&context, &socket).await;
    let topic = context.topic("worked", PARTITIONS).await;
    let modes = [Mode::Explicit, Mode::Reconnect, Mode::Written];
    let crowd = Crowd::start(&context, &gateway, (&topic, PARTITIONS), &modes, seed);
    let (begun, mut kills) = (Instant::now(), 0);
    while begun.elapsed() < length() {
        crowd.work_off(LEAST).await;
        tokio::time::sleep(Duration::from_millis(random.random_range(0..LONGEST_LIFE))).await;
        crowd.hear_kill();
        child.kill().await;
        kills += 1;
        child = serve(&context, &socket).await;
    }
    crowd.work_off(LEAST).await;
    crowd.finish(&format!("{kills} kills in {:.0?}", begun.elapsed())).await;
    child.terminate();
    assert_eq!(child.ended().await.code(), Some(0), "{:#?}", child.stderr());
}

async fn serve(context: &Context, socket: &TcpListener) -> Child {
    let mut child = context.serve_on(socket, &SETTINGS);
    child.line("listening").await;
    child
}
