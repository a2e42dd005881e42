//! Streams of one topic beside each other on one connection of HTTP/2, of which one is not read.
//!
//! Frame by frame, because a client library would read what nobody asks it for. Each stream has a window of its own: what is
//! not read of one must hold up neither the others nor the reader that all of them share.

use crate::harness::{Context, Draft, Frames, Gateway, Parser, Test, until};
use crate::tests;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

pub fn tests() -> Vec<Test> {
    tests![
        an_unread_stream_of_http2_holds_up_none_beside_it_and_has_lost_nothing_when_it_is_read,
        an_unread_stream_of_http2_is_reset_and_none_beside_it_notices,
    ]
}

/// The window that a stream has at first (RFC 9113, section 6.9.2).
const WINDOW: usize = 65_535;

/// The stream that is not read, and those beside it.
const UNREAD: u32 = 1;
const READ: [u32; 3] = [3, 5, 7];

const RECORDS: i64 = 300;

/// A connection and what came of each stream on it.
struct Connection {
    frames: Frames,
    streams: BTreeMap<u32, Came>,
}

#[derive(Default)]
struct Came {
    parser: Parser,
    bytes: usize,
    /// The offset of the record that comes next.
    next: i64,
    caught_up: bool,
    reset: bool,
}

impl Connection {
    /// Opens all streams, until each that is read has caught up.
    async fn open(gateway: &Gateway, topic: &str) -> Self {
        let mut frames = Frames::connect(gateway.address()).await;
        // The window of the connection is never what is waited for.
        frames.take_more(0, 64 << 20).await;
        let path = format!("/v1/topics/{topic}/stream");
        for stream in [UNREAD].into_iter().chain(READ) {
            let fields = [
                (":method", "GET"),
                (":scheme", "http"),
                (":authority", "localhost"),
                (":path", &path),
                ("accept", "text/event-stream"),
            ];
            assert!(frames.head(stream, &fields, true).await);
        }
        let streams = [UNREAD].into_iter().chain(READ).map(|stream| (stream, Came::default())).collect();
        let mut connection = Self { frames, streams };
        while !connection.streams.values().all(|came| came.caught_up) {
            connection.take().await;
        }
        connection
    }

    /// Takes a frame, and makes room for another unless it is of the stream that is not read.
    async fn take(&mut self) {
        let frame = self.frames.next().await.expect("the connection goes on");
        assert!(!frame.is_goaway(), "{frame:?}");
        let Some(came) = self.streams.get_mut(&frame.stream) else { return };
        came.reset |= frame.is_reset();
        let Some(data) = frame.data() else { return };
        let mut events = VecDeque::new();
        came.parser.take(data, &mut events);
        came.bytes += data.len();
        for event in events {
            match event.kind.as_str() {
                "message" => {
                    assert_eq!(event.address(), (0, came.next), "on stream {}", frame.stream);
                    came.next += 1;
                }
                "caught-up" => came.caught_up = true,
                _ => {}
            }
        }
        if frame.stream != UNREAD && !data.is_empty() {
            self.frames.take_more(frame.stream, data.len()).await;
        }
    }

    /// Reads until these streams have seen the records before `end`.
    async fn reach(&mut self, streams: &[u32], end: i64) {
        while streams.iter().any(|stream| self.streams[stream].next < end) {
            self.take().await;
        }
    }
}

/// Writes 3 MB in all: more than a window, and less than a ring holds.
async fn write(context: &Context, topic: &str) {
    let drafts = (0..RECORDS).map(|_| Draft::value(vec![b'x'; 10_000]));
    context.kafka().writer().write_all(topic, 0, drafts).await;
}

async fn an_unread_stream_of_http2_holds_up_none_beside_it_and_has_lost_nothing_when_it_is_read(
    context: Context,
) {
    let (gateway, topic) = (context.gateway_with(|_| {}).await, context.topic("beside", 1).await);
    let mut connection = Connection::open(&gateway, &topic).await;
    until("the topic is read once", || async {
        (gateway.metric("sluicegate_live_topics").await == 1).then_some(())
    })
    .await;
    write(&context, &topic).await;
    connection.reach(&READ, RECORDS).await;
    let unread = &connection.streams[&UNREAD];
    assert!(
        unread.bytes <= WINDOW && unread.next < 10,
        "{} bytes came that were not asked for",
        unread.bytes
    );
    connection.frames.take_more(UNREAD, 16 << 20).await;
    connection.reach(&[UNREAD], RECORDS).await;
    // All of them are in step again.
    gateway.produce(&topic, "", "last").await.receipt();
    connection.reach(&[UNREAD, READ[0], READ[1], READ[2]], RECORDS + 1).await;
    assert!(connection.streams.values().all(|came| !came.reset));
}

async fn an_unread_stream_of_http2_is_reset_and_none_beside_it_notices(context: Context) {
    let topic = context.topic("beside", 1).await;
    let gateway = context.gateway_with(|config| config.listen.write_timeout = Duration::from_secs(1)).await;
    let mut connection = Connection::open(&gateway, &topic).await;
    write(&context, &topic).await;
    connection.reach(&READ, RECORDS).await;
    while !connection.streams[&UNREAD].reset {
        connection.take().await;
    }
    until("its stream is over, and no other", || async {
        (gateway.metric("sluicegate_streams").await == READ.len()).then_some(())
    })
    .await;
    gateway.produce(&topic, "", "last").await.receipt();
    connection.reach(&READ, RECORDS + 1).await;
}
