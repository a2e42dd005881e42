//! When a record counts as acknowledged: by word, by being committed first, or never.

use super::Worked;
use crate::harness::{Context, Test, until};
use crate::tests;
use serde_json::json;
use std::time::Duration;

pub fn tests() -> Vec<Test> {
    tests![with_written_a_record_is_committed_before_it_is_given, with_none_the_group_stays_where_it_stands,]
}

async fn with_written_a_record_is_committed_before_it_is_given(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 1).await;
    worked.write(0, 0..6).await;
    let mut numbers = Vec::new();
    while numbers.len() < 6 {
        let body = worked.asking(&json!({"ack": "written", "max": 2}));
        let reply = worked.post("poll", &body).await;
        if reply.status == 204 {
            continue;
        }
        let committed = worked.committed(1).await;
        let reply = reply.json(200);
        let records = reply["records"].as_array().expect("records").clone();
        numbers.extend(records.iter().map(|record| record["value"].as_i64().expect("a number")));
        assert_eq!(committed, [numbers.len() as i64], "before anybody acknowledged anything");
        assert!(reply.get("lease_ms").is_none(), "nothing is held: {reply}");
    }
    assert_eq!(numbers, [0, 1, 2, 3, 4, 5]);
}

async fn with_none_the_group_stays_where_it_stands(context: Context) {
    let gateway = context.gateway_with(|config| config.groups.linger = Duration::from_millis(100)).await;
    let worked = Worked::new(&context, gateway, 1).await;
    worked.write(0, 0..3).await;
    for _ in 0..2 {
        let batch = worked.next(json!({"ack": "none"})).await;
        assert_eq!(batch.numbers(), [0, 1, 2]);
        assert_eq!(worked.committed(1).await, [-1]);
        until("the member has left", || async {
            (worked.gateway.metric("sluicegate_group_members").await == 0).then_some(())
        })
        .await;
    }
    assert_eq!(worked.committed(1).await, [-1]);
}
