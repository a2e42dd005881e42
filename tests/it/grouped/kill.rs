//! Clients and the gateway are killed outright, again and again, while groups are worked off: nothing is lost, and what comes
//! again is only what was not acknowledged; or nothing comes again, and the losses are counted.

use crate::harness::{Child, Context, Crowd, Gateway, Mode, Test, seed};
use crate::tests;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::net::TcpListener;
use std::time::{Duration, Instant};

pub fn tests() -> Vec<Test> {
    tests![
        clients_that_are_killed_lose_nothing_and_what_they_acknowledged_never_comes_again,
        a_gateway_that_is_killed_loses_nothing_and_repeats_only_what_was_not_acknowledged,
        with_written_nobody_sees_a_record_twice_though_gateways_and_clients_are_killed,
    ]
}

const KILLS: usize = 3;
const PARTITIONS: i32 = 3;

/// How many records each group is handed between one kill and the next, at least.
const BETWEEN: usize = 60;

/// How long only clients are killed.
const CLIENTS: Duration = Duration::from_secs(12);

/// A member that was killed is missed by the brokers only after its session: a classic one, and a short one.
const MISSED_SOON: [(&str, &str); 3] = [
    ("SLUICEGATE_GROUPS__PROTOCOL", "eager"),
    ("SLUICEGATE_KAFKA__CONSUMER__SESSION__TIMEOUT__MS", "6000"),
    ("SLUICEGATE_KAFKA__CONSUMER__HEARTBEAT__INTERVAL__MS", "500"),
];

async fn clients_that_are_killed_lose_nothing_and_what_they_acknowledged_never_comes_again(context: Context) {
    let (gateway, seed) = (context.gateway_with(|_| {}).await, seed("killed clients"));
    let topic = context.topic("worked", PARTITIONS).await;
    let modes = [Mode::Explicit, Mode::Reconnect, Mode::Written];
    let crowd = Crowd::start(&context, &gateway, (&topic, PARTITIONS), &modes, seed);
    let begun = Instant::now();
    while begun.elapsed() < CLIENTS {
        crowd.work_off(BETWEEN).await;
    }
    for (mode, figures) in crowd.finish("killed clients").await {
        // One gateway, which lives: what it confirms it does not forget, committed or not.
        assert_eq!(figures.repeated_after_ack, 0, "{mode:?}");
    }
}

async fn a_gateway_that_is_killed_loses_nothing_and_repeats_only_what_was_not_acknowledged(context: Context) {
    kill(&context, &[Mode::Explicit, Mode::Reconnect]).await;
}

async fn with_written_nobody_sees_a_record_twice_though_gateways_and_clients_are_killed(context: Context) {
    kill(&context, &[Mode::Written]).await;
}

/// Kills the gateway under groups of these modes.
async fn kill(context: &Context, modes: &[Mode]) {
    let seed = seed("killed gateways");
    let mut random = StdRng::seed_from_u64(seed);
    // It stays open while nobody accepts, as under a service manager.
    let socket = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    let gateway = Gateway::at(socket.local_addr().expect("it is bound"));
    let mut child = serve(context, &socket).await;
    let topic = context.topic("worked", PARTITIONS).await;
    let crowd = Crowd::start(context, &gateway, (&topic, PARTITIONS), modes, seed);
    for _ in 0..KILLS {
        crowd.work_off(BETWEEN).await;
        tokio::time::sleep(Duration::from_millis(random.random_range(0..700))).await;
        crowd.hear_kill();
        child.kill().await;
        child = serve(context, &socket).await;
    }
    crowd.work_off(BETWEEN).await;
    crowd.finish(&format!("{KILLS} killed gateways, seed {seed}")).await;
}

async fn serve(context: &Context, socket: &TcpListener) -> Child {
    let mut child = context.serve_on(socket, &MISSED_SOON);
    child.line("listening").await;
    child
}
