//! `X-Request-Id`: taken or made, and returned.

use crate::harness::{Context, Socket, Test, send};
use crate::tests;

pub fn tests() -> Vec<Test> {
    tests![
        an_id_is_taken_and_returned_with_every_kind_of_reply,
        an_id_is_made_where_none_was_given,
        an_odd_id_is_replaced,
    ]
}

async fn an_id_is_taken_and_returned_with_every_kind_of_reply(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("ids", 1).await);
    let id = "my-id:42/{a}";
    for path in ["/livez".to_owned(), "/metrics".to_owned(), format!("/v1/topics/{topic}")] {
        let reply = send(gateway.request("GET", &path).header("X-Request-Id", id)).await;
        assert_eq!((reply.status, reply.header("x-request-id")), (200, id), "{path}");
    }
    let refusals = [
        send(gateway.request("GET", "/nowhere").header("x-request-id", id)).await.problem(404, "not_found"),
        send(gateway.request("POST", "/livez").header("x-request-id", id))
            .await
            .problem(405, "method_not_allowed"),
        send(gateway.request("GET", "/livez").header("x-request-id", id).header("host", "evil.example"))
            .await
            .problem(403, "cross_site"),
        send(gateway.producing(&topic, "x=1").header("x-request-id", id))
            .await
            .problem(400, "unknown_parameter"),
    ];
    for problem in refusals {
        assert_eq!(problem["request_id"], id);
    }
}

async fn an_id_is_made_where_none_was_given(context: Context) {
    let gateway = context.gateway().await;
    let first = gateway.get("/livez").await.header("x-request-id").to_owned();
    let second = gateway.get("/livez").await.header("x-request-id").to_owned();
    assert!(uuid::Uuid::parse_str(&first).is_ok(), "{first}");
    assert_ne!(first, second);
}

async fn an_odd_id_is_replaced(context: Context) {
    let gateway = context.gateway().await;
    let (longest, too_long) = ("x".repeat(128), "x".repeat(129));
    assert_eq!(
        send(gateway.request("GET", "/livez").header("x-request-id", &longest)).await.header("x-request-id"),
        longest
    );
    for odd in [too_long.as_str(), "", "two words", "tab\there", "caf\u{e9}", "\u{1b}[31m"] {
        let mut socket = Socket::connect(gateway.address()).await;
        socket
            .write(format!("GET /nowhere HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: {odd}\r\n\r\n"))
            .await;
        let (head, body) = socket.reply().await;
        if head.starts_with("http/1.1 400") {
            // Refused before it was a request: a control character in a header.
            continue;
        }
        let told = head.lines().find_map(|line| line.strip_prefix("x-request-id: ")).expect("an id");
        assert!(uuid::Uuid::parse_str(told).is_ok(), "{odd:?} became {told:?}");
        assert!(body.contains(told), "the same id in the body: {body}");
    }
}
