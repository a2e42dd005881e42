//! The rules of a desk: order among clients, shares, and what ids do over all partitions.

use super::standing::{STALLED, STALLED_ATTEMPTS};
use super::*;
use crate::group::AckMode;
use crate::group::ledger::{Outcome, Terms};
use crate::group::token::{Ids, Key};
use crate::record::{Isolation, TopicName};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::time::Duration;

const LEASE: Duration = Duration::from_secs(30);

fn topic() -> TopicName {
    TopicName::parse("orders").expect("a legal name")
}

fn partition(number: i32) -> Partition {
    (topic(), number)
}

fn event(partition: i32, offset: i64) -> Event {
    let value = Some(offset.to_string().into());
    Event::Record(Record {
        topic: topic(),
        partition,
        offset,
        timestamp: None,
        key: None,
        value,
        headers: vec![],
    })
}

fn delivery(ack: AckMode) -> Delivery {
    let terms = Terms { window: 100, lease: LEASE, max_attempts: None };
    Delivery {
        filter: None,
        isolation: Isolation::Committed,
        ack,
        ordering: Ordering::Partition,
        terms,
        dead_letter: None,
    }
}

/// A desk with so many partitions, each with so many records.
fn desk(partitions: i32, records: i64, ack: AckMode, now: Instant) -> Desk {
    let delivery = delivery(ack);
    let seal = Key::new(b"key").seal("g", &delivery.text());
    let mut desk = Desk::new(Ids { replica: 7, seal }, delivery, Budget::new(1 << 20));
    let positions = (0..partitions).map(|partition| Position { topic: topic(), partition, next: 0 });
    let mut number = 0;
    let fresh = || {
        number += 1;
        number
    };
    desk.assign(&positions.collect::<Vec<_>>(), fresh, now);
    for number in 0..partitions {
        desk.take(&partition(number), (0..records).map(|offset| event(number, offset)).collect());
    }
    desk
}

fn hand_out(desk: &mut Desk, session: (u64, u64), max: usize, now: Instant) -> Vec<Given> {
    desk.hand_out(session, Appetite { max, max_bytes: 1 << 20 }, now)
}

fn partitions(given: &[Given]) -> BTreeSet<i32> {
    given.iter().map(|given| given.record.partition).collect()
}

#[test]
fn what_one_session_holds_of_a_partition_keeps_it_from_the_others() {
    let now = Instant::now();
    let mut desk = desk(1, 4, AckMode::Explicit, now);
    let first = hand_out(&mut desk, (1, 0), 2, now);
    assert_eq!(first.len(), 2);
    assert!(hand_out(&mut desk, (2, 0), 2, now).is_empty());
    assert_eq!(hand_out(&mut desk, (1, 2), 1, now)[0].record.offset, 2, "it is the first one's own");
    for given in &first {
        let token = desk.read(&desk.ids.write(&given.address)).expect("an id of this desk");
        assert_eq!(desk.ack(&token), Outcome::Done);
    }
    assert!(hand_out(&mut desk, (2, 0), 2, now).is_empty(), "one is held still");
    desk.expire(now + LEASE);
    let again = hand_out(&mut desk, (2, 0), 9, now + LEASE);
    assert_eq!(
        again.iter().map(|given| (given.record.offset, given.attempt)).collect::<Vec<_>>(),
        [(2, 2), (3, 1)]
    );
}

#[test]
fn sessions_that_wait_take_no_more_than_their_share() {
    let now = Instant::now();
    let mut desk = desk(5, 3, AckMode::Explicit, now);
    for (name, number) in [("a", 1), ("b", 2)] {
        desk.sessions.attach(Some(name), number, now);
    }
    let (one, other) = (hand_out(&mut desk, (1, 0), 100, now), hand_out(&mut desk, (2, 0), 100, now));
    let [one, other] = [one, other].map(|given| partitions(&given));
    assert_eq!((one.len(), other.len()), (3, 2));
    assert!(one.is_disjoint(&other));
    desk.sessions.detach(2, true, now);
    let later = now + Duration::from_secs(2);
    assert!(hand_out(&mut desk, (1, 9), 100, later).is_empty(), "what the other holds stays the other's");
}

