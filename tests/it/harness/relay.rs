//! What stands between a client and the gateway: a relay that cuts connections, and a site of its own beside it.
//!
//! It forwards bytes as they come and cuts a stream after so many of them, wherever in a frame that is, or all streams
//! when told to. A page that reads streams has to come from their origin, so the relay answers some paths itself: with
//! [`Page`]s, and on `/seen` by taking what a page has to tell. The one thing it changes is `Connection: close` in a
//! request's head, so that a connection serves one request and what it answers itself never reaches the gateway.

use super::wait::within;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};

/// Where pages tell what they have seen: a POST of lines.
const SEEN: &str = "/seen";

/// The longest head of a request.
const LONGEST_HEAD: usize = 64 * 1024;

/// When and how the connection of a stream, or of a group's poll, is cut: after so many bytes of the gateway's answer, its head included.
#[derive(Clone, Copy, Debug)]
pub enum Cut {
    /// The connection is closed; what was sent before arrives.
    Closed(usize),
    /// It is reset; what was sent before may be lost on the way.
    Reset(usize),
}

/// What the relay answers itself to GET. Of several with one path the first answers the first request, and so on; the
/// last answers all that follow.
pub struct Page {
    /// Its path, without a query.
    pub path: String,
    pub content_type: &'static str,
    pub body: Vec<u8>,
}

/// The relay. Its connections end when it is dropped.
pub struct Relay {
    address: SocketAddr,
    state: Arc<State>,
    cut_all: watch::Sender<()>,
    task: JoinHandle<()>,
}

struct State {
    gateway: SocketAddr,
    pages: Vec<Page>,
    told: mpsc::Sender<String>,
    cuts: Mutex<VecDeque<Cut>>,
    made: AtomicUsize,
    asked: Mutex<Vec<String>>,
}

impl Relay {
    /// A relay to the gateway at this address. Of the connections on which a stream or poll is asked for, the first is cut
    /// by the first of `cuts`, and so on; those beyond live. The second half gives the lines that pages told.
    pub async fn start(
        gateway: SocketAddr,
        cuts: impl IntoIterator<Item = Cut>,
        pages: Vec<Page>,
    ) -> (Self, mpsc::Receiver<String>) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let (told, lines) = mpsc::channel(1024);
        let (cuts, made) = (Mutex::new(cuts.into_iter().collect()), AtomicUsize::new(0));
        let state = Arc::new(State { gateway, pages, told, cuts, made, asked: Mutex::default() });
        let (cut_all, end) = watch::channel(());
        let task = tokio::spawn(accept(listener, state.clone(), end));
        (Self { address, state, cut_all, task }, lines)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path with its query.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Closes every connection of a stream.
    pub fn cut_all(&self) {
        self.cut_all.send_replace(());
    }

    /// What a client resumes by, header or query, in each request for this path so far; empty where there was none.
    pub fn last_ids(&self, path: &str) -> Vec<String> {
        let asked = self.state.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.iter().filter(|head| path_of(head) == path).map(|head| last_id(head).to_owned()).collect()
    }

    /// How many streams were cut so far.
    pub fn cuts(&self) -> usize {
        self.state.made.load(Ordering::Relaxed)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, state: Arc<State>, end: watch::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        let (client, _) = listener.accept().await.expect("the listener is open");
        connections.spawn(serve(client, state.clone(), end.clone()));
        while connections.try_join_next().is_some() {}
    }
}

/// One connection, to its end. What breaks on it is the client's business or the gateway's, and ends it.
async fn serve(mut client: TcpStream, state: Arc<State>, end: watch::Receiver<()>) {
    client.set_nodelay(true).ok();
    let Some((head, rest)) = read_head(&mut client).await else { return };
    let path = path_of(&head);
    let nth = {
        let mut asked = state.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.push(head.clone());
        asked.iter().filter(|head| path_of(head) == path).count()
    };
    if path == SEEN {
        take(&mut client, &state, &head, rest).await;
    } else if let Some(page) = state.pages.iter().filter(|page| page.path == path).take(nth).last() {
        let about = format!("content-type: {}\r\ncontent-length: {}", page.content_type, page.body.len());
        answer(&mut client, &about, &page.body).await;
    } else {
        forward(client, &state, &head, rest, end).await;
    }
}

