//! The load client: very many viewers of one topic, each a socket, on one thread.
//!
//! It shares its processor with what it measures, so it does little: one `epoll` for all sockets, one large buffer to read
//! into, and a look at each record's position and stamp. Every viewer's offsets must follow on each other from where `ready` said
//! that it stands. Viewers come from several addresses of the loopback net, for one address has not ports enough and
//! gateways count connections by address.
//!
//! Two kinds of viewers are served by the clock instead: slow ones, who read a kibibyte a second, and those who were sent
//! away and come back with their last id after the time they were told, as an EventSource does.

use crate::Result;
use crate::frames::Scanner;
use crate::schedule::Schedule;
use crate::sight::Sight;
use crate::stamp;
use crate::tally::Tally;
use crate::viewer::{Place, Viewer};
use mio::{Events, Poll};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{ErrorKind, Read};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// What one read takes at most, in bytes. Less than this says that the socket is empty.
const READ_BYTES: usize = 64 * 1024;

/// The longest frame that may be cut off at the end of a read, in bytes.
const FRAME_BYTES: usize = 256 * 1024;

/// How many viewers are let in at once at the beginning.
const OPENING: usize = 64;

/// How long letting in the next viewer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a slow viewer reads, and how often.
const SLOW_BYTES: usize = 1024;
const SLOW_PACE: Duration = Duration::from_secs(1);

/// The longest wait of one turn, so that whoever looks at the clock between them is not late.
const TURN: Duration = Duration::from_millis(20);

/// Whom the viewers watch, and how.
#[derive(Clone)]
pub struct Target {
    pub address: SocketAddr,
    /// What they GET.
    pub path: String,
    pub topic: String,
    pub partitions: usize,
    /// Every so many-th of them is slow; none when 0.
    pub slow_each: usize,
    /// Whether they come back.
    pub returns: bool,
    /// Whether another `ready` puts them back to where it says: the floor's schedule comes round again.
    pub repeats: bool,
}

/// Viewers and what they saw.
pub struct Crowd {
    target: Target,
    poll: Poll,
    events: Events,
    ready: Vec<(usize, bool)>,
    viewers: Vec<Viewer>,
    /// The next offset of each partition for each viewer; -1 where it is not known yet.
    positions: Vec<i64>,
    scanner: Scanner,
    buffer: Vec<u8>,
    timers: BinaryHeap<Reverse<(Instant, usize)>>,
    /// How many have come to the end that was there when they came.
    pub live: usize,
    /// What the viewers saw who read at once.
    pub tally: Tally,
    /// What the slow ones saw.
    pub slow: Tally,
    recording: Option<(u64, Schedule)>,
}

impl Crowd {
    /// Lets `count` viewers in, until each has caught up.
    pub fn gather(target: &Target, count: usize) -> Result<Self> {
        let mut crowd = Self {
            target: target.clone(),
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            ready: Vec::new(),
            viewers: Vec::with_capacity(count),
            positions: vec![-1; count * target.partitions],
            scanner: Scanner::new(&target.topic),
            buffer: vec![0; FRAME_BYTES + READ_BYTES],
            timers: BinaryHeap::new(),
            live: 0,
            tally: Tally::new(),
            slow: Tally::new(),
            recording: None,
        };
        let mut last = (0, Instant::now());
        while crowd.live < count {
            while crowd.viewers.len() < count.min(crowd.live + OPENING) {
                crowd.admit()?;
            }
            crowd.turn()?;
            if let Some(trouble) = crowd.tally.trouble.as_ref().or(crowd.slow.trouble.as_ref()) {
                return Err(format!("viewer {} of {count} was not let in: {trouble}", crowd.live + 1).into());
            }
            if crowd.live > last.0 {
                last = (crowd.live, Instant::now());
            } else if last.1.elapsed() > PATIENCE {
                return Err(format!("{} of {count} viewers caught up, and then no more", crowd.live).into());
            }
        }
        Ok(crowd)
    }

    fn admit(&mut self) -> Result<()> {
        let at = self.viewers.len();
        // The first of all is never slow: it records.
        let slow = self.target.slow_each > 0 && at % self.target.slow_each == self.target.slow_each - 1;
        let mut viewer = Viewer::new(at, slow);
        viewer.connect(&self.target, &self.poll)?;
        self.viewers.push(viewer);
        Ok(())
    }

    /// How many read at once.
    pub fn swift(&self) -> usize {
        self.viewers.iter().filter(|viewer| !viewer.slow).count()
    }

    /// Whether every viewer who reads at once stands at these offsets.
    pub fn stands_at(&self, ends: &[i64]) -> bool {
        let places = self.positions.chunks_exact(ends.len());
        self.viewers.iter().zip(places).all(|(viewer, place)| viewer.slow || place == ends)
    }

    /// How many records the viewers have not seen who stand before these offsets.
    pub fn missing(&self, ends: &[i64]) -> u64 {
        let places = self.positions.chunks_exact(ends.len());
        places
            .flat_map(|place| place.iter().zip(ends))
            .map(|(at, end)| (end - at).max(0).unsigned_abs())
            .sum()
    }

    /// When those came, in ascending order, who were told where they stand after a time and have not gone since.
    pub fn back_since(&self, us: u64) -> Vec<u64> {
        let there = self.viewers.iter().filter(|viewer| viewer.place >= Place::Ready && viewer.ready_us > us);
        let mut back: Vec<u64> = there.map(|viewer| viewer.ready_us).collect();
        back.sort_unstable();
        back
    }

    /// Lets all go, and keeps what they saw.
    pub fn scatter(&mut self) {
        self.viewers.clear();
    }

    /// Begins to count anew.
    pub fn clear(&mut self) {
        self.tally.clear();
        self.slow.clear();
    }