#[test]
fn who_holds_more_than_a_share_goes_on_with_a_share_and_the_rest_is_for_newcomers() {
    let now = Instant::now();
    let mut desk = desk(4, 3, AckMode::Explicit, now);
    desk.sessions.attach(None, 1, now);
    let first = hand_out(&mut desk, (1, 0), 100, now);
    assert_eq!(first.len(), 12);
    for number in 0..4 {
        desk.take(&partition(number), (3..6).map(|offset| event(number, offset)).collect());
    }
    assert!(!desk.holds_too_much(1, now));
    desk.sessions.attach(None, 2, now);
    assert!(desk.holds_too_much(1, now));
    assert!(hand_out(&mut desk, (2, 0), 100, now).is_empty(), "what it holds is its own");
    assert!(partitions(&hand_out(&mut desk, (1, 12), 2, now)).is_subset(&[0, 1].into()));
    assert_eq!(partitions(&hand_out(&mut desk, (1, 14), 100, now)), [0, 1].into(), "the same ones each time");
    for given in &first {
        let token = desk.read(&desk.ids.write(&given.address)).expect("an id of this desk");
        assert_eq!(desk.ack(&token), Outcome::Done);
    }
    assert_eq!(partitions(&hand_out(&mut desk, (2, 0), 100, now)), [2, 3].into());
    assert!(!desk.holds_too_much(1, now));
}

#[test]
fn without_an_order_each_takes_its_share_of_every_partition() {
    let now = Instant::now();
    let mut desk = desk(1, 0, AckMode::Explicit, now);
    desk.delivery.ordering = Ordering::None;
    desk.take(&partition(0), (0..100).map(|offset| event(0, offset)).collect());
    for session in 1..3 {
        desk.sessions.attach(None, session, now);
    }
    let [one, other] = [1, 2].map(|session| hand_out(&mut desk, (session, 0), 1_000, now));
    assert_eq!((one.len(), other.len()), (50, 50));
    desk.take(&partition(0), (100..110).map(|offset| event(0, offset)).collect());
    assert!(hand_out(&mut desk, (1, 50), 1_000, now).is_empty(), "it holds its share");
}

#[test]
fn a_session_that_is_carried_on_gives_back_what_did_not_arrive() {
    let now = Instant::now();
    let mut desk = desk(2, 3, AckMode::Reconnect, now);
    desk.sessions.attach(None, 1, now);
    let given = hand_out(&mut desk, (1, 0), 100, now);
    assert!(given.iter().all(|given| given.until.is_none()));
    assert_eq!(desk.due(now), None, "it holds them while it lasts");
    let token = desk.read(&desk.ids.write(&given[3].address)).expect("an id of this desk");
    assert_eq!(desk.resume(&token, now), Outcome::Done);
    assert!(!desk.sessions.is_present(1));
    desk.expire(now);
    let again = hand_out(&mut desk, (2, 0), 100, now);
    let told: Vec<_> =
        again.iter().map(|given| (given.record.partition, given.record.offset, given.attempt)).collect();
    assert_eq!(told, [(1, 1, 2), (1, 2, 2)]);
    assert_eq!(desk.resume(&token, now), Outcome::Late);
}

#[test]
fn an_appetite_is_kept_but_for_one_large_record() {
    let now = Instant::now();
    let mut desk = desk(1, 3, AckMode::Explicit, now);
    let small = Appetite { max: 10, max_bytes: 2 };
    assert_eq!(desk.hand_out((1, 0), small, now).len(), 2);
    let none = Appetite { max: 10, max_bytes: 0 };
    assert_eq!(desk.hand_out((1, 2), none, now).len(), 1);
}

