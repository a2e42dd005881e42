//! Holds records back while others of their partition are on their way, and lets them go together.
//!
//! librdkafka's idempotent producer sends nothing more to a partition while five records of it are unconfirmed, and with
//! linger 0 its thread then asks the clock without pause whether it may: at 64 connections that took half of the gateway's
//! time. Waiting here instead costs nothing, and what gathered meanwhile travels as one batch, which is what
//! natural batching means. Records that hear nothing for [`HOLD`] go on by themselves, so that the brokers' silence
//! is measured by the delivery time-out alone.

use super::budget::Account;
use crate::kafka::producer::{Outgoing, Report};
use crate::telemetry::Gauge;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long a record is held back at most. Far above a healthy answer, far below any time-out.
pub const HOLD: Duration = Duration::from_millis(50);

/// Where records go when they are let go.
pub type Send = Arc<dyn Fn(Outgoing, Report) + std::marker::Send + Sync>;

/// The gate in front of one producer.
pub struct Gate {
    send: Send,
    flights: Mutex<HashMap<Account, Flight>>,
    /// How many records wait.
    held: Gauge,
}

/// What is under way to a partition, and what waits for it.
#[derive(Default)]
struct Flight {
    unconfirmed: usize,
    waiting: Vec<(Outgoing, Report)>,
}

impl Gate {
    /// A gate that lets records go by `send`, which must not block and may report at once, and tells in `held` how many
    /// wait.
    pub fn new(send: Send, held: Gauge) -> Arc<Self> {
        Arc::new(Self { send, flights: Mutex::default(), held })
    }

    /// Lets a record go, now or when what is under way to its partition has been reported.
    pub fn pass(self: &Arc<Self>, account: &Account, record: Outgoing, report: Report) {
        let mut flights = self.lock();
        let flight = flights.entry(account.clone()).or_default();
        if flight.unconfirmed > 0 {
            self.held.inc();
            return flight.waiting.push((record, report));
        }
        flight.unconfirmed = 1;
        drop(flights);
        self.launch(account, record, report);
    }

    /// Lets go what waits for a partition, whatever is still under way.
    pub fn open(self: &Arc<Self>, account: &Account) {
        let mut flights = self.lock();
        let Some(flight) = flights.get_mut(account) else {
            return;
        };
        let waiting = std::mem::take(&mut flight.waiting);
        flight.unconfirmed += waiting.len();
        self.held.dec_by(waiting.len() as i64);
        drop(flights);
        for (record, report) in waiting {
            self.launch(account, record, report);
        }
    }

    fn launch(self: &Arc<Self>, account: &Account, record: Outgoing, report: Report) {
        let (gate, account) = (self.clone(), account.clone());
        (self.send)(
            record,
            Box::new(move |outcome| {
                gate.landed(&account);
                report(outcome);
            }),
        );
    }

    fn landed(self: &Arc<Self>, account: &Account) {
        let mut flights = self.lock();
        let Some(flight) = flights.get_mut(account) else {
            return;
        };
        flight.unconfirmed -= 1;
        if flight.unconfirmed > 0 {
            return;
        }
        if flight.waiting.is_empty() {
            flights.remove(account);
            return;
        }
        drop(flights);
        self.open(account);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Account, Flight>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::producer::Receipt;
    use crate::record::TopicName;

    /// Records that were let go and not yet reported.
    type Sent = Arc<Mutex<Vec<(Outgoing, Report)>>>;

    fn gate() -> (Arc<Gate>, Sent) {
        let sent = Sent::default();
        let sink = sent.clone();
        let send = Arc::new(move |record, report| sink.lock().expect("whole").push((record, report)));
        let gate = Gate::new(send, Gauge::default());
        (gate, sent)
    }

    fn account(partition: i32) -> Account {
        (TopicName::parse("t").expect("a legal name"), Some(partition))
    }

    fn pass(gate: &Arc<Gate>, partition: i32, timestamp: i64) {
        let (topic, partition_of) = account(partition);
        let record = Outgoing {
            topic,
            partition: partition_of,
            key: None,
            value: None,
            headers: vec![],
            timestamp: Some(timestamp),
        };
        gate.pass(&account(partition), record, Box::new(|_| {}));
    }

    fn report_all(sent: &Sent) -> Vec<i64> {
        let reported = std::mem::take(&mut *sent.lock().expect("whole"));
        let stamps = reported.iter().filter_map(|(record, _)| record.timestamp).collect();
        for (_, report) in reported {
            report(Ok(Receipt { partition: 0, offset: None, timestamp: None }));
        }
        stamps
    }

    #[test]
    fn what_gathers_while_one_is_under_way_goes_together_and_in_order() {
        let (gate, sent) = gate();
        (1..=4).for_each(|n| pass(&gate, 0, n));
        assert_eq!(gate.held.get(), 3);
        assert_eq!(report_all(&sent), [1]);
        assert_eq!(gate.held.get(), 0);
        assert_eq!(report_all(&sent), [2, 3, 4]);
        pass(&gate, 0, 5);
        assert_eq!(report_all(&sent), [5]);
        assert!(gate.lock().is_empty(), "nothing is remembered of what has landed");
    }

    #[test]
    fn partitions_do_not_wait_for_each_other() {
        let (gate, sent) = gate();
        pass(&gate, 0, 1);
        pass(&gate, 1, 2);
        assert_eq!(report_all(&sent), [1, 2]);
    }

    #[test]
    fn what_waits_can_be_let_go_before_anything_is_reported() {
        let (gate, sent) = gate();
        (1..=3).for_each(|n| pass(&gate, 0, n));
        gate.open(&account(0));
        pass(&gate, 0, 4);
        assert_eq!(report_all(&sent), [1, 2, 3]);
        assert_eq!(report_all(&sent), [4]);
    }
}
