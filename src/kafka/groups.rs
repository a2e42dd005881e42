//! Consumer groups from outside: which there are, how they stand, and moving or deleting those that nobody reads by.
//!
//! Nobody joins a group here. What is asked is the truth of the moment: nothing is remembered. A coordinator that moves or is
//! just loading its groups is asked again, as long as a request may take; a change is asked for once.

mod description;
mod moves;

use super::admin::Client;
use super::catalog::{Catalog, Topic};
use super::error::{Error, Remedy};
use super::ffi;
use super::settings::Settings;
use crate::record::{GroupId, TopicName};
use description::standings;
pub use description::{GroupDescription, GroupProtocol, GroupState, GroupSummary, Member, Offsets, Standing};
use futures_util::future::try_join_all;
use moves::Place;
pub use moves::{Moved, Target};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often a coordinator is asked again that cannot answer yet.
const COORDINATOR_STEP: Duration = Duration::from_millis(50);

/// How long a broker is first waited for. One that is gone must not take all the time there is.
const PATIENCE: Duration = Duration::from_millis(500);

/// How many groups are described at once: librdkafka asks for each by itself.
const DESCRIBED: usize = 100;

/// Lists, describes, moves and deletes consumer groups.
#[derive(Clone)]
pub struct Groups {
    catalog: Catalog,
    timeout: Duration,
}

/// A group with what only its coordinator knows.
struct Found {
    coordinator: i32,
    description: GroupDescription,
    committed: Offsets,
}

impl Groups {
    /// Groups of the cluster that `catalog` knows.
    pub fn new(catalog: Catalog, settings: &Settings) -> Self {
        Self { catalog, timeout: settings.request_timeout() }
    }

    /// Every consumer group that Kafka lets the gateway see, by id. Groups of other kinds (Connect's, share groups) are not
    /// among them.
    ///
    /// # Errors
    /// What kept any broker from answering: each knows only the groups that it coordinates.
    pub async fn list(&self) -> Result<Vec<GroupSummary>, Error> {
        let mut tries = Tries::within(self.timeout);
        let mut groups = loop {
            match self.list_all(tries.patience()).await {
                Err(error) => tries.again(error).await?,
                Ok(groups) => break groups,
            }
        };
        groups.sort_by(|a, b| a.id.cmp(&b.id));
        // While a coordinator moves its groups may be told by both.
        groups.dedup_by(|a, b| a.id == b.id);
        Ok(groups)
    }

    async fn list_all(&self, patience: Duration) -> Result<Vec<GroupSummary>, Error> {
        let brokers = self.catalog.cluster().await?.nodes;
        let of_brokers = brokers.iter().map(|broker| self.list_of(broker.id, patience));
        Ok(try_join_all(of_brokers).await?.into_iter().flatten().collect())
    }

    /// The groups that a broker coordinates.
    async fn list_of(&self, broker: i32, patience: Duration) -> Result<Vec<GroupSummary>, Error> {
        let list = move |client: &Client| {
            let listed = ffi::list_groups(client, broker, patience)?;
            let mut groups = Vec::with_capacity(listed.len());
            for some in listed.chunks(DESCRIBED) {
                let ids: Vec<_> = some.iter().map(|group| group.id.clone()).collect();
                let described = ffi::describe_groups(client, broker, &ids, patience)?;
                groups.extend(some.iter().zip(described).filter_map(|(listed, told)| summary(listed, told)));
            }
            Ok(groups)
        };
        self.catalog.call(list).await
    }

    /// A group, and how it stands in each partition in which it has committed or has a member, in order.
    ///
    /// # Errors
    /// [`Error::GroupNotFound`], Kafka's refusal, or what kept it from answering.
    pub async fn describe(&self, group: &GroupId) -> Result<(GroupDescription, Vec<Standing>), Error> {
        let Found { description, committed, .. } = self.find(group).await?;
        let of_members = description.members.iter().flat_map(|member| member.partitions.keys());
        let topics: BTreeSet<_> =
            committed.keys().map(|(topic, _)| topic).chain(of_members).cloned().collect();
        let ends = self.ends(topics).await?;
        let standings = standings(&description.members, committed, &ends);
        Ok((description, standings))
    }

