//! The shop of `orders-service`, which never heard of Kafka.

use super::run;
use crate::harness::{Browser, Context, Gateway, OwnBroker, Program, Test, within};
use crate::tests;
use reqwest::Response;
use serde_json::Value;
use std::net::SocketAddr;

pub fn tests() -> Vec<Test> {
    tests![
        an_order_is_kept_and_shown_to_whoever_listens needs [Python],
        an_order_that_makes_no_sense_is_refused_and_not_kept needs [Python],
        the_shops_page_orders_and_shows_through_the_shop_and_from_the_gateway needs [Python, Chromium],
    ]
}

const TOPIC: &str = "shop-orders";

/// The shop before a gateway with a broker of its own, for the shop chooses the topic's name.
async fn shop(context: &Context) -> (OwnBroker, Gateway, Program, Gateway) {
    let broker = context.own_broker().await;
    let gateway = context.gateway_before(&broker, |_| {}).await;
    let mut program = run("python3", "orders-service/shop.py", &[&gateway.url(""), "0"]);
    let line = program.line().await.unwrap_or_else(|| panic!("it ended: {}", program.said()));
    let address = line.strip_prefix("open http://").and_then(|rest| rest.strip_suffix('/'));
    let address: SocketAddr = address.and_then(|address| address.parse().ok()).expect("an address");
    (broker, gateway, program, Gateway::at(address))
}

/// The shop is no gateway: what it answers stands in no document of ours.
async fn ask(request: reqwest::RequestBuilder) -> (u16, Value) {
    let answer = within("an answer", request.send()).await.expect("the shop answers");
    (answer.status().as_u16(), answer.json().await.expect("JSON"))
}

/// Orders something with this body.
async fn order(shop: &Gateway, content_type: &str, body: impl Into<String>) -> (u16, Value) {
    let ordering = shop.request("POST", "/orders").header("content-type", content_type);
    ask(ordering.body(body.into())).await
}

/// Listens at the shop, from behind the event of this id if there is one.
async fn listen(shop: &Gateway, id: Option<&str>) -> Response {
    let listening = shop.request("GET", "/orders").header("accept", "text/event-stream");
    let listening = id.into_iter().fold(listening, |listening, id| listening.header("last-event-id", id));
    within("a stream's head", listening.send()).await.expect("the shop answers")
}

/// Reads on until this has come, and gives all that came.
async fn heard(listening: &mut Response, wanted: &str) -> String {
    let mut heard = String::new();
    while !heard.contains(wanted) || !heard.ends_with("\n\n") {
        let more = within(wanted, listening.chunk()).await.expect("the stream goes on");
        heard.push_str(&String::from_utf8_lossy(&more.unwrap_or_else(|| panic!("it ended: {heard}"))));
    }
    heard
}

async fn an_order_is_kept_and_shown_to_whoever_listens(context: Context) {
    let (broker, _gateway, program, shop) = shop(&context).await;
    let mut listening = listen(&shop, None).await;
    heard(&mut listening, "event: caught-up").await;
    let (status, taken) =
        order(&shop, "application/json", r#"{"customer":"Juergen","item":"tea","quantity":2}"#).await;
    assert_eq!((status, &taken["total"]), (201, &25.8.into()), "{taken}");
    let shown = heard(&mut listening, r#""key":"Juergen""#).await;
    let id = taken["id"].as_str().expect("an id");
    assert!(shown.contains(&format!(r#""value":{{"id": "{id}""#)), "byte for byte: {shown}");
    // By the last id, through the shop, a browser goes on right behind it.
    order(&shop, "application/json", r#"{"customer":"Ada","item":"mug","quantity":1}"#).await;
    let last = shown.lines().rev().find_map(|line| line.strip_prefix("id: ")).expect("a record has an id");
    let again = heard(&mut listen(&shop, Some(last)).await, r#""key":"Ada""#).await;
    assert!(!again.contains("Juergen"), "it was shown before: {again}");
    let ledger = broker.kafka().consume_all(TOPIC).await;
    assert_eq!(ledger.len(), 2, "{}", program.said());
}

async fn an_order_that_makes_no_sense_is_refused_and_not_kept(context: Context) {
    let (broker, _gateway, _program, shop) = shop(&context).await;
    for body in [
        "{}",
        "[]",
        r#"{"customer":"a","item":"car","quantity":1}"#,
        r#"{"customer":" ","item":"tea","quantity":1}"#,
        r#"{"customer":"a","item":"tea","quantity":true}"#,
        r#"{"customer":"a","item":"tea","quantity":1000}"#,
    ] {
        let (status, refused) = order(&shop, "application/json", body).await;
        let why = refused["error"].as_str().unwrap_or_default();
        assert!(status == 400 && !why.is_empty(), "{body}: {status} {refused}");
    }
    assert_eq!(order(&shop, "text/plain", "{}").await.0, 415);
    assert!(broker.kafka().consume_all(TOPIC).await.is_empty());
}

async fn the_shops_page_orders_and_shows_through_the_shop_and_from_the_gateway(context: Context) {
    let (broker, _gateway, _program, shop) = shop(&context).await;
    let origin = shop.url("").parse().expect("an origin");
    let open = context.gateway_before(&broker, |config| config.listen.cors_origins = vec![origin]).await;
    let mut browser = Browser::start().await;
    for (page, customer) in [("/".to_owned(), "Ada"), (format!("/?gateway={}", open.url("")), "Björn")] {
        let mut tab = browser.open(&shop.url(&page), [800, 600]).await;
        tab.until("document.getElementById('state')?.textContent === 'live'").await;
        tab.evaluate(&format!("$('customer').value = '{customer}'; $('order').requestSubmit()")).await;
        tab.until("$('said').textContent.startsWith('Thank you: order ')").await;
        tab.until(&format!("$('orders').innerText.includes('{customer}: 1 × tea, 12.90 €')")).await;
    }
}
