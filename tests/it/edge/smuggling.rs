//! Requests that two servers might understand differently (RFC 9112, section 11.2): none lets a second one through.
//!
//! Every row is sent whole, with a request hidden behind or inside it that asks for a path of its own. Whoever answered
//! that would let a stranger's bytes be taken for the next client's request behind a proxy.

use crate::harness::{Context, Frames, Gateway, Socket, Test, until};
use crate::tests;

pub fn tests() -> Vec<Test> {
    tests![
        no_shape_of_http_1_lets_a_second_request_through,
        a_length_beside_a_coding_is_passed_over_and_the_answer_is_the_last,
        fields_of_a_connection_and_false_lengths_are_refused_on_http_2,
    ]
}

/// What is hidden.
const HIDDEN: &str = "GET /hidden HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// Every head, with `{post}` for the request line and the Host of a produce, `{body}` for the hidden request.
const HEADS: &[(&str, &str)] = &[
    ("two lengths", "{post}Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcd{body}"),
    ("two lengths in one", "{post}Content-Length: 4, 5\r\n\r\nabcd{body}"),
    ("the same length twice in one", "{post}Content-Length: 4, 4\r\n\r\nabcd{body}"),
    ("a signed length", "{post}Content-Length: +4\r\n\r\nabcd{body}"),
    ("a negative length", "{post}Content-Length: -4\r\n\r\nabcd{body}"),
    ("a hexadecimal length", "{post}Content-Length: 0x4\r\n\r\nabcd{body}"),
    ("a length with a space in it", "{post}Content-Length: 4 4\r\n\r\nabcd{body}"),
    ("a length beyond all numbers", "{post}Content-Length: 99999999999999999999\r\n\r\nabcd{body}"),
    ("a length without digits", "{post}Content-Length: \r\n\r\nabcd{body}"),
    ("an unknown coding", "{post}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{body}"),
    ("a coding behind chunked", "{post}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{body}"),
    ("a coding before chunked", "{post}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n{body}"),
    ("chunked twice", "{post}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n{body}"),
    ("two codings", "{post}Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{body}"),
    (
        "two codings turned",
        "{post}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n{body}",
    ),
    ("a quoted coding", "{post}Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n{body}"),
    ("a vertical tab before the coding", "{post}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n{body}"),
    ("a folded coding", "{post}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n{body}"),
    (
        "a folded header",
        "{post}X-A: b\r\n\tTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\nabcd{body}",
    ),
    ("a space before the colon", "{post}Content-Length : 4\r\n\r\nabcd{body}"),
    ("a tab before the colon", "{post}Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n{body}"),
    (
        "a space before the first header",
        "POST {path} HTTP/1.1\r\n Content-Length: 4\r\nHost: localhost\r\n\r\nabcd{body}",
    ),
    ("a CR in a value", "{post}X-A: b\rTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\nabcd{body}"),
    ("a line that ends in LF alone", "{post}X-A: b\nContent-Length: 4\r\n\r\nabcd{body}"),
    ("a head that ends in LF alone", "{post}Content-Length: 4\r\n\nabcd{body}"),
    (
        "lines that all end in LF alone",
        "POST {path} HTTP/1.1\nHost: localhost\nContent-Length: 4\n\nabcd{body}",
    ),
    ("a NUL in a value", "{post}X-A: b\0\r\nContent-Length: 4\r\n\r\nabcd{body}"),
    ("a NUL in a name", "{post}X\0: b\r\nContent-Length: 4\r\n\r\nabcd{body}"),
    ("a name with a bracket", "{post}Content-Length[: 4\r\n\r\nabcd{body}"),
    ("a header without a colon", "{post}Content-Length 4\r\n\r\nabcd{body}"),
    (
        "a space in the target",
        "POST {path}?a= b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nabcd{body}",
    ),
    (
        "two spaces in the request line",
        "POST  {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nabcd{body}",
    ),
    (
        "a tab in the request line",
        "POST\t{path}\tHTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nabcd{body}",
    ),
    (
        "words behind the version",
        "POST {path} HTTP/1.1 x\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nabcd{body}",
    ),
    ("a version of HTTP's past", "POST {path}\r\n\r\n{body}"),
    (
        "a version of nobody's",
        "POST {path} HTTP/1.2\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nabcd{body}",
    ),
    ("no Host", "POST {path} HTTP/1.1\r\nContent-Length: 4\r\n\r\nabcd{body}"),
    ("two Hosts", "{post}Host: localhost\r\nContent-Length: 4\r\n\r\nabcd{body}"),
    (
        "a Host that is none",
        "POST {path} HTTP/1.1\r\nHost: localhost/x\r\nContent-Length: 4\r\n\r\nabcd{body}",
    ),
    (
        "a Host with a name before it",
        "POST {path} HTTP/1.1\r\nHost: a@localhost\r\nContent-Length: 4\r\n\r\nabcd{body}",
    ),
    (
        "another Host than the target's",
        "POST http://127.0.0.1{path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nabcd{body}",
    ),
    (
        "a coding in HTTP/1.0",
        "POST {path} HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{body}",
    ),
    ("a chunk's size beyond all numbers", "{chunked}10000000000000000\r\nabcd\r\n0\r\n\r\n{body}"),
    ("a chunk's size with a sign", "{chunked}+4\r\nabcd\r\n0\r\n\r\n{body}"),
    ("a chunk's size with a prefix", "{chunked}0x4\r\nabcd\r\n0\r\n\r\n{body}"),
    ("a chunk's size of nothing", "{chunked}\r\nabcd\r\n0\r\n\r\n{body}"),
    ("a chunk's size ended by LF alone", "{chunked}4\nabcd\r\n0\r\n\r\n{body}"),
    ("a chunk that is longer than it says", "{chunked}3\r\nabcd\r\n0\r\n\r\n{body}"),
    ("a chunk's end that is none", "{chunked}4\r\nabcdXX0\r\n\r\n{body}"),
    ("an extension with an LF", "{chunked}4;a\nb\r\nabcd\r\n0\r\n\r\n{body}"),
];

