//! The shop of `orders-service`, which never heard of Kafka.

use super::run;
use crate::harness::{Browser, Context, Gateway, OwnBroker, Program, Test, send};
use crate::tests;
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

async fn an_order_is_kept_and_shown_to_whoever_listens(context: Context) {
    let (broker, _gateway, program, shop) = shop(&context).await;
    let listening = shop.request("GET", "/orders").header("accept", "text/event-stream");
    let mut listening = crate::harness::Sse::open(listening).await;
    listening.expect("ready").await;
    let order = |customer: &str| format!(r#"{{"customer":"{customer}","item":"tea","quantity":2}}"#);
    let ordering = || shop.request("POST", "/orders").header("content-type", "application/json");
    let taken = send(ordering().body(order("Jürgen"))).await.json(201);
    assert_eq!(taken["total"], 25.8);
    let shown = listening.records(1).await.remove(0);
    assert_eq!((&shown.json()["key"], &shown.value()), (&"Jürgen".into(), &taken));
    // By the last id, through the shop, a browser goes on right behind it.
    send(ordering().body(order("Ada"))).await.json(201);
    let again = shop.request("GET", "/orders").header("last-event-id", shown.id);
    let mut again = crate::harness::Sse::open(again).await;
    assert_eq!(again.records(1).await[0].value()["customer"], "Ada");
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
        let ordering = shop.request("POST", "/orders").header("content-type", "application/json");
        let refused = send(ordering.body(body)).await.json(400);
        assert!(refused["error"].as_str().is_some_and(|why| !why.is_empty()), "{body}: {refused}");
    }
    let form = shop.request("POST", "/orders").header("content-type", "text/plain").body("{}");
    send(form).await.json(415);
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
