//! Partitions on their way out: first what was handed out of them is waited for, then a commit, and then they go.
//!
//! A typed machine without a clock or a client of its own: the member's thread tells it what happened and does what it says.

use super::Partition;
use std::time::{Duration, Instant};

/// How long the answer to the last commit is waited for.
const LAST_COMMIT: Duration = Duration::from_secs(2);

/// Partitions that are to be given up.
#[derive(Debug)]
pub struct Revocation {
    pub partitions: Vec<Partition>,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Acknowledgements are waited for, until then.
    Acks(Instant),
    /// A commit is due, until then.
    Commit(Instant),
    /// It was sent.
    Answer(Instant),
}

/// What is to be done for a revocation now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing until something happens, or until then.
    Wait(Instant),
    /// What may be committed is to be committed, as soon as no commit is under way.
    Commit,
    /// The partitions are to be let go.
    LetGo,
}

impl Revocation {
    /// One that began `now` and waits for acknowledgements for at most `patience`.
    pub fn new(partitions: Vec<Partition>, now: Instant, patience: Duration) -> Self {
        Self { partitions, stage: Stage::Acks(now + patience) }
    }

    /// What is to be done `now`, when all that was handed out is `settled` or not.
    pub fn step(&mut self, now: Instant, settled: bool) -> Step {
        match self.stage {
            Stage::Acks(until) if !settled && now < until => Step::Wait(until),
            Stage::Acks(_) => {
                self.stage = Stage::Commit(now + LAST_COMMIT);
                Step::Commit
            }
            Stage::Commit(until) | Stage::Answer(until) if now >= until => Step::LetGo,
            Stage::Commit(_) => Step::Commit,
            Stage::Answer(until) => Step::Wait(until),
        }
    }

    /// The commit was sent.
    pub fn sent(&mut self) {
        if let Stage::Commit(until) = self.stage {
            self.stage = Stage::Answer(until);
        }
    }

    /// A commit was answered: well or, to be sent again, not. Returns whether the partitions are to be let go.
    pub fn answered(&mut self, well: bool) -> bool {
        match self.stage {
            Stage::Answer(_) if well => true,
            Stage::Answer(until) => {
                self.stage = Stage::Commit(until);
                false
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(3);

    #[test]
    fn acknowledgements_are_waited_for_then_a_commit_then_nothing() {
        let begun = Instant::now();
        let mut revocation = Revocation::new(Vec::new(), begun, PATIENCE);
        assert_eq!(revocation.step(begun, false), Step::Wait(begun + PATIENCE));
        assert!(!revocation.answered(true), "of a commit from before");
        assert_eq!(revocation.step(begun, true), Step::Commit);
        assert_eq!(revocation.step(begun, true), Step::Commit, "another one is under way");
        revocation.sent();
        assert_eq!(revocation.step(begun, true), Step::Wait(begun + LAST_COMMIT));
        assert!(!revocation.answered(false));
        assert_eq!(revocation.step(begun, true), Step::Commit, "it is sent again");
        revocation.sent();
        assert!(revocation.answered(true));
    }

    #[test]
    fn nobody_is_waited_for_for_ever() {
        let begun = Instant::now();
        let mut revocation = Revocation::new(Vec::new(), begun, PATIENCE);
        assert_eq!(revocation.step(begun + PATIENCE, false), Step::Commit);
        assert_eq!(revocation.step(begun + PATIENCE + LAST_COMMIT, false), Step::LetGo);
        let mut answerless = Revocation::new(Vec::new(), begun, PATIENCE);
        assert_eq!(answerless.step(begun, true), Step::Commit);
        answerless.sent();
        assert_eq!(answerless.step(begun + LAST_COMMIT, true), Step::LetGo);
    }
}
