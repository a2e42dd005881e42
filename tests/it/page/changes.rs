//! Pages and streams have one cursor: a client changes between the two at any time, and loses and repeats nothing.

use crate::harness::{Context, Draft, Gateway, Sse, Test, Writer};
use crate::tests;
use serde_json::Value;

pub fn tests() -> Vec<Test> {
    tests![
        stream_page_and_lines_in_turn_lose_and_repeat_nothing needs [Transactions],
        an_id_of_a_stream_goes_into_a_page_by_header_or_query,
        explicit_offsets_choose_partitions_on_every_page,
    ]
}

/// Partition and offset.
type Address = (i64, i64);

fn address(record: &Value) -> Address {
    (record["partition"].as_i64().expect("a partition"), record["offset"].as_i64().expect("an offset"))
}

/// Two topics, one with what was aborted and what was committed among its records; what a reader sees of them.
async fn filled(context: &Context, writer: &Writer) -> (String, usize) {
    let topics = [context.topic("a", 3).await, context.topic("b", 1).await];
    let plain = context.kafka().writer();
    for partition in 0..3 {
        plain.write_numbers(&topics[0], partition, 0..10).await;
        writer.begin().await;
        writer.write_all(&topics[0], partition, (0..4).map(|_| Draft::value("aborted"))).await;
        writer.abort().await;
        writer.begin().await;
        writer.write_numbers(&topics[0], partition, 10..15).await;
        writer.commit().await;
    }
    plain.write_numbers(&topics[1], 0, 0..15).await;
    (topics.join(","), 3 * 15 + 15)
}

/// Reads a few records by one of the ways, and gives where to go on.
async fn few(
    gateway: &Gateway,
    topics: &str,
    way: usize,
    from: &str,
    seen: &mut Vec<(Value, Address)>,
) -> String {
    let mut keep = |record: &Value| seen.push((record["topic"].clone(), address(record)));
    match way % 3 {
        0 => {
            let mut stream = gateway.stream(topics, &format!("from={from}")).await;
            let mut id = stream.expect("ready").await.id;
            for _ in 0..4 {
                let event = stream.next().await.expect("the stream goes on");
                id = event.id.clone();
                if event.kind == "message" {
                    keep(&event.json());
                }
                if event.kind == "caught-up" {
                    break;
                }
            }
            id
        }
        1 => {
            let page = gateway.page(topics, &format!("from={from}&max=3")).await;
            if page.status == 204 {
                return page.header("kafka-stream-next").to_owned();
            }
            let page = page.json(200);
            page["records"].as_array().expect("records").iter().for_each(&mut keep);
            page["next"].as_str().expect("a cursor").to_owned()
        }
        _ => {
            let mut lines = gateway.lines(topics, &format!("from={from}")).await;
            let mut cursor = lines.expect("ready").await["cursor"].clone();
            for _ in 0..5 {
                let line = lines.next().await.expect("the stream goes on");
                cursor = line["cursor"].clone();
                if line["@"].is_null() {
                    keep(&line);
                }
                if line["@"] == "caught-up" {
                    break;
                }
            }
            cursor.as_str().expect("a cursor").to_owned()
        }
    }
}

async fn stream_page_and_lines_in_turn_lose_and_repeat_nothing(context: Context) {
    let gateway = context.gateway().await;
    let writer = context.kafka().transactional_writer(&context.name("writer")).await;
    let (topics, count) = filled(&context, &writer).await;
    for first in 0..3 {
        let (mut from, mut seen) = ("earliest".to_owned(), Vec::new());
        for turn in first.. {
            if seen.len() >= count {
                break;
            }
            assert!(turn < 100, "{} of {count} after {turn} turns", seen.len());
            from = few(&gateway, &topics, turn, &from, &mut seen).await;
        }
        assert_eq!(seen.len(), count);
        let page = gateway.page(&topics, &format!("from={from}")).await;
        assert_eq!(page.status, 204, "nothing is left over");
        // In order within each partition, and each once.
        for (n, (topic, (partition, offset))) in seen.iter().enumerate() {
            let later = seen[n + 1..].iter().filter(|(t, (p, _))| t == topic && p == partition);
            assert!(later.into_iter().all(|(_, (_, o))| o > offset), "{topic} {partition} {offset}");
        }
    }
}

async fn an_id_of_a_stream_goes_into_a_page_by_header_or_query(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("ids", 1).await);
    context.kafka().writer().write_numbers(&topic, 0, 0..5).await;
    let id = gateway.stream(&topic, "from=earliest").await.records(2).await.remove(1).id;
    let path = format!("/v1/topics/{topic}/records");
    let request = gateway.request("GET", &format!("{path}?from=earliest")).header("last-event-id", &id);
    let replies = [
        crate::harness::send(request).await,
        gateway.get(&format!("{path}?from={id}")).await,
        gateway.get(&format!("{path}?from=latest&last_event_id={id}")).await,
        gateway.get(&format!("{path}?lastEventId={id}")).await,
    ];
    for reply in replies {
        let page = reply.json(200);
        let offsets: Vec<_> =
            page["records"].as_array().expect("records").iter().map(|r| address(r).1).collect();
        assert_eq!(offsets, [2, 3, 4]);
    }
    let page = gateway.page(&topic, "from=earliest&max=3").await.json(200);
    let next = page["next"].as_str().expect("a cursor");
    let mut stream =
        Sse::open(gateway.streaming(&topic, "from=earliest").header("last-event-id", next)).await;
    assert_eq!(stream.header("kafka-stream-start"), next);
    stream.expect("ready").await;
    assert_eq!(stream.expect("message").await.address(), (0, 3));
}

async fn explicit_offsets_choose_partitions_on_every_page(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("chosen", 3).await);
    let writer = context.kafka().writer();
    for partition in 0..3 {
        writer.write_numbers(&topic, partition, 0..4).await;
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    while seen.len() < 5 {
        // The cursor goes before the starts, and the selection stays.
        let query = format!("from=2:1,0:2&max=1&last_event_id={cursor}");
        let page = gateway.page(&topic, &query).await.json(200);
        seen.extend(page["records"].as_array().expect("records").iter().map(address));
        page["next"].as_str().expect("a cursor").clone_into(&mut cursor);
    }
    seen.sort_unstable();
    assert_eq!(seen, [(0, 2), (0, 3), (2, 1), (2, 2), (2, 3)]);
    let page = gateway.page(&topic, &format!("from=2:1,0:2&last_event_id={cursor}")).await;
    assert_eq!((page.status, page.header("kafka-stream-next")), (204, cursor.as_str()));
}
