//! Workers that poll: each a thread, a keep-alive connection and a named session, whose next poll acknowledges what the last
//! one brought.

use crate::Result;
use crate::connection::Connection;
use crate::errand::{Errand, Manner, Times};
use crate::scanner::{Scanner, last_id};
use crate::tally::Tally;
use memchr::memmem;
use std::time::Instant;

/// How long a poll waits: at the end all but one worker's polls bring nothing, and their clocks have stopped by then.
const WAIT_MS: u64 = 500;

/// The most bytes of a poll: as many as may be asked for.
const MAX_BYTES: u32 = 16 << 20;

/// Works the topic off.
pub fn run(errand: &Errand, manner: &Manner, tally: &Tally) -> Result<Times> {
    let all = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..manner.workers)
            .map(|worker| scope.spawn(move || work(errand, manner, (worker, tally))))
            .collect();
        let ended = workers.into_iter().map(|worker| worker.join().map_err(|_| "a worker panicked")?);
        ended.collect::<Result<Vec<_>>>()
    })?;
    Ok(Times::together(&all).ok_or("no workers")?)
}

fn work(errand: &Errand, manner: &Manner, (worker, tally): (usize, &Tally)) -> Result<Times> {
    let (mut connection, scanner) = (Connection::open(errand.gateway()?)?, Scanner::new(&errand.topic));
    let target = format!("/v1/groups/{}/poll", errand.group);
    let window = manner.window.map(|window| format!(r#","window":{window}"#)).unwrap_or_default();
    let settings = format!(
        r#""topics":["{}"],"from":"earliest","max":{},"max_bytes":{MAX_BYTES},"wait_ms":{WAIT_MS}{window}"#,
        errand.topic, manner.max,
    );
    let mut times = Times { first: None, last: Instant::now(), answers: 0 };
    // What the next request acknowledges.
    let mut held = String::new();
    for seq in 0.. {
        if tally.left() == 0 {
            break;
        }
        let body = format!(r#"{{{settings},"session":"worker-{worker}","seq":{seq},"up_to":[{held}]}}"#);
        connection.post(&target, &body)?;
        if !held.is_empty() {
            times.last = Instant::now();
            held.clear();
        }
        let answer = connection.answer()?;
        if answer.is_empty() {
            continue;
        }
        times.first.get_or_insert_with(Instant::now);
        times.answers += 1;
        let seen = scanner.scan(answer, tally)?;
        let (id, rest) = last_id(answer)?;
        if memmem::find(rest, br#""fenced""#).is_some() {
            return Err(
                format!("an acknowledgement came to nothing: {}", String::from_utf8_lossy(rest)).into()
            );
        }
        held = format!(r#""{id}""#);
        tally.count(seen);
    }
    if !held.is_empty() {
        connection.post(&format!("/v1/groups/{}/acks", errand.group), &format!(r#"{{"up_to":[{held}]}}"#))?;
        connection.answer()?;
        times.last = Instant::now();
    }
    Ok(times)
}
