//! What a member's thread does, round by round, and the states that it goes through.

use super::assigned::Assigned;
use super::client::{commits, connect};
use super::context::{MemberContext, News};
use super::revocation::{Revocation, Step};
use super::seat::{Asked, Question, Seats};
use super::{Joining, Keeper, Partition, Phase, Protocol, Shared};
use crate::kafka::catalog::Catalog;
use crate::kafka::error::{Error, Written};
use crate::kafka::ffi::{Commits, Committed, waiting};
use crate::kafka::reader::bell::Turns;
use crate::kafka::reader::{Position, listed};
use crate::kafka::settings::Settings;
use crate::record::TopicName;
use rdkafka::consumer::Consumer;
use rdkafka::types::RDKafkaErrorCode as Code;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

/// The bell's pulls: for news, orders and answers; for commits. Those of the partitions follow.
pub const MAIN: usize = 0;
pub const COMMITS: usize = 1;

/// How often the ends of the logs are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// How long what a member has left to commit may take when it leaves.
const LAST_COMMIT: Duration = Duration::from_secs(5);

/// How long after the last commit was refused it is sent again.
const AGAIN: Duration = Duration::from_millis(100);

/// A member's thread.
pub struct Duty<K> {
    shared: Arc<Shared>,
    settings: Settings,
    seats: Seats,
    protocol: Protocol,
    commits: Commits<MemberContext>,
    assigned: Assigned,
    keeper: K,
    /// Where partitions begin that were assigned, or lost their place.
    asked: Option<Asked>,
    /// Partitions whose place is lost, to be asked about.
    lost: Vec<Partition>,
    revocation: Option<Revocation>,
    /// A commit is not answered yet.
    under_way: bool,
    commit_due: Instant,
    look_due: Instant,
}

/// How a stay in the group ended.
enum Ending {
    /// As it was told to.
    Left,
    /// The brokers do not have the protocol.
    Lacking,
    /// librdkafka gave it up.
    Failed(Error),
}

impl<K: Keeper> Duty<K> {
    /// A member that has not joined yet.
    ///
    /// # Errors
    /// When librdkafka refuses the settings.
    pub fn new(
        shared: Arc<Shared>,
        settings: &Settings,
        catalog: &Catalog,
        joining: Joining,
        keeper: K,
    ) -> Result<Self, Error> {
        let (joining, protocol) = (Arc::new(joining), settings.protocols().next());
        let consumer = connect(&shared, settings, &joining, protocol)?;
        let now = Instant::now();
        Ok(Self {
            commits: commits(&shared, &consumer),
            assigned: Assigned::new(shared.clone(), consumer.clone()),
            seats: Seats {
                consumer,
                catalog: catalog.clone(),
                joining,
                runtime: Handle::current(),
                first: Arc::default(),
            },
            settings: settings.clone(),
            shared,
            protocol,
            keeper,
            asked: None,
            lost: Vec::new(),
            revocation: None,
            under_way: false,
            commit_due: now,
            look_due: now,
        })
    }

    /// The thread: joins, stays, leaves.
    pub fn serve(mut self) {
        loop {
            self.keeper.entered(Phase::Joining);
            let ending = self.join();
            self.keeper.entered(Phase::Draining);
            if matches!(ending, Ending::Left) {
                self.commit_the_last();
            }
            self.close();
            match ending {
                Ending::Lacking => {
                    tracing::info!(
                        "the brokers do not have KIP-848: groups are joined by the classic protocol"
                    );
                    match self.connect_anew() {
                        Ok(()) => continue,
                        Err(error) => self.keeper.troubled(error),
                    }
                }
                Ending::Failed(error) => self.keeper.troubled(error),
                Ending::Left => {}
            }
            break;
        }
        self.keeper.entered(Phase::Closed);
        let (shared, seats) = (self.shared.clone(), self.seats.clone());
        drop(self);
        // The last hold of the client is let go here, which waits until it has left its group.
        drop(seats);
        shared.left.cancel();
    }

    fn join(&mut self) -> Ending {
        let topics: Vec<_> = self.seats.joining.topics.iter().map(TopicName::as_str).collect();
        if let Err(error) = self.seats.consumer.subscribe(&topics) {
            return Ending::Failed(Error::from_client(error));
        }
        let (mut turns, mut due) = (Turns::default(), None);
        while !self.shared.leaving.load(Ordering::Relaxed) {
            // The bell is never told to stop.
            if turns.wait(&self.shared.bell, due).is_none() {
                break;
            }
            if let Some(ending) = self.hear() {
                return ending;
            }
            self.take_seats();
            let lost = self.assigned.read(&mut turns, &mut self.keeper);
            self.lost.extend(lost);
            self.ask_for_lost();
            due = self.act(Instant::now());
        }
        Ending::Left
    }

