//! Filters: which records a stream gives, and that what it passes over moves its position all the same.

use crate::harness::{Context, Draft, Gateway, Sse, Test, send};
use crate::tests;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

pub fn tests() -> Vec<Test> {
    tests![
        a_key_is_one_of_those_given_or_begins_with_one,
        a_header_has_one_of_the_values_and_every_header_is_met,
        a_value_meets_every_condition,
        what_is_no_json_meets_no_condition_and_is_no_fault,
        filters_of_every_kind_are_met_at_once,
        what_is_no_filter_is_refused_by_its_name,
        from_counts_back_before_filters,
        until_now_ends_though_everything_is_filtered_out,
        a_filtered_reader_that_reconnects_sees_every_wanted_record_once,
        a_checkpoint_moves_the_id_on_while_everything_is_filtered_out,
        a_long_history_that_is_filtered_out_keeps_nothing_waiting,
    ]
}

fn header(name: &str, value: Option<&[u8]>) -> (String, Option<Vec<u8>>) {
    (name.to_owned(), value.map(<[u8]>::to_vec))
}

/// The offsets that a filter leaves of a topic's only partition, by events and by lines alike.
async fn left(gateway: &Gateway, topic: &str, filter: &str) -> Vec<i64> {
    let query = format!("from=earliest&until=now&{filter}");
    let mut events = gateway.stream(topic, &query).await;
    let events = events.rest().await;
    let kinds: Vec<_> =
        events.iter().map(|event| event.kind.as_str()).filter(|kind| *kind != "message").collect();
    assert_eq!(kinds, ["ready", "caught-up", "end"], "{filter}: {events:?}");
    let records = events.iter().filter(|event| event.kind == "message");
    let by_events: Vec<_> = records.map(|event| event.address().1).collect();
    let (mut lines, mut by_lines) = (gateway.lines(topic, &query).await, Vec::new());
    while let Some(line) = lines.next().await {
        by_lines.extend(line["offset"].as_i64());
        assert_ne!(line["@"], "fault", "{filter}: {line}");
    }
    assert_eq!(by_events, by_lines, "{filter}");
    by_lines
}

async fn check(gateway: &Gateway, topic: &str, table: &[(&str, &[i64])]) {
    for (filter, wanted) in table {
        assert_eq!(left(gateway, topic, filter).await, *wanted, "{filter}");
    }
}

async fn a_key_is_one_of_those_given_or_begins_with_one(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("keys", 1).await);
    let keyed = |key: &[u8]| Draft::value("1").key(key);
    let drafts = [
        keyed(b"c-17"),
        keyed(b"c-170"),
        Draft::value("a null key"),
        keyed(b""),
        keyed(b"\xff\x00"),
        keyed(b"c-\xfe"),
        Draft { key: Some(b"c-17".to_vec()), ..Draft::default() },
        keyed("\u{e9} &+".as_bytes()),
    ];
    context.kafka().writer().write_all(&topic, 0, drafts).await;
    check(
        &gateway,
        &topic,
        &[
            ("key=c-17", &[0, 6]),
            ("key=c-17&key=&key=c-17", &[0, 3, 6]),
            ("key=%C3%A9+%26%2B", &[7]),
            ("key=C-17", &[]),
            ("key=null", &[]),
            ("key_base64=%2FwA%3D", &[4]),
            ("key_base64=_wA&key_base64=Yy0xNw", &[0, 4, 6]),
            ("key_base64=", &[3]),
            ("key_prefix=c-", &[0, 1, 5, 6]),
            ("key_prefix=c-17&key_prefix=%C3%A9", &[0, 1, 6, 7]),
            ("key_prefix=", &[0, 1, 3, 4, 5, 6, 7]),
        ],
    )
    .await;
}

async fn a_header_has_one_of_the_values_and_every_header_is_met(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("headers", 1).await);
    let with =
        |headers: &[(String, Option<Vec<u8>>)]| Draft { headers: headers.to_vec(), ..Draft::value("1") };
    let drafts = [
        with(&[header("trace", Some(b"a")), header("kind", Some(b"x"))]),
        with(&[header("trace", Some(b"b")), header("trace", Some(b"a"))]),
        with(&[header("trace", None), header("kind", Some(b""))]),
        with(&[header("Trace", Some(b"a"))]),
        with(&[header("trace", Some(b"\xff"))]),
        with(&[]),
        with(&[header("a b&/\u{e9}", Some(b"=,;"))]),
    ];
    context.kafka().writer().write_all(&topic, 0, drafts).await;
    check(
        &gateway,
        &topic,
        &[
            ("header.trace=a", &[0, 1]),
            ("header.trace=b", &[1]),
            ("header.trace=b&header.trace=a&header.trace=z", &[0, 1]),
            ("header.trace=a&header.kind=x", &[0]),
            ("header.trace=a&header.kind=x&header.Trace=a", &[]),
            ("header.kind=", &[2]),
            ("header.trace=", &[]),
            ("header.Trace=a", &[3]),
            ("header.a+b%26%2F%C3%A9=%3D,%3B", &[6]),
        ],
    )
    .await;
}