    /// Moves a group to stand elsewhere, or with `dry_run` only tells where that would be. Everything is checked before the
    /// first change, and Kafka is asked for all of it in one request.
    ///
    /// # Errors
    /// [`Error::GroupNotFound`]; [`Error::GroupActive`] while it has members; what is wrong with a topic, partition or
    /// offset; Kafka's refusal, or what kept it from answering.
    pub async fn reposition(
        &self,
        group: &GroupId,
        targets: &BTreeMap<TopicName, Target>,
        dry_run: bool,
    ) -> Result<Vec<Moved>, Error> {
        let Found { coordinator, committed, .. } = self.find_idle(group).await?;
        let after = self.aim(targets).await?;
        if !dry_run {
            let (timeout, id, after) = (self.timeout, group.clone(), after.clone());
            let alter = move |client: &Client| ffi::alter_offsets(client, coordinator, &id, &after, timeout);
            self.catalog.call(alter).await?;
        }
        let moved = |(place, after)| {
            let before = committed.get(&place).copied();
            let (topic, partition) = place;
            Moved { topic, partition, before, after }
        };
        Ok(after.into_iter().map(moved).collect())
    }

    /// Deletes a group, with all that it has committed.
    ///
    /// # Errors
    /// [`Error::GroupNotFound`]; [`Error::GroupActive`] while it has members; Kafka's refusal, or what kept it from answering.
    pub async fn delete(&self, group: &GroupId) -> Result<(), Error> {
        let coordinator = self.find_idle(group).await?.coordinator;
        let (timeout, id) = (self.timeout, group.clone());
        self.catalog.call(move |client| ffi::delete_group(client, coordinator, &id, timeout)).await
    }

    /// A group that nobody reads by.
    async fn find_idle(&self, group: &GroupId) -> Result<Found, Error> {
        let found = self.find(group).await?;
        if found.description.is_active() { Err(Error::GroupActive(group.clone())) } else { Ok(found) }
    }

    async fn find(&self, group: &GroupId) -> Result<Found, Error> {
        let mut tries = Tries::within(self.timeout);
        loop {
            let (id, patience) = (group.clone(), tries.patience());
            let find = move |client: &Client| {
                let Some((coordinator, description)) = ffi::find_group(client, &id, patience)? else {
                    return Ok(None);
                };
                let committed = ffi::committed_offsets(client, coordinator, &id, patience)?;
                Ok(Some(Found { coordinator, description, committed }))
            };
            match self.catalog.call(find).await {
                Ok(Some(found)) => return Ok(found),
                Ok(None) if self.has_no_groups(&tries).await => {
                    return Err(Error::GroupNotFound(group.clone()));
                }
                Ok(None) => {
                    tries.again(Error::unavailable("no broker coordinates the group just now")).await?
                }
                Err(error) => tries.again(error).await?,
            }
        }
    }

    /// Whether the cluster never had a group: the topic that coordinators share comes with the first. Where that may not be
    /// seen it is believed when all brokers have said for half the time there is that they do not coordinate this group, and
    /// no group is listed: coordinators that move are away for less.
    async fn has_no_groups(&self, tries: &Tries) -> bool {
        let shared = TopicName::parse("__consumer_offsets").expect("it is a name");
        match self.catalog.topic(&shared).await {
            Err(Error::TopicNotFound(_)) => true,
            Err(Error::Forbidden(_)) => {
                tries.half_over()
                    && self.list_all(tries.patience()).await.is_ok_and(|listed| listed.is_empty())
            }
            _ => false,
        }
    }

