//! Pages that come from elsewhere than the records: what a browser lets them do.

use super::content;
use super::feed::{Client, Feed, pages};
use super::reader::Reader;
use crate::harness::{Context, Cut, Relay, Test};
use crate::stream::property::decode::Form;
use crate::tests;

pub fn tests() -> Vec<Test> {
    tests![
        a_page_of_a_listed_origin_reads_and_comes_back needs [Chromium, NodeClients],
        a_page_of_another_origin_reads_nothing needs [Chromium],
    ]
}

async fn a_page_of_a_listed_origin_reads_and_comes_back(context: Context) {
    let topic = context.topic("listed", 1).await;
    context.kafka().writer().write_all(&topic, 0, (0..100).map(content::draft)).await;
    let ledger = context.kafka().consume_all(&topic).await;
    // By an id in a header that was set by a page, a browser asks beforehand whether it may come back.
    for client in [Client::Page("event_source.html"), Client::Page("fetch_event_source.html")] {
        let (site, told) = Relay::start(context.gateway().await.address(), [], pages()).await;
        let origin = site.url("").parse().expect("an origin");
        let gateway = context.gateway_with(|config| config.listen.cors_origins = vec![origin]).await;
        let (relay, _) = Relay::start(gateway.address(), [Cut::Closed(9_001)], Vec::new()).await;
        let stream = relay.url(&format!("/v1/topics/{topic}/stream?from=earliest"));
        let mut reader = Reader::new(Feed::start(client, &site, told, &stream));
        reader.read(ledger.len()).await;
        reader.compare(&ledger, Form::Auto);
        assert_eq!(relay.cuts(), 1, "{client:?}");
    }
}

async fn a_page_of_another_origin_reads_nothing(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("unlisted", 1).await);
    let (site, told) = Relay::start(gateway.address(), [], pages()).await;
    let stream = gateway.url(&format!("/v1/topics/{topic}/stream"));
    let mut reader = Reader::new(Feed::start(Client::Page("event_source.html"), &site, told, &stream));
    assert_eq!(reader.event().await.kind, "closed");
}
