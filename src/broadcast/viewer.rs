//! One viewer: what its reader sees goes in, frames come out, and the cursor is right after each of them.
//!
//! Synchronous and without a clock; whoever holds it says when something is due.

#[cfg(test)]
mod tests;

use super::block::{Block, Passed};
use super::opening::{Gap, Opening};
use super::track::Track;
use super::{Ids, Manner};
use crate::record::{Filter, PartitionSet, Record, Subject, Until};
use crate::wire::Event;
use bytes::{Bytes, BytesMut};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::Duration;

/// A viewer's state.
#[derive(Debug)]
pub struct Viewer {
    track: Track,
    manner: Manner,
    filter: Option<Arc<Filter>>,
    caught_up: bool,
    /// Whether the cursor stands further than the last id that was written.
    untold: bool,
    /// How many records the filter has passed over since it was asked last.
    passed_over: u64,
    /// What is missing of the last record of a flush in the making: the one that gets the id.
    held: Option<Held>,
    id: String,
    scratch: Vec<u8>,
}

/// What is still to be written of a record.
#[derive(Debug)]
enum Held {
    /// Its end.
    End,
    /// That it cannot be told, with this data.
    Fault(String),
}

/// What `ready` tells besides the positions.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// How long until the stream is drained, if it is.
    pub max_age: Option<Duration>,
    /// How long a client that is cut off waits.
    pub retry: Duration,
}

impl Viewer {
    /// A viewer that stands at an opening. `now` is the time in epoch milliseconds.
    pub fn new(
        manner: Manner,
        filter: Option<Arc<Filter>>,
        until: Option<Until>,
        opening: &Opening,
        now: i64,
    ) -> Self {
        let track = Track::new(opening, until, now);
        let (id, scratch) = (String::new(), Vec::new());
        Self {
            track,
            manner,
            filter,
            caught_up: false,
            untold: false,
            passed_over: 0,
            held: None,
            id,
            scratch,
        }
    }

    /// Where the viewer stands.
    pub fn track(&self) -> &Track {
        &self.track
    }

    /// Where the viewer stands, to be told of what has come.
    pub fn track_mut(&mut self) -> &mut Track {
        &mut self.track
    }

    /// How it is told.
    pub fn manner(&self) -> &Manner {
        &self.manner
    }

    /// Whether the position moved without a word of it.
    pub fn untold(&self) -> bool {
        self.untold
    }

    /// Writes `ready`, then what was lost, then perhaps `caught-up`.
    pub fn open(&mut self, opening: &Opening, terms: Terms, out: &mut BytesMut) {
        let live = || opening.places.iter().filter(|place| place.known > 0);
        let end: Map<_, _> = live().map(|place| (place.name.to_string(), json!(place.end))).collect();
        let mut data = json!({
            "topics": live().map(|place| place.name.as_str()).collect::<Vec<_>>(),
            "positions": self.positions(),
            "end": end,
            "loss": opening.loss.map_or("none", |loss| loss.as_str()),
            "heartbeat_ms": self.manner.heartbeat.as_millis() as u64,
        });
        if let Some(max_age) = terms.max_age {
            data["max_age_ms"] = json!(max_age.as_millis() as u64);
        }
        if self.manner.ids == Ids::Flush {
            data["ids"] = json!("flush");
        }
        if opening.short {
            data["short"] = json!(true);
        }
        self.event("ready", Some(terms.retry), &data, out);
        self.gaps(&opening.gaps, out);
        self.tell_caught_up(out);
    }

    /// Goes on from a new opening, after the old position could not be read on or the topics changed; what was lost on the
    /// way.
    pub fn reopen(&mut self, opening: &Opening, now: i64, out: &mut BytesMut) -> Vec<Gap> {
        let gaps = self.track.reopen(opening, now);
        self.gaps(&gaps, out);
        self.tell_caught_up(out);
        gaps
    }

    /// Goes on at `to` in the topic at `t`, because it was too slow, and says what was left out.
    pub fn skip(
        &mut self,
        t: usize,
        to: &[i64],
        partitions: Option<&PartitionSet>,
        out: &mut BytesMut,
    ) -> Vec<Gap> {
        self.flush(out);
        self.track.learn(t, to.len(), partitions);
        let gaps = self.track.skip(t, to);
        self.gaps(&gaps, out);
        self.tell_caught_up(out);
        gaps
    }

