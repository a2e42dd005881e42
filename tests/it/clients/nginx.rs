//! Through nginx as it comes: `proxy_pass` and nothing else. It asks the gateway by HTTP/1.0, buffers what it is not
//! told to pass on, and cuts what is silent for a minute.

use super::content;
use super::feed::{Client, Feed};
use super::reader::Reader;
use crate::harness::{Context, Cut, Draft, Gateway, Program, Relay, Test, tools, until, within};
use crate::stream::property::decode::Form;
use crate::tests;
use futures_util::future::join_all;
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub fn tests() -> Vec<Test> {
    tests![
        through_nginx_every_record_comes_at_once needs [Nginx],
        through_nginx_an_idle_stream_lives_by_its_heartbeat needs [Nginx],
        through_nginx_a_client_comes_back_when_nginx_was_away needs [Nginx, NodeClients],
        through_nginx_what_breaks_behind_it_costs_nothing needs [Nginx, NodeClients, PythonClients, Curl],
    ]
}

/// An address that is free, and that no other nginx of this process was given: it cannot be held until nginx has it.
pub fn own_address() -> SocketAddr {
    static GIVEN: Mutex<BTreeSet<SocketAddr>> = Mutex::new(BTreeSet::new());
    loop {
        let free = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
        let address = free.expect("a port is free");
        if GIVEN.lock().unwrap_or_else(PoisonError::into_inner).insert(address) {
            return address;
        }
    }
}

/// An nginx of a test's own. It ends when it is dropped.
pub struct Nginx {
    address: SocketAddr,
    config: PathBuf,
    program: Program,
    folder: TempDir,
}

impl Nginx {
    /// Starts one before this address; `settings` stand beside `proxy_pass`.
    async fn start(gateway: SocketAddr, settings: &str) -> Self {
        let address = own_address();
        let server = format!(
            "server {{\n    listen {address};\n    location / {{\n      proxy_pass http://{gateway};\n      {settings}\n    }}\n  }}"
        );
        Self::serving(address, &server).await
    }

    /// Starts one that serves at `address` what these lines of its configuration say.
    pub async fn serving(address: SocketAddr, servers: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let place = folder.path().display();
        // What every nginx has to know, and files of its own.
        let config = format!(
            "daemon off;\nworker_processes 1;\npid {place}/pid;\nerror_log stderr notice;\nevents {{}}\n\
             http {{\n  access_log off;\n  client_body_temp_path {place}/body;\n  proxy_temp_path {place}/proxy;\n  \
             fastcgi_temp_path {place}/fastcgi;\n  uwsgi_temp_path {place}/uwsgi;\n  scgi_temp_path {place}/scgi;\n  \
             {servers}\n}}\n",
        );
        let path = folder.path().join("nginx.conf");
        std::fs::write(&path, config).expect("the folder can be written");
        let nginx = Self { address, program: run(&path, &folder), config: path, folder };
        nginx.listens().await;
        nginx
    }

    /// Waits until it takes connections.
    async fn listens(&self) {
        until("nginx listens", || async { TcpStream::connect(self.address).ok().map(drop) }).await;
    }

    /// Ends it, with all its connections, and waits until it has.
    async fn stop(&self) {
        self.program.signal(Signal::TERM);
        self.program.ended().await;
    }

    /// Starts it again at the same address.
    async fn start_again(&mut self) {
        self.program = run(&self.config, &self.folder);
        self.listens().await;
    }

    /// The gateway as it is seen through it.
    pub fn gateway(&self) -> Gateway {
        Gateway::at(self.address)
    }
}

fn run(config: &std::path::Path, folder: &TempDir) -> Program {
    let mut command = Command::new(tools::nginx().expect("a capability"));
    command.arg("-p").arg(folder.path()).arg("-e").arg("stderr").arg("-c").arg(config);
    Program::start(&mut command)
}

async fn through_nginx_every_record_comes_at_once(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("at-once", 1).await);
    let nginx = Nginx::start(gateway.address(), "").await;
    for query in ["format=envelope", "format=value"] {
        let mut stream = nginx.gateway().stream(&topic, query).await;
        stream.expect("ready").await;
        stream.expect("caught-up").await;
        for number in 0..20 {
            gateway.produce(&topic, "", number.to_string()).await.receipt();
            // Nothing else flows: what nginx held back would come with the next record, or never.
            let came = tokio::time::timeout(Duration::from_secs(2), stream.records(1)).await;
            came.unwrap_or_else(|_| panic!("{query}: record {number} is held back"));
        }
    }
    // Writing through it is as good.
    nginx.gateway().produce(&topic, "", "through").await.receipt();
    let ledger = context.kafka().consume_all(&topic).await;
    assert_eq!(ledger.last().expect("a record").value.as_deref(), Some(&b"through"[..]));
}