#[test]
fn an_up_to_covers_all_partitions_of_its_session_and_nobody_elses() {
    let now = Instant::now();
    let mut desk = desk(2, 3, AckMode::Explicit, now);
    desk.sessions.attach(Some("a"), 1, now);
    desk.sessions.attach(Some("b"), 2, now);
    let one = hand_out(&mut desk, (1, 0), 3, now);
    hand_out(&mut desk, (2, 0), 3, now);
    let token = desk.read(&desk.ids.write(&one[1].address)).expect("an id of this desk");
    assert_eq!(desk.ack_up_to(&token), Outcome::Done);
    let committable: Vec<_> = desk.committable().into_iter().map(|at| at.next).collect();
    assert_eq!(committable, [2], "two of one partition, none of the other session's");
    assert_eq!(desk.ack_up_to(&token), Outcome::Late);
}

#[test]
fn what_is_handed_out_without_leases_is_done_at_once() {
    let now = Instant::now();
    for ack in [AckMode::None, AckMode::Written] {
        let mut desk = desk(1, 3, ack, now);
        let given = hand_out(&mut desk, (1, 0), 9, now);
        assert_eq!((given.len(), desk.is_in_flight()), (3, false));
        assert_eq!(desk.is_committed(&given[2].address), Some(false));
        desk.commit(&desk.committable());
        assert_eq!(desk.is_committed(&given[2].address), Some(true));
    }
}

#[test]
fn the_same_records_are_handed_out_again_only_while_all_are_held() {
    let now = Instant::now();
    let mut desk = desk(1, 2, AckMode::Explicit, now);
    let given = hand_out(&mut desk, (1, 0), 2, now);
    let addresses: Vec<_> = given.iter().map(|given| given.address.clone()).collect();
    let again = desk.hand_again(&addresses).expect("all are held");
    let ids = |given: &[Given]| given.iter().map(|given| given.address.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&again), ids(&given));
    let token = desk.read(&desk.ids.write(&given[0].address)).expect("an id of this desk");
    desk.ack(&token);
    assert!(desk.hand_again(&addresses).is_none());
}

#[test]
fn an_id_of_an_assignment_that_has_ended_is_fenced_unless_it_was_committed() {
    let now = Instant::now();
    let mut desk = desk(1, 3, AckMode::Explicit, now);
    let given = hand_out(&mut desk, (1, 0), 3, now);
    let tokens: Vec<_> =
        given.iter().map(|given| desk.read(&desk.ids.write(&given.address)).expect("an id")).collect();
    desk.ack(&tokens[0]);
    desk.revoke(&[partition(0)]);
    assert!(!desk.is_drained(&[partition(0)]));
    desk.forget(&[partition(0)]);
    assert_eq!((desk.ack(&tokens[0]), desk.ack(&tokens[1])), (Outcome::Late, Outcome::Fenced));
    assert_eq!(desk.nack(&tokens[2], Duration::ZERO, now), Outcome::Fenced);
    desk.assign(&[Position { topic: topic(), partition: 0, next: 1 }], || 99, now);
    assert_eq!((desk.ack(&tokens[0]), desk.ack(&tokens[1])), (Outcome::Late, Outcome::Fenced));
}