/// Everything a connection gives for these bytes until it is closed.
async fn answers(gateway: &Gateway, bytes: &str) -> String {
    let mut socket = Socket::connect(gateway.address()).await;
    socket.try_write(bytes).await;
    String::from_utf8_lossy(&socket.until_closed().await).into_owned()
}

fn filled(row: &str, topic: &str) -> String {
    let path = format!("/v1/topics/{topic}/records");
    let post = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\n");
    row.replace("{chunked}", &format!("{post}Transfer-Encoding: chunked\r\n\r\n"))
        .replace("{post}", &post)
        .replace("{path}", &path)
        .replace("{body}", HIDDEN)
}

async fn no_shape_of_http_1_lets_a_second_request_through(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("shapes", 1).await);
    let bomb = format!("{{chunked}}4;{}\r\nabcd\r\n0\r\n\r\n{{body}}", "a".repeat(100_000));
    let trailers = format!("{{chunked}}4\r\nabcd\r\n0\r\n{}\r\n{{body}}", "x: y\r\n".repeat(20_000));
    let more = [("an endless extension", bomb.as_str()), ("endless trailers", trailers.as_str())];
    for (shape, row) in HEADS.iter().chain(&more) {
        let answer = answers(&gateway, &filled(row, &topic)).await;
        assert!(answer.matches("HTTP/1.").count() <= 1, "{shape}: {answer}");
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.0 4"),
            "{shape}: {answer}"
        );
        assert!(!answer.contains("no route"), "{shape}: the hidden request was answered: {answer}");
    }
    assert!(context.kafka().consume_all(&topic).await.is_empty(), "one of them was taken for a record");
    gateway.get("/livez").await.json(200);
}

async fn a_length_beside_a_coding_is_passed_over_and_the_answer_is_the_last(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("both", 1).await);
    let length = 5 + HIDDEN.len();
    for row in [
        format!("{{post}}Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{{body}}"),
        format!("{{post}}Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n\r\n0\r\n\r\n{{body}}"),
        "{post}Content-Length: 4\r\nTransfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n{body}".to_owned(),
    ] {
        let answer = answers(&gateway, &filled(&row, &topic)).await;
        assert_eq!(answer.matches("HTTP/1.").count(), 1, "{row}: {answer}");
        assert!(answer.starts_with("HTTP/1.1 200"), "{row}: {answer}");
    }
    let ledger = context.kafka().consume_all(&topic).await;
    assert!(
        ledger.len() == 3 && ledger.iter().all(|entry| entry.value.as_deref() == Some(&[])),
        "{ledger:?}"
    );
}

async fn fields_of_a_connection_and_false_lengths_are_refused_on_http_2(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("frames", 1).await);
    let path = format!("/v1/topics/{topic}/records");
    let post =
        [(":method", "POST"), (":scheme", "http"), (":authority", "localhost"), (":path", path.as_str())];
    let table: &[(&str, &[(&str, &str)])] = &[
        ("Connection", &[("connection", "close")]),
        ("Keep-Alive", &[("keep-alive", "timeout=5")]),
        ("Proxy-Connection", &[("proxy-connection", "close")]),
        ("a coding", &[("transfer-encoding", "chunked")]),
        ("Upgrade", &[("upgrade", "h2c")]),
        ("an upper-case name", &[("X-Upper", "a")]),
        ("a CR and LF in a value", &[("x-a", "b\r\nhost: c")]),
        ("a second authority", &[("host", "127.0.0.1")]),
        ("a length too long", &[("content-length", "5")]),
        ("a length too short", &[("content-length", "3")]),
        ("two lengths", &[("content-length", "4"), ("content-length", "5")]),
        ("a signed length", &[("content-length", "+4")]),
        ("a pseudo-field behind the others", &[("x-a", "b"), (":path", "/livez")]),
    ];
    let mut refused = Vec::new();
    for (shape, fields) in table {
        let mut frames = Frames::connect(gateway.address()).await;
        let fields: Vec<_> = post.iter().chain(*fields).copied().collect();
        frames.head(1, &fields, false).await;
        frames.data(1, b"abcd", true).await;
        loop {
            match frames.next().await {
                // Closed at once, or told so first.
                None => break,
                Some(frame) if frame.is_reset() || frame.is_goaway() || frame.is_answer() => {
                    refused.push(*shape);
                    break;
                }
                Some(_) => {}
            }
        }
    }
    assert_eq!(refused.len(), table.len(), "the others were left without a word: {refused:?}");
    // A proof that what is right passes, and the last to be written if any of the others was.
    let mut frames = Frames::connect(gateway.address()).await;
    frames.head(1, &[&post[..], &[("host", "localhost"), ("content-length", "4")]].concat(), false).await;
    frames.data(1, b"last", true).await;
    while !frames.next().await.expect("an answer").is_answer() {}
    let ledger = until("the record is written", || async {
        Some(context.kafka().consume_all(&topic).await).filter(|ledger| !ledger.is_empty())
    })
    .await;
    assert!(ledger.len() == 1 && ledger[0].value.as_deref() == Some(b"last"), "{ledger:?}");
}
