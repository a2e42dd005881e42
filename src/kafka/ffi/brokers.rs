//! Whether any broker answers, and which is the controller now: DescribeCluster, sent to several brokers at once.

use super::super::admin::Client;
use super::{Call, Error, Event, LATE, NO_ERROR, Written, array, to_broker};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka_sys as sys;
use std::time::{Duration, Instant};

/// How many brokers are asked at once: enough that one lives, whatever broke.
const ASKED: usize = 5;

/// How soon brokers are asked again that did not let themselves be asked.
const PAUSE: Duration = Duration::from_millis(100);

/// Waits until any broker answers, for at most `timeout`, and not for long while the brokers do not let the gateway in.
///
/// # Errors
/// When none does.
pub fn find_brokers(client: &Client, timeout: Duration) -> Result<(), Error> {
    let (admittance, begun, mut patience) = (client.context().admittance(), Instant::now(), LATE);
    loop {
        let left = admittance.patience(timeout).saturating_sub(begun.elapsed());
        let (asked, outcome) = (Instant::now(), ask(client, patience.min(left)));
        if outcome.is_ok() || left.is_zero() {
            return admittance.judge(outcome);
        }
        // Whether the gateway is refused is looked at in between. A slow broker gets more time each time.
        if asked.elapsed() >= patience / 2 {
            patience *= 2;
        }
    }
}

/// Asks the controller, and some of the brokers that were there last, which brokers there are; the first answer counts.
/// librdkafka learns from it who is the controller.
pub(super) fn ask(client: &Client, timeout: Duration) -> Result<(), Error> {
    use sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECLUSTER as OP;
    let (native, begun) = (client.native_ptr(), Instant::now());
    let known = client.context().admittance().brokers(ASKED);
    // SAFETY: the borrow keeps the client alive; each request copies its options, and answers that come when the queue is
    // gone are dropped by librdkafka. What is read of an event's result is copied while it is
    // held.
    unsafe {
        let call = Call::new(native, OP, timeout);
        sys::rd_kafka_DescribeCluster(native, call.options, call.queue);
        for id in &known {
            to_broker(call.options, *id);
            sys::rd_kafka_DescribeCluster(native, call.options, call.queue);
        }
        let mut error = Error::unavailable("no broker answers");
        for _ in 0..=known.len() {
            // librdkafka tells of a request's time-out at about that time.
            let left = (timeout + PAUSE).saturating_sub(begun.elapsed());
            let Some(event) = Event::poll(call.queue, left) else { break };
            match sys::rd_kafka_event_error(event.0) {
                NO_ERROR => {
                    client.context().admittance().saw_brokers(ids(&event));
                    return Ok(());
                }
                code => error = Error::from_code(RDKafkaErrorCode::from(code), None, Written::No),
            }
        }
        // All broke off: they are not asked again at once. Nothing comes any more, so this only waits.
        let left = timeout.saturating_sub(begun.elapsed());
        drop(Event::poll(call.queue, left.min(PAUSE)));
        Err(error)
    }
}

/// The brokers of an answer to DescribeCluster.
///
/// # Safety
/// The event is such an answer.
pub(super) unsafe fn ids(event: &Event) -> Vec<i32> {
    let mut count = 0;
    // SAFETY: by contract; the nodes belong to the event.
    unsafe {
        let result = sys::rd_kafka_event_DescribeCluster_result(event.0);
        let nodes = sys::rd_kafka_DescribeCluster_result_nodes(result, &mut count);
        array(nodes, count).iter().map(|node| sys::rd_kafka_Node_id(*node)).collect()
    }
}
