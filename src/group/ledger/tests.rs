//! The rules of a ledger, one by one.

use super::*;
use std::num::NonZeroU32;
use std::time::Duration;

const LEASE: Duration = Duration::from_secs(30);

fn terms(window: usize, max_attempts: Option<u32>) -> Terms {
    Terms { window, lease: LEASE, max_attempts: max_attempts.and_then(NonZeroU32::new) }
}

fn holder(session: u64, sequence: u64) -> Holder {
    Holder { session, sequence }
}

/// Hands the next record to the holder, if one is ready: its offset and attempt.
fn hand_out<T>(ledger: &mut Ledger<T>, to: Holder, now: Instant) -> Option<(i64, u32)> {
    let offset = ledger.ready(to.session, 1, now).first().copied()?;
    ledger.hand_out(offset, to, (now, Some(now + LEASE))).map(|handed| (offset, handed.attempt))
}

/// The offset that would be handed out next to a session that holds nothing.
fn next<T>(ledger: &Ledger<T>, now: Instant) -> Option<i64> {
    ledger.ready(99, 1, now).first().copied()
}

/// A ledger that begins at 0 and has taken and handed out this many records to session 1, by sequence from 0; they keep no
/// order, so that other sessions may be handed some.
fn handed_out(count: i64, max_attempts: Option<u32>, now: Instant) -> Ledger<i64> {
    let mut ledger = Ledger::new(1, 0, terms(100, max_attempts));
    for offset in 0..count {
        ledger.take(offset, Lane::Free, offset);
        assert_eq!(hand_out(&mut ledger, holder(1, offset.unsigned_abs()), now), Some((offset, 1)));
        assert_eq!(ledger.record(offset), Some(&offset));
    }
    ledger
}

