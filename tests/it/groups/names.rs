//! Group ids: nearly any text is one, and has to come through a path whole.

use super::{offsets, path};
use crate::harness::{Context, Socket, Test, send};
use crate::tests;
use serde_json::json;

pub fn tests() -> Vec<Test> {
    tests![
        a_group_of_any_name_can_be_asked_for,
        groups_that_are_steps_of_a_path_are_told_to_who_sends_it_as_it_stands,
        what_no_group_can_be_called_is_refused,
    ]
}

async fn a_group_of_any_name_can_be_asked_for(context: Context) {
    let (gateway, kafka) = (context.gateway().await, context.kafka());
    let topic = context.topic("read", 1).await;
    let long = "x".repeat(4000);
    let names = [
        "a/b",
        "/",
        "//",
        " ",
        "a b",
        "a+b",
        "?q=1&r",
        "#",
        "%",
        "%2F",
        "a,b",
        "*",
        "{group}",
        "\"quoted\"",
        "\\",
        "заказы",
        "🦀",
        "a\nb",
        "\t",
        "\u{7f}",
        "e\u{301}",
        "offsets",
        &long,
    ];
    for name in names {
        let group = format!("{}{name}", context.prefix());
        kafka.commit(&group, &topic, &[(0, 0)]).await;
        assert_eq!(gateway.get(&path(&group)).await.json(200)["name"], group.as_str(), "{name:?}");
        let body = json!({"topics": {&topic: "latest"}}).to_string();
        let told = gateway.put(&offsets(&group), body).await.json(200);
        assert_eq!((&told["name"], &told["partitions"][0]["before"]), (&json!(group), &json!(0)), "{name:?}");
        let listed = gateway.get("/v1/groups").await.json(200);
        let listed = listed["groups"].as_array().expect("groups");
        assert!(listed.iter().any(|listed| listed["name"] == group.as_str()), "{name:?}");
        let deleted = send(gateway.request("DELETE", &path(&group))).await;
        assert_eq!(deleted.status, 204, "{name:?}: {}", deleted.text());
        gateway.get(&path(&group)).await.refusal(404, "group_not_found");
    }
}

async fn groups_that_are_steps_of_a_path_are_told_to_who_sends_it_as_it_stands(context: Context) {
    let own = context.own_broker().await;
    let (gateway, kafka) = (context.gateway_before(&own, |_| {}).await, own.kafka());
    kafka.create_topic("read", 1, &[]).await;
    let mut socket = Socket::connect(gateway.address()).await;
    for (group, paths) in [(".", [".", "%2E"]), ("..", ["..", "%2e."])] {
        kafka.commit(group, "read", &[(0, 0)]).await;
        for path in paths {
            // Most clients take the step, however its dots are written.
            assert_eq!(gateway.get(&format!("/v1/groups/{path}")).await.status, 404, "{path}");
            let head = format!("GET /v1/groups/{path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
            socket.write(&head).await;
            let (head, body) = socket.reply().await;
            assert!(head.starts_with("http/1.1 200"), "{path}: {head}{body}");
            let told: serde_json::Value = serde_json::from_str(&body).expect("JSON");
            assert_eq!((&told["name"], &told["state"]), (&json!(group), &json!("empty")), "{path}");
        }
    }
}

async fn what_no_group_can_be_called_is_refused(context: Context) {
    let gateway = context.gateway().await;
    let body = r#"{"topics":{"t":"earliest"}}"#;
    for bad in ["%00", "a%00b", "%FF", "%C3%28"] {
        let path = format!("/v1/groups/{bad}");
        gateway.get(&path).await.refusal(400, "invalid_group");
        send(gateway.request("DELETE", &path)).await.refusal(400, "invalid_group");
        gateway.put(&format!("{path}/offsets"), body).await.refusal(400, "invalid_group");
    }
    gateway.put("/v1/groups//offsets", body).await.refusal(400, "invalid_group");
    gateway.get("/v1/groups/").await.refusal(404, "not_found");
    gateway.get("/v1/groups/a/b").await.refusal(404, "not_found");
    let long = "x".repeat(20_000);
    gateway.get(&format!("/v1/groups/{long}")).await.refusal(414, "target_too_long");
}