    /// The last stable offsets of the topics that are there and may be seen, by partition number.
    async fn ends(&self, names: BTreeSet<TopicName>) -> Result<BTreeMap<TopicName, Vec<i64>>, Error> {
        let names: Vec<_> = names.into_iter().collect();
        let mut topics = Vec::with_capacity(names.len());
        for described in self.catalog.describe(&names, Duration::ZERO).await {
            match described {
                Ok(topic) => topics.push(topic),
                Err(Error::TopicNotFound(_) | Error::Forbidden(_)) => {}
                Err(error) => return Err(error),
            }
        }
        loop {
            match self.catalog.watermarks(&topics).await {
                Ok(logs) => {
                    let ends = topics
                        .iter()
                        .zip(logs)
                        .map(|(topic, log)| (topic.name.clone(), log.last_stable.clone()));
                    return Ok(ends.collect());
                }
                // Deleted since it was described. One less each time, so this ends.
                Err(Error::TopicNotFound(gone)) if topics.iter().any(|topic| topic.name == gone) => {
                    topics.retain(|topic| topic.name != gone);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Where the targets come to.
    async fn aim(&self, targets: &BTreeMap<TopicName, Target>) -> Result<Offsets, Error> {
        let names: Vec<_> = targets.keys().cloned().collect();
        let described = self.catalog.describe(&names, Duration::ZERO).await;
        let topics = described.into_iter().collect::<Result<Vec<_>, Error>>()?;
        self.may_read(names).await?;
        let logs = self.catalog.watermarks(&topics).await?;
        let mut times: BTreeMap<i64, Vec<Arc<Topic>>> = BTreeMap::new();
        for topic in &topics {
            if let Target::Time(time) = &targets[&topic.name] {
                times.entry(*time).or_default().push(topic.clone());
            }
        }
        let mut found = BTreeMap::new();
        for (time, topics) in times {
            let at = self.catalog.offsets_at(&topics, time).await?;
            found.extend(topics.iter().map(|topic| topic.name.clone()).zip(at));
        }
        let mut offsets = Offsets::new();
        for (topic, log) in topics.iter().zip(&logs) {
            let at = found.remove(&topic.name).unwrap_or_default();
            Place { topic, log, at }.aim(&targets[&topic.name], &mut offsets)?;
        }
        Ok(offsets)
    }

    /// Refuses topics that the gateway may see but not read: Kafka would move the group in the others and not in them.
    async fn may_read(&self, names: Vec<TopicName>) -> Result<(), Error> {
        let timeout = self.timeout;
        match self.catalog.call(move |client| ffi::unreadable_topic(client, &names, timeout)).await? {
            Some(name) => Err(Error::Forbidden(format!("topic `{name}` may not be read"))),
            None => Ok(()),
        }
    }
}

/// Asking again what the brokers cannot answer yet, each time with more patience, as long as a request may take.
struct Tries {
    begun: Instant,
    timeout: Duration,
    patience: Duration,
}

impl Tries {
    fn within(timeout: Duration) -> Self {
        Self { begun: Instant::now(), timeout, patience: PATIENCE }
    }

    /// How long the next answer may take.
    fn patience(&self) -> Duration {
        self.patience.min(self.timeout.saturating_sub(self.begun.elapsed()))
    }

    /// Whether half of the time is over.
    fn half_over(&self) -> bool {
        self.begun.elapsed() >= self.timeout / 2
    }

    /// Waits a moment before the next try.
    ///
    /// # Errors
    /// `error`, where trying again does not help, or the time is over.
    async fn again(&mut self, error: Error) -> Result<(), Error> {
        if error.remedy() != Remedy::Retry || self.begun.elapsed() >= self.timeout {
            return Err(error);
        }
        tokio::time::sleep(COORDINATOR_STEP).await;
        self.patience *= 2;
        Ok(())
    }
}

/// What is told of a group in a list; `None` of one that is gone. One that cannot be described hides no other.
fn summary(listed: &GroupSummary, described: Result<GroupDescription, Error>) -> Option<GroupSummary> {
    match described {
        Err(Error::GroupNotFound(_)) => None,
        Ok(GroupDescription { state, protocol, members, .. }) => {
            Some(GroupSummary { id: listed.id.clone(), state, protocol, members: Some(members.len()) })
        }
        Err(_) => Some(listed.clone()),
    }
}
