//! The floor: hyper, and nothing else, that writes to every socket what the gateway was seen to write to one.
//!
//! Same chunks, same bytes, and when it is told so at the same times; the bytes are shared by all viewers, on the
//! same runtime as the gateway's. Before a replay begins it puts into each record the time at which its chunk is due, so
//! that the load client sees how late it comes, with what it takes for the gateway's records. It runs in a process of its
//! own (the bench starts itself with `--bare`), takes its orders from standard input, and ends when that is closed.

use crate::schedule::Schedule;
use crate::{Result, http, stamp};
use bytes::Bytes;
use http_body_util::{BodyExt, Either, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, header};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::io::{BufRead, BufReader};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpSocket;
use tokio::sync::watch;

/// How many connections may wait to be accepted, as in the gateway.
const BACKLOG: u32 = 4096;

/// The path under which a schedule is played is this and its number.
pub const PATH: &str = "/schedule/";

/// What every viewer of a schedule may be sent.
#[derive(Default)]
struct Play {
    number: u64,
    chunks: Arc<Vec<Bytes>>,
    /// So many of them, counted on when they come round again.
    due: usize,
    /// With a pause after each, so that others get theirs, and each is a write of its own.
    fast: bool,
}

/// Serves until standard input is closed.
pub fn serve() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (play, watching) = watch::channel(Play::default());
    runtime.spawn(async {
        if let Err(error) = accept(watching).await {
            eprintln!("floor: {error}");
        }
    });
    let obeyed = obey(&play);
    runtime.shutdown_background();
    obeyed
}

/// Does what standard input says.
fn obey(play: &watch::Sender<Play>) -> Result<()> {
    let (mut input, mut line) = (BufReader::new(std::io::stdin()), String::new());
    let mut loaded = Schedule::default();
    while input.read_line(&mut line)? > 0 {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["load", number, chunks, bytes] => {
                loaded = Schedule::receive(chunks.parse()?, bytes.parse()?, &mut input)?;
                let (number, chunks) = (number.parse()?, Arc::new(pieces(&loaded)));
                play.send_replace(Play { number, chunks, due: 1, fast: false });
            }
            ["timed", start] => timed(&mut loaded, start.parse()?, play),
            ["fast", start, cycles] => {
                let cycles: usize = cycles.parse()?;
                pause_until(start.parse()?);
                play.send_modify(|play| (play.due, play.fast) = (cycles * play.chunks.len(), true));
            }
            _ => return Err(format!("not an order: {line}").into()),
        }
        line.clear();
    }
    Ok(())
}

/// Lets each chunk go at its time.
fn timed(schedule: &mut Schedule, start_us: u64, play: &watch::Sender<Play>) {
    let due: Vec<u64> = schedule.chunks.iter().map(|(after_us, _)| start_us + after_us).collect();
    let mut chunk = 0;
    let mut end = schedule.chunks.first().map_or(0, |(_, size)| *size);
    for place in stamp::places(&schedule.bytes) {
        while place as u64 >= end && chunk + 1 < due.len() {
            chunk += 1;
            end += schedule.chunks[chunk].1;
        }
        stamp::renew(&mut schedule.bytes, place, due[chunk]);
    }
    let chunks = Arc::new(pieces(schedule));
    play.send_modify(|play| play.chunks = chunks);
    for (at, due_us) in due.iter().enumerate().skip(1) {
        pause_until(*due_us);
        play.send_modify(|play| play.due = at + 1);
    }
}

fn pause_until(us: u64) {
    let left = us.saturating_sub(stamp::now_us());
    if left > 0 {
        http::pause(Duration::from_micros(left));
    }
}

fn pieces(schedule: &Schedule) -> Vec<Bytes> {
    let mut rest = Bytes::from(schedule.bytes.clone());
    schedule.chunks.iter().map(|(_, size)| rest.split_to(*size as usize)).collect()
}

async fn accept(play: watch::Receiver<Play>) -> Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
    let listener = socket.listen(BACKLOG)?;
    println!("{}", listener.local_addr()?);
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        let play = play.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let answer = answer(&request, &play);
            async { answer }
        });
        // Ends with its connection, at the latest with the runtime.
        tokio::spawn(async move {
            let _ = http1::Builder::new().serve_connection(TokioIo::new(socket), service).await;
        });
    }
}

type Body = Either<Full<Bytes>, http_body_util::combinators::UnsyncBoxBody<Bytes, Infallible>>;

/// The chunks of a schedule, or that the process is ready.
fn answer(request: &Request<Incoming>, play: &watch::Receiver<Play>) -> hyper::http::Result<Response<Body>> {
    let number = request.uri().path().strip_prefix(PATH).and_then(|number| number.parse().ok());
    let Some(number) = number else {
        return Ok(Response::new(Either::Left(Full::from("ready"))));
    };
    let place = Place { play: play.clone(), number, at: 0 };
    let chunks = futures_util::stream::unfold(place, async |mut place| {
        let chunk = place.next().await?;
        Some((Ok(Frame::data(chunk)), place))
    });
    let body = Either::Right(StreamBody::new(chunks).boxed_unsync());
    Response::builder().header(header::CONTENT_TYPE, "text/event-stream").body(body)
}

/// Where a viewer stands.
struct Place {
    play: watch::Receiver<Play>,
    number: u64,
    at: usize,
}

impl Place {
    /// The next chunk when it is due; none when another schedule was loaded.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            let (chunk, fast) = {
                let play = self.play.borrow_and_update();
                if play.number > self.number {
                    return None;
                }
                let due = play.number == self.number && self.at < play.due;
                (due.then(|| play.chunks[self.at % play.chunks.len()].clone()), play.fast)
            };
            if let Some(chunk) = chunk {
                self.at += 1;
                if fast {
                    tokio::task::yield_now().await;
                }
                return Some(chunk);
            }
            self.play.changed().await.ok()?;
        }
    }
}
