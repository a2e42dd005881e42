//! The rules of a ledger, one by one.

use super::*;

const LEASE: Duration = Duration::from_secs(30);

fn terms(window: usize, max_attempts: Option<u32>) -> Terms {
    Terms { window, lease: LEASE, max_attempts: max_attempts.and_then(NonZeroU32::new) }
}

fn holder(session: u64, sequence: u64) -> Holder {
    Holder { session, sequence }
}

/// A ledger that begins at 0 and has taken and handed out this many records to session 1, by sequence from 0.
fn handed_out(count: i64, max_attempts: Option<u32>, now: Instant) -> Ledger<i64> {
    let mut ledger = Ledger::new(1, 0, terms(100, max_attempts));
    for offset in 0..count {
        ledger.take(offset, offset);
        let handed = ledger.hand_out(holder(1, offset.unsigned_abs()), now);
        assert_eq!(handed, Some(Handed { offset, attempt: 1, record: &offset }));
    }
    ledger
}

#[test]
fn only_the_contiguous_prefix_is_committed_whatever_the_order_of_acks() {
    let mut ledger = handed_out(4, None, Instant::now());
    for (acked, to_commit) in [(2, None), (1, None), (0, Some(3)), (3, Some(4))] {
        assert_eq!(ledger.ack(1, acked), Outcome::Done);
        assert_eq!(ledger.to_commit(), to_commit, "after {acked}");
    }
    ledger.commit(4);
    assert_eq!(ledger.to_commit(), None);
    assert_eq!(ledger.ack(1, 2), Outcome::Late, "an ack may come twice");
}

#[test]
fn what_is_filtered_out_is_committed_in_order() {
    let mut ledger = Ledger::new(1, 10, terms(100, None));
    ledger.pass(11);
    assert_eq!(ledger.to_commit(), Some(12));
    ledger.take(12, ());
    ledger.pass(15);
    assert_eq!(ledger.to_commit(), Some(12), "a record in front of them is held");
    ledger.hand_out(holder(1, 0), Instant::now());
    ledger.ack(1, 12);
    assert_eq!(ledger.to_commit(), Some(16));
}

#[test]
fn a_record_whose_lease_ended_is_handed_out_again_before_those_behind_it() {
    let now = Instant::now();
    let mut ledger = handed_out(2, None, now);
    ledger.take(2, 2);
    assert_eq!(ledger.due(), Some(now + LEASE));
    assert_eq!(ledger.expire(now + LEASE - Duration::from_millis(1)), 0);
    ledger.ack(1, 1);
    assert_eq!(ledger.expire(now + LEASE), 1);
    let again = [0, 2].map(|offset| {
        let handed = ledger.hand_out(holder(2, 0), now + LEASE).expect("two are ready");
        assert_eq!(handed.offset, offset);
        handed.attempt
    });
    assert_eq!(again, [2, 1]);
}

#[test]
fn a_delayed_record_holds_up_those_behind_it_and_not_those_handed_out() {
    let (now, delay) = (Instant::now(), Duration::from_secs(1));
    let mut ledger = handed_out(2, None, now);
    ledger.take(2, 2);
    assert_eq!(ledger.nack(1, 0, holder(1, 0), now + delay), Outcome::Done);
    assert_eq!((ledger.next(now), ledger.due()), (None, Some(now + delay)));
    assert_eq!(ledger.ack(1, 1), Outcome::Done);
    assert_eq!((ledger.next(now + delay), ledger.prefix()), (Some(&0), 0));
}

#[test]
fn a_late_ack_counts_and_a_late_nack_disturbs_nobody() {
    let now = Instant::now();
    let mut ledger = handed_out(2, None, now);
    assert_eq!(ledger.expire(now + LEASE), 2);
    assert_eq!(ledger.nack(1, 0, holder(1, 0), now), Outcome::Late, "its lease has ended");
    ledger.hand_out(holder(2, 0), now + LEASE);
    assert_eq!(ledger.nack(1, 0, holder(1, 0), now), Outcome::Late, "another holds it");
    assert_eq!(ledger.in_flight(), 1);
    assert_eq!(ledger.ack(1, 0), Outcome::Done, "it was worked off, by whomever");
    assert_eq!(ledger.ack(1, 1), Outcome::Done, "nobody has it again yet");
    assert_eq!((ledger.in_flight(), ledger.to_commit()), (0, Some(2)));
}

#[test]
fn up_to_acknowledges_what_the_session_has_and_nothing_of_others() {
    let now = Instant::now();
    let mut ledger = handed_out(4, None, now);
    ledger.nack(1, 1, holder(1, 1), now);
    ledger.hand_out(holder(2, 0), now);
    assert_eq!(ledger.ack_up_to(2, holder(1, 3)), 0, "of another assignment");
    assert_eq!(ledger.ack_up_to(1, holder(1, 2)), 2);
    assert_eq!((ledger.prefix(), ledger.in_flight()), (1, 2));
    assert_eq!(ledger.ack_up_to(1, holder(2, 0)), 1);
    assert_eq!(ledger.prefix(), 3);
}

#[test]
fn a_record_given_up_is_held_until_it_is_somewhere_else() {
    let now = Instant::now();
    let mut ledger = handed_out(1, Some(2), now);
    ledger.nack(1, 0, holder(1, 0), now);
    assert_eq!(ledger.take_spent(), None, "it has an attempt left");
    ledger.hand_out(holder(1, 1), now);
    ledger.take(1, 1);
    assert_eq!(ledger.expire(now + LEASE), 1);
    let spent = Spent { offset: 0, attempts: 2, end: End::Expired, record: &0 };
    assert_eq!(ledger.take_spent(), Some(spent));
    assert_eq!(ledger.take_spent(), None, "somebody is taking it away");
    assert_eq!((ledger.next(now), ledger.to_commit()), (Some(&1), None), "it holds up the commit alone");
    ledger.keep_spent(0);
    assert_eq!(ledger.take_spent().map(|spent| spent.offset), Some(0), "and is tried again");
    ledger.drop_spent(0);
    assert_eq!(ledger.to_commit(), Some(1));
}

#[test]
fn a_revoked_partition_hands_out_nothing_and_waits_for_what_is_in_flight() {
    let now = Instant::now();
    let mut ledger = handed_out(2, None, now);
    ledger.take(2, 2);
    ledger.revoke();
    assert_eq!((ledger.room(), ledger.next(now), ledger.drained()), (0, None, false));
    assert_eq!(ledger.ack(1, 0), Outcome::Done);
    ledger.nack(1, 1, holder(1, 1), now);
    assert!(ledger.drained());
    assert_eq!((ledger.next(now), ledger.to_commit()), (None, Some(1)));
}

#[test]
fn ids_of_an_assignment_that_ended_are_fenced_above_what_is_committed() {
    let mut again: Ledger<i64> = Ledger::new(2, 5, terms(100, None));
    again.take(5, 5);
    again.hand_out(holder(1, 0), Instant::now());
    let table = [
        (1, 4, Outcome::Late),
        (1, 5, Outcome::Fenced),
        (2, 6, Outcome::Fenced),
        (2, 5, Outcome::Done),
        (1, 5, Outcome::Late),
    ];
    for (assignment, offset, outcome) in table {
        assert_eq!(again.ack(assignment, offset), outcome, "{assignment}:{offset}");
    }
    again.take(6, 6);
    assert_eq!(again.ack(2, 6), Outcome::Fenced, "nobody was handed it");
}
