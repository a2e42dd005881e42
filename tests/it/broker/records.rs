//! Records come out as they went in.

use super::clients::*;
use crate::blocking_tests;
use crate::harness::Test;
use rdkafka::{
    Message, Timestamp,
    error::KafkaError,
    message::{Header, Headers, OwnedHeaders, OwnedMessage},
    producer::FutureRecord,
    types::RDKafkaErrorCode,
    util::Timeout,
};

pub fn tests() -> Vec<Test> {
    blocking_tests![
        keys_values_headers_and_times_come_out_as_they_went_in_with_every_compression,
        every_level_of_acknowledgement_appends,
        a_batch_over_the_topics_limit_is_refused_and_one_within_it_is_not,
        a_read_past_the_end_is_out_of_range,
    ]
}

/// A record as a table: key, value, headers.
type Shape<'a> = (Option<&'a [u8]>, Option<&'a [u8]>, &'a [(&'a str, Option<&'a [u8]>)]);

const SHAPES: [Shape<'static>; 6] = [
    (Some(b"key"), Some(b"value"), &[]),
    (None, Some(b"no key"), &[("a", Some(b"1")), ("a", Some(b"2")), ("b", None), ("c", Some(b""))]),
    (Some(b"tombstone"), None, &[("why", Some(b"gone"))]),
    (Some(b""), Some(b""), &[]),
    (None, None, &[]),
    (Some(b"\0\xff\r\n"), Some(b"\xc3\x28 is not UTF-8"), &[("\u{1F980}", Some(b"\x00"))]),
];

/// The same, as a client has it in hand.
type Held = (Option<Vec<u8>>, Option<Vec<u8>>, Vec<(String, Option<Vec<u8>>)>);

fn held(message: &OwnedMessage) -> Held {
    let headers = message.headers().into_iter().flat_map(Headers::iter);
    let headers = headers.map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec)));
    (message.key().map(<[u8]>::to_vec), message.payload().map(<[u8]>::to_vec), headers.collect())
}

fn keys_values_headers_and_times_come_out_as_they_went_in_with_every_compression() {
    let broker = broker();
    create_topic(&broker, "t", 1, &[]);
    let mut sent = 0;
    for compression in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let producer = producer(&broker, &[("compression.type", compression)]);
        for (i, (key, value, headers)) in SHAPES.iter().enumerate() {
            let mut record = FutureRecord::<[u8], [u8]>::to("t").partition(0).timestamp(1_000 + i as i64);
            (record.key, record.payload) = (*key, *value);
            let owned = headers
                .iter()
                .fold(OwnedHeaders::new(), |all, (key, value)| all.insert(Header { key, value: *value }));
            let delivery = wait(producer.send(record.headers(owned), Timeout::After(DEADLINE)));
            assert_eq!(delivery.expect("delivered").offset, sent, "{compression}");
            sent += 1;
        }
    }
    let reader = reader(&broker, "t", 0, &[]);
    for offset in 0..sent {
        let message = next(&reader).expect("a record");
        let i = offset as usize % SHAPES.len();
        let (key, value, headers) = SHAPES[i];
        let headers = headers.iter().map(|(k, v)| ((*k).to_owned(), v.map(<[u8]>::to_vec)));
        let expected: Held = (key.map(<[u8]>::to_vec), value.map(<[u8]>::to_vec), headers.collect());
        assert_eq!(held(&message), expected, "offset {offset}");
        assert_eq!(message.offset(), offset);
        assert_eq!(message.timestamp(), Timestamp::CreateTime(1_000 + i as i64));
    }
}

fn every_level_of_acknowledgement_appends() {
    let broker = broker();
    create_topic(&broker, "t", 1, &[]);
    for acks in ["0", "1", "all"] {
        let producer = producer(&broker, &[("enable.idempotence", "false"), ("acks", acks)]);
        let offset = try_send(&producer, "t", acks.as_bytes());
        // Without an acknowledgement there is no offset to tell.
        let expected = match acks {
            "0" => Ok(-1),
            "1" => Ok(1),
            _ => Ok(2),
        };
        if acks == "0" {
            until("the unacknowledged record is there", || end(&broker) == 1);
        }
        assert!(offset == expected || acks == "0", "acks={acks}: {offset:?}");
    }
    assert_eq!(values(&reader(&broker, "t", 0, &[]), 3), ["0", "1", "all"]);
}

fn end(broker: &sluicegate::dev::Broker) -> i64 {
    use rdkafka::consumer::{BaseConsumer, Consumer};
    let consumer: BaseConsumer = config(broker, &[("group.id", "end")]).create().expect("a consumer");
    consumer.fetch_watermarks("t", 0, DEADLINE).expect("watermarks").1
}

fn a_batch_over_the_topics_limit_is_refused_and_one_within_it_is_not() {
    let broker = broker();
    create_topic(&broker, "t", 1, &[("max.message.bytes", "10000")]);
    let producer = producer(&broker, &[]);
    let too_large = try_send(&producer, "t", &[b'x'; 10_000]);
    assert_eq!(too_large, Err(RDKafkaErrorCode::MessageSizeTooLarge));
    assert_eq!(send(&producer, "t", &[b'x'; 9_800]), 0);
}

fn a_read_past_the_end_is_out_of_range() {
    let broker = broker();
    create_topic(&broker, "t", 1, &[]);
    send(&producer(&broker, &[]), "t", b"only");
    let reader = reader(&broker, "t", 7, &[]);
    let error = next(&reader).expect_err("there is no offset 7");
    assert_eq!(error, KafkaError::MessageConsumption(RDKafkaErrorCode::AutoOffsetReset));
}