async fn a_value_meets_every_condition(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("values", 1).await);
    let values = [
        r#"{"total":12.50,"at":"2026-01-01","user":{"id":"c-17","tags":["a","b"]}}"#,
        r#"{"total":9007199254740993,"at":"2026-02-01"}"#,
        r#"{"total":"12.5","a=b":true}"#,
        r#"{"total":null,"at":""}"#,
        r#"{"total": 1e2, "total": 7}"#,
    ];
    context.kafka().writer().write_all(&topic, 0, values.map(Draft::value)).await;
    check(
        &gateway,
        &topic,
        &[
            ("where=/total=12.5", &[0]),
            ("where=/total=125e-1", &[0]),
            ("where=/total=%2212.5%22", &[2]),
            ("where=/total>12", &[0, 1]),
            ("where=/total%3C13", &[0, 4]),
            ("where=/total=9007199254740992", &[]),
            ("where=/total>9007199254740992", &[1]),
            ("where=/total!=12.5", &[1, 2, 3, 4]),
            ("where=/total=null", &[3]),
            ("where=/at=", &[3]),
            ("where=/at<2026-01-15", &[0, 3]),
            ("where=exists(/at)", &[0, 1, 3]),
            ("where=/user/tags/1=b", &[0]),
            ("where=/user/tags/2!=b", &[]),
            ("where=%22/a=b%22=true", &[2]),
            ("where=/total>10&where=/at>2026-01-02", &[1]),
            ("where=exists(/at)&where=exists(/total)&where=/at!=&where=/total<13", &[0]),
        ],
    )
    .await;
}

async fn what_is_no_json_meets_no_condition_and_is_no_fault(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("kinds", 1).await);
    let values: [&[u8]; 5] = [b"no json", b"\xff", b"", b"null", b"7"];
    let writer = context.kafka().writer();
    writer.write_all(&topic, 0, values.map(Draft::value)).await;
    writer.write(&topic, 0, &Draft::default()).await;
    let large = format!("{{\"a\":1,\"b\":\"{}\"}}", "x".repeat(1 << 20));
    let wide = context.topic_with("wide", 1, &[("max.message.bytes", "4000000")]).await;
    gateway.produce(&wide, "", "{\"a\":1}").await.receipt();
    let client = context.gateway_with(|config| config.produce.max_record_bytes = 3 << 20).await;
    client.produce(&wide, "", large).await.receipt();
    for form in ["", "&value=json"] {
        let filter = |condition: &str| format!("where={condition}{form}");
        assert_eq!(left(&gateway, &topic, &filter("exists()")).await, [3, 4], "a tombstone is no null");
        assert_eq!(left(&gateway, &topic, &filter("!=8")).await, [3, 4]);
        assert_eq!(left(&gateway, &topic, &filter("=7")).await, [4]);
        assert_eq!(left(&gateway, &wide, &filter("/a=1")).await, [0], "one over a MiB is not looked into");
    }
}

async fn filters_of_every_kind_are_met_at_once(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("kinds", 1).await);
    let mut drafts = Vec::new();
    for (key, trace, value) in
        [("a", "x", "1"), ("b", "x", "1"), ("a", "y", "1"), ("a", "x", "2"), ("b", "y", "3")]
    {
        drafts.push(Draft {
            headers: vec![header("trace", Some(trace.as_bytes()))],
            ..Draft::value(value).key(key)
        });
    }
    context.kafka().writer().write_all(&topic, 0, drafts).await;
    check(
        &gateway,
        &topic,
        &[
            ("key=a&header.trace=x&where==1", &[0]),
            ("key=a&key=b&header.trace=x&header.trace=y&where=>1", &[3, 4]),
            ("key_prefix=&where=!=1", &[3, 4]),
            ("key=b&header.trace=y&where==1", &[]),
        ],
    )
    .await;
    // Of several topics the filters are the same, and without any every record is given.
    assert_eq!(left(&gateway, &topic, "").await, [0, 1, 2, 3, 4]);
}