    /// Begins to write down what the first viewer is sent, with times from now on.
    pub fn record(&mut self) {
        let positions = &self.positions[..self.target.partitions];
        self.recording = Some((stamp::now_us(), Schedule::after_ready(&self.target.topic, positions)));
    }

    /// What was written down.
    pub fn recorded(&mut self) -> Option<Schedule> {
        self.recording.take().map(|(_, schedule)| schedule)
    }

    /// Waits for sockets and for the clock, a moment at most, and serves them.
    pub fn turn(&mut self) -> Result<()> {
        let timer = self.timers.peek().map(|Reverse((due, _))| due.saturating_duration_since(Instant::now()));
        let longest = timer.map_or(TURN, |timer| timer.min(TURN));
        match self.poll.poll(&mut self.events, Some(longest)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            polled => polled?,
        }
        let mut ready = std::mem::take(&mut self.ready);
        ready.extend(
            self.events.iter().map(|event| (event.token().0, event.is_read_closed() || event.is_error())),
        );
        for (at, ends) in ready.drain(..) {
            if self.viewers[at].place == Place::Connecting {
                self.ask(at)?;
            } else {
                self.read(at, ends)?;
            }
        }
        self.ready = ready;
        self.serve_timers()
    }

    fn serve_timers(&mut self) -> Result<()> {
        while let Some(Reverse((due, at))) = self.timers.peek().copied() {
            if due > Instant::now() {
                break;
            }
            self.timers.pop();
            match self.viewers[at].place {
                Place::Away => self.viewers[at].connect(&self.target, &self.poll)?,
                Place::Live if self.viewers[at].slow => {
                    self.timers.push(Reverse((due + SLOW_PACE, at)));
                    self.read_once(at, SLOW_BYTES)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Sends the request of a viewer whose connection stands, or lets it try again later.
    fn ask(&mut self, at: usize) -> Result<()> {
        match self.viewers[at].ask(&self.target) {
            Ok(()) => Ok(()),
            Err(error) => self.closed(at, &error.to_string()),
        }
    }

    /// Reads all that is there. The end of a stream may lie behind a read that was not full.
    fn read(&mut self, at: usize, ends: bool) -> Result<()> {
        if self.viewers[at].slow && self.viewers[at].place == Place::Live {
            return Ok(());
        }
        loop {
            match self.read_once(at, READ_BYTES)? {
                Some(READ_BYTES) => {}
                Some(_) if ends => {}
                _ => return Ok(()),
            }
        }
    }

    /// How many bytes were read; none when there were none, or are to be none any more.
    fn read_once(&mut self, at: usize, most: usize) -> Result<Option<usize>> {
        let viewer = &mut self.viewers[at];
        let Some(socket) = &mut viewer.socket else { return Ok(None) };
        let carried = viewer.rest.len();
        self.buffer[..carried].copy_from_slice(&viewer.rest);
        let read = match socket.read(&mut self.buffer[carried..carried + most]) {
            Ok(0) => return self.closed(at, "the connection ended").map(|()| None),
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(Some(most)),
            Err(error) => return self.closed(at, &error.to_string()).map(|()| None),
        };
        self.digest(at, carried, read)?;
        if self.viewers[at].decoder.has_ended() {
            return self.closed(at, "the stream ended").map(|()| None);
        }
        Ok(Some(read))
    }

    /// Sees what is whole of the text that was carried over and the bytes read behind it.
    fn digest(&mut self, at: usize, carried: usize, read: usize) -> Result<()> {
        let now_us = stamp::now_us();
        let viewer = &mut self.viewers[at];
        let tally = if viewer.slow { &mut self.slow } else { &mut self.tally };
        let mut recording = self.recording.as_mut().filter(|_| at == 0);
        let raw = carried..carried + read;
        let text = viewer.decoder.decode(&mut self.buffer, carried, raw, |piece, begins| {
            tally.chunks += u64::from(begins);
            if let Some((begun_us, schedule)) = &mut recording {
                schedule.push(now_us - *begun_us, piece, begins);
            }
        })?;
        let text = &self.buffer[text];
        let (before, delivered, width) = (viewer.place, tally.delivered, self.target.partitions);
        let mut sight = Sight {
            target: &self.target,
            positions: &mut self.positions[at * width..(at + 1) * width],
            place: &mut viewer.place,
            retry: &mut viewer.retry,
            tally,
            now_us,
        };
        let seen = self.scanner.scan(text, |frame| sight.see(frame))?;
        viewer.keep(text, &seen);
        if tally.delivered > delivered {
            tally.last_us = now_us;
        }
        if let Some((_, schedule)) = recording {
            schedule.records += tally.delivered - delivered;
        }
        self.advance(at, before, now_us);
        Ok(())
    }

    /// Counts a viewer that came to another place.
    fn advance(&mut self, at: usize, before: Place, now_us: u64) {
        let viewer = &mut self.viewers[at];
        if before < Place::Ready && viewer.place >= Place::Ready {
            viewer.ready_us = now_us;
        }
        if before < Place::Live && viewer.place == Place::Live {
            self.live += 1;
            if viewer.slow {
                self.timers.push(Reverse((Instant::now() + SLOW_PACE, at)));
            }
        }
    }

    /// A viewer lost its connection, or did not get one.
    fn closed(&mut self, at: usize, why: &str) -> Result<()> {
        let viewer = &mut self.viewers[at];
        if viewer.place == Place::Live {
            self.live -= 1;
        }
        viewer.leave(&self.poll)?;
        if self.target.returns {
            self.timers.push(Reverse((Instant::now() + viewer.retry, at)));
        } else {
            let tally = if viewer.slow { &mut self.slow } else { &mut self.tally };
            tally.event(|| format!("viewer {at}: {why}"));
        }
        Ok(())
    }
}
