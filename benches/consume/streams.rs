//! Grouped streams of NDJSON. A stream is read by one thread; another one, on a connection of its own, acknowledges the last
//! record that the reader has seen whenever enough have come, so that reading never waits for an answer.

use crate::Result;
use crate::connection::{Connection, Read};
use crate::errand::{Errand, Manner, Times};
use crate::scanner::{Scanner, last_id};
use crate::tally::Tally;
use memchr::memrchr;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// When nothing has come for so long, what has is acknowledged, however little; and whether all is done is looked at.
const IDLE: Duration = Duration::from_millis(20);

/// Works the topic off.
pub fn run(errand: &Errand, manner: &Manner, tally: &Tally) -> Result<Times> {
    let all = std::thread::scope(|scope| {
        let mut threads = Vec::new();
        for _ in 0..manner.streams {
            let (tell, told) = sync_channel(1);
            threads.push(scope.spawn(move || read(errand, manner, (tally, tell))));
            threads.push(scope.spawn(move || acknowledge(errand, &told)));
        }
        let ended = threads.into_iter().map(|thread| thread.join().map_err(|_| "a thread panicked")?);
        ended.collect::<Result<Vec<_>>>()
    })?;
    Ok(Times::together(&all).ok_or("no streams")?)
}

fn read(errand: &Errand, manner: &Manner, (tally, tell): (&Tally, SyncSender<String>)) -> Result<Times> {
    let (mut connection, scanner) = (Connection::open(errand.gateway()?)?, Scanner::new(&errand.topic));
    let window = manner.window.map(|window| format!("&window={window}")).unwrap_or_default();
    let (topic, group) = (&errand.topic, &errand.group);
    let target = format!("/v1/topics/{topic}/stream?group={group}&ack=explicit&from=earliest{window}");
    connection.get_lines(&target)?;
    connection.wait(IDLE)?;
    let mut times = Times { first: None, last: Instant::now(), answers: 0 };
    // How many the acknowledging thread was not told of, and the last one's id.
    let (mut untold, mut id) = (0, String::new());
    loop {
        let read = connection.read()?;
        match (read, memrchr(b'\n', connection.text())) {
            (Read::Ended, _) => return Err("a stream ended".into()),
            (Read::More, Some(end)) => {
                let lines = &connection.text()[..=end];
                let seen = scanner.scan(lines, tally)?;
                if seen > 0 {
                    times.first.get_or_insert_with(Instant::now);
                    times.answers += 1;
                    last_id(lines)?.0.clone_into(&mut id);
                    untold += seen;
                    tally.count(seen);
                }
                connection.pass(end + 1);
            }
            _ => {}
        }
        let over = tally.left() == 0;
        if untold > 0 && (over || read == Read::Nothing) {
            tell.send(std::mem::take(&mut id))?;
            untold = 0;
        } else if untold >= manner.ack_every && tell.try_send(id.clone()).is_ok() {
            // Otherwise one is under way and one waits: a later record will do as well.
            untold = 0;
        }
        if over {
            return Ok(times);
        }
    }
}

fn acknowledge(errand: &Errand, told: &Receiver<String>) -> Result<Times> {
    let mut connection = Connection::open(errand.gateway()?)?;
    let target = format!("/v1/groups/{}/acks", errand.group);
    let mut last = Instant::now();
    while let Ok(mut id) = told.recv() {
        while let Ok(later) = told.try_recv() {
            id = later;
        }
        connection.post(&target, &format!(r#"{{"up_to":["{id}"]}}"#))?;
        connection.answer()?;
        last = Instant::now();
    }
    Ok(Times { first: None, last, answers: 0 })
}
