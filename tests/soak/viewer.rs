//! A viewer as a browser's `EventSource` is one: it reads until its stream ends or its connection is lost, waits as long as
//! it was told last, and comes back with the last id it saw.
//!
//! There are thousands of them beside the gateway that they watch, so each is a socket and a scanner that looks for no more
//! than it needs: where a record stands, and what ends a stream. What they see is counted in [`Sights`], for all of them.

use crate::attacks::connect;
use crate::chunks::Chunks;
use memchr::{memchr, memmem};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::fmt;
use std::io::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// How long a browser stays away that was not told how long.
const RETRY: Duration = Duration::from_secs(3);

/// How long a connection lives at least and at most while connections are cut.
const LIVES: std::ops::Range<Duration> = Duration::from_secs(1)..Duration::from_secs(12);

/// What a viewer takes of its socket at once.
const READ_BYTES: usize = 8 * 1024;

/// What all viewers watch, and what they see.
pub struct Sights {
    pub address: SocketAddr,
    pub topic: String,
    pub partitions: usize,
    /// Whether connections are cut.
    pub cutting: AtomicBool,
    pub viewers: Vec<Sight>,
    pub counts: Counts,
    pub began: Instant,
}

/// What one viewer says of itself.
#[derive(Default)]
pub struct Sight {
    /// The sum of the offsets that come next, over all partitions; 0 before it knows any.
    pub stands: AtomicU64,
    /// When it caught up on the connection that it has, in microseconds of the run; 0 while it has not.
    caught_up: AtomicU64,
}

/// What was seen, of all viewers.
#[derive(Debug, Default)]
pub struct Counts {
    pub records: AtomicUsize,
    pub lost: AtomicUsize,
    pub repeated: AtomicUsize,
    /// Connections that viewers cut.
    pub cut: AtomicUsize,
    /// Streams that ended after a `drain`.
    pub drained: AtomicUsize,
    /// Streams that ended otherwise, or broke, and attempts that had no answer.
    pub broken: AtomicUsize,
    /// Refusals that tell when to come back.
    pub put_off: AtomicUsize,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { records, lost, repeated, cut, drained, broken, put_off } = self;
        let [records, lost, repeated] = [records, lost, repeated].map(|count| count.load(Relaxed));
        let [cut, drained, broken, put_off] =
            [cut, drained, broken, put_off].map(|count| count.load(Relaxed));
        write!(f, "{records} records seen, {lost} lost, {repeated} repeated; ")?;
        write!(f, "{cut} cut, {drained} drained, {put_off} put off, {broken} broken")
    }
}

impl Sights {
    /// What `count` viewers of a topic will see.
    pub fn new(address: SocketAddr, topic: &str, partitions: usize, count: usize) -> Self {
        let (topic, began) = (topic.to_owned(), Instant::now());
        let viewers = std::iter::repeat_with(Sight::default).take(count).collect();
        let (cutting, counts) = Default::default();
        Self { address, topic, partitions, cutting, viewers, counts, began }
    }

    /// Since when each viewer has caught up that has, counted from `from`, in ascending order.
    pub fn caught_up_since(&self, from: Instant) -> Vec<Duration> {
        let caught_up = self.viewers.iter().map(|sight| sight.caught_up.load(Relaxed)).filter(|us| *us > 0);
        let moments = caught_up.map(|us| self.began + Duration::from_micros(us));
        let mut since: Vec<_> = moments.filter_map(|moment| moment.checked_duration_since(from)).collect();
        since.sort_unstable();
        since
    }
}

/// Watches as the viewer with this number, until it is dropped.
pub async fn watch(sights: Arc<Sights>, at: usize, seed: u64, from: &'static str) {
    let random = StdRng::seed_from_u64(seed.wrapping_add(at as u64));
    let mut viewer = Viewer { sights, at, from, random, next: Vec::new(), id: String::new(), retry: RETRY };
    loop {
        let ended = viewer.connection().await;
        let counts = &viewer.sights.counts;
        if let Err(error) = &ended {
            println!("    viewer {at}: {error}");
        }
        let count = match ended {
            Ok(End::Cut) => &counts.cut,
            Ok(End::Drained) => &counts.drained,
            Ok(End::PutOff) => &counts.put_off,
            Err(_) => &counts.broken,
        };
        count.fetch_add(1, Relaxed);
        viewer.sights.viewers[at].caught_up.store(0, Relaxed);
        tokio::time::sleep(viewer.retry).await;
    }
}

/// How a connection ended.
#[derive(Clone, Copy, Debug)]
enum End {
    Cut,
    Drained,
    PutOff,
}

struct Viewer {
    sights: Arc<Sights>,
    at: usize,
    from: &'static str,
    random: StdRng,
    /// What comes next in each partition.
    next: Vec<i64>,
    id: String,
    retry: Duration,
}

/// A block of an event stream, as far as it has come.
#[derive(Default)]
struct Block<'a> {
    event: &'a [u8],
    data: &'a [u8],
    id: &'a [u8],
    retry: &'a [u8],
}

