//! One record by its address: `GET /v1/topics/{topics}/partitions/{partition}/records/{offset}`.

use crate::harness::{Context, Draft, Gateway, Reply, Test, send};
use crate::tests;
use serde_json::json;

pub fn tests() -> Vec<Test> {
    tests![
        a_record_is_shown_as_what_it_is_and_never_as_a_page,
        a_content_type_that_was_given_is_told_only_where_it_is_harmless,
        the_envelope_is_given_to_who_asks_for_json,
        a_tombstone_is_no_content,
        who_has_the_record_already_is_told_so,
        an_address_where_nothing_stands_is_not_found,
        an_aborted_record_is_not_found needs [Transactions],
        a_record_that_expired_is_gone needs [DeleteRecords],
        an_address_that_is_none_is_refused,
    ]
}

fn path(topic: &str, partition: impl std::fmt::Display, offset: impl std::fmt::Display) -> String {
    format!("/v1/topics/{topic}/partitions/{partition}/records/{offset}")
}

/// Asked for as a browser does.
async fn browse(gateway: &Gateway, topic: &str, offset: i64) -> Reply {
    let request = gateway.request("GET", &path(topic, 0, offset));
    send(request.header("accept", "text/html,application/xhtml+xml,*/*;q=0.8")).await
}

async fn a_record_is_shown_as_what_it_is_and_never_as_a_page(context: Context) {
    let (gateway, topic, writer) =
        (context.gateway().await, context.topic("shown", 1).await, context.kafka().writer());
    let table: &[(&[u8], &str)] = &[
        (b"{\"a\": 1.50}\r\n", "application/json"),
        (b"plain", "text/plain; charset=utf-8"),
        (b"<script>alert(1)</script>", "text/plain; charset=utf-8"),
        (b"\xff\xd8\xff", "application/octet-stream"),
        (b"", "text/plain; charset=utf-8"),
    ];
    for (value, _) in table {
        writer.write(&topic, 0, &Draft::value(*value)).await;
    }
    for (offset, (value, content_type)) in (0..).zip(table) {
        let reply = browse(&gateway, &topic, offset).await;
        assert_eq!((reply.status, &reply.body[..]), (200, *value));
        assert_eq!(reply.header("content-type"), *content_type);
        assert_eq!(reply.header("x-content-type-options"), "nosniff");
        assert_eq!(reply.header("content-security-policy"), "sandbox; default-src 'none'");
        assert_eq!(reply.header("cache-control"), "private, no-cache");
    }
}

async fn a_content_type_that_was_given_is_told_only_where_it_is_harmless(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("types", 1).await);
    let (json, svg) = ("{\"a\": 1}", "<svg onload=alert(1)>");
    let table = [
        ("application/json", json, "application/json", false),
        ("Application/JSON; charset=utf-8", json, "application/json", false),
        ("application/json", svg, "application/octet-stream", true),
        ("text/plain; charset=utf-16", svg, "text/plain; charset=utf-8", false),
        ("text/html", svg, "application/octet-stream", true),
        ("image/svg+xml", svg, "application/octet-stream", true),
        ("application/octet-stream", svg, "application/octet-stream", false),
    ];
    for (offset, (given, value, told, saved)) in (0..).zip(table) {
        let request = gateway.producing(&topic, "").header("content-type", given);
        send(request.body(value)).await.receipt();
        let reply = browse(&gateway, &topic, offset).await;
        assert_eq!((reply.header("content-type"), reply.text()), (told, value), "{given}");
        let disposition = reply.headers.get("content-disposition").map(|value| value.as_bytes());
        assert_eq!(disposition, saved.then_some(&b"attachment"[..]), "{given}");
    }
}

async fn the_envelope_is_given_to_who_asks_for_json(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("envelope", 2).await);
    gateway.produce(&topic, "partition=1&key=k", "not json").await.receipt();
    let asked = |query: &str| {
        let request = gateway.request("GET", &format!("{}{query}", path(&topic, 1, 0)));
        send(request.header("accept", "application/json"))
    };
    let record = asked("").await.json(200);
    assert_eq!(
        json!([record["topic"], record["partition"], record["offset"], record["key"], record["value"]]),
        json!([topic, 1, 0, "k", "not json"])
    );
    assert_eq!(asked("?value=base64").await.json(200)["value"], "bm90IGpzb24=");
    asked("?value=json").await.refusal(422, "value_not_json");
    asked("?form=json").await.refusal(400, "unknown_parameter");
}

async fn a_tombstone_is_no_content(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("tombstone", 1).await);
    gateway.produce(&topic, "tombstone=true&key=k", "").await.receipt();
    let reply = browse(&gateway, &topic, 0).await;
    assert_eq!((reply.status, reply.header("kafka-record-tombstone")), (204, "true"));
}

async fn who_has_the_record_already_is_told_so(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("tag", 1).await);
    for _ in 0..2 {
        gateway.produce(&topic, "", "{}").await.receipt();
    }
    let tag = browse(&gateway, &topic, 0).await.header("etag").to_owned();
    let again = gateway.request("GET", &path(&topic, 0, 0)).header("if-none-match", &tag);
    let reply = send(again).await;
    assert_eq!((reply.status, reply.header("etag"), reply.text()), (304, tag.as_str(), ""));
    let other = gateway.request("GET", &path(&topic, 0, 1)).header("if-none-match", &tag);
    assert_eq!(send(other).await.status, 200, "another record of the same value");
}

async fn an_address_where_nothing_stands_is_not_found(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("none", 1).await);
    gateway.produce(&topic, "", "{}").await.receipt();
    for offset in [1, 2, i64::MAX] {
        gateway.get(&path(&topic, 0, offset)).await.refusal(404, "offset_not_found");
    }
    gateway.get(&path(&topic, 1, 0)).await.refusal(400, "partition_out_of_range");
    gateway.get(&path(&context.name("missing"), 0, 0)).await.refusal(404, "topic_not_found");
}

async fn an_aborted_record_is_not_found(context: Context) {
    let (gateway, topic, kafka) =
        (context.gateway().await, context.topic("aborted", 1).await, context.kafka());
    let writer = kafka.transactional_writer(&context.name("writer")).await;
    writer.begin().await;
    writer.write(&topic, 0, &Draft::value("never")).await;
    writer.abort().await;
    gateway.produce(&topic, "", "{}").await.receipt();
    gateway.get(&path(&topic, 0, 0)).await.refusal(404, "offset_not_found");
    let seen = gateway.get(&format!("{}?isolation=uncommitted", path(&topic, 0, 0))).await;
    assert_eq!((seen.status, seen.text()), (200, "never"));
}

async fn a_record_that_expired_is_gone(context: Context) {
    let (gateway, topic, kafka) =
        (context.gateway().await, context.topic("expired", 1).await, context.kafka());
    for _ in 0..3 {
        gateway.produce(&topic, "", "{}").await.receipt();
    }
    kafka.delete_records(&topic, 0, 2).await;
    gateway.get(&path(&topic, 0, 1)).await.refusal(410, "offset_expired");
    assert_eq!(gateway.get(&path(&topic, 0, 2)).await.status, 200);
}

async fn an_address_that_is_none_is_refused(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("refused", 1).await);
    for (partition, offset) in [("x", "0"), ("0", "-1"), ("+0", "0"), ("0", "latest"), ("2147483648", "0")] {
        gateway.get(&path(&topic, partition, offset)).await.refusal(400, "invalid_parameter");
    }
    gateway.get(&path("a,b", 0, 0)).await.refusal(400, "one_topic_only");
}
