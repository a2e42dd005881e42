//! Proxies as `docs/operations.md` says to set them up: its lines are taken from the page, and only addresses changed.

use super::nginx::{Nginx, own_address};
use crate::harness::{Context, Gateway, Program, Test, send, tools, until};
use crate::tests;
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub fn tests() -> Vec<Test> {
    tests![
        through_nginx_as_documented_all_is_well needs [Nginx],
        through_haproxy_as_documented_all_is_well needs [Haproxy],
        through_haproxy_an_idle_stream_lives_by_its_heartbeat needs [Haproxy],
        haproxy_sends_nobody_to_a_gateway_that_is_not_ready needs [Haproxy],
    ]
}

/// The page's lines for a proxy, with these parts of them replaced.
fn documented(proxy: &str, replaced: &[(&str, &str)]) -> String {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operations.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let (_, rest) = page.split_once(&format!("```{proxy}\n")).expect("lines for the proxy");
    let mut lines = rest.split_once("```").expect("their end").0.to_owned();
    for (part, other) in replaced {
        assert!(lines.contains(part), "no `{part}` in {lines}");
        lines = lines.replace(part, other);
    }
    lines
}

/// A HAProxy of a test's own. It ends when it is dropped.
struct Haproxy {
    address: SocketAddr,
    program: Program,
    _folder: TempDir,
}

impl Haproxy {
    /// Starts it as documented before this gateway, with these parts of the lines replaced as well.
    async fn start(gateway: SocketAddr, replaced: &[(&str, &str)]) -> Self {
        let (address, folder) = (own_address(), tempfile::tempdir().expect("a folder can be made"));
        let (bind, server) = (format!("bind {address}"), gateway.to_string());
        let mut all = vec![("bind :80", bind.as_str()), ("127.0.0.1:8080", server.as_str())];
        all.extend(replaced);
        let config = folder.path().join("haproxy.cfg");
        std::fs::write(&config, documented("haproxy", &all)).expect("the folder can be written");
        let mut command = Command::new(tools::haproxy().expect("a capability"));
        // In the foreground.
        command.arg("-db").arg("-f").arg(config);
        let program = Program::start(&mut command);
        until("haproxy listens", || async { TcpStream::connect(address).ok().map(drop) }).await;
        Self { address, program, _folder: folder }
    }

    fn gateway(&self) -> Gateway {
        Gateway::at(self.address)
    }
}

async fn through_nginx_as_documented_all_is_well(context: Context) {
    let (gateway, address) = (context.gateway().await, own_address());
    let (listen, server) = (format!("listen {address}"), gateway.address().to_string());
    let lines = documented("nginx", &[("listen 80", listen.as_str()), ("127.0.0.1:8080", server.as_str())]);
    let nginx = Nginx::serving(address, &lines).await;
    all_is_well(&context, &nginx.gateway()).await;
}

async fn through_haproxy_as_documented_all_is_well(context: Context) {
    let gateway = context.gateway().await;
    let haproxy = Haproxy::start(gateway.address(), &[]).await;
    all_is_well(&context, &haproxy.gateway()).await;
    assert!(!haproxy.program.said().contains("ALERT"), "{}", haproxy.program.said());
}

/// Records come at once, the largest is taken, a page of the same site may write, and the proxy's id is the gateway's.
async fn all_is_well(context: &Context, proxy: &Gateway) {
    let topic = context.topic("through", 1).await;
    for accept in ["text/event-stream", "application/x-ndjson"] {
        let request = proxy.request("GET", &format!("/v1/topics/{topic}/stream")).header("accept", accept);
        let mut stream = request.send().await.expect("a head");
        let mut read = String::new();
        for number in 0..10 {
            let value = format!("\"{accept} {number}\"");
            let produced = send(proxy.producing(&topic, "").body(value.clone())).await;
            produced.receipt();
            assert!(!produced.header("x-request-id").is_empty());
            // Nothing else flows: what is held back comes with the next record, or never.
            let came = tokio::time::timeout(Duration::from_secs(5), async {
                while !read.contains(&value) {
                    let chunk = stream.chunk().await.expect("it flows").expect("it goes on");
                    read.push_str(&String::from_utf8_lossy(&chunk));
                }
            });
            came.await.unwrap_or_else(|_| panic!("{value} is held back"));
        }
    }
    let largest = vec![b'x'; 1_000_000];
    send(proxy.producing(&topic, "").body(largest)).await.receipt();
    let origin = format!("http://{}", proxy.address());
    send(proxy.producing(&topic, "").header("origin", origin).body("a page's")).await.receipt();
    let other = proxy.producing(&topic, "").header("origin", "http://other.example").body("another's");
    send(other).await.refusal(403, "cross_site");
    let waits = proxy.page(&topic, "from=latest&wait=1s").await;
    assert_eq!(waits.status, 204);
}

async fn through_haproxy_an_idle_stream_lives_by_its_heartbeat(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("idle", 1).await);
    let haproxy = Haproxy::start(gateway.address(), &[("75s", "6s")]).await;
    let mut stream = haproxy.gateway().stream(&topic, "heartbeat=5s").await;
    stream.expect("ready").await;
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(15) {
        assert!(stream.more().await, "haproxy cut the stream after {:?}", begun.elapsed());
    }
    gateway.produce(&topic, "", "after").await.receipt();
    stream.records(1).await;
}

async fn haproxy_sends_nobody_to_a_gateway_that_is_not_ready(context: Context) {
    let broker = context.own_broker().await;
    let gateway = context.gateway_before(&broker, |_| {}).await;
    let haproxy = Haproxy::start(gateway.address(), &[("inter 2s", "inter 200ms")]).await;
    // The answer may be HAProxy's own, which is not to be held against the gateway's document.
    let status = async || {
        let asked = haproxy.gateway().request("GET", "/livez").send().await;
        asked.expect("an answer").status().as_u16()
    };
    until("it is sent to", || async { (status().await == 200).then_some(()) }).await;
    broker.away().await;
    // 503 is HAProxy's own: there is nobody to send to.
    until("it is not sent to", || async { (status().await == 503).then_some(()) }).await;
    broker.back().await;
    until("it is sent to again", || async { (status().await == 200).then_some(()) }).await;
}