#[test]
fn a_partition_stalls_when_its_first_record_stays_that_for_long_or_comes_back_often() {
    let now = Instant::now();
    let mut desk = desk(1, 2, AckMode::Explicit, now);
    let second = Duration::from_secs(1);
    let stalled = |desk: &mut Desk, at| {
        let stalled = desk.standing(at).stalled.into_iter();
        stalled.map(|of| (of.partition.1, of.offset, of.attempts, of.stuck)).collect::<Vec<_>>()
    };
    assert_eq!(stalled(&mut desk, now + STALLED - second), []);
    assert_eq!(stalled(&mut desk, now + STALLED), [(0, 0, 0, STALLED)]);
    let late = now + STALLED;
    for given in hand_out(&mut desk, (1, 0), 2, late) {
        let token = desk.read(&desk.ids.write(&given.address)).expect("an id of this desk");
        desk.ack(&token);
    }
    assert_eq!(stalled(&mut desk, late + STALLED), [], "nothing is held");
    let later = late + STALLED;
    desk.take(&partition(0), vec![event(0, 2)]);
    for attempt in 1..=STALLED_ATTEMPTS {
        assert_eq!(stalled(&mut desk, later + second), [], "before attempt {attempt}");
        let given = hand_out(&mut desk, (1, 0), 1, later);
        let token = desk.read(&desk.ids.write(&given[0].address)).expect("an id of this desk");
        if attempt < STALLED_ATTEMPTS {
            desk.nack(&token, Duration::ZERO, later);
        }
    }
    assert_eq!(stalled(&mut desk, later + second), [(0, 2, STALLED_ATTEMPTS, second)]);
    assert_eq!(desk.standing(later + 7 * second).oldest_lease, Some(7 * second));
}

/// What may happen to a desk with three partitions.
#[derive(Clone, Debug)]
enum Step {
    Take(i32),
    Poll { session: u64, max: usize },
    Ack(prop::sample::Index),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3_i32).prop_map(Step::Take),
        5 => (1..4_u64, 1..5_usize).prop_map(|(session, max)| Step::Poll { session, max }),
        5 => any::<prop::sample::Index>().prop_map(Step::Ack),
        1 => (1..40_u64).prop_map(Step::Wait),
    ]
}

proptest! {
    #[test]
    fn no_partition_is_worked_off_by_two_and_each_record_comes_in_order(steps in prop::collection::vec(step(), 1..120)) {
        let mut now = Instant::now();
        let mut desk = desk(3, 0, AckMode::Explicit, now);
        for session in 1..4 {
            desk.sessions.attach(None, session, now);
        }
        let (mut next, mut held): ([i64; 3], Vec<Given>) = ([0; 3], Vec::new());
        let (mut sequences, mut fresh) = ([0; 4], [0; 3]);
        for step in steps {
            match step {
                Step::Take(number) => {
                    let offset = next[number as usize];
                    desk.take(&partition(number), vec![event(number, offset)]);
                    next[number as usize] += 1;
                }
                Step::Poll { session, max } => {
                    let before = sequences[session as usize];
                    let given = hand_out(&mut desk, (session, before), max, now);
                    for given in given {
                        let place = given.record.partition as usize;
                        let other = held.iter().find(|other| {
                            other.record.partition as usize == place && other.address.holder.session != session
                        });
                        prop_assert!(other.is_none(), "{other:?} and {given:?}");
                        if given.attempt == 1 {
                            prop_assert_eq!(given.record.offset, fresh[place]);
                            fresh[place] += 1;
                        }
                        sequences[session as usize] = given.address.holder.sequence;
                        held.push(given);
                    }
                }
                Step::Ack(at) if !held.is_empty() => {
                    let given = held.swap_remove(at.index(held.len()));
                    let token = desk.read(&desk.ids.write(&given.address)).expect("an id of this desk");
                    prop_assert_eq!(desk.ack(&token), Outcome::Done);
                }
                Step::Ack(_) => {}
                Step::Wait(seconds) => {
                    now += Duration::from_secs(seconds);
                    desk.expire(now);
                    held.retain(|given| given.until > Some(now));
                }
            }
            let lowest = |place: usize| {
                let of = held.iter().filter(|given| given.record.partition as usize == place);
                of.map(|given| given.record.offset).min()
            };
            for at in desk.committable() {
                let place = at.partition as usize;
                prop_assert!(at.next <= next[place] && lowest(place).is_none_or(|lowest| at.next <= lowest));
            }
        }
    }
}
