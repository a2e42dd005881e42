//! The librdkafka properties that may not be set, each with its reason.
//!
//! Any other property passes through. These would break what the gateway promises to its callers, have a key
//! of our own, or can only be set by code. A refusal names the reason, because whoever sets one of them means
//! something by it.

/// Some properties (a name and its aliases) with the reason why they are refused.
pub(super) struct Refusal {
    /// The names.
    pub names: &'static [&'static str],
    /// Which values are refused.
    pub when: When,
    /// Why, and what to do instead.
    pub reason: &'static str,
}

/// Which values of a property are refused.
pub(super) enum When {
    /// All.
    Always,
    /// All that this function does not pass; the second says which pass, in words.
    Unless(fn(&str) -> bool, &'static str),
}

use When::{Always, Unless};

/// Every refusal. The order is that of the reference.
pub(super) const REFUSED: &[Refusal] = &[
    Refusal {
        names: &["bootstrap.servers", "metadata.broker.list"],
        when: Always,
        reason: "set `kafka.bootstrap_servers`",
    },
    Refusal { names: &["client.id"], when: Always, reason: "set `kafka.client_id`" },
    Refusal {
        names: &["allow.auto.create.topics"],
        when: Always,
        reason: "a read or a look-up must never create a topic; for producing set `produce.auto_create`",
    },
    Refusal {
        names: &["message.max.bytes"],
        when: Always,
        reason: "set `produce.max_record_bytes`, which also answers 413 before anything is sent",
    },
    Refusal {
        names: &["delivery.timeout.ms", "message.timeout.ms"],
        when: Always,
        reason: "set `produce.delivery_timeout`",
    },
    Refusal {
        names: &["queue.buffering.max.kbytes"],
        when: Always,
        reason: "set `produce.queue_bytes`, which is also what 503 `overloaded` goes by",
    },
    Refusal {
        names: &["queue.buffering.max.messages"],
        when: Always,
        reason: "set `produce.queue_records`, which is also what 503 `overloaded` goes by",
    },
    Refusal {
        names: &["queue.buffering.max.ms"],
        when: Always,
        reason: "set it by its other name, `linger.ms`, which is 0 unless set",
    },
    Refusal {
        names: &["compression.codec", "compression.type"],
        when: Always,
        reason: "set `produce.compression` (`compression.level` passes)",
    },
    Refusal {
        names: &["acks", "request.required.acks"],
        when: Always,
        reason: "each request says its own `acks`, and `all` is the default",
    },
    Refusal {
        names: &["partitioner"],
        when: Always,
        reason: "keys are spread as Java's clients spread them, so that a key has one partition whoever writes it",
    },
    Refusal {
        names: &["enable.idempotence"],
        when: Unless(is_true, "`true`, which it is anyway"),
        reason: "without it a retry may write a record twice or out of order",
    },
    Refusal {
        names: &["max.in.flight", "max.in.flight.requests.per.connection"],
        when: Unless(|value| is_within(value, 1, 5), "1 to 5"),
        reason: "the idempotent producer keeps order only with at most 5 requests in flight",
    },
    Refusal {
        names: &["message.send.max.retries", "retries"],
        when: Unless(|value| is_within(value, 1, 2_147_483_647), "1 or more"),
        reason: "the idempotent producer must be able to retry; `produce.delivery_timeout` bounds it",
    },
    Refusal {
        names: &["queuing.strategy"],
        when: Unless(|value| value == "fifo", "`fifo`"),
        reason: "records of a partition are sent in the order in which they came",
    },
    Refusal {
        names: &["enable.gapless.guarantee"],
        when: Always,
        reason: "one undeliverable record would stop the producer that all callers share",
    },
    Refusal {
        names: &["delivery.report.only.error"],
        when: Always,
        reason: "the report of its delivery is what a produce request answers with",
    },
    Refusal {
        names: &["transactional.id", "transaction.timeout.ms"],
        when: Always,
        reason: "callers share one producer, and one caller's transaction would hold up the records of all",
    },
    Refusal {
        names: &["api.version.request"],
        when: Unless(is_true, "`true`"),
        reason: "headers, timestamps and idempotence need brokers that tell their versions",
    },
    Refusal {
        names: &[
            "group.id",
            "group.instance.id",
            "group.protocol",
            "group.protocol.type",
            "group.remote.assignor",
        ],
        when: Always,
        reason: "groups are named by requests, and a plain stream joins none",
    },
    Refusal {
        names: &["partition.assignment.strategy"],
        when: Always,
        reason: "the gateway decides which partitions a consumer reads",
    },
    Refusal {
        names: &[
            "auto.commit.enable",
            "auto.commit.interval.ms",
            "enable.auto.commit",
            "enable.auto.offset.store",
        ],
        when: Always,
        reason: "an offset is committed when a caller has acknowledged its record, never by a clock",
    },
    Refusal {
        names: &["offset.store.method", "offset.store.path", "offset.store.sync.interval.ms"],
        when: Always,
        reason: "a reader's position travels in its event ids, and a group's is kept by the brokers",
    },
    Refusal {
        names: &["auto.offset.reset"],
        when: Always,
        reason: "a lost position must be told to the reader as a gap, not skipped in silence; a request says where it starts by `from`",
    },
    Refusal {
        names: &["enable.partition.eof"],
        when: Always,
        reason: "the gateway needs it on, to know when a stream has caught up",
    },
    Refusal {
        names: &["check.crcs"],
        when: Unless(is_true, "`true`, which it is anyway"),
        reason: "records are given byte for byte, or not at all",
    },
    Refusal {
        names: &["isolation.level"],
        when: Always,
        reason: "each request says its own `isolation`, and `read_committed` is the default",
    },
    Refusal {
        names: &["queued.max.messages.kbytes"],
        when: Always,
        reason: "how far a reader reads ahead is `streams.reader_queue_bytes`",
    },
    Refusal {
        names: &["statistics.interval.ms"],
        when: Always,
        reason: "set `telemetry.kafka_statistics`; what is told stands in `/metrics`",
    },
    Refusal {
        names: &["log_level", "log.queue"],
        when: Always,
        reason: "what is logged is `telemetry.log` (`debug` passes)",
    },
    Refusal {
        names: &["sasl.jaas.config"],
        when: Always,
        reason: "that is a property of Java's clients; set `sasl.mechanism`, `sasl.username` and `sasl.password_file`",
    },
    Refusal {
        names: &[
            "background_event_cb",
            "closesocket_cb",
            "connect_cb",
            "consume_cb",
            "default_topic_conf",
            "dr_cb",
            "dr_msg_cb",
            "enabled_events",
            "error_cb",
            "interceptors",
            "log_cb",
            "msg_order_cmp",
            "oauthbearer_token_refresh_cb",
            "offset_commit_cb",
            "opaque",
            "open_cb",
            "partitioner_cb",
            "rebalance_cb",
            "resolve_cb",
            "socket_cb",
            "ssl_ca",
            "ssl_certificate",
            "ssl.certificate.verify_cb",
            "ssl_engine_callback_data",
            "ssl_key",
            "stats_cb",
            "throttle_cb",
        ],
        when: Always,
        reason: "a callback or an object in memory, which only code can set",
    },
];

/// librdkafka's spellings of true.
fn is_true(value: &str) -> bool {
    ["true", "t", "1"].iter().any(|word| value.eq_ignore_ascii_case(word))
}

/// Whether a text is a decimal number within bounds. librdkafka also reads hexadecimal; refusing that costs
/// nobody anything, and guessing wrong would.
fn is_within(value: &str, least: u32, most: u32) -> bool {
    value.parse::<u32>().is_ok_and(|number| (least..=most).contains(&number))
}

/// Whether a property is refused whatever its value: those that the gateway sets itself are among them, so
/// that nothing in a file is silently overruled.
#[must_use]
pub fn is_reserved(name: &str) -> bool {
    REFUSED.iter().any(|refusal| matches!(refusal.when, Always) && refusal.names.contains(&name))
}

/// Why this value of this property is refused, if it is.
pub(super) fn refusal(name: &str, value: &str) -> Option<String> {
    let refusal = REFUSED.iter().find(|refusal| refusal.names.contains(&name))?;
    match refusal.when {
        Always => Some(format!("refused: {}", refusal.reason)),
        Unless(passes, _) if passes(value) => None,
        Unless(_, allowed) => Some(format!("refused: {}; allowed: {allowed}", refusal.reason)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn what_breaks_a_promise_is_refused_and_what_keeps_it_passes() {
        for (name, value, refused) in [
            ("enable.idempotence", "false", true),
            ("enable.idempotence", "0", true),
            ("enable.idempotence", "no", true),
            ("enable.idempotence", "true", false),
            ("enable.idempotence", "True", false),
            ("max.in.flight", "6", true),
            ("max.in.flight", "5", false),
            ("max.in.flight.requests.per.connection", "0x10", true),
            ("max.in.flight.requests.per.connection", "1", false),
            ("retries", "0", true),
            ("retries", "-1", true),
            ("retries", "3", false),
            ("message.send.max.retries", "0", true),
            ("queuing.strategy", "lifo", true),
            ("queuing.strategy", "fifo", false),
            ("api.version.request", "false", true),
            ("enable.auto.commit", "false", true),
            ("debug", "all", false),
            ("compression.level", "3", false),
            ("linger.ms", "5", false),
            ("queue.buffering.max.ms", "5", true),
            ("queued.min.messages", "10", false),
            ("topic.metadata.refresh.interval.ms", "1000", false),
            ("security.protocol", "sasl_ssl", false),
        ] {
            assert_eq!(refusal(name, value).is_some(), refused, "{name} = {value}");
        }
    }

    #[test]
    fn only_what_is_always_refused_is_reserved() {
        assert!(is_reserved("group.id"));
        assert!(!is_reserved("enable.idempotence"));
        assert!(!is_reserved("debug"));
    }

    #[test]
    fn no_name_is_refused_twice_and_every_reason_is_given() {
        let mut seen = BTreeSet::new();
        for refusal in REFUSED {
            assert!(!refusal.reason.is_empty());
            for name in refusal.names {
                assert!(seen.insert(name), "{name} stands in two refusals");
            }
        }
    }
}
