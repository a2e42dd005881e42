//! Let in only so far: what Kafka's ACLs deny is 403 at once, costs the rest nothing, and is granted without a restart.

use super::gateway_as;
use crate::harness::{Context, Gateway, Operation::*, Resource, Test, send, until};
use crate::tests;
use std::time::{Duration, Instant};

pub fn tests() -> Vec<Test> {
    tests![
        a_denied_topic_is_forbidden_and_not_listed needs [Sasl],
        a_topic_allowed_later_works_without_a_restart needs [Sasl],
        a_topic_that_may_only_be_seen_is_described_and_nothing_more needs [Sasl],
        who_may_only_read_reads_and_is_forbidden_to_write needs [Sasl],
        who_may_only_write_writes_and_is_forbidden_to_read needs [Sasl],
        a_denied_topic_holds_up_no_other needs [Sasl],
    ]
}

/// A refusal of Kafka's rules comes at once.
const SOON: Duration = Duration::from_secs(5);

async fn is_forbidden(gateway: &Gateway, topic: &str, what: &[&str]) {
    for what in what {
        let begun = Instant::now();
        let reply = match *what {
            "produce" => gateway.produce(topic, "", "v").await,
            "produce to the leader" => gateway.produce(topic, "acks=leader", "v").await,
            // A real status: waiting mends nothing, so an EventSource is to stop.
            "stream" => send(gateway.streaming(topic, "from=earliest")).await,
            "page" => gateway.page(topic, "from=earliest").await,
            "record" => gateway.get(&format!("/v1/topics/{topic}/partitions/0/records/0")).await,
            "describe" => gateway.get(&format!("/v1/topics/{topic}")).await,
            "create" => gateway.put(&format!("/v1/topics/{topic}-more"), "").await,
            _ => unreachable!("no other is asked for"),
        };
        let problem = reply.problem(403, "forbidden");
        assert_eq!(problem["retryable"], false, "{what}: {problem}");
        assert!(begun.elapsed() < SOON, "{what} was told after {:?}", begun.elapsed());
    }
}

async fn lists(gateway: &Gateway, topic: &str) -> bool {
    let listed = gateway.get("/v1/topics").await.json(200);
    listed["topics"].as_array().expect("a list").iter().any(|listed| listed["name"] == topic)
}

async fn a_denied_topic_is_forbidden_and_not_listed(context: Context) {
    let (gateway, topic) = (gateway_as(&context, "gateway").await, context.topic("denied", 1).await);
    let all = ["produce", "produce to the leader", "stream", "page", "record", "describe", "create"];
    is_forbidden(&gateway, &topic, &all).await;
    assert!(!lists(&gateway, &topic).await, "Kafka does not tell of it");
    assert_eq!(gateway.get("/readyz").await.status, 200, "the gateway itself is well");
    assert!(context.kafka().consume_all(&topic).await.is_empty());
}

async fn a_topic_allowed_later_works_without_a_restart(context: Context) {
    let (gateway, topic) = (gateway_as(&context, "gateway").await, context.topic("granted", 1).await);
    let cluster = context.cluster();
    is_forbidden(&gateway, &topic, &["produce", "stream"]).await;
    // Step by step, so that each client has been refused by the very topic.
    cluster.allow("gateway", &[(Resource::Topic(&topic), Describe)]).await;
    until("it is described", || async {
        (gateway.get(&format!("/v1/topics/{topic}")).await.status == 200).then_some(())
    })
    .await;
    is_forbidden(&gateway, &topic, &["produce", "produce to the leader"]).await;
    cluster.allow("gateway", &[(Resource::Topic(&topic), Write), (Resource::Topic(&topic), Read)]).await;
    let begun = Instant::now();
    for acks in ["all", "leader"] {
        let query = format!("acks={acks}");
        until("it produces", || async {
            (gateway.produce(&topic, &query, "v").await.status == 200).then_some(())
        })
        .await;
    }
    assert!(begun.elapsed() < SOON, "it was allowed, and produced after {:?}", begun.elapsed());
    assert_eq!(
        context.kafka().consume_all(&topic).await.len(),
        2,
        "nothing that was refused is written later"
    );
    let mut stream = gateway.stream(&topic, "from=earliest").await;
    stream.records(2).await;
}

