//! Which partition a record goes to: the key's by Java's partitioner, or the one asked for.

use crate::harness::{Context, Entry, Test, off_thread};
use crate::tests;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use std::collections::BTreeMap;
use std::time::Duration;

pub fn tests() -> Vec<Test> {
    tests![
        a_key_goes_to_the_partition_that_javas_partitioner_gives_it,
        a_native_producer_puts_the_same_keys_into_the_same_partitions,
        records_without_a_key_are_spread,
        a_partition_asked_for_wins_over_the_key,
        a_partition_out_of_range_is_refused_with_how_many_there_are,
        what_is_no_partition_number_is_refused,
        a_partition_added_meanwhile_can_be_used,
    ]
}

/// Keys and their hashes as the tests of Kafka's own Java client have them (`Utils.murmur2`).
const MURMUR2: [(&str, i32); 6] = [
    ("21", -973_932_308),
    ("foobar", -790_332_482),
    ("a-little-bit-long-string", -985_981_536),
    ("a-little-bit-longer-string", -1_486_304_829),
    ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
    ("abc", 479_470_107),
];

async fn a_key_goes_to_the_partition_that_javas_partitioner_gives_it(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("keyed", 7).await);
    for acks in ["all", "leader"] {
        for (key, hash) in MURMUR2 {
            let reply = gateway.produce(&topic, &format!("key={key}&acks={acks}"), "v").await;
            assert_eq!(reply.receipt().0, (hash & 0x7fff_ffff) % 7, "{key} with acks={acks}");
        }
    }
}

async fn a_native_producer_puts_the_same_keys_into_the_same_partitions(context: Context) {
    let gateway = context.gateway().await;
    let (ours, theirs) = (context.topic("ours", 12).await, context.topic("theirs", 12).await);
    let keys: Vec<String> =
        (0..200).map(|n: i32| format!("{}-{}", "k".repeat(n as usize % 9), n * n)).collect();
    for key in &keys {
        gateway.produce(&ours, &format!("key={key}"), "v").await.receipt();
    }
    let mut config = context.kafka().client();
    config.set("partitioner", "murmur2_random");
    let topic = theirs.clone();
    off_thread(move || {
        let producer: ThreadedProducer<DefaultProducerContext> = config.create().expect("a producer");
        for key in &keys {
            producer.send(BaseRecord::to(&topic).key(key).payload("v")).expect("there is room");
        }
        producer.flush(Duration::from_secs(30)).expect("delivered");
    })
    .await;
    let placed = |ledger: Vec<Entry>| -> BTreeMap<_, _> {
        ledger.into_iter().map(|entry| (entry.key.expect("a key"), entry.partition)).collect()
    };
    let (ours, theirs) =
        (context.kafka().consume_all(&ours).await, context.kafka().consume_all(&theirs).await);
    assert_eq!(theirs.len(), 200);
    assert_eq!(placed(ours), placed(theirs));
}

async fn records_without_a_key_are_spread(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("spread", 3).await);
    let mut seen = [0; 3];
    for _ in 0..60 {
        seen[gateway.produce(&topic, "", "v").await.receipt().0 as usize] += 1;
    }
    assert!(seen.iter().all(|count| *count > 0), "{seen:?}");
}

async fn a_partition_asked_for_wins_over_the_key(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("asked", 7).await);
    for partition in 0..7 {
        let reply = gateway.produce(&topic, &format!("key=foobar&partition={partition}"), "v").await;
        assert_eq!(reply.receipt(), (partition, 0));
    }
}

async fn a_partition_out_of_range_is_refused_with_how_many_there_are(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("range", 3).await);
    for partition in ["3", "4", "2147483647"] {
        let reply = gateway.produce(&topic, &format!("partition={partition}"), "v").await;
        let detail = reply.refusal(400, "partition_out_of_range");
        assert!(detail.contains(" 3 partitions"), "{detail}");
    }
    assert!(context.kafka().consume_all(&topic).await.is_empty());
}

async fn what_is_no_partition_number_is_refused(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("number", 1).await);
    for partition in ["-1", "", "x", "1.0", "%2B0", "0,1", "2147483648", "99999999999999999999"] {
        let reply = gateway.produce(&topic, &format!("partition={partition}"), "v").await;
        let detail = reply.refusal(400, "invalid_parameter");
        assert!(detail.contains("partition"), "{partition}: {detail}");
    }
}

async fn a_partition_added_meanwhile_can_be_used(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("grows", 1).await);
    gateway.produce(&topic, "partition=0", "before").await.receipt();
    gateway.produce(&topic, "partition=2", "too early").await.refusal(400, "partition_out_of_range");
    context.kafka().add_partitions(&topic, 3).await;
    assert_eq!(gateway.produce(&topic, "partition=2", "after").await.receipt(), (2, 0));
    assert_eq!(gateway.produce(&topic, "partition=1&acks=leader", "after").await.receipt(), (1, 0));
    assert_eq!(context.kafka().consume_all(&topic).await.len(), 3);
}