async fn what_is_no_filter_is_refused_by_its_name(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("refused", 1).await);
    let long = "x".repeat(1025);
    let many = |name: &str, count: usize| (0..count).map(|n| format!("&{name}={n}")).collect::<String>();
    let named = (0..17).map(|n| format!("&header.{n}=1")).collect::<String>();
    let table = [
        ("key", "key=a&key_base64=YQ".to_owned()),
        ("key", "key=a&key_prefix=a".to_owned()),
        ("key", "key_base64=YQ&key_prefix=a".to_owned()),
        ("key", format!("key={long}")),
        ("key", many("key", 101)),
        ("key_base64", "key_base64=%21".to_owned()),
        ("key_base64", many("key_base64", 101).replace('=', "=AAAA")),
        ("key_prefix", many("key_prefix", 101)),
        ("header.", "header.=a".to_owned()),
        ("header.a", format!("header.a={long}")),
        ("header.a", many("header.a", 101)),
        ("header.", named),
        ("where", "where=".to_owned()),
        ("where", "where=/a".to_owned()),
        ("where", "where=a=1".to_owned()),
        ("where", "where=/a>=1".to_owned()),
        ("where", "where=/a=[1]".to_owned()),
        ("where", "where=/a>true".to_owned()),
        ("where", "where=/~2=1".to_owned()),
        ("where", format!("where=exists({})", "/a".repeat(17))),
        ("where", format!("where=/a={long}")),
        ("where", "&where=/a=1".repeat(5)),
    ];
    for (name, query) in table {
        for route in ["stream", "records"] {
            let reply = send(gateway.request("GET", &format!("/v1/topics/{topic}/{route}?{query}"))).await;
            let detail = reply.refusal(400, "invalid_parameter");
            assert!(detail.starts_with(name) && detail.contains(": "), "{query}: {detail}");
        }
    }
    let detail = gateway.page(&topic, "header=a").await.refusal(400, "unknown_parameter");
    for name in ["key,", "key_base64", "key_prefix", "header.<name>", "where"] {
        assert!(detail.contains(name), "{name} in {detail}");
    }
}

async fn from_counts_back_before_filters(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("back", 1).await);
    context.kafka().writer().write_numbers(&topic, 0, 0..20).await;
    let mut stream = gateway.stream(&topic, "from=-4&until=now&where=<18").await;
    assert_eq!(stream.expect("ready").await.json()["positions"], json!({ topic.as_str(): [16] }));
    assert_eq!(stream.expect("message").await.address(), (0, 16));
    assert_eq!(stream.expect("message").await.address(), (0, 17));
    stream.expect("caught-up").await;
    stream.expect("end").await;
}

async fn until_now_ends_though_everything_is_filtered_out(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("nothing", 2).await);
    let writer = context.kafka().writer();
    writer.write_numbers(&topic, 0, 0..700).await;
    writer.write_numbers(&topic, 1, 0..3).await;
    let end = json!({ topic.as_str(): [700, 3] });
    for query in ["key=none", "where=<0&ids=flush", "header.a=b&format=value"] {
        let mut stream = gateway.stream(&topic, &format!("from=earliest&until=now&{query}")).await;
        stream.expect("ready").await;
        let caught_up = stream.expect("caught-up").await;
        assert_eq!(caught_up.json()["positions"], end, "{query}");
        let ended = stream.expect("end").await;
        assert_eq!((&ended.json()["positions"], &ended.id[..3]), (&end, "e1."), "{query}");
        assert_eq!(stream.next().await, None);
    }
    let mut lines = gateway.lines(&topic, "from=earliest&until=now&key=none").await;
    lines.expect("ready").await;
    assert_eq!(lines.expect("caught-up").await["positions"], end);
    assert_eq!(lines.expect("end").await["positions"], end);
    assert_eq!(lines.next().await, None);
}