    /// Takes what passed on the tape of the topic at `t`, and gives how many records were new. A viewer in step is given the
    /// frames that are shared; what else it is to be sent is written to `out`.
    pub fn block(
        &mut self,
        t: usize,
        block: &Block,
        partitions: Option<&PartitionSet>,
        out: &mut BytesMut,
    ) -> (usize, Option<Bytes>) {
        self.track.learn(t, block.after().len(), partitions);
        let shares = self.manner.ids == Ids::Event && self.filter.is_none();
        if shares && self.track.in_step(block.before(), block.after()) {
            let encoded = block.encoded(self.manner.format);
            if encoded.complete {
                self.track.step(block.after());
                self.untold = if block.ends_with_record() {
                    false
                } else {
                    self.untold || block.after() != block.before()
                };
                let frames = (block.records() > 0).then(|| encoded.frames.clone());
                return (block.records(), frames);
            }
        }
        let filter = self.filter.clone();
        let wanted = filter.as_ref().map(|filter| (filter, block.wanted(filter)));
        let wants = |nth: usize, record: &Record| match wanted {
            None => true,
            Some((_, Some(known))) => known[nth],
            Some((filter, None)) => filter.matches(&Subject::new(record)),
        };
        let (mut taken, mut nth) = (0, 0);
        for passed in block.passed() {
            match passed {
                Passed::Record(record) => {
                    match self.track.take(t, record).then(|| wants(nth, record)) {
                        None => {}
                        Some(false) => (self.untold, self.passed_over) = (true, self.passed_over + 1),
                        Some(true) => {
                            let encoded = block.encoded(self.manner.format);
                            self.write(record, encoded.frames.get(encoded.bodies[nth].clone()), out);
                            taken += 1;
                        }
                    }
                    nth += 1;
                }
                Passed::Moved { partition, next } => self.untold |= self.track.moved(t, *partition, *next),
            }
            self.tell_caught_up(out);
        }
        (taken, None)
    }

    /// How many records the filter has passed over since this was asked last.
    pub fn passed_over(&mut self) -> u64 {
        std::mem::take(&mut self.passed_over)
    }

    /// Ends a flush: everything that was taken is written, the last record with the id.
    pub fn flush(&mut self, out: &mut BytesMut) {
        if let Some(held) = self.held.take() {
            self.refresh_id();
            self.finish(held, true, out);
        }
    }

    /// Tells the position where no record does.
    pub fn checkpoint(&mut self, out: &mut BytesMut) {
        let data = json!({ "positions": self.positions() });
        self.event("checkpoint", None, &data, out);
    }

    /// Says that the stream ends though there is more to come, and that the client should come back.
    pub fn drain(&mut self, reason: &str, retry: Duration, out: &mut BytesMut) {
        self.flush(out);
        let data = json!({ "reason": reason, "reconnect": true }).to_string();
        let event = Event { name: "drain", id: None, retry: Some(retry), data: &data };
        self.manner.format.write_event(event, out);
    }

    /// Says that the end that was asked for is reached; a client that comes back with this id is told to stop.
    pub fn end(&mut self, out: &mut BytesMut) {
        self.flush(out);
        let data = json!({ "positions": self.positions() }).to_string();
        let id = self.track.cursor().clone().finish().to_string();
        self.manner.format.write_event(Event { name: "end", id: Some(&id), retry: None, data: &data }, out);
    }

    /// A heartbeat: shows that the stream lives.
    pub fn heartbeat(&self, out: &mut BytesMut) {
        self.manner.format.write_heartbeat(self.manner.ping, out);
    }

    /// Writes a record that was taken. `body` is what it looks like without its end, where that is known; nothing, when it
    /// cannot be told.
    fn write(&mut self, record: &Record, body: Option<&[u8]>, out: &mut BytesMut) {
        if let Some(before) = self.held.take() {
            self.finish(before, false, out);
        }
        let told = match body {
            Some(body) => {
                out.extend_from_slice(body);
                !body.is_empty()
            }
            None => self.manner.format.write_record(record, out).is_ok(),
        };
        let rest = if told {
            Held::End
        } else {
            Held::Fault(format!(r#"{{"problem":{},"final":false}}"#, (self.manner.not_json.0)(record)))
        };
        match self.manner.ids {
            Ids::Event => {
                self.refresh_id();
                self.finish(rest, true, out);
            }
            Ids::Flush => self.held = Some(rest),
        }
    }

    fn finish(&self, held: Held, with_id: bool, out: &mut BytesMut) {
        let id = with_id.then_some(self.id.as_str());
        match held {
            Held::End => self.manner.format.write_end(id, out),
            Held::Fault(data) => {
                self.manner.format.write_event(Event { name: "fault", id, retry: None, data: &data }, out);
            }
        }
    }

    /// Once a connection, when every partition that is read has come to the end that `ready` told.
    fn tell_caught_up(&mut self, out: &mut BytesMut) {
        if self.caught_up || !self.track.caught_up() {
            return;
        }
        self.caught_up = true;
        let data = json!({ "positions": self.positions() });
        self.event("caught-up", None, &data, out);
    }

    fn gaps(&mut self, gaps: &[Gap], out: &mut BytesMut) {
        for gap in gaps {
            self.event("gap", None, &gap.data(), out);
        }
    }

    fn positions(&self) -> Value {
        self.track.positions().map(|(topic, next)| (topic.to_string(), json!(next))).collect()
    }

    fn event(&mut self, name: &str, retry: Option<Duration>, data: &Value, out: &mut BytesMut) {
        self.flush(out);
        self.refresh_id();
        let data = data.to_string();
        self.manner.format.write_event(Event { name, id: Some(&self.id), retry, data: &data }, out);
    }

    fn refresh_id(&mut self) {
        self.untold = false;
        self.id.clear();
        self.track.cursor().write(&mut self.scratch, &mut self.id);
    }
}
