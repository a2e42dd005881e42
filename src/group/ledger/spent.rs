//! Records that were handed out as often as they may be: taken away by somebody, and held until they are.

use super::{Held, Ledger, Spent, Stand};

impl<T> Ledger<T> {
    /// A record that was given up and that nobody is taking away yet; from now on the caller is. It stays held, so that
    /// nothing is committed over it, until it is [`dropped`](Self::drop_spent) or [`kept`](Self::keep_spent).
    pub fn take_spent(&mut self) -> Option<Spent<'_, T>> {
        let given_up = |held: &Held<T>| matches!(held.stand, Stand::Spent(_));
        let (offset, held) = self.held.iter_mut().find(|(_, held)| given_up(held))?;
        let Stand::Spent(end) = held.stand else { return None };
        held.stand = Stand::Leaving(end);
        Some(Spent { offset, attempts: held.attempts, end, record: &held.record })
    }

    /// A record that was given up is somewhere else now, or skipped: it counts as acknowledged.
    pub fn drop_spent(&mut self, offset: i64) {
        if self.held.get(offset).is_some_and(|held| matches!(held.stand, Stand::Leaving(_))) {
            self.settle(offset);
        }
    }

    /// A record that was given up could not be taken away: it is to be tried again.
    pub fn keep_spent(&mut self, offset: i64) {
        if let Some(held) = self.held.get_mut(offset)
            && let Stand::Leaving(end) = held.stand
        {
            held.stand = Stand::Spent(end);
        }
    }
}
