//! What the gateway wrote to one viewer, chunk by chunk with the time of each: written down by the load client, replayed
//! by the floor.
//!
//! A chunk of the response is a write of the gateway. It travels to the floor's standard input as a line
//! `load NUMBER CHUNKS BYTES`, then time and size of each chunk as eight bytes each, then all their bytes.

use crate::Result;
use std::io::{Read, Write};

/// Chunks in the order in which they came.
#[derive(Clone, Default)]
pub struct Schedule {
    /// Microseconds from the beginning, and bytes, of each.
    pub chunks: Vec<(u64, u64)>,
    pub bytes: Vec<u8>,
    /// How many records they hold.
    pub records: u64,
}

impl Schedule {
    /// One that begins with what a viewer is sent as soon as it is there: where it stands, and that no more is to come yet.
    pub fn after_ready(topic: &str, positions: &[i64]) -> Self {
        let mut schedule = Self::default();
        let ready = format!(
            "event: ready\ndata: {{\"positions\":{{\"{topic}\":{positions:?}}}}}\n\nevent: caught-up\ndata: {{}}\n\n"
        );
        schedule.push(0, ready.as_bytes(), true);
        schedule
    }

    /// Appends a chunk, or a further piece of the last one.
    pub fn push(&mut self, after_us: u64, piece: &[u8], begins: bool) {
        let size = piece.len() as u64;
        match self.chunks.last_mut() {
            Some((_, bytes)) if !begins => *bytes += size,
            _ => self.chunks.push((after_us, size)),
        }
        self.bytes.extend_from_slice(piece);
    }

    /// How many records a chunk holds on average.
    pub fn records_a_chunk(&self) -> f64 {
        self.records as f64 / self.chunks.len().saturating_sub(1).max(1) as f64
    }

    /// Writes it as schedule `number`.
    pub fn send(&self, number: u64, to: &mut impl Write) -> Result<()> {
        let mut out = format!("load {number} {} {}\n", self.chunks.len(), self.bytes.len()).into_bytes();
        for (after_us, size) in &self.chunks {
            out.extend_from_slice(&after_us.to_le_bytes());
            out.extend_from_slice(&size.to_le_bytes());
        }
        to.write_all(&out)?;
        to.write_all(&self.bytes)?;
        Ok(to.flush()?)
    }

    /// Reads what follows the line.
    pub fn receive(chunks: usize, bytes: usize, from: &mut impl Read) -> Result<Self> {
        let mut schedule = Self { chunks: Vec::with_capacity(chunks), bytes: vec![0; bytes], records: 0 };
        for _ in 0..chunks {
            let (mut after_us, mut size) = ([0; 8], [0; 8]);
            from.read_exact(&mut after_us)?;
            from.read_exact(&mut size)?;
            schedule.chunks.push((u64::from_le_bytes(after_us), u64::from_le_bytes(size)));
        }
        from.read_exact(&mut schedule.bytes)?;
        Ok(schedule)
    }
}
