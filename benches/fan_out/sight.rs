//! What one frame means to the viewer who sees it.

use crate::Result;
use crate::crowd::Target;
use crate::frames::{Event, Frame};
use crate::tally::Tally;
use crate::viewer::Place;
use std::time::Duration;

/// What a frame may change, and when it came.
pub struct Sight<'a> {
    pub target: &'a Target,
    /// The viewer's next offset of each partition; -1 where it is not known yet.
    pub positions: &'a mut [i64],
    pub place: &'a mut Place,
    pub retry: &'a mut Duration,
    pub tally: &'a mut Tally,
    pub now_us: u64,
}

impl Sight<'_> {
    /// # Errors
    /// When it does not fit what came before it.
    pub fn see(&mut self, frame: Frame<'_>) -> Result<()> {
        match frame {
            Frame::Record { partition, offset, sent_us } => {
                let next = self.positions.get_mut(partition).filter(|next| **next >= 0);
                let next = next.ok_or("a record of a partition of which `ready` did not tell")?;
                *next = self.tally.record(*next, offset, self.now_us.saturating_sub(sent_us));
                Ok(())
            }
            Frame::Event(event) => self.hear(&event),
        }
    }

    fn hear(&mut self, event: &Event<'_>) -> Result<()> {
        if let Some(told) = event.retry_ms {
            *self.retry = Duration::from_millis(told);
        }
        match event.name {
            b"ready" => {
                *self.place = (*self.place).max(Place::Ready);
                if self.target.repeats || self.positions.iter().all(|position| *position < 0) {
                    stands(event.data, &self.target.topic, self.positions)?;
                }
            }
            b"caught-up" => *self.place = Place::Live,
            b"gap" | b"drain" | b"fault" => self.tally.event(|| {
                let (name, data) = (event.name, event.data);
                format!("{}: {}", String::from_utf8_lossy(name), String::from_utf8_lossy(data))
            }),
            _ => {}
        }
        Ok(())
    }
}

/// Reads where a viewer stands from the data of its `ready`.
fn stands(data: &[u8], topic: &str, positions: &mut [i64]) -> Result<()> {
    let ready: serde_json::Value = serde_json::from_slice(data)?;
    let told = ready["positions"][topic].as_array().ok_or("`ready` tells no positions")?;
    if told.len() != positions.len() {
        return Err(format!("`ready` tells of {} partitions, not {}", told.len(), positions.len()).into());
    }
    for (position, told) in positions.iter_mut().zip(told) {
        *position = told.as_i64().ok_or("a position is no number")?;
    }
    Ok(())
}
