//! Closed loops: a number of connections or tasks, each with one request under way at a time.
//!
//! The HTTP client is one thread and writes the same bytes again and again, so that what it costs is small and the same
//! before every server. A request is counted only when its answer has been read in full and is 200.

use crate::Result;
use crate::figures::Sample;
use bytes::Bytes;
use rdkafka::producer::{FutureProducer, FutureRecord};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// The longest head and body of an answer, in bytes.
const ANSWER_BYTES: usize = 4096;

/// How long one record may wait for room in the producer's queue.
const QUEUE_WAIT: Duration = Duration::from_secs(10);

/// Where requests go, and their bytes.
pub struct Target {
    address: SocketAddr,
    request: Bytes,
}

impl Target {
    /// POSTs of one record to `path`.
    pub fn new(address: SocketAddr, path: &str, record: &[u8]) -> Self {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: {address}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            record.len()
        );
        Self { address, request: [head.as_bytes(), record].concat().into() }
    }

    /// Keeps `connections` busy for `time`. They are open before the clock starts.
    pub async fn sample(&self, connections: usize, time: Duration) -> Result<Sample> {
        let mut open = Vec::with_capacity(connections);
        for _ in 0..connections {
            let stream = TcpStream::connect(self.address).await?;
            stream.set_nodelay(true)?;
            open.push(Connection { stream, request: self.request.clone(), answer: [0; ANSWER_BYTES].into() });
        }
        let begun = Instant::now();
        let mut loops = JoinSet::new();
        for connection in open {
            loops.spawn(connection.keep_busy(begun + time));
        }
        gather(loops, begun).await
    }
}

/// Keeps `tasks` busy for `time`, each awaiting the delivery of one record after the other.
pub async fn awaited_sends(
    producer: &FutureProducer,
    (topic, record): (&str, &Bytes),
    tasks: usize,
    time: Duration,
) -> Result<Sample> {
    let begun = Instant::now();
    let until = begun + time;
    let mut loops = JoinSet::new();
    for _ in 0..tasks {
        let (producer, topic, record) = (producer.clone(), topic.to_owned(), record.clone());
        loops.spawn(async move {
            let mut latencies = Vec::new();
            loop {
                let sent = Instant::now();
                if sent >= until {
                    return Ok(latencies);
                }
                let outgoing = FutureRecord::<(), [u8]>::to(&topic).payload(&record);
                producer.send(outgoing, QUEUE_WAIT).await.map_err(|(error, _)| error)?;
                latencies.push(sent.elapsed());
            }
        });
    }
    gather(loops, begun).await
}

async fn gather(mut loops: JoinSet<Result<Vec<Duration>>>, begun: Instant) -> Result<Sample> {
    let mut latencies = Vec::new();
    while let Some(done) = loops.join_next().await {
        latencies.extend(done??);
    }
    Ok(Sample::new(latencies, begun.elapsed()))
}

struct Connection {
    stream: TcpStream,
    request: Bytes,
    answer: Box<[u8]>,
}

impl Connection {
    async fn keep_busy(mut self, until: Instant) -> Result<Vec<Duration>> {
        let mut latencies = Vec::new();
        loop {
            let sent = Instant::now();
            if sent >= until {
                return Ok(latencies);
            }
            self.send().await?;
            self.receive().await?;
            latencies.push(sent.elapsed());
        }
    }

    async fn send(&self) -> Result<()> {
        let mut rest = &self.request[..];
        while !rest.is_empty() {
            match self.stream.try_write(rest) {
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    self.stream.writable().await?
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    async fn receive(&mut self) -> Result<()> {
        let mut filled = 0;
        loop {
            self.stream.readable().await?;
            match self.stream.try_read(&mut self.answer[filled..]) {
                Ok(0) => return Err(format!("closed after {filled} bytes of an answer").into()),
                Ok(read) => filled += read,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error.into()),
            }
            if is_complete(&self.answer[..filled])? {
                return Ok(());
            }
        }
    }
}

/// Whether head and body are there.
///
/// # Errors
/// When it is not 200, or not of a stated length.
fn is_complete(answer: &[u8]) -> Result<bool> {
    let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(false) };
    let head = std::str::from_utf8(&answer[..end])?;
    if !head.starts_with("HTTP/1.1 200") {
        return Err(String::from_utf8_lossy(answer).into());
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).ok_or("no length")?;
    Ok(answer.len() >= end + 4 + length.parse::<usize>()?)
}
