//! A group as its clients see it, and as the brokers do.

use crate::harness::{Context, Gateway, Kafka, Lines, Reply, Sse, off_thread, send, until};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Offset, TopicPartitionList};
use serde_json::{Value, json};
use std::time::Duration;

/// A group that works one topic off through a gateway.
#[derive(Clone)]
pub struct Worked {
    pub gateway: Gateway,
    pub group: String,
    pub topic: String,
    pub kafka: Kafka,
}

/// What a poll or a stream brought.
#[derive(Clone, Debug)]
pub struct Batch {
    pub records: Vec<Value>,
}

impl Batch {
    /// The ids of its records.
    pub fn ids(&self) -> Vec<String> {
        self.records.iter().map(|record| record["id"].as_str().expect("an id").to_owned()).collect()
    }

    /// The values of its records, which are whole numbers.
    pub fn numbers(&self) -> Vec<i64> {
        self.records.iter().map(|record| record["value"].as_i64().expect("a number")).collect()
    }

    /// The partitions and offsets of its records.
    pub fn places(&self) -> Vec<(i64, i64)> {
        let place = |record: &Value| {
            (record["partition"].as_i64().expect("a number"), record["offset"].as_i64().expect("a number"))
        };
        self.records.iter().map(place).collect()
    }

    /// The values of its records, with how often each was handed out.
    pub fn tries(&self) -> Vec<(i64, i64)> {
        self.numbers().into_iter().zip(self.attempts()).collect()
    }

    /// How often each record was handed out.
    pub fn attempts(&self) -> Vec<i64> {
        self.records.iter().map(|record| record["attempt"].as_i64().unwrap_or(1)).collect()
    }
}

/// The next records of a stream.
pub async fn take(stream: &mut Sse, count: usize) -> Batch {
    let records = stream.records(count).await.into_iter().map(|event| {
        let mut record = event.json();
        record["id"] = json!(event.id);
        record
    });
    Batch { records: records.collect() }
}

impl Worked {
    /// A group of the test's own, of a topic with so many partitions.
    pub async fn new(context: &Context, gateway: Gateway, partitions: i32) -> Self {
        let topic = context.topic("worked", partitions).await;
        Self { gateway, group: context.name("group"), topic, kafka: context.kafka() }
    }

    /// A group of the test's own, of a topic of any broker.
    pub fn of(context: &Context, gateway: Gateway, topic: &str, kafka: Kafka) -> Self {
        Self { gateway, group: context.name("group"), topic: topic.to_owned(), kafka }
    }

    /// The same group, seen through another gateway.
    pub fn through(&self, gateway: &Gateway) -> Self {
        Self { gateway: gateway.clone(), ..self.clone() }
    }

    /// Writes whole numbers as values, one after the other.
    pub async fn write(&self, partition: i32, numbers: impl IntoIterator<Item = i64>) {
        for number in numbers {
            let query = format!("partition={partition}");
            self.gateway.produce(&self.topic, &query, number.to_string()).await.receipt();
        }
    }

    /// A poll from the beginning of the topic that does not wait long; `more` has further members.
    pub fn asking(&self, more: &Value) -> Value {
        let mut body = json!({"topics": [self.topic], "from": "earliest", "wait_ms": 1000});
        let members = body.as_object_mut().expect("an object");
        members.extend(more.as_object().expect("an object").clone());
        body
    }

    /// Sends a body to the group.
    pub async fn post(&self, what: &str, body: &Value) -> Reply {
        send(self.posting(what).body(body.to_string())).await
    }

    /// A request to the group, to be completed.
    pub fn posting(&self, what: &str) -> reqwest::RequestBuilder {
        self.gateway.request("POST", &format!("{}/{what}", self.path()))
    }

    /// The path of the group.
    pub fn path(&self) -> String {
        let group = percent_encoding::utf8_percent_encode(&self.group, percent_encoding::NON_ALPHANUMERIC);
        format!("/v1/groups/{group}")
    }

    /// One poll; none if there was nothing.
    pub async fn poll(&self, more: Value) -> Option<Batch> {
        let reply = self.post("poll", &self.asking(&more)).await;
        if reply.status == 204 {
            return None;
        }
        let body = reply.json(200);
        Some(Batch { records: body["records"].as_array().expect("records").clone() })
    }

    /// Polls until there is something.
    pub async fn next(&self, more: Value) -> Batch {
        until("the group is handed something", || async { self.poll(more.clone()).await }).await
    }

    /// A stream of the group from the beginning of the topic.
    pub async fn stream(&self, query: &str) -> Sse {
        Sse::open(self.streaming(query)).await
    }

    /// The same as lines.
    pub async fn lines(&self, query: &str) -> Lines {
        self.gateway.lines(&self.topic, &self.asked(query)).await
    }

    /// A stream to be opened.
    pub fn streaming(&self, query: &str) -> reqwest::RequestBuilder {
        self.gateway.streaming(&self.topic, &self.asked(query))
    }

    fn asked(&self, query: &str) -> String {
        let group = percent_encoding::utf8_percent_encode(&self.group, percent_encoding::NON_ALPHANUMERIC);
        format!("group={group}&from=earliest&{query}")
    }

    /// What its gateway has of the group; null where that is nothing.
    pub async fn here(&self) -> Value {
        let reply = self.gateway.get(&self.path()).await;
        if reply.status == 404 { Value::Null } else { reply.json(200)["here"].clone() }
    }

    /// Waits until its gateway has this of the group.
    pub async fn until_here(&self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        until(what, || async { Some(self.here().await).filter(&is) }).await
    }

    /// Acknowledges records by their ids.
    pub async fn ack(&self, ids: &[String]) {
        let reply = self.post("acks", &json!({"ids": ids})).await;
        assert_eq!(reply.status, 204, "{}", reply.text());
    }

    /// What the group has committed in each partition, -1 for nothing, as the brokers have it.
    pub async fn committed(&self, partitions: i32) -> Vec<i64> {
        let (mut config, topic) = (self.kafka.client(), self.topic.clone());
        config.set("group.id", &self.group);
        off_thread(move || {
            let consumer: BaseConsumer = config.create().expect("a consumer");
            let mut list = TopicPartitionList::new();
            for partition in 0..partitions {
                list.add_partition(&topic, partition);
            }
            let told = consumer.committed_offsets(list, Duration::from_secs(20)).expect("the brokers answer");
            let offset = |partition| match told.find_partition(&topic, partition).expect("asked").offset() {
                Offset::Offset(offset) => offset,
                _ => -1,
            };
            (0..partitions).map(offset).collect()
        })
        .await
    }

    /// Waits until the group has committed exactly this.
    pub async fn until_committed(&self, offsets: &[i64]) {
        let partitions = offsets.len() as i32;
        until(&format!("{offsets:?} is committed"), || async {
            (self.committed(partitions).await == offsets).then_some(())
        })
        .await;
    }
}
