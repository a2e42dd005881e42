//! Transactions: the engine's, with a memory of where aborted ones ended, and an end for abandoned ones.
//!
//! The engine remembers only where an aborted transaction began. A reader needs its end too (see `fetch`),
//! and the one moment when that is known for certain is right after the marker was written.

use super::cluster::{Aborted, State};
use kafka_protocol::{
    messages::{
        EndTxnRequest, EndTxnResponse, InitProducerIdRequest, InitProducerIdResponse, ProducerId,
        TransactionalId,
    },
    protocol::StrBytes,
};
use noida::kafka::engine::EngineState;

/// Commits or aborts.
pub fn end(state: &mut State, request: &EndTxnRequest, version: i16) -> EndTxnResponse {
    settling(state, request.transactional_id.as_str(), |engine| engine.handle_end_txn(request, version))
}

/// Hands out a producer id and epoch; a transaction that the last owner of the name left open is aborted.
pub fn init_producer(
    state: &mut State,
    request: &InitProducerIdRequest,
    version: i16,
) -> InitProducerIdResponse {
    let name = request.transactional_id.as_ref().map(|name| name.as_str()).unwrap_or_default();
    settling(state, name, |engine| engine.handle_init_producer_id(request, version))
}

/// Aborts the transactions that are open for longer than their own timeout, and fences their producers, as
/// Kafka's coordinator does: readers of committed records would wait for ever. `true` when there were any.
pub fn abort_abandoned(state: &mut State) -> bool {
    let now = state.engine.now_ms();
    let abandoned = state.engine.txn_info.iter().filter(|(_, transaction)| {
        transaction.state == "Ongoing" && now - transaction.start_ms > i64::from(transaction.timeout_ms)
    });
    let abandoned: Vec<String> = abandoned.map(|(name, _)| name.clone()).collect();
    for name in &abandoned {
        let Some((producer_id, epoch)) = state.engine.txn_producers.get_mut(name) else { continue };
        // The new epoch first: whatever the producer still sends comes from an old one.
        *epoch = epoch.wrapping_add(1);
        let (producer_id, epoch) = (*producer_id, *epoch);
        state.engine.producer_epochs.insert(producer_id, epoch);
        let request = EndTxnRequest::default()
            .with_transactional_id(TransactionalId(StrBytes::from_string(name.clone())))
            .with_producer_id(ProducerId(producer_id))
            .with_producer_epoch(epoch)
            .with_committed(false);
        end(state, &request, 3);
    }
    !abandoned.is_empty()
}

/// Does something that may end the transaction of `name`, and notes where it did so by an abort.
fn settling<R>(state: &mut State, name: &str, act: impl FnOnce(&mut EngineState) -> R) -> R {
    let touched = state.engine.txn_partitions.get(name).cloned().unwrap_or_default();
    let result = act(&mut state.engine);
    for (topic, partition) in touched {
        let Some((log, ours)) = state.partition_mut(&topic, partition) else { continue };
        let last = log.high_watermark - 1;
        // Taken out of the engine, which would hold them against the producer's next transaction.
        for (producer_id, first) in log.aborted_txns.drain(..) {
            ours.aborted.push(Aborted { producer_id, first, last });
        }
        // The marker was appended by the engine itself.
        if let Some((_, marker)) = log.record_batches.last_mut() {
            super::batch::stamp_leader_epoch(marker);
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dev::broker::{batch::sample, batch::stable_end, cluster};
    use noida::kafka::engine::{PartitionState, TopicState, TxnInfo};
    use std::{
        collections::{HashMap, HashSet},
        sync::{
            Arc,
            atomic::{AtomicU64, Ordering},
        },
    };

    #[test]
    fn an_abandoned_transaction_is_aborted_after_its_own_timeout_and_its_producer_fenced() {
        let clock = Arc::new(AtomicU64::new(10_000));
        let cluster = cluster::sample();
        let mut state = cluster.lock();
        let told = Arc::clone(&clock);
        state.engine.clock = Some(Arc::new(move || told.load(Ordering::Relaxed)));
        let mut log = PartitionState::new(0, 1);
        log.append_batch(sample::run(0, 5).1, 5, 0, None);
        log.active_txns.insert(7, 2);
        let partitions = HashMap::from([(0, log)]);
        let topic =
            TopicState { name: "t".to_owned(), is_internal: false, partitions, configs: HashMap::new() };
        state.engine.topics.insert("t".to_owned(), topic);
        state.settle_topics();
        let open = TxnInfo { state: "Ongoing", timeout_ms: 1_000, start_ms: 10_000 };
        state.engine.txn_info.insert("x".to_owned(), open);
        state.engine.txn_producers.insert("x".to_owned(), (7, 3));
        state.engine.txn_partitions.insert("x".to_owned(), HashSet::from([("t".to_owned(), 0)]));

        clock.store(11_000, Ordering::Relaxed);
        assert!(!abort_abandoned(&mut state));
        assert_eq!(stable_end(state.log("t", 0).expect("log")), 2);
        clock.store(11_001, Ordering::Relaxed);
        assert!(abort_abandoned(&mut state));
        assert!(!abort_abandoned(&mut state), "once");
        assert_eq!(state.aborted("t", 0), [Aborted { producer_id: 7, first: 2, last: 5 }]);
        assert_eq!(stable_end(state.log("t", 0).expect("log")), 6);
        assert_eq!(state.engine.producer_epochs.get(&7), Some(&4), "the old epoch is fenced");
    }
}
