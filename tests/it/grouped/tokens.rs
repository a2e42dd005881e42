//! Ids that are none, another group's, forged, or of another time: the documented answer, and nothing moves.

use super::Worked;
use crate::harness::{Context, Gateway, Test};
use crate::tests;
use serde_json::{Value, json};
use sluicegate::config::Config;
use std::time::Duration;

pub fn tests() -> Vec<Test> {
    tests![
        what_is_no_id_is_refused_and_nothing_is_acknowledged,
        ids_of_another_group_and_forged_ones_are_fenced_and_the_rest_is_done,
        an_id_from_before_a_restart_is_fenced_and_its_record_comes_again,
        with_a_shared_secret_an_id_is_known_after_a_restart_and_counts_no_more,
        gateways_read_each_others_ids_only_if_they_share_a_secret,
        a_poll_names_fenced_ids_and_goes_on,
    ]
}

async fn what_is_no_id_is_refused_and_nothing_is_acknowledged(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 1).await;
    worked.write(0, 0..2).await;
    let ids = worked.next(json!({})).await.ids();
    let long = format!("{}{}", ids[0], "A".repeat(2000));
    for none in ["", "g1.", "1.AAAA", "g2.AAAA", "g1.a b", "0", "null", &long, &ids[0][..20]] {
        for body in [
            json!({"ids": [ids[0], none]}),
            json!({"up_to": [ids[0], none]}),
            json!({"ids": [ids[0]], "nacks": [{"id": none}]}),
        ] {
            worked.post("acks", &body).await.refusal(400, "invalid_id");
            let poll = worked.post("poll", &worked.asking(&body)).await;
            poll.refusal(400, "invalid_id");
        }
    }
    assert_eq!(worked.committed(1).await, [0]);
    worked.ack(&ids).await;
    worked.until_committed(&[2]).await;
}

async fn ids_of_another_group_and_forged_ones_are_fenced_and_the_rest_is_done(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 1).await;
    let other = Worked { group: context.name("other"), ..worked.clone() };
    worked.write(0, 0..3).await;
    let (ids, foreign) = (worked.next(json!({})).await.ids(), other.next(json!({})).await.ids());
    let flipped = |id: &str, at: usize| {
        let other = if &id[at..=at] == "A" { "B" } else { "A" };
        format!("{}{other}{}", &id[..at], &id[at + 1..])
    };
    let forged =
        [flipped(&ids[1], 10), flipped(&ids[1], ids[1].len() - 3), flipped(&ids[1], ids[1].len() / 2)];
    let reply =
        worked.post("acks", &json!({"ids": [foreign[1], ids[0], forged[0], forged[1], forged[2]]})).await;
    let problem = reply.problem(409, "fenced");
    assert_eq!(problem["fenced"], json!([foreign[1], forged[0], forged[1], forged[2]]));
    worked.until_committed(&[1]).await;
    let nobody = Worked { group: context.name("nobody"), ..worked.clone() };
    nobody.post("acks", &json!({"up_to": [ids[2]]})).await.refusal(409, "fenced");
    assert_eq!((worked.committed(1).await, other.committed(1).await), (vec![1], vec![0]));
}

async fn an_id_from_before_a_restart_is_fenced_and_its_record_comes_again(context: Context) {
    let worked = Worked::new(&context, context.gateway_with(|_| {}).await, 1).await;
    worked.write(0, 0..2).await;
    let old = worked.next(json!({})).await.ids();
    worked.gateway.stop().await;
    let after = worked.through(&context.gateway_with(|_| {}).await);
    after.post("acks", &json!({"ids": old})).await.refusal(409, "fenced");
    let again = after.next(json!({})).await;
    assert_eq!(again.numbers(), [0, 1]);
    after.post("acks", &json!({"up_to": [old[1]]})).await.refusal(409, "fenced");
    assert_eq!(after.committed(1).await, [0]);
}

/// A gateway whose ids are sealed with `secret`, and whose members do not linger.
async fn sealing(context: &Context, secret: &str) -> Gateway {
    let settings = |config: &mut Config| {
        config.groups.shared_secret = secret.to_owned().into();
        config.groups.linger = Duration::from_millis(300);
    };
    context.gateway_with(settings).await
}

async fn with_a_shared_secret_an_id_is_known_after_a_restart_and_counts_no_more(context: Context) {
    let secret = "sealed by the same";
    let worked = Worked::new(&context, sealing(&context, secret).await, 1).await;
    worked.write(0, 0..2).await;
    let first = worked.next(json!({"max": 1})).await.ids();
    worked.ack(&first).await;
    worked.until_committed(&[1]).await;
    let held = worked.next(json!({})).await.ids();
    worked.gateway.stop().await;
    let after = worked.through(&sealing(&context, secret).await);
    after.post("acks", &json!({"ids": first})).await.refusal(409, "fenced");
    let again = after.next(json!({})).await;
    assert_eq!(again.numbers(), [1]);
    // Now that the partition is here: what is committed is, whoever says so.
    assert_eq!(after.post("acks", &json!({"ids": first})).await.status, 204);
    let problem = after.post("acks", &json!({"ids": [first[0], held[0]]})).await.problem(409, "fenced");
    assert_eq!(problem["fenced"], json!(held), "it was handed out under another assignment");
    assert_eq!(after.committed(1).await, [1]);
    after.ack(&again.ids()).await;
    after.until_committed(&[2]).await;
}

async fn gateways_read_each_others_ids_only_if_they_share_a_secret(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 1).await;
    worked.write(0, 0..2).await;
    let same = "sealed by the same";
    for (group, secrets, status) in
        [("same", [same, same], 204), ("other", [same, "sealed by another"], 409), ("none", ["", ""], 409)]
    {
        let gateway = sealing(&context, secrets[0]).await;
        let one = Worked { group: context.name(group), gateway, ..worked.clone() };
        let ids = one.next(json!({"max": 1})).await.ids();
        one.ack(&ids).await;
        one.until_committed(&[1]).await;
        one.until_here("its member has left", Value::is_null).await;
        let other = one.through(&sealing(&context, secrets[1]).await);
        assert_eq!(other.next(json!({})).await.numbers(), [1]);
        let reply = other.post("acks", &json!({"ids": ids})).await;
        assert_eq!(reply.status, status, "{secrets:?}: {}", reply.text());
        if status == 409 {
            assert_eq!(reply.problem(409, "fenced")["fenced"], json!(ids));
        }
    }
}

async fn a_poll_names_fenced_ids_and_goes_on(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 1).await;
    let other = Worked { group: context.name("other"), ..worked.clone() };
    worked.write(0, 0..2).await;
    let foreign = other.next(json!({})).await.ids();
    let ids = worked.next(json!({"max": 1})).await.ids();
    let body = worked.asking(&json!({"ids": [ids[0], foreign[0]]}));
    let reply = worked.post("poll", &body).await.json(200);
    assert_eq!(reply["fenced"], json!([foreign[0]]));
    assert_eq!(reply["records"][0]["value"], 1);
    let nothing = worked.asking(&json!({"ids": [foreign[0]], "wait_ms": 0}));
    let reply = worked.post("poll", &nothing).await.json(200);
    assert_eq!((&reply["fenced"], &reply["records"]), (&json!([foreign[0]]), &json!([])));
}
