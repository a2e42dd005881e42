//! What a log forgets: bytes over `retention.bytes`, records older than `retention.ms`, and keys written
//! again where the topic compacts.
//!
//! Kafka deletes whole segments, so that a topic may hold a segment more than its limit. In memory the limit
//! is the point: it is kept batch by batch, at the append that passes it. Age is looked for every few minutes
//! as Kafka does, so a record with an old timestamp of its own is readable for a while. Compaction itself is
//! the engine's.

use super::cluster::State;
use crate::dev::broker::batch::Batch;
use noida::kafka::{
    engine::{PartitionState, TopicState},
    log::LogConfig,
};

/// The config that limits a partition's bytes.
pub const LIMIT: &str = "retention.bytes";

/// The `retention.bytes` of a topic that sets none: its share of what the broker keeps of a topic.
pub fn default_limit(topic_bytes: u64, partitions: usize) -> i64 {
    i64::try_from(topic_bytes / partitions.max(1) as u64).unwrap_or(i64::MAX)
}

/// Forgets the oldest batches of a partition that has grown over its limit.
pub fn trim_if_over(state: &mut State, topic: &str, partition: i32) {
    let topic_bytes = state.topic_bytes;
    let Some(known) = state.engine.topics.get(topic).filter(|known| !known.is_internal) else { return };
    let Some(limit) = limit(known, topic_bytes) else { return };
    let deletes = || LogConfig::of(&known.configs).delete;
    // Measured only when it may be over: adding up a long log on every append would be felt.
    let appended = state.appended_bytes(topic, partition);
    if appended <= limit || !deletes() {
        return;
    }
    trim(state, topic, partition, |log| over_limit(log, limit));
}

/// Forgets what is over the limit or too old, in every topic that deletes.
pub fn sweep(state: &mut State) {
    let now = state.engine.now_ms();
    let topic_bytes = state.topic_bytes;
    let due: Vec<_> = state.engine.topics.values().filter(|topic| !topic.is_internal).collect();
    let due: Vec<_> = due
        .into_iter()
        .map(|topic| (topic, LogConfig::of(&topic.configs)))
        .filter(|(_, config)| config.delete)
        .flat_map(|(topic, config)| {
            let limit = limit(topic, topic_bytes);
            let oldest = (config.retention_ms >= 0).then(|| now.saturating_sub(config.retention_ms));
            topic.partitions.keys().map(move |id| (topic.name.clone(), *id, limit, oldest))
        })
        .collect();
    for (topic, partition, limit, oldest) in due {
        trim(state, &topic, partition, |log| {
            let by_bytes = limit.map_or(0, |limit| over_limit(log, limit));
            by_bytes.max(oldest.map_or(0, |oldest| older_than(log, oldest)))
        });
    }
}

/// Compacts the topics that ask for it and are dirty enough. `true` when a log has changed.
pub fn compact(state: &mut State) -> bool {
    let now = state.engine.now_ms();
    let mut changed = false;
    for topic in state.engine.topics.values_mut() {
        let config = LogConfig::of(&topic.configs);
        if config.compact && !topic.is_internal {
            for log in topic.partitions.values_mut() {
                changed |= log.compact(&config, now);
            }
        }
    }
    changed
}

/// The limit of each partition; `None` when the topic has asked for none.
fn limit(topic: &TopicState, topic_bytes: u64) -> Option<u64> {
    let own = topic.configs.get(LIMIT).and_then(|value| value.trim().parse::<i64>().ok());
    u64::try_from(own.unwrap_or(default_limit(topic_bytes, topic.partitions.len()))).ok()
}

fn trim(state: &mut State, topic: &str, partition: i32, surplus: impl Fn(&PartitionState) -> usize) {
    let now = state.engine.now_ms();
    let Some((log, ours)) = state.partition_mut(topic, partition) else { return };
    let surplus = surplus(log);
    if surplus > 0 {
        let start = log.record_batches.get(surplus).map_or(log.high_watermark, |(base, _)| *base);
        log.truncate_front(start, now);
        ours.aborted.retain(|one| one.last >= start);
    }
    ours.bytes = log.record_batches.iter().map(|(_, batch)| batch.len() as u64).sum();
}