async fn a_filtered_reader_that_reconnects_sees_every_wanted_record_once(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("again", 2).await);
    let writer = context.kafka().writer();
    for partition in [0, 1] {
        let drafts = (0..90).map(|n: usize| Draft::value(n.to_string()).key(["a", "b", "c"][n % 3]));
        writer.write_all(&topic, partition, drafts).await;
    }
    let (mut from, mut seen) = ("earliest".to_owned(), Vec::new());
    // Each way reads on where another one left, a few records at a time.
    while seen.len() < 60 {
        let query = format!("from={from}&key_prefix=b");
        match seen.len() % 3 {
            0 => {
                let event = gateway.stream(&topic, &query).await.records(1).await.remove(0);
                from = event.id.clone();
                seen.push(event.address());
            }
            1 => {
                let mut lines = gateway.lines(&topic, &query).await;
                let mut line = lines.expect("ready").await;
                while !line["@"].is_null() {
                    line = lines.next().await.expect("the stream goes on");
                }
                from = line["cursor"].as_str().expect("a cursor").to_owned();
                seen.push(address(&line));
            }
            _ => {
                let page = gateway.page(&topic, &format!("{query}&max=7")).await.json(200);
                from = page["next"].as_str().expect("a cursor").to_owned();
                seen.extend(page["records"].as_array().expect("records").iter().map(address));
            }
        }
    }
    seen.sort_unstable();
    let wanted: Vec<_> = (0..2).flat_map(|p| (0..30).map(move |n| (p, 3 * n + 1))).collect();
    assert_eq!(seen, wanted);
}

fn address(record: &Value) -> (i64, i64) {
    let number = |name: &str| record[name].as_i64().unwrap_or_else(|| panic!("{name} in {record}"));
    (number("partition"), number("offset"))
}

/// The next checkpoint of a stream in which nothing else comes.
async fn checkpoint(stream: &mut Sse, topic: &str, next: i64) -> (String, Instant) {
    let event = stream.expect("checkpoint").await;
    assert_eq!(event.json()["positions"], json!({ topic: [next] }));
    (event.id, Instant::now())
}

async fn a_checkpoint_moves_the_id_on_while_everything_is_filtered_out(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("checkpoint", 1).await);
    let filter = "key=wanted";
    let mut stream = gateway.stream(&topic, filter).await;
    let mut lines = gateway.lines(&topic, filter).await;
    let (ready, _) = (stream.expect("ready").await, lines.expect("ready").await);
    stream.expect("caught-up").await;
    lines.expect("caught-up").await;
    for _ in 0..3 {
        gateway.produce(&topic, "key=other", "1").await.receipt();
    }
    let (first, at) = checkpoint(&mut stream, &topic, 3).await;
    assert_ne!(first, ready.id);
    assert_eq!(lines.expect("checkpoint").await["cursor"], first.as_str());
    gateway.produce(&topic, "key=other", "2").await.receipt();
    let (second, again) = checkpoint(&mut stream, &topic, 4).await;
    // They leave 5 s apart, and may travel for different times.
    assert!(again - at > Duration::from_secs(4), "{:?}", again - at);
    // A wanted record tells the position itself.
    gateway.produce(&topic, "key=wanted", "3").await.receipt();
    assert_eq!(stream.expect("message").await.address(), (0, 4));
    drop(stream);
    for (id, before) in [(&ready.id, 4), (&first, 1), (&second, 0)] {
        let mut all = gateway.stream(&topic, &format!("from={id}&until=now")).await;
        let events = all.rest().await;
        let records: Vec<_> = events.iter().filter(|event| event.kind == "message").collect();
        assert_eq!(records.len(), before + 1, "nothing behind {id} is lost or repeated");
        let mut wanted = gateway.stream(&topic, &format!("from={id}&{filter}")).await;
        assert_eq!(wanted.records(1).await[0].address(), (0, 4));
    }
}

async fn a_long_history_that_is_filtered_out_keeps_nothing_waiting(context: Context) {
    let topic = context.topic("long", 1).await;
    let gateway = context.gateway_with(|_| {}).await;
    let value = format!("{{\"n\":1,\"text\":\"{}\"}}", "x".repeat(2000));
    context.kafka().writer().write_all(&topic, 0, (0..5000).map(|_| Draft::value(&value))).await;
    let query = "from=earliest&until=now&where=/n=2";
    let mut streams = Vec::new();
    for _ in 0..4 {
        streams.push(gateway.stream(&topic, query).await);
    }
    // Others are answered meanwhile.
    assert_eq!(gateway.get("/livez").await.status, 200);
    for mut stream in streams {
        let events = stream.rest().await;
        assert!(events.iter().all(|event| event.kind != "message"), "{events:?}");
        let end = events.last().expect("an end");
        assert_eq!(
            (end.kind.as_str(), &end.json()["positions"]),
            ("end", &json!({ topic.as_str(): [5000] }))
        );
    }
}