/// The same of one lane.
fn in_order(count: i64, now: Instant) -> Ledger<i64> {
    let mut ledger = Ledger::new(1, 0, terms(100, None));
    for offset in 0..count {
        ledger.take(offset, Lane::Partition, offset);
        hand_out(&mut ledger, holder(1, offset.unsigned_abs()), now);
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
    ledger.take(12, Lane::Partition, ());
    ledger.pass(15);
    assert_eq!(ledger.to_commit(), Some(12), "a record in front of them is held");
    hand_out(&mut ledger, holder(1, 0), Instant::now());
    ledger.ack(1, 12);
    assert_eq!(ledger.to_commit(), Some(16));
}

#[test]
fn a_record_whose_lease_ended_is_handed_out_again_before_those_behind_it() {
    let now = Instant::now();
    let mut ledger = in_order(2, now);
    ledger.take(2, Lane::Partition, 2);
    assert_eq!(ledger.due(now), Some(now + LEASE));
    assert_eq!(ledger.expire(now + LEASE - Duration::from_millis(1)), 0);
    ledger.ack(1, 1);
    assert_eq!(ledger.expire(now + LEASE), 1);
    let again = [(); 2].map(|()| hand_out(&mut ledger, holder(2, 0), now + LEASE));
    assert_eq!(again, [Some((0, 2)), Some((2, 1))]);
}

#[test]
fn a_delayed_record_holds_up_those_behind_it_and_not_those_handed_out() {
    let (now, delay) = (Instant::now(), Duration::from_secs(1));
    let mut ledger = in_order(2, now);
    ledger.take(2, Lane::Partition, 2);
    assert_eq!(ledger.nack(1, 0, holder(1, 0), now + delay), Outcome::Done);
    assert_eq!((next(&ledger, now), ledger.due(now)), (None, Some(now + delay)));
    assert_eq!(ledger.ack(1, 1), Outcome::Done);
    assert_eq!((next(&ledger, now + delay), ledger.prefix()), (Some(0), 0));
    assert_eq!(ledger.due(now + delay), None, "it waits for a client, and for no clock");
}

#[test]
fn a_key_has_its_order_and_holds_up_no_other() {
    let (now, mut ledger) = (Instant::now(), Ledger::new(1, 0, terms(100, None)));
    for offset in 0..6 {
        ledger.take(offset, Lane::Key(offset.unsigned_abs() % 2), offset);
    }
    assert_eq!(hand_out(&mut ledger, holder(1, 0), now), Some((0, 1)));
    assert_eq!(ledger.ready(1, 9, now), [1, 2, 3, 4, 5], "what one has of a key it may have more of");
    assert_eq!(ledger.ready(2, 9, now), [1, 3, 5], "and no other may");
    assert_eq!(ledger.nack(1, 0, holder(1, 0), now + LEASE), Outcome::Done);
    assert_eq!(ledger.ready(2, 2, now), [1, 3], "it is delayed with its key");
    assert_eq!(ledger.ready(2, 9, now + LEASE), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn what_a_session_holds_without_an_end_comes_again_after_it_has_left() {
    let (now, mut ledger) = (Instant::now(), Ledger::new(1, 0, terms(100, None)));
    for offset in 0..2 {
        ledger.take(offset, Lane::Partition, offset);
        ledger.hand_out(offset, holder(1, offset.unsigned_abs()), (now, None));
    }
    assert_eq!((ledger.due(now), ledger.expire(now + 100 * LEASE)), (None, 0));
    ledger.leave(2, now);
    ledger.leave(1, now + LEASE);
    assert_eq!(ledger.due(now), Some(now + LEASE));
    ledger.leave(1, now + 2 * LEASE);
    assert_eq!((ledger.expire(now + LEASE), ledger.in_flight()), (2, 0));
    assert_eq!(ledger.leased_to(Lane::Partition), None);
    assert_eq!(hand_out(&mut ledger, holder(2, 0), now + LEASE), Some((0, 2)));
}

#[test]
fn a_late_ack_counts_and_a_late_nack_disturbs_nobody() {
    let now = Instant::now();
    let mut ledger = handed_out(2, None, now);
    assert_eq!(ledger.expire(now + LEASE), 2);
    assert_eq!(ledger.nack(1, 0, holder(1, 0), now), Outcome::Late, "its lease has ended");
    hand_out(&mut ledger, holder(2, 0), now + LEASE);
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
    hand_out(&mut ledger, holder(2, 0), now);
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
    hand_out(&mut ledger, holder(1, 1), now);
    ledger.take(1, Lane::Free, 1);
    assert_eq!(ledger.expire(now + LEASE), 1);
    let spent = Spent { offset: 0, attempts: 2, end: End::Expired, record: &0 };
    assert_eq!(ledger.take_spent(), Some(spent));
    assert_eq!(ledger.take_spent(), None, "somebody is taking it away");
    assert_eq!((next(&ledger, now), ledger.to_commit()), (Some(1), None), "it holds up the commit alone");
    ledger.keep_spent(0);
    assert_eq!(ledger.take_spent().map(|spent| spent.offset), Some(0), "and is tried again");
    ledger.drop_spent(0);
    assert_eq!(ledger.to_commit(), Some(1));
}

#[test]
fn a_revoked_partition_hands_out_nothing_and_waits_for_what_is_in_flight() {
    let now = Instant::now();
    let mut ledger = in_order(2, now);
    ledger.take(2, Lane::Partition, 2);
    ledger.revoke();
    assert_eq!((ledger.room(), next(&ledger, now), ledger.drained()), (0, None, false));
    assert_eq!(ledger.ack(1, 0), Outcome::Done);
    ledger.nack(1, 1, holder(1, 1), now);
    assert!(ledger.drained());
    assert_eq!((next(&ledger, now), ledger.to_commit()), (None, Some(1)));
}

#[test]
fn ids_of_an_assignment_that_ended_are_fenced_above_what_is_committed() {
    let mut again: Ledger<i64> = Ledger::new(2, 5, terms(100, None));
    again.take(5, Lane::Partition, 5);
    hand_out(&mut again, holder(1, 0), Instant::now());
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
    again.take(6, Lane::Partition, 6);
    assert_eq!(again.ack(2, 6), Outcome::Fenced, "nobody was handed it");
}