impl Viewer {
    async fn connection(&mut self) -> Result<End, Error> {
        let mut stream = connect(self.at, self.sights.address).await?;
        stream.write_all(self.request().as_bytes()).await?;
        let cut_at = Instant::now() + self.random.random_range(LIVES);
        let (mut chunks, mut text, mut end) = (Chunks::default(), Vec::new(), None);
        let mut space = [0; READ_BYTES];
        loop {
            let read = stream.read(&mut space).await?;
            let cuts = self.sights.cutting.load(Relaxed) && Instant::now() >= cut_at;
            // A cut falls anywhere, into the middle of a frame too.
            let taken = if cuts { self.random.random_range(0..=read) } else { read };
            chunks.take(&space[..taken], &mut text).map_err(Error::other)?;
            let seen = self.scan(&text, &mut end)?;
            text.drain(..seen);
            let over = chunks.over || read == 0;
            match end {
                // What comes behind a drain is the end.
                Some(End::Drained) if !over && !cuts => {}
                Some(end) => return Ok(end),
                None if cuts => return Ok(End::Cut),
                None if over => return Err(Error::other("it ended without a word")),
                None => {}
            }
        }
    }

    fn request(&self) -> String {
        let Self { sights, from, .. } = self;
        let head = format!(
            "GET /v1/topics/{}/stream?from={from} HTTP/1.1\r\nhost: {}\r\naccept: text/event-stream\r\n",
            sights.topic, sights.address
        );
        let resumes =
            if self.id.is_empty() { String::new() } else { format!("last-event-id: {}\r\n", self.id) };
        format!("{head}{resumes}\r\n")
    }

    /// Looks at the whole blocks of a text; how far they go.
    fn scan(&mut self, text: &[u8], end: &mut Option<End>) -> Result<usize, Error> {
        let (mut at, mut seen, mut block) = (0, 0, Block::default());
        while let Some(length) = memchr(b'\n', &text[at..]) {
            let line = &text[at..at + length];
            at += length + 1;
            match line {
                [] => {
                    *end = self.dispatch(std::mem::take(&mut block))?.or(*end);
                    seen = at;
                }
                [b'd', ..] => block.data = line.strip_prefix(b"data: ").unwrap_or_default(),
                [b'i', ..] => block.id = line.strip_prefix(b"id: ").unwrap_or_default(),
                [b'e', ..] => block.event = line.strip_prefix(b"event: ").unwrap_or_default(),
                [b'r', ..] => block.retry = line.strip_prefix(b"retry: ").unwrap_or_default(),
                _ => {}
            }
        }
        Ok(seen)
    }

    fn dispatch(&mut self, block: Block<'_>) -> Result<Option<End>, Error> {
        if !block.id.is_empty() {
            self.id.clear();
            self.id.push_str(std::str::from_utf8(block.id).expect("an id is ASCII"));
        }
        if let Some(retry) = number(block.retry) {
            self.retry = Duration::from_millis(retry.unsigned_abs());
        }
        match block.event {
            b"" => self.record(block.data),
            b"ready" if self.next.is_empty() => self.begin(block.data),
            b"caught-up" => {
                let us = self.sights.began.elapsed().as_micros() as u64;
                self.sights.viewers[self.at].caught_up.store(us, Relaxed);
            }
            b"ready" | b"checkpoint" | b"ping" => {}
            b"drain" => return Ok(Some(End::Drained)),
            b"fault" if memmem::find(block.data, br#""final":false"#).is_some() => {
                return Ok(Some(End::PutOff));
            }
            _ => return Err(Error::other(String::from_utf8_lossy(block.data))),
        }
        Ok(None)
    }

    fn begin(&mut self, data: &[u8]) {
        let data: serde_json::Value = serde_json::from_slice(data).expect("JSON");
        let positions = data["positions"][&self.sights.topic].as_array().expect("the topic's positions");
        self.next = positions.iter().map(|next| next.as_i64().expect("an offset")).collect();
        assert_eq!(self.next.len(), self.sights.partitions);
        self.tell();
    }

    /// The records of a partition are numbered as their offsets are.
    fn record(&mut self, data: &[u8]) {
        let member = |name: &[u8]| {
            let at = memmem::find(data, name)? + name.len();
            number(&data[at..])
        };
        let told = (member(br#""partition":"#), member(br#""offset":"#), member(br#""value":"#));
        let (Some(partition), Some(offset), Some(value)) = told else {
            panic!("not a record: {}", String::from_utf8_lossy(data));
        };
        assert_eq!(offset, value, "a record stands where another does");
        let (next, counts) = (&mut self.next[partition as usize], &self.sights.counts);
        counts.records.fetch_add(1, Relaxed);
        if offset < *next {
            counts.repeated.fetch_add(1, Relaxed);
            return;
        }
        counts.lost.fetch_add((offset - *next) as usize, Relaxed);
        *next = offset + 1;
        self.tell();
    }

    fn tell(&self) {
        let stands: i64 = self.next.iter().sum();
        self.sights.viewers[self.at].stands.store(stands.unsigned_abs(), Relaxed);
    }
}

/// The number that a text begins with.
fn number(text: &[u8]) -> Option<i64> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(None, |number, digit| Some(number.unwrap_or(0) * 10 + i64::from(digit - b'0')))
}