/// How many of the oldest batches must go. Once over, a sixteenth more goes, so that the next append does not
/// find itself over again; the newest batch stays, whatever its size.
fn over_limit(log: &PartitionState, limit: u64) -> usize {
    let total: u64 = log.record_batches.iter().map(|(_, batch)| batch.len() as u64).sum();
    if total <= limit {
        return 0;
    }
    let mut excess = total - (limit - limit / 16);
    let mut surplus = 0;
    for (_, batch) in log.record_batches.iter().take(log.record_batches.len() - 1) {
        if excess == 0 {
            break;
        }
        excess = excess.saturating_sub(batch.len() as u64);
        surplus += 1;
    }
    surplus
}

/// How many of the oldest batches hold nothing that is newer than `oldest`.
fn older_than(log: &PartitionState, oldest: i64) -> usize {
    let too_old = |(_, batch): &&(i64, Vec<u8>)| Batch::new(batch).max_timestamp() < oldest;
    log.record_batches.iter().take_while(too_old).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dev::broker::{batch::sample, cluster};
    use std::{collections::HashMap, sync::Arc};

    fn log(batches: i64) -> PartitionState {
        let mut log = PartitionState::new(0, 1);
        for i in 0..batches {
            log.append_batch(sample::run(i * 10, 10).1, 10, 0, None);
        }
        log
    }

    fn cluster(configs: &[(&str, &str)], batches: i64, now: u64) -> cluster::Cluster {
        let cluster = cluster::sample();
        let mut state = cluster.lock();
        let configs = configs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let partitions = HashMap::from([(0, log(batches))]);
        let topic = TopicState { name: "t".to_owned(), is_internal: false, partitions, configs };
        state.engine.topics.insert("t".to_owned(), topic);
        state.engine.clock = Some(Arc::new(move || now));
        state.settle_topics();
        drop(state);
        cluster
    }

    fn start(cluster: &cluster::Cluster) -> i64 {
        cluster.lock().log("t", 0).expect("log").log_start_offset
    }

    #[test]
    fn the_oldest_batches_go_when_the_bytes_are_over_and_the_newest_stays() {
        let one = sample::run(0, 10).1.len();
        let limit = (4 * one).to_string();
        let within = cluster(&[(LIMIT, &limit), ("retention.ms", "-1")], 4, 0);
        sweep(&mut within.lock());
        assert_eq!(start(&within), 0);
        let over = cluster(&[(LIMIT, &limit), ("retention.ms", "-1")], 6, 0);
        sweep(&mut over.lock());
        assert_eq!(start(&over), 30, "two over, and one more for the next append");
        let tiny = cluster(&[(LIMIT, "1"), ("retention.ms", "-1")], 6, 0);
        sweep(&mut tiny.lock());
        assert_eq!(start(&tiny), 50);
        let unlimited = cluster(&[(LIMIT, "-1"), ("retention.ms", "-1")], 6, 0);
        sweep(&mut unlimited.lock());
        assert_eq!(start(&unlimited), 0);
    }

    #[test]
    fn records_go_by_their_age_only_where_the_policy_deletes() {
        // The sample's timestamps are 1000 ms plus the offset.
        let aged = cluster(&[("retention.ms", "500")], 6, 1_530);
        sweep(&mut aged.lock());
        assert_eq!(start(&aged), 30);
        let gone = cluster(&[("retention.ms", "500")], 6, 10_000);
        sweep(&mut gone.lock());
        assert_eq!(start(&gone), 60);
        let kept = cluster(&[("retention.ms", "500"), ("cleanup.policy", "compact")], 6, 10_000);
        sweep(&mut kept.lock());
        assert_eq!(start(&kept), 0);
    }

    #[test]
    fn a_topic_without_a_limit_shares_the_brokers_among_its_partitions() {
        assert_eq!(default_limit(256 << 20, 1), 256 << 20);
        assert_eq!(default_limit(256 << 20, 4), 64 << 20);
        assert_eq!(default_limit(u64::MAX, 0), i64::MAX);
    }
}
