//! What a gateway has of a group is told where the group is described, and by no other gateway.

use super::Worked;
use crate::harness::{Context, Gateway, Test, until};
use crate::tests;
use kafka_protocol::messages::ApiKey;
use serde_json::{Value, json};
use std::time::Duration;

pub fn tests() -> Vec<Test> {
    tests![
        who_waits_and_what_is_held_is_told_where_it_is,
        a_group_that_is_just_being_joined_is_told,
        a_partition_whose_first_record_comes_back_ten_times_is_told_as_stalled,
    ]
}

impl Worked {
    /// The group as a gateway describes it.
    async fn told_by(&self, gateway: &Gateway) -> Value {
        gateway.get(&self.path()).await.json(200)
    }
}

async fn who_waits_and_what_is_held_is_told_where_it_is(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 1).await;
    let poll = worked.next(json!({"wait_ms": 20_000}));
    let meanwhile = async {
        let waiting = worked
            .until_here("the member has its partition", |here| here["members"][0]["phase"] == "consuming");
        let expected = json!({
            "members": [{"topics": [worked.topic], "phase": "consuming", "partitions": 1}],
            "workers": 1, "in_flight": 0, "oldest_lease_ms": null, "stalled": []
        });
        assert_eq!(waiting.await, expected);
        worked.kafka.writer().write_numbers(&worked.topic, 0, 0..3).await;
    };
    let (first, ()) = tokio::join!(poll, meanwhile);
    let mut ids = first.ids();
    while ids.len() < 3 {
        ids.extend(worked.next(json!({})).await.ids());
    }
    let held = worked.here().await;
    assert_eq!((&held["workers"], &held["in_flight"]), (&json!(0), &json!(3)), "{held}");
    until("the oldest lease grows older", || async {
        let (before, now) = (&held["oldest_lease_ms"], worked.here().await["oldest_lease_ms"].clone());
        (now.as_u64().expect("it runs") > before.as_u64().expect("it runs")).then_some(())
    })
    .await;
    worked.ack(&ids).await;
    worked.until_committed(&[3]).await;
    let after = worked.here().await;
    assert_eq!((&after["in_flight"], &after["oldest_lease_ms"]), (&json!(0), &Value::Null), "{after}");
    let elsewhere = worked.told_by(&context.gateway_with(|_| {}).await).await;
    assert_eq!(elsewhere.get("here"), None, "it is another gateway's: {elsewhere}");
    assert_eq!(elsewhere["partitions"][0]["committed"], 3);
}

async fn a_group_that_is_just_being_joined_is_told(context: Context) {
    let own = context.own_broker().await;
    let gateway = context.gateway_before(&own, |_| {}).await;
    own.kafka().create_topic("t", 1, &[]).await;
    let worked = Worked::of(&context, gateway, "t", own.kafka());
    worked.gateway.get(&worked.path()).await.refusal(404, "group_not_found");
    own.broker().faults().delay(ApiKey::FindCoordinator, Duration::from_secs(2));
    assert!(worked.poll(json!({"wait_ms": 0})).await.is_none());
    let told = worked.told_by(&worked.gateway).await;
    let expected = json!({
        "name": worked.group, "state": "empty", "protocol": null, "assignor": null,
        "members": [], "partitions": [], "lag": 0,
        "here": {
            "members": [{"topics": ["t"], "phase": "joining", "partitions": 0}],
            "workers": 0, "in_flight": 0, "oldest_lease_ms": null, "stalled": []
        }
    });
    assert_eq!(told, expected);
    own.broker().faults().delay(ApiKey::FindCoordinator, Duration::ZERO);
    until("Kafka knows of it", || async {
        let told = worked.told_by(&worked.gateway).await;
        (told["state"] == "stable" && told["here"]["members"][0]["phase"] == "consuming").then_some(())
    })
    .await;
}

async fn a_partition_whose_first_record_comes_back_ten_times_is_told_as_stalled(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 1).await;
    worked.write(0, 0..3).await;
    let first = worked.next(json!({"max": 1})).await;
    worked.ack(&first.ids()).await;
    let mut held = worked.next(json!({"max": 1})).await;
    for attempt in 2..=10 {
        assert_eq!(worked.here().await["stalled"], json!([]), "before attempt {attempt}");
        let back = json!({"max": 1, "nacks": [{"id": held.ids()[0]}]});
        held = worked.next(back).await;
        assert_eq!((held.numbers(), held.attempts()), (vec![1], vec![attempt]));
    }
    let here = worked.here().await;
    let stuck = here["stalled"][0]["stuck_ms"].as_u64().expect("a number");
    let expected = json!([
        {"topic": worked.topic, "partition": 0, "offset": 1, "attempts": 10, "stuck_ms": stuck}
    ]);
    assert_eq!(here["stalled"], expected);
    worked.ack(&held.ids()).await;
    assert_eq!(worked.here().await["stalled"], json!([]), "it gets on");
}
