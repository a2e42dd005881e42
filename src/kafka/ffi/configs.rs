//! DescribeConfigs of one topic: the binding has it, but takes a refusal for a topic without configs.

use super::super::admin::{Client, TopicConfig};
use super::{Error, NO_ERROR, Written, array, c_string, call, text};
use crate::record::TopicName;
use rdkafka::types::RDKafkaErrorCode;
use rdkafka_sys as sys;
use std::time::Duration;

/// Owns the name of what is to be described.
struct Resource(*mut sys::rd_kafka_ConfigResource_t);

impl Drop for Resource {
    fn drop(&mut self) {
        // SAFETY: made by `describe_configs`, destroyed once.
        unsafe { sys::rd_kafka_ConfigResource_destroy(self.0) }
    }
}

/// A topic's configs, in the broker's order.
///
/// # Errors
/// The broker's refusal, or what kept it from answering.
pub fn describe_configs(
    client: &Client,
    name: &TopicName,
    timeout: Duration,
) -> Result<Vec<TopicConfig>, Error> {
    use sys::rd_kafka_ConfigSource_t::RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG as OF_TOPIC;
    use sys::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_TOPIC as TOPIC;
    use sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS as OP;
    let c_name = c_string(name.as_str());
    // SAFETY: as for `describe_cluster`; the resource is ours until the end of this function, and the submission
    // copies it; entries belong to the result and are copied while its event is held.
    unsafe {
        let resource = Resource(sys::rd_kafka_ConfigResource_new(TOPIC, c_name.as_ptr()));
        let event = call(client, OP, timeout, |client, options, queue| {
            let mut resources = [resource.0];
            sys::rd_kafka_DescribeConfigs(client, resources.as_mut_ptr(), resources.len(), options, queue);
        })?;
        let result = sys::rd_kafka_event_DescribeConfigs_result(event.0);
        let mut count = 0;
        let described = sys::rd_kafka_DescribeConfigs_result_resources(result, &mut count);
        let described = array(described, count).first().ok_or_else(|| Error::TopicNotFound(name.clone()))?;
        let code = sys::rd_kafka_ConfigResource_error(*described);
        if code != NO_ERROR {
            return Err(Error::from_code(RDKafkaErrorCode::from(code), Some(name), Written::No));
        }
        let entries = sys::rd_kafka_ConfigResource_configs(*described, &mut count);
        let copy = |entry: &*const sys::rd_kafka_ConfigEntry_t| TopicConfig {
            name: text(sys::rd_kafka_ConfigEntry_name(*entry)).unwrap_or_default(),
            value: text(sys::rd_kafka_ConfigEntry_value(*entry))
                .filter(|_| sys::rd_kafka_ConfigEntry_is_sensitive(*entry) == 0),
            is_default: sys::rd_kafka_ConfigEntry_is_default(*entry) != 0
                || sys::rd_kafka_ConfigEntry_source(*entry) != OF_TOPIC,
        };
        Ok(array(entries, count).iter().map(copy).collect())
    }
}
