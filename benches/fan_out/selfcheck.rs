//! Whether the load client sees what it is there to see: asked before each run, in a millisecond.
//!
//! A client that overlooks a gap would make every gateway perfect.

use crate::Result;
use crate::decoder::Decoder;
use crate::frames::{Frame, Scanner};
use crate::histogram::Histogram;
use crate::stamp;
use crate::tally::Tally;

const TOPIC: &str = "t";

/// # Errors
/// When something is overlooked, or seen that is not there.
pub fn run() -> Result<()> {
    for (offsets, delivered, lost, repeated) in
        [(&[0, 1, 2, 3][..], 4, 0, 0), (&[0, 1, 3], 3, 1, 0), (&[0, 1, 1, 2], 3, 0, 1), (&[2], 1, 2, 0)]
    {
        let answer = answer(offsets);
        // Cut in two at every byte, as the network may.
        for cut in 0..=answer.len() {
            let tally = see(&[&answer[..cut], &answer[cut..]])?;
            if (tally.delivered, tally.lost, tally.repeated) != (delivered, lost, repeated) {
                return Err(format!("offsets {offsets:?} cut at byte {cut} are not seen as they are").into());
            }
        }
    }
    let mut latencies = Histogram::new();
    (1..=10_000).for_each(|micros| latencies.add(micros));
    let (p50, p99) = (latencies.millis(0.5), latencies.millis(0.99));
    let near = (p50 - 5.0).abs() < 0.05 && (p99 - 9.9).abs() < 0.1;
    near.then_some(()).ok_or_else(|| format!("quantiles of 1..10000 µs are {p50} and {p99} ms").into())
}

/// An answer whose chunks end within frames.
fn answer(offsets: &[i64]) -> Vec<u8> {
    let mut body = b"event: ready\nretry: 2000\ndata: {}\nid: 1.A\n\n:\n".to_vec();
    for offset in offsets {
        let mut value = stamp::value();
        stamp::put(&mut value, 77);
        let value = String::from_utf8_lossy(&value);
        let line = format!(
            "data: {{\"topic\":\"{TOPIC}\",\"partition\":0,\"offset\":{offset},\"key\":null,\"value\":{value}}}"
        );
        body.extend_from_slice(format!("{line}\nid: 1.B{offset}\n\n").as_bytes());
    }
    let mut answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for chunk in body.chunks(150) {
        answer.extend_from_slice(format!("{:X}\r\n", chunk.len()).as_bytes());
        answer.extend_from_slice(chunk);
        answer.extend_from_slice(b"\r\n");
    }
    answer.extend_from_slice(b"0\r\n\r\n");
    answer
}

fn see(reads: &[&[u8]]) -> Result<Tally> {
    let (mut decoder, scanner, mut tally) = (Decoder::new(), Scanner::new(TOPIC), Tally::new());
    let (mut rest, mut next) = (Vec::new(), 0);
    for read in reads {
        let carried = rest.len();
        let mut buffer = [&rest[..], read].concat();
        let raw = carried..buffer.len();
        let text = decoder.decode(&mut buffer, carried, raw, |_, _| {})?;
        let text = &buffer[text];
        let seen = scanner.scan(text, |frame| {
            match frame {
                Frame::Record { partition: 0, offset, sent_us: 77 } => next = tally.record(next, offset, 0),
                Frame::Record { .. } => return Err("another partition, or another stamp".into()),
                Frame::Event(event) if event.retry_ms == Some(2000) && event.name == b"ready" => {}
                Frame::Event(_) => return Err("another event".into()),
            }
            Ok(())
        })?;
        rest = text[seen.end..].to_vec();
    }
    if !decoder.has_ended() {
        return Err("the end of the answer was overlooked".into());
    }
    Ok(tally)
}
