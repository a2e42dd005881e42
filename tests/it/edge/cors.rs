//! What a browser lets pages of other origins read (Fetch, "CORS protocol").

use super::same_site::{LISTED, listing};
use crate::harness::{Context, Gateway, Reply, Test, send};
use crate::tests;

pub fn tests() -> Vec<Test> {
    tests![
        a_listed_origin_may_read_and_sees_our_headers,
        a_listed_origin_is_answered_before_it_produces_or_resumes,
        a_refusal_can_be_read_too,
        any_other_origin_is_told_nothing,
    ]
}

/// A request as a page of `origin` makes it.
async fn from_page(gateway: &Gateway, path: &str, origin: &str) -> Reply {
    send(gateway.request("GET", path).header("origin", origin)).await
}

/// Asks as a browser does before a request that a form could not make.
async fn preflight(gateway: &Gateway, path: &str, origin: &str, method: &str, headers: &str) -> Reply {
    let request = gateway.request("OPTIONS", path).header("origin", origin);
    let request = request.header("access-control-request-method", method);
    send(request.header("access-control-request-headers", headers)).await
}

async fn a_listed_origin_may_read_and_sees_our_headers(context: Context) {
    let (gateway, topic) = (listing(&context).await, context.topic("read", 1).await);
    gateway.produce(&topic, "", "{}").await.receipt();
    for path in [format!("/v1/topics/{topic}/records?from=earliest"), "/v1/topics".to_owned()] {
        let reply = from_page(&gateway, &path, LISTED).await;
        assert_eq!((reply.status, reply.header("access-control-allow-origin")), (200, LISTED));
        let exposed = reply.header("access-control-expose-headers").to_ascii_lowercase();
        for name in ["kafka-stream-next", "kafka-stream-loss", "x-request-id", "etag", "retry-after"] {
            assert!(exposed.split(',').any(|exposed| exposed.trim() == name), "{name} in {exposed}");
        }
        assert!(
            reply
                .headers
                .get_all("vary")
                .iter()
                .any(|vary| { vary.to_str().is_ok_and(|vary| vary.to_ascii_lowercase().contains("origin")) })
        );
    }
    let mut stream = crate::harness::Sse::open(gateway.streaming(&topic, "").header("origin", LISTED)).await;
    assert_eq!(stream.header("access-control-allow-origin"), LISTED);
    stream.expect("ready").await;
}

async fn a_listed_origin_is_answered_before_it_produces_or_resumes(context: Context) {
    let (gateway, topic) = (listing(&context).await, context.topic("preflight", 1).await);
    let table = [
        (format!("/v1/topics/{topic}/records"), "POST", "content-type,kafka-header-trace"),
        (format!("/v1/topics/{topic}/stream"), "GET", "last-event-id"),
        (format!("/v1/topics/{topic}"), "PUT", "content-type"),
    ];
    for (path, method, headers) in table {
        let reply = preflight(&gateway, &path, LISTED, method, headers).await;
        assert_eq!((reply.status, reply.header("access-control-allow-origin")), (200, LISTED), "{path}");
        let methods = reply.header("access-control-allow-methods");
        assert!(methods.split(',').any(|allowed| allowed.trim() == method), "{method} in {methods}");
        assert_eq!(reply.header("access-control-allow-headers"), headers);
        assert_eq!(reply.header("access-control-max-age"), "3600");
    }
    assert!(context.kafka().consume_all(&topic).await.is_empty(), "asking writes nothing");
}

async fn a_refusal_can_be_read_too(context: Context) {
    let gateway = listing(&context).await;
    let path = format!("/v1/topics/{}", context.name("missing"));
    let reply = from_page(&gateway, &path, LISTED).await;
    reply.refusal(404, "topic_not_found");
    assert_eq!(reply.header("access-control-allow-origin"), LISTED);
}

async fn any_other_origin_is_told_nothing(context: Context) {
    let topic = context.topic("others", 1).await;
    let path = format!("/v1/topics/{topic}/records");
    for gateway in [listing(&context).await, context.gateway().await] {
        for origin in ["https://evil.example", "http://shop.example", "https://shop.example:8443", "null"] {
            let read = from_page(&gateway, &path, origin).await;
            assert_eq!(read.header("access-control-allow-origin"), "", "{origin}");
            let asked = preflight(&gateway, &path, origin, "POST", "content-type").await;
            assert_eq!(asked.header("access-control-allow-origin"), "", "{origin}");
        }
    }
}
