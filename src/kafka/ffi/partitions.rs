//! librdkafka's lists of partitions, each with an offset and an error.

use super::{c_string, text};
use crate::record::TopicName;
use rdkafka_sys as sys;

/// Owns a list of partitions.
pub(super) struct Partitions(pub(super) *mut sys::rd_kafka_topic_partition_list_t);

impl Drop for Partitions {
    fn drop(&mut self) {
        // SAFETY: made by `of`, destroyed once.
        unsafe { sys::rd_kafka_topic_partition_list_destroy(self.0) }
    }
}

impl Partitions {
    /// A list of these partitions with their offsets.
    pub(super) fn of<'a>(partitions: impl Iterator<Item = (&'a TopicName, i32, i64)>) -> Self {
        // SAFETY: the list grows by itself, so the size is a hint; each added element is written before the next one is
        // added, which may move it; names are copied.
        unsafe {
            let hint = i32::try_from(partitions.size_hint().0).unwrap_or(0);
            let list = Self(sys::rd_kafka_topic_partition_list_new(hint));
            for (topic, partition, offset) in partitions {
                let name = c_string(topic.as_str());
                (*sys::rd_kafka_topic_partition_list_add(list.0, name.as_ptr(), partition)).offset = offset;
            }
            list
        }
    }
}

/// What librdkafka's list has, in its order.
///
/// # Safety
/// `list` is null or points to a list that outlives `'a`.
pub(super) unsafe fn elements<'a>(
    list: *const sys::rd_kafka_topic_partition_list_t,
) -> impl Iterator<Item = (TopicName, &'a sys::rd_kafka_topic_partition_t)> {
    // SAFETY: by contract; the list says how many elements it has, and each has a name.
    let elements = unsafe {
        match list.as_ref() {
            Some(list) if !list.elems.is_null() => {
                std::slice::from_raw_parts(list.elems, usize::try_from(list.cnt).unwrap_or(0))
            }
            _ => &[],
        }
    };
    elements.iter().filter_map(|element| {
        // SAFETY: as above.
        let name = unsafe { text(element.topic) }?;
        Some((TopicName::parse(&name).ok()?, element))
    })
}
