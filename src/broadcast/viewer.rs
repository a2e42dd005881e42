//! One viewer: what its reader sees goes in, frames come out, and the cursor is right after each of them.
//!
//! Synchronous and without a clock; whoever holds it says when something is due.

#[cfg(test)]
mod tests;

use super::opening::{Gap, Opening};
use super::track::Track;
use super::{Ids, Manner};
use crate::record::{Record, TopicName, Until};
use crate::wire::Event;
use bytes::BytesMut;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// A viewer's state.
#[derive(Debug)]
pub struct Viewer {
    track: Track,
    manner: Manner,
    caught_up: bool,
    /// Whether the cursor stands further than the last id that was written.
    untold: bool,
    /// The last record of a flush in the making: the one that gets the id.
    held: Option<Record>,
    id: String,
    scratch: Vec<u8>,
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
    pub fn new(manner: Manner, until: Option<Until>, opening: &Opening, now: i64) -> Self {
        let track = Track::new(opening, until, now);
        let (id, scratch) = (String::new(), Vec::new());
        Self { track, manner, caught_up: false, untold: false, held: None, id, scratch }
    }

    /// Where the viewer stands.
    pub fn track(&self) -> &Track {
        &self.track
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

    /// Writes a record; `false` when it is none to deliver: seen before, or past the end.
    pub fn record(&mut self, record: Record, out: &mut BytesMut) -> bool {
        if !self.track.take(&record) {
            // A record past the end that was asked for ends its partition, which may be the last that was behind.
            self.tell_caught_up(out);
            return false;
        }
        match self.manner.ids {
            Ids::Event => {
                self.refresh_id();
                self.write(&record, true, out);
            }
            Ids::Flush => {
                if let Some(before) = self.held.replace(record) {
                    self.write(&before, false, out);
                }
            }
        }
        self.tell_caught_up(out);
        true
    }

    /// Notes that a partition was read to its end, where `next` is what comes after it.
    pub fn reached_end(&mut self, topic: &TopicName, partition: i32, next: i64, out: &mut BytesMut) {
        self.untold |= self.track.reached_end(topic, partition, next);
        self.tell_caught_up(out);
    }

    /// Ends a flush: everything that was taken is written, the last record with the id.
    pub fn flush(&mut self, out: &mut BytesMut) {
        if let Some(record) = self.held.take() {
            self.refresh_id();
            self.write(&record, true, out);
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

    fn write(&mut self, record: &Record, with_id: bool, out: &mut BytesMut) {
        let id = with_id.then_some(self.id.as_str());
        if self.manner.format.write_record(record, id, out).is_err() {
            let data = format!(r#"{{"problem":{},"final":false}}"#, (self.manner.not_json.0)(record));
            self.manner.format.write_event(Event { name: "fault", id, retry: None, data: &data }, out);
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
