//! CreateTopics, with the broker's own words when it refuses: the binding keeps only the code.

use super::super::admin::{Client, TopicSpec};
use super::{Error, NO_ERROR, Written, array, call, text};
use crate::record::TopicName;
use rdkafka::types::RDKafkaErrorCode;
use rdkafka_sys as sys;
use std::ffi::{CString, c_char};
use std::ptr;
use std::time::Duration;

/// Owns a description of a topic to be made.
struct NewTopic(*mut sys::rd_kafka_NewTopic_t);

impl Drop for NewTopic {
    fn drop(&mut self) {
        // SAFETY: made by `describe`, destroyed once.
        unsafe { sys::rd_kafka_NewTopic_destroy(self.0) }
    }
}

/// Makes a topic, or with `dry_run` lets the cluster only say whether it would.
///
/// # Errors
/// [`Error::TopicExists`], [`Error::Refused`] with the broker's reason, or what kept it from answering.
pub fn create_topic(
    client: &Client,
    name: &TopicName,
    spec: &TopicSpec,
    dry_run: bool,
    timeout: Duration,
) -> Result<(), Error> {
    use sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_CREATETOPICS as OP;
    let topic = describe(name, spec)?;
    // SAFETY: the borrow keeps the client alive; the topic, options and queue live until `call` returns, and the
    // submission copies the topic; the result is read while its event is held.
    unsafe {
        let event = call(client, OP, timeout, |client, options, queue| {
            let mut reason = [0 as c_char; 256];
            // Neither can fail: both options exist for this request and the values are in range.
            let seconds = super::millis(timeout);
            sys::rd_kafka_AdminOptions_set_operation_timeout(
                options,
                seconds,
                reason.as_mut_ptr(),
                reason.len(),
            );
            sys::rd_kafka_AdminOptions_set_validate_only(
                options,
                dry_run.into(),
                reason.as_mut_ptr(),
                reason.len(),
            );
            let mut topics = [topic.0];
            sys::rd_kafka_CreateTopics(client, topics.as_mut_ptr(), topics.len(), options, queue);
        })?;
        let result = sys::rd_kafka_event_CreateTopics_result(event.0);
        let mut count = 0;
        let topics = sys::rd_kafka_CreateTopics_result_topics(result, &mut count);
        for made in array(topics, count) {
            let code = sys::rd_kafka_topic_result_error(*made);
            if code != NO_ERROR {
                let said = text(sys::rd_kafka_topic_result_error_string(*made));
                return Err(refusal(RDKafkaErrorCode::from(code), said, name));
            }
        }
        Ok(())
    }
}

fn refusal(code: RDKafkaErrorCode, said: Option<String>, name: &TopicName) -> Error {
    match (Error::from_code(code, Some(name), Written::No), said) {
        (Error::Refused(_), Some(said)) => Error::Refused(said),
        (error, _) => error,
    }
}

fn describe(name: &TopicName, spec: &TopicSpec) -> Result<NewTopic, Error> {
    let c_text = |text: &str| {
        CString::new(text).map_err(|_| Error::Refused(format!("`{}` holds a NUL byte", text.escape_debug())))
    };
    let c_name = c_text(name.as_str())?;
    // -1 asks for the cluster's default (KIP-464).
    let (partitions, replicas) = (spec.partitions.unwrap_or(-1), spec.replication_factor.unwrap_or(-1));
    let mut reason = [0 as c_char; 256];
    // SAFETY: the name and the buffer outlive the calls, which copy what they keep; null is checked before use.
    unsafe {
        let new = sys::rd_kafka_NewTopic_new(
            c_name.as_ptr(),
            partitions,
            replicas,
            reason.as_mut_ptr(),
            reason.len(),
        );
        if ptr::eq(new, ptr::null()) {
            return Err(Error::Refused(text(reason.as_ptr()).unwrap_or_default()));
        }
        let new = NewTopic(new);
        for (key, value) in &spec.configs {
            let (key, value) = (c_text(key)?, c_text(value)?);
            sys::rd_kafka_NewTopic_set_config(new.0, key.as_ptr(), value.as_ptr());
        }
        Ok(new)
    }
}