async fn a_topic_that_may_only_be_seen_is_described_and_nothing_more(context: Context) {
    // This user may write nothing at all: then Kafka gives no producer id either.
    let (gateway, topic) = (gateway_as(&context, "reader").await, context.topic("seen", 1).await);
    context.kafka().writer().write(&topic, 0, &crate::harness::Draft::value("v")).await;
    context.cluster().allow("reader", &[(Resource::Topic(&topic), Describe)]).await;
    let path = format!("/v1/topics/{topic}");
    until("the right is known to all nodes", || async {
        (gateway.get(&path).await.status == 200).then_some(())
    })
    .await;
    let described = gateway.get(&path).await.json(200);
    assert_eq!(described["partitions"][0]["latest"], 1, "{described}");
    assert!(described["configs"].is_null(), "not to be seen is not the same as none: {described}");
    assert!(lists(&gateway, &topic).await);
    is_forbidden(&gateway, &topic, &["produce", "produce to the leader", "page", "record"]).await;
    let mut stream = gateway.stream(&topic, "from=earliest").await;
    stream.expect("ready").await;
    let fault = stream.expect("fault").await.json();
    assert_eq!((&fault["final"], &fault["problem"]["code"]), (&true.into(), &"forbidden".into()), "{fault}");
    assert_eq!(stream.next().await, None);
}

async fn who_may_only_read_reads_and_is_forbidden_to_write(context: Context) {
    let (gateway, topic) = (gateway_as(&context, "reader").await, context.topic("read", 1).await);
    context.cluster().allow("reader", &[(Resource::Topic(&topic), Read)]).await;
    let mut stream = until("the right is known to all nodes", || async {
        Some(gateway.stream(&topic, "").await).filter(|stream| stream.status == 200)
    })
    .await;
    stream.expect("ready").await;
    context.kafka().writer().write(&topic, 0, &crate::harness::Draft::value("v")).await;
    stream.records(1).await;
    is_forbidden(&gateway, &topic, &["produce", "produce to the leader"]).await;
    context.kafka().writer().write(&topic, 0, &crate::harness::Draft::value("w")).await;
    assert_eq!(stream.records(1).await[0].value(), "w", "the stream goes on");
}

async fn who_may_only_write_writes_and_is_forbidden_to_read(context: Context) {
    let (gateway, topic) = (gateway_as(&context, "gateway").await, context.topic("written", 1).await);
    context.cluster().allow("gateway", &[(Resource::Topic(&topic), Write)]).await;
    until("the right is known to all nodes", || async {
        (gateway.produce(&topic, "", "v").await.status == 200).then_some(())
    })
    .await;
    is_forbidden(&gateway, &topic, &["page", "record"]).await;
    gateway.produce(&topic, "", "w").await.receipt();
}

async fn a_denied_topic_holds_up_no_other(context: Context) {
    let (gateway, denied) = (gateway_as(&context, "gateway").await, context.topic("denied", 1).await);
    let (cluster, open) = (context.cluster(), context.topic("open", 1).await);
    cluster.allow("gateway", &[(Resource::Topic(&denied), Describe), (Resource::Topic(&open), Write)]).await;
    until("the right is known to all nodes", || async {
        (gateway.produce(&open, "", "v").await.status == 200).then_some(())
    })
    .await;
    let before = context.kafka().consume_all(&open).await.len();
    let (denials, receipts) = tokio::join!(
        async {
            for _ in 0..30 {
                gateway.produce(&denied, "", "v").await.refusal(403, "forbidden");
            }
        },
        async {
            let mut offsets = Vec::new();
            for n in 0..30 {
                offsets.push(gateway.produce(&open, "", n.to_string()).await.receipt().1);
            }
            offsets
        }
    );
    let () = denials;
    let expected: Vec<_> = (before as i64..).take(30).collect();
    assert_eq!(receipts, expected, "each once, in order");
}
