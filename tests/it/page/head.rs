//! The head and body of a page, what lets a client keep it, and what is refused.

use crate::harness::{Context, Draft, Gateway, Reply, Test, send};
use crate::tests;
use serde_json::json;

pub fn tests() -> Vec<Test> {
    tests![
        a_page_is_envelopes_and_where_to_go_on,
        a_page_may_be_kept_and_is_asked_for_anew,
        a_page_that_changed_has_another_tag needs [DeleteRecords],
        a_client_that_reads_no_json_is_refused,
        parameters_of_streams_alone_are_unknown_to_pages,
        what_a_stream_refuses_a_page_refuses,
        a_page_is_of_a_list_or_a_glob_too,
    ]
}

async fn tagged(gateway: &Gateway, topic: &str, query: &str, tag: &str) -> Reply {
    let path = format!("/v1/topics/{topic}/records?{query}");
    send(gateway.request("GET", &path).header("if-none-match", tag)).await
}

async fn a_page_is_envelopes_and_where_to_go_on(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("body", 1).await);
    let values: [&[u8]; 4] = [b"{\"a\": 1.50}", b"text", b"\xff", b"null"];
    let writer = context.kafka().writer();
    writer.write_all(&topic, 0, values.map(|value| Draft::value(value).key("k"))).await;
    writer.write(&topic, 0, &Draft::default()).await;
    for form in ["", "&value=text", "&value=base64"] {
        let page = gateway.page(&topic, &format!("from=earliest&format=envelope{form}")).await;
        assert_eq!(page.header("content-type"), "application/json");
        assert_eq!(page.header("kafka-stream-loss"), "none");
        assert!(!page.header("x-request-id").is_empty());
        let mut stream = gateway.stream(&topic, &format!("from=earliest{form}")).await;
        let events = stream.records(5).await;
        let envelopes: Vec<_> = events.iter().map(|event| event.data.as_str()).collect();
        let body =
            format!(r#"{{"records":[{}],"next":"{}","up_to_date":true}}"#, envelopes.join(","), events[4].id);
        assert_eq!(page.text(), body, "byte for byte what a stream says, and its last id");
    }
}

async fn a_page_may_be_kept_and_is_asked_for_anew(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("tags", 1).await);
    context.kafka().writer().write_numbers(&topic, 0, 0..6).await;
    let query = "from=0:0&max=3";
    let page = gateway.page(&topic, query).await;
    assert_eq!(page.header("cache-control"), "private, no-cache");
    let vary = page.header("vary").to_ascii_lowercase();
    assert!(vary.contains("accept") && vary.contains("last-event-id"), "{vary}");
    let tag = page.header("etag").to_owned();
    assert!(tag.len() > 10 && tag.starts_with('"') && tag.ends_with('"'), "{tag}");
    assert_eq!(gateway.page(&topic, query).await.header("etag"), tag, "the same page has the same tag");
    for given in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
        let kept = tagged(&gateway, &topic, query, &given).await;
        assert_eq!((kept.status, kept.body.len()), (304, 0), "{given}");
        assert_eq!(kept.header("etag"), tag);
        assert_eq!(kept.header("cache-control"), "private, no-cache");
    }
    for (query, given) in
        [(query, "\"other\""), (query, ""), ("from=0:1&max=3", &*tag), ("from=0:0&max=2", &*tag)]
    {
        let page = tagged(&gateway, &topic, query, given).await;
        assert_eq!(page.status, 200, "{query} {given}");
    }
    let path = format!("/v1/topics/{topic}/records?from=latest");
    let empty = send(gateway.request("GET", &path).header("if-none-match", "*")).await;
    assert_eq!((empty.status, empty.header("etag")), (204, ""));
}

async fn a_page_that_changed_has_another_tag(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("changed", 1).await);
    context.kafka().writer().write_numbers(&topic, 0, 0..3).await;
    let tag = gateway.page(&topic, "from=earliest").await.header("etag").to_owned();
    context.kafka().delete_records(&topic, 0, 1).await;
    let page = tagged(&gateway, &topic, "from=earliest", &tag).await;
    assert_eq!(page.json(200)["records"].as_array().map(Vec::len), Some(2));
    assert_ne!(page.header("etag"), tag);
}

