//! Hostile connections: whatever some clients do, the others' records go on being taken, and memory stays bounded.

use crate::attacks::{self, Attack, Deed, Target};
use crate::harness::{Context, Gateway, Socket, Test, until};
use crate::memory::Memory;
use crate::polite::Polite;
use crate::{affordable, length, tests};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

pub fn tests() -> Vec<Test> {
    tests![hostile_connections]
}

/// How many connections stand idle.
const IDLE: usize = 10_000;

/// What an idle connection may cost the gateway: its task, its socket's handle, a seat. hyper holds no buffer before bytes
/// come.
const IDLE_BYTES: usize = 8 * 1024;

/// What everything else may cost: the two buffers of 64 KiB that each connection that speaks may have, a thousand of them at
/// once; the room for bodies (32 MiB here); and as much again for what the allocator does not give back.
const OTHER_BYTES: usize = 1000 * 2 * 64 * 1024 + 2 * 32 * 1024 * 1024;

/// The attacks, each with its workers.
fn attacks() -> [(&'static str, usize, Deed); 7] {
    [
        ("slow heads", 1000, |worker, target| Box::pin(attacks::trickle(worker, target))),
        ("header bombs", 8, |worker, target| Box::pin(attacks::bomb(worker, target))),
        ("oversize bodies", 4, |worker, target| Box::pin(attacks::oversize(worker, target))),
        ("stalled bodies", 1000, |worker, target| Box::pin(attacks::stall(worker, target))),
        ("half-closed sockets", 400, |worker, target| Box::pin(attacks::half_close(worker, target))),
        ("rapid resets", 4, |worker, target| Box::pin(attacks::take_back(worker, target))),
        ("floods of frames", 4, |worker, target| Box::pin(attacks::flood(worker, target))),
    ]
}

async fn hostile_connections(context: Context) {
    let idle = affordable(IDLE);
    let mut child = context.serve(&[
        ("SLUICEGATE_LISTEN__HEAD_TIMEOUT", "2s"),
        ("SLUICEGATE_LISTEN__BODY_TIMEOUT", "2s"),
        ("SLUICEGATE_LISTEN__KEEP_ALIVE", "60m"),
        ("SLUICEGATE_LISTEN__MAX_BODY_BYTES", "33554432"),
        ("SLUICEGATE_PRODUCE__MAX_RECORD_BYTES", "65536"),
        ("SLUICEGATE_TELEMETRY__LOG", "warn,sluicegate::app=info"),
    ]);
    let gateway = child.gateway().await;
    let target = Target { address: gateway.address(), topic: context.topic("attacked", 1).await };
    let topic = context.topic("polite", 3).await;
    let polite = Polite::start(gateway.clone(), topic.clone());
    let share = length() / (attacks().len() as u32 + 3);
    phase("before", &polite, share).await;
    let memory = Memory::watch(child.id());
    let before = memory.as_ref().map_or(0, Memory::now);
    let held = open_idle(idle, &target).await;
    phase(&format!("{idle} idle"), &polite, share).await;
    tell(memory.as_ref(), before);
    assert_eq!(
        gateway.metric("sluicegate_http_connections").await / 100,
        (idle + 2) / 100,
        "they are all there"
    );
    for (name, workers, deed) in attacks() {
        let attack = Attack::begin(workers, &target, deed);
        phase(name, &polite, share).await;
        drop(attack);
        if let Some(memory) = &memory {
            let grown = memory.highest().saturating_sub(before);
            println!("    {:21} {} MiB more than before at the most", "", grown >> 20);
            let bound = idle * IDLE_BYTES + OTHER_BYTES;
            assert!(grown < bound, "{name}: {} MiB more, and {} MiB are the bound", grown >> 20, bound >> 20);
        }
    }
    drop(held);
    until("those who left are forgotten", || async {
        (gateway.metric("sluicegate_http_connections").await < 20).then_some(())
    })
    .await;
    phase("after", &polite, share).await;
    tell(memory.as_ref(), before);
    good_request(&gateway, &target.topic).await;
    let acknowledged = polite.stop().await;
    assert_eq!(context.kafka().consume_all(&topic).await.len(), acknowledged, "each record is there once");
    assert!(
        context.kafka().consume_all(&target.topic).await.len() == 1,
        "an attacker's half record was written"
    );
    child.terminate();
    assert_eq!(child.ended().await.code(), Some(0), "{:#?}", child.stderr());
}

/// Lets some time go by in which the polite client has to go on, and tells how it fared.
async fn phase(name: &str, polite: &Polite, share: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < share {
        assert!(polite.goes_on(), "{name}: a record of the polite client was refused");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    println!("    {name:21} {}", polite.told());
}

fn tell(memory: Option<&Memory>, before: usize) {
    if let Some(memory) = memory {
        let now = memory.now();
        println!("    {:21} {} MiB resident, {} at first", "", now >> 20, before >> 20);
    }
}

/// A request on a new connection, by hand.
async fn good_request(gateway: &Gateway, topic: &str) {
    let mut socket = Socket::connect(gateway.address()).await;
    let post = format!(
        "POST /v1/topics/{topic}/records HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\ngood"
    );
    socket.write(post).await;
    let (head, body) = socket.reply().await;
    assert!(head.starts_with("http/1.1 200"), "{head} {body}");
}

async fn open_idle(count: usize, target: &Target) -> Vec<TcpStream> {
    const AT_ONCE: usize = 50;
    let mut tasks = JoinSet::new();
    for worker in 0..AT_ONCE {
        let (address, own) = (target.address, count / AT_ONCE);
        tasks.spawn(async move {
            let mut open = Vec::new();
            for _ in 0..own {
                open.push(attacks::connect(worker, address).await.expect("there is room for it"));
            }
            open
        });
    }
    tasks.join_all().await.into_iter().flatten().collect()
}
