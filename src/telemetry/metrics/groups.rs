//! What is counted of grouped delivery.
//!
//! Some gauges have a group's name for their label, which clients choose: there are never more of them than the members
//! that the gateway may have (`groups.max_members`), and they go when their member leaves.

use super::Reasons;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct GroupLabels {
    group: String,
}

/// A number for each group that is held.
type ByGroup = Family<GroupLabels, Gauge>;

/// What is counted of grouped delivery.
#[derive(Debug)]
pub struct Groups {
    /// Members of groups.
    pub members: Gauge,
    /// Assignments that members were given.
    pub assignments: Counter,
    /// Records handed out, each time.
    pub handed_out: Counter,
    /// Those of them that were handed out before.
    pub redelivered: Counter,
    /// Leases that ended without an acknowledgement.
    pub leases_expired: Counter,
    acks: Reasons,
    given_up: Reasons,
    unacked_bytes: Gauge,
    lag: ByGroup,
    in_flight: ByGroup,
    stalled: ByGroup,
    workers: ByGroup,
}

/// How a group stands, all its members here together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupFigures {
    /// Records between what is acknowledged and the ends of the logs.
    pub lag: u64,
    /// Records that wait for their acknowledgement.
    pub in_flight: usize,
    /// Partitions whose first record is never acknowledged.
    pub stalled: usize,
    /// Requests that wait for records.
    pub workers: usize,
}

impl Groups {
    pub(super) fn register(of: &mut Registry) -> Self {
        let groups = Self {
            members: Gauge::default(),
            assignments: Counter::default(),
            handed_out: Counter::default(),
            redelivered: Counter::default(),
            leases_expired: Counter::default(),
            acks: Reasons::default(),
            given_up: Reasons::default(),
            unacked_bytes: Gauge::default(),
            lag: ByGroup::default(),
            in_flight: ByGroup::default(),
            stalled: ByGroup::default(),
            workers: ByGroup::default(),
        };
        of.register(
            "group_members",
            "Members of consumer groups that the gateway has",
            groups.members.clone(),
        );
        let assignments = "Times partitions were assigned to a member";
        of.register("group_assignments", assignments, groups.assignments.clone());
        of.register(
            "group_records",
            "Records handed to clients of groups, each time",
            groups.handed_out.clone(),
        );
        let again = "Records handed to clients of groups that had been handed out before";
        of.register("group_redelivered_records", again, groups.redelivered.clone());
        let expired = "Leases that ended without an acknowledgement";
        of.register("group_leases_expired", expired, groups.leases_expired.clone());
        let acks = "Acknowledgements, positive and negative, by what became of them";
        of.register("group_acks", acks, groups.acks.family());
        let given_up = "Records that were handed out as often as they may be, by where they went";
        of.register("group_given_up_records", given_up, groups.given_up.family());
        let bytes = "Bytes of records in memory that were not acknowledged yet";
        of.register_with_unit("group_unacked", bytes, Unit::Bytes, groups.unacked_bytes.clone());
        let lag = "Records between what is acknowledged and the ends of the logs, of the partitions that the gateway has";
        of.register("group_lag_records", lag, groups.lag.clone());
        of.register(
            "group_in_flight_records",
            "Records that wait for their acknowledgement",
            groups.in_flight.clone(),
        );
        let stalled = "Partitions whose first record is handed out and never acknowledged";
        of.register("group_stalled_partitions", stalled, groups.stalled.clone());
        of.register("group_workers", "Requests that wait for records of a group", groups.workers.clone());
        groups
    }

    /// Lets every word of these lists be there from the start.
    pub fn expect(&self, outcomes: &[&'static str], graves: &[&'static str]) {
        self.acks.expect(outcomes);
        self.given_up.expect(graves);
    }

    /// An acknowledgement came to this.
    pub fn acked(&self, outcome: &'static str) {
        self.acks.count(outcome);
    }

    /// A record was given up, and went there.
    pub fn gave_up(&self, grave: &'static str) {
        self.given_up.count(grave);
    }

    /// So many bytes are not acknowledged.
    pub fn unacked(&self, bytes: usize) {
        self.unacked_bytes.set(signed(bytes));
    }

    /// How a group stands; `None` when no member of it is left.
    pub fn stands(&self, group: &str, figures: Option<GroupFigures>) {
        let labels = GroupLabels { group: group.to_owned() };
        let by_group = [&self.lag, &self.in_flight, &self.stalled, &self.workers];
        match figures {
            Some(figures) => {
                let lag = usize::try_from(figures.lag).unwrap_or(usize::MAX);
                let numbers = [lag, figures.in_flight, figures.stalled, figures.workers];
                for (family, number) in by_group.into_iter().zip(numbers) {
                    family.get_or_create(&labels).set(signed(number));
                }
            }
            None => {
                for family in by_group {
                    family.remove(&labels);
                }
            }
        }
    }
}

fn signed(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