async fn a_client_that_reads_no_json_is_refused(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("accept", 1).await);
    gateway.produce(&topic, "", "1").await.receipt();
    let path = format!("/v1/topics/{topic}/records?from=earliest");
    for accept in ["text/event-stream", "application/x-ndjson", "application/json;q=0, */*", "text/*"] {
        let reply = send(gateway.request("GET", &path).header("accept", accept)).await;
        reply.refusal(406, "not_acceptable");
    }
    for accept in ["application/json", "*/*", "application/*", "text/html, */*;q=0.1"] {
        let reply = send(gateway.request("GET", &path).header("accept", accept)).await;
        assert_eq!((reply.status, reply.header("content-type")), (200, "application/json"), "{accept}");
    }
}

async fn parameters_of_streams_alone_are_unknown_to_pages(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("parameters", 1).await);
    for query in ["heartbeat=5s", "ping=true", "ids=event", "max_age=1m", "errors=status", "form=earliest"] {
        let detail = gateway.page(&topic, query).await.refusal(400, "unknown_parameter");
        for known in [
            "from",
            "last_event_id",
            "until",
            "partition",
            "value",
            "isolation",
            "on_loss",
            "format",
            "max",
            "max_bytes",
            "wait",
        ] {
            assert!(detail.contains(known), "{known} in {detail}");
        }
    }
    gateway.page(&topic, "format=value").await.refusal(400, "invalid_parameter");
}

async fn what_a_stream_refuses_a_page_refuses(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("refused", 1).await);
    for query in [
        "from=first",
        "from=-0",
        "from=0:0&partition=1",
        "until=later",
        "partition=3-1",
        "value=xml",
        "isolation=none",
        "on_loss=ignore",
    ] {
        gateway.page(&topic, query).await.refusal(400, "invalid_parameter");
    }
    for query in ["from=2.AAAA", "from=1.A", "last_event_id=latest", "lastEventId=g1.AAAA"] {
        gateway.page(&topic, query).await.refusal(400, "invalid_cursor");
    }
    gateway.page(&topic, "from=7:0").await.refusal(400, "partition_out_of_range");
    gateway.page(&format!("{topic}*"), "from=0:0").await.refusal(400, "invalid_parameter");
    gateway.page("a%20b", "").await.refusal(400, "invalid_topic");
    let missing = context.name("missing");
    gateway.page(&missing, "from=earliest").await.refusal(404, "topic_not_found");
    assert_eq!(context.kafka().partitions(&missing).await, 0);
}

async fn a_page_is_of_a_list_or_a_glob_too(context: Context) {
    let gateway = context.gateway().await;
    let topics = [context.topic("a", 1).await, context.topic("b", 2).await];
    let writer = context.kafka().writer();
    writer.write_numbers(&topics[0], 0, 0..2).await;
    writer.write_numbers(&topics[1], 1, 0..2).await;
    for selection in [topics.join(","), format!("{}*", context.prefix())] {
        let page = gateway.page(&selection, "from=earliest").await.json(200);
        let mut seen: Vec<_> = page["records"]
            .as_array()
            .expect("records")
            .iter()
            .map(|record| json!([record["topic"], record["partition"], record["offset"]]).to_string())
            .collect();
        seen.sort();
        let all = [(&topics[0], 0, 0), (&topics[0], 0, 1), (&topics[1], 1, 0), (&topics[1], 1, 1)];
        assert_eq!(seen, all.map(|(t, p, o)| json!([t, p, o]).to_string()));
        let next = page["next"].as_str().expect("a cursor");
        let page = gateway.page(&selection, &format!("last_event_id={next}")).await;
        assert_eq!((page.status, page.header("kafka-stream-next")), (204, next));
    }
}
