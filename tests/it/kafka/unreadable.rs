//! A batch that cannot be read: its partition stands still and says so, and nothing behind it is given.

use super::{Reader, name, settings};
use crate::harness::{Context, Draft, OwnBroker, Test, off_thread, within};
use crate::tests;
use kafka_protocol::messages::ProduceRequest;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::records::{Compression, Record, RecordBatchEncoder, RecordEncodeOptions, TimestampType};
use sluicegate::kafka::Error;
use sluicegate::kafka::reader::{Event, Position};
use sluicegate::record::Isolation;
use std::time::Duration;

pub fn tests() -> Vec<Test> {
    tests![a_batch_that_does_not_decompress_fails_its_partition]
}

/// A batch that says it is compressed, and is not, under a right checksum: no broker of Kafka's takes it, but a disk may
/// make one.
fn undecipherable() -> bytes::Bytes {
    let record = Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: -1,
        producer_id: -1,
        producer_epoch: -1,
        timestamp_type: TimestampType::Creation,
        offset: 0,
        sequence: -1,
        timestamp: 1_000,
        key: None,
        value: Some(bytes::Bytes::from_static(b"never seen")),
        headers: Default::default(),
    };
    let mut batch = bytes::BytesMut::new();
    let options = RecordEncodeOptions { version: 2, compression: Compression::Zstd };
    let noise = |_: &mut bytes::BytesMut, out: &mut bytes::BytesMut, _: Compression| {
        out.extend_from_slice(b"this is no zstd");
        Ok(())
    };
    RecordBatchEncoder::encode_with_custom_compression(&mut batch, &[record], &options, Some(noise))
        .expect("a batch");
    batch.freeze()
}

async fn write_raw(own: &OwnBroker, topic: &'static str, batch: bytes::Bytes) {
    let own = own.clone();
    off_thread(move || {
        let data = PartitionProduceData::default().with_records(Some(batch));
        let topic = crate::harness::wire_text(topic).into();
        let topic = TopicProduceData::default().with_name(topic).with_partition_data(vec![data]);
        let request =
            ProduceRequest::default().with_acks(-1).with_timeout_ms(1_000).with_topic_data(vec![topic]);
        let answer = crate::harness::BrokerWire::to(own.broker().address()).ask(9, &request);
        assert_eq!(answer.responses[0].partition_responses[0].error_code, 0);
    })
    .await;
}

async fn a_batch_that_does_not_decompress_fails_its_partition(context: Context) {
    let own = context.own_broker().await;
    let kafka = own.kafka();
    kafka.create_topic("t", 1, &[]).await;
    let writer = kafka.writer();
    writer.write("t", 0, &Draft::value("before")).await;
    write_raw(&own, "t", undecipherable()).await;
    assert_eq!(writer.write("t", 0, &Draft::value("behind")).await, 2);
    let settings = settings(&kafka);
    let start = |next| {
        let position = Position { topic: name("t"), partition: 0, next };
        Reader::start(&settings, Isolation::Committed, vec![position])
    };
    let (mut reader, mut offsets) = (start(0).await, Vec::new());
    let error = loop {
        let events = within("events", reader.next()).await.expect("the reader reads on");
        let mut failed = None;
        for event in events {
            match event {
                Event::Record(record) => offsets.push(record.offset),
                Event::Failed { error, .. } => failed = Some(error),
                Event::End { next, .. } => panic!("an end at {next}"),
            }
        }
        if let Some(error) = failed {
            break error;
        }
    };
    assert_eq!(offsets, [0]);
    assert!(matches!(error, Error::Unreadable { offset: 1, .. }), "{error:?}");
    let more = tokio::time::timeout(Duration::from_millis(1500), reader.next()).await;
    assert!(more.is_err(), "nothing follows: {more:?}");
    // Behind it all is well.
    let events = within("events", start(2).await.next()).await.expect("the reader reads on");
    assert!(matches!(&events[0], Event::Record(record) if record.offset == 2), "{events:?}");
}