async fn through_nginx_an_idle_stream_lives_by_its_heartbeat(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("idle", 1).await);
    // nginx's own limit is 60 s, and the gateway's own heartbeat 15 s.
    let nginx = Nginx::start(gateway.address(), "proxy_read_timeout 6s;").await;
    let mut stream = nginx.gateway().stream(&topic, "heartbeat=5s").await;
    stream.expect("ready").await;
    let silent = nginx.gateway().streaming(&topic, "heartbeat=60s");
    let silent = tokio::spawn(async move {
        let mut response = silent.send().await.expect("a head");
        while let Ok(Some(_)) = response.chunk().await {}
    });
    let (begun, before) = (Instant::now(), stream.parser.comments);
    while begun.elapsed() < Duration::from_secs(15) {
        assert!(stream.more().await, "nginx cut the stream after {:?}", begun.elapsed());
    }
    assert!(stream.parser.comments >= before + 3);
    gateway.produce(&topic, "", "after").await.receipt();
    stream.records(1).await;
    // A stream whose heartbeat is rarer than nginx allows is gone by now.
    within("the silent stream is cut", silent).await.expect("reading does not panic");
}

async fn through_nginx_a_client_comes_back_when_nginx_was_away(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("away", 2).await);
    let mut nginx = Nginx::start(gateway.address(), "").await;
    let writer = context.kafka().writer();
    let write = async |numbers: std::ops::Range<i32>| {
        for number in numbers {
            writer.write(&topic, number % 2, &Draft::value(number.to_string())).await;
        }
    };
    write(0..50).await;
    let url = nginx.gateway().url(&format!("/v1/topics/{topic}/stream?from=earliest"));
    let mut reader = Reader::new(Feed::at(Client::Node("eventsource.mjs"), &url));
    reader.read(50).await;
    // A reload starts new workers; the old one ends when its streams do.
    nginx.program.signal(Signal::HUP);
    let told = || async { nginx.program.said().contains("gracefully shutting down").then_some(()) };
    until("nginx reloads", told).await;
    write(50..60).await;
    reader.read(60).await;
    nginx.stop().await;
    write(60..80).await;
    nginx.start_again().await;
    reader.read(80).await;
    write(80..82).await;
    reader.read(82).await;
    reader.compare(&context.kafka().consume_all(&topic).await, Form::Auto);
    assert_eq!(reader.others.iter().filter(|name| *name == "ready").count(), 2, "{:?}", reader.others);
}

/// Asked by HTTP/1.0, the gateway's answer ends with its connection. So nginx cannot tell a broken one from a whole one,
/// and ends its own in good order, in the middle of a frame or of a line.
async fn through_nginx_what_breaks_behind_it_costs_nothing(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("behind", 2).await);
    let drafts = |partition| (0..200).map(move |number| content::draft(2 * number + partition));
    let writer = context.kafka().writer();
    for partition in 0..2 {
        writer.write_all(&topic, partition, drafts(partition as usize)).await;
    }
    let ledger = context.kafka().consume_all(&topic).await;
    let stream = format!("/v1/topics/{topic}/stream?from=earliest");
    let cuts = [Cut::Closed(20_011), Cut::Closed(7_001), Cut::Closed(30_011)];
    let clients = [
        Client::Node("eventsource.mjs"),
        Client::Script("curl_sse"),
        Client::Python("httpx_sse_client.py"),
        Client::Python("requests_ndjson.py"),
    ];
    let (stream, ledger) = (&stream, &ledger);
    let read = async |client| {
        let (relay, _told) = Relay::start(gateway.address(), cuts, Vec::new()).await;
        let nginx = Nginx::start(relay.address(), "").await;
        let mut reader = Reader::new(Feed::at(client, &nginx.gateway().url(stream)));
        reader.read(ledger.len()).await;
        reader.compare(ledger, Form::Auto);
        assert_eq!(relay.cuts(), cuts.len(), "{client:?}");
    };
    join_all(clients.map(read)).await;
}