    /// Takes what librdkafka has to say; how the stay ends if it does.
    fn hear(&mut self) -> Option<Ending> {
        loop {
            let said = self.seats.consumer.poll(Duration::ZERO);
            if let Some(error) = said.and_then(Result::err) {
                if let Some(ending) = self.fatal() {
                    return Some(ending);
                }
                self.keeper.troubled(Error::from_client(error));
            }
            for news in self.seats.consumer.context().news() {
                match news {
                    News::Assigned(partitions) => self.ask(Question { partitions, lost: false }),
                    News::Revoked { partitions, lost } => self.give_up(partitions, lost),
                }
            }
            if waiting(&self.seats.consumer) == 0 {
                break;
            }
        }
        while let Some(told) = self.commits.take(Duration::ZERO) {
            self.answered(told);
        }
        self.seats.consumer.context().is_lacking().then(|| self.fatal()).flatten()
    }

    fn fatal(&self) -> Option<Ending> {
        let consumer = &self.seats.consumer;
        let fatal = consumer.client().fatal_error();
        let unsupported = |code: &Code| matches!(code, Code::UnsupportedFeature | Code::UnsupportedVersion);
        let lacking =
            consumer.context().is_lacking() || fatal.as_ref().is_some_and(|(code, _)| unsupported(code));
        if lacking && self.protocol == Protocol::Consumer {
            let error = Error::misconfigured("the brokers do not have KIP-848 (groups.protocol)".to_owned());
            let other = self.settings.protocols().is_lacking();
            return Some(if other { Ending::Lacking } else { Ending::Failed(error) });
        }
        let (code, reason) = fatal?;
        tracing::warn!(group = %self.seats.joining.group, %code, reason, "a member was given up by its client");
        Some(Ending::Failed(Error::from_code(code, None, Written::No)))
    }

    /// Asks where partitions begin. What was assigned to no partition is taken at once.
    fn ask(&mut self, question: Question) {
        if question.partitions.is_empty() {
            return self.begin(&question, &[]);
        }
        let shared = self.shared.clone();
        self.asked = Some(self.seats.ask(question, move || shared.nudge()));
    }

    fn ask_for_lost(&mut self) {
        if self.asked.is_none() && !self.lost.is_empty() {
            let partitions = std::mem::take(&mut self.lost);
            self.ask(Question { partitions, lost: true });
        }
    }

    fn take_seats(&mut self) {
        match self.asked.take().map(Asked::answer) {
            None => {}
            Some(Err(asked)) => self.asked = Some(asked),
            Some(Ok((question, Ok(positions)))) => self.begin(&question, &positions),
            Some(Ok((question, Err(error)))) => {
                tracing::debug!(group = %self.seats.joining.group, %error, "where to begin is not known yet");
                self.keeper.troubled(error);
                self.ask(question);
            }
        }
    }

    fn begin(&mut self, question: &Question, positions: &[Position]) {
        let begun = if question.lost {
            let topics = question.partitions.iter().map(|(topic, partition)| format!("{topic}-{partition}"));
            let partitions = topics.collect::<Vec<_>>().join(", ");
            tracing::warn!(group = %self.seats.joining.group, partitions, "the log no longer held what came next");
            self.assigned.begin_again(positions)
        } else {
            self.assigned.begin(positions)
        };
        match begun {
            Ok(()) => {
                self.settings.protocols().is_proven(self.protocol);
                self.keeper.assigned(positions);
                self.keeper.entered(Phase::Consuming);
            }
            Err(error) => {
                self.keeper.revoked(&question.partitions);
                self.keeper.troubled(error);
            }
        }
    }

    /// Begins to give partitions up.
    fn give_up(&mut self, partitions: Vec<Partition>, lost: bool) {
        self.lost.retain(|partition| !partitions.contains(partition));
        if let Some(Asked { question, .. }) = self.asked.take().filter(|asked| !asked.question.lost) {
            // librdkafka counts on being told before they are taken away again; nothing of them is read.
            self.assigned.pass(&question.partitions);
        }
        self.keeper.revoking(&partitions);
        if lost {
            self.revocation = None;
            return self.let_go(&partitions);
        }
        let patience = self.settings.revoke_timeout();
        self.revocation = Some(Revocation::new(partitions, Instant::now(), patience));
    }