/// The path that a request asks for, without its query.
fn path_of(head: &str) -> &str {
    head.split([' ', '?']).nth(1).unwrap_or_default()
}

/// What a request resumes by.
fn last_id(head: &str) -> &str {
    let mut fields = head.lines().filter_map(|line| line.split_once(": "));
    if let Some((_, id)) = fields.find(|(name, _)| name.eq_ignore_ascii_case("last-event-id")) {
        return id;
    }
    let query = head.split([' ', '?']).nth(2).unwrap_or_default();
    query.split('&').find_map(|member| member.strip_prefix("last_event_id=")).unwrap_or_default()
}

/// The head of a request, and what came behind it.
async fn read_head(client: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut read = Vec::new();
    loop {
        if let Some(at) = read.windows(4).position(|window| window == b"\r\n\r\n") {
            let rest = read.split_off(at + 4);
            return Some((String::from_utf8(read).expect("a head is text"), rest));
        }
        assert!(read.len() < LONGEST_HEAD, "a head without an end");
        // A browser opens connections that it may never use.
        if client.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
    }
}

/// Takes what a page tells, line by line.
async fn take(client: &mut TcpStream, state: &State, head: &str, mut body: Vec<u8>) {
    let head = head.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.map_or(0, |length| length.trim().parse().expect("a length"));
    while body.len() < length {
        let read = within("the rest of what a page tells", client.read_buf(&mut body)).await;
        if read.is_ok_and(|read| read > 0) {
            continue;
        }
        return;
    }
    let text = String::from_utf8(body).expect("pages tell UTF-8");
    for line in text.split('\n').filter(|line| !line.is_empty()) {
        if state.told.send(line.to_owned()).await.is_err() {
            return;
        }
    }
    answer(client, "content-length: 0", b"").await;
}

async fn answer(client: &mut TcpStream, about: &str, body: &[u8]) {
    let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncache-control: no-store\r\n{about}\r\n\r\n");
    if client.write_all(head.as_bytes()).await.is_ok() {
        client.write_all(body).await.ok();
    }
}

async fn forward(
    mut client: TcpStream,
    state: &State,
    head: &str,
    rest: Vec<u8>,
    mut end: watch::Receiver<()>,
) {
    let is_stream = ["/stream", "/poll"].iter().any(|what| path_of(head).ends_with(what));
    let cut =
        if is_stream { state.cuts.lock().unwrap_or_else(PoisonError::into_inner).pop_front() } else { None };
    let mut left = cut.map_or(usize::MAX, |cut| match cut {
        Cut::Closed(after) | Cut::Reset(after) => after,
    });
    let Ok(mut gateway) = TcpStream::connect(state.gateway).await else { return };
    gateway.set_nodelay(true).ok();
    let request = [closing(head).as_bytes(), &rest].concat();
    if gateway.write_all(&request).await.is_err() {
        return;
    }
    end.mark_unchanged();
    let (mut down, mut up) = (vec![0; 16 * 1024], vec![0; 4096]);
    while left > 0 {
        let most = down.len().min(left);
        tokio::select! {
            read = gateway.read(&mut down[..most]) => match read {
                Ok(read) if read > 0 => {
                    if client.write_all(&down[..read]).await.is_err() {
                        return;
                    }
                    left -= read;
                }
                _ => return,
            },
            read = client.read(&mut up) => match read {
                Ok(read) if read > 0 => {
                    if gateway.write_all(&up[..read]).await.is_err() {
                        return;
                    }
                }
                _ => return,
            },
            Ok(()) = end.changed(), if is_stream => break,
        }
    }
    state.made.fetch_add(1, Ordering::Relaxed);
    if let Some(Cut::Reset(_)) = cut {
        client.set_zero_linger().ok();
    }
}

/// The same head for one request only.
fn closing(head: &str) -> String {
    let (first, others) = head.split_once("\r\n").expect("a head has a first line");
    let kept = others.split("\r\n").filter(|line| {
        let name = line.split(':').next().unwrap_or_default();
        !line.is_empty() && !name.eq_ignore_ascii_case("connection")
    });
    let kept: String = kept.map(|line| format!("{line}\r\n")).collect();
    format!("{first}\r\n{kept}connection: close\r\n\r\n")
}