    fn let_go(&mut self, partitions: &[Partition]) {
        self.assigned.let_go(partitions);
        self.keeper.revoked(partitions);
    }

    /// Does what is due, and tells when something will be next.
    fn act(&mut self, now: Instant) -> Option<Instant> {
        let mut due = self.keeper.settle();
        let mut sooner = |at: Instant| due = Some(due.map_or(at, |due| due.min(at)));
        if now >= self.look_due {
            let ends = self.assigned.ends();
            self.keeper.ends(&ends);
            self.look_due = now + LOOK;
        }
        sooner(self.look_due);
        if let Some(mut revocation) = self.revocation.take() {
            let settled = self.keeper.settled(&revocation.partitions);
            match revocation.step(now, settled) {
                Step::LetGo => self.let_go(&revocation.partitions),
                Step::Commit if self.under_way => self.revocation = Some(revocation),
                Step::Commit => {
                    if self.commit(now) {
                        revocation.sent();
                        self.revocation = Some(revocation);
                    } else {
                        self.let_go(&revocation.partitions);
                    }
                }
                Step::Wait(until) => {
                    sooner(until);
                    self.revocation = Some(revocation);
                }
            }
        }
        let urgent = self.shared.urgent.load(Ordering::Relaxed);
        if !self.under_way && (urgent || now >= self.commit_due) {
            self.shared.urgent.store(false, Ordering::Relaxed);
            self.commit(now);
        }
        sooner(self.commit_due.max(now));
        due
    }

    /// Sends what may be committed; whether there was anything.
    fn commit(&mut self, now: Instant) -> bool {
        self.commit_due = now + self.settings.commit_interval();
        if !self.seats.joining.commits {
            return false;
        }
        let positions = self.keeper.committable();
        if positions.is_empty() {
            return false;
        }
        match self.commits.send(&listed(&positions)) {
            Ok(()) => self.under_way = true,
            Err(error) => tracing::debug!(%error, "a commit was not sent"),
        }
        self.under_way
    }

    fn answered(&mut self, told: Vec<Committed>) {
        self.under_way = false;
        let well = told.iter().all(|(.., outcome)| outcome.is_ok());
        let mut done = Vec::new();
        for (topic, partition, next, outcome) in told {
            match outcome {
                Ok(()) => done.push(Position { topic, partition, next }),
                Err(code) => {
                    tracing::debug!(group = %self.seats.joining.group, %topic, partition, %code, "not committed");
                }
            }
        }
        self.keeper.committed(&done);
        let over = self.revocation.as_mut().is_some_and(|revocation| revocation.answered(well));
        if over && let Some(revocation) = self.revocation.take() {
            self.let_go(&revocation.partitions);
        }
    }

    /// Commits what is left, while everything is still this member's.
    fn commit_the_last(&mut self) {
        let partitions = self.assigned.partitions();
        self.keeper.revoking(&partitions);
        let until = Instant::now() + LAST_COMMIT;
        let left = || until.saturating_duration_since(Instant::now());
        loop {
            if self.under_way {
                match self.commits.take(left()) {
                    Some(told) => self.answered(told),
                    None => {
                        return tracing::warn!(group = %self.seats.joining.group, "the last commit was not answered");
                    }
                }
            }
            if left().is_zero() || !self.commit(Instant::now()) {
                return;
            }
            // What is refused is tried again, but not in a rush.
            if let Some(told) = self.commits.take(left()) {
                let refused = told.iter().any(|(.., outcome)| outcome.is_err());
                self.answered(told);
                if refused {
                    // None is under way, so this only waits.
                    drop(self.commits.take(AGAIN.min(left())));
                }
            }
        }
    }

    /// Ends the client but for its last hold.
    fn close(&mut self) {
        self.seats.consumer.context().end();
        let partitions = self.assigned.partitions();
        self.assigned.close_all();
        self.keeper.revoked(&partitions);
        (self.asked, self.revocation) = (None, None);
        self.lost.clear();
    }

    fn connect_anew(&mut self) -> Result<(), Error> {
        self.protocol = self.settings.protocols().next();
        let consumer = connect(&self.shared, &self.settings, &self.seats.joining, self.protocol)?;
        self.commits = commits(&self.shared, &consumer);
        self.assigned = Assigned::new(self.shared.clone(), consumer.clone());
        self.seats.consumer = consumer;
        self.under_way = false;
        Ok(())
    }
}
