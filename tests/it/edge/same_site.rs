//! The same-site rule through the front door. The table of its cases in full is beside the code.

use crate::harness::{Context, Gateway, Reply, Test, send};
use crate::tests;

pub fn tests() -> Vec<Test> {
    tests![
        a_strangers_page_can_change_nothing,
        a_listed_origin_may_change_things,
        a_strange_host_is_refused_on_loopback_for_reads_too,
        names_of_this_machine_and_of_listed_origins_are_its_own,
        http_2_is_held_to_the_same_rule,
        letting_everybody_in_does_not_lift_the_rule_on_loopback,
    ]
}

/// An origin that [`listing`] trusts.
pub const LISTED: &str = "https://shop.example";

/// A gateway that trusts [`LISTED`].
pub async fn listing(context: &Context) -> Gateway {
    context.gateway_with(|config| config.listen.cors_origins = vec![LISTED.parse().expect("an origin")]).await
}

/// Sends a request with these headers.
async fn with(request: reqwest::RequestBuilder, headers: &[(&str, &str)]) -> Reply {
    send(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
}

async fn a_strangers_page_can_change_nothing(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("stranger", 1).await);
    let own = format!("http://{}", gateway.address());
    let refused: [&[(&str, &str)]; 6] = [
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")],
        &[("origin", "http://127.0.0.1:1"), ("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "cross-site")],
        &[("origin", LISTED)],
    ];
    for headers in refused {
        with(gateway.producing(&topic, "").body("v"), headers).await.refusal(403, "cross_site");
        let made = format!("/v1/topics/{}", context.name("made"));
        with(gateway.request("PUT", &made).body("{}"), headers).await.refusal(403, "cross_site");
        // Reading is the browser's business: without CORS headers the page sees nothing of it.
        let read = with(gateway.request("GET", &format!("/v1/topics/{topic}")), headers).await;
        assert_eq!((read.status, read.header("access-control-allow-origin")), (200, ""));
    }
    assert!(context.kafka().consume_all(&topic).await.is_empty());
    assert_eq!(context.kafka().partitions(&context.name("made")).await, 0);
    let allowed: [&[(&str, &str)]; 4] = [
        &[],
        &[("origin", &own)],
        &[("origin", &own), ("sec-fetch-site", "same-origin")],
        &[("sec-fetch-site", "none")],
    ];
    for headers in allowed {
        with(gateway.producing(&topic, "").body("v"), headers).await.receipt();
    }
}

async fn a_listed_origin_may_change_things(context: Context) {
    let (gateway, topic) = (listing(&context).await, context.topic("listed", 1).await);
    for site in ["cross-site", "same-site"] {
        let headers = [("origin", LISTED), ("sec-fetch-site", site)];
        with(gateway.producing(&topic, "").body("v"), &headers).await.receipt();
    }
    for other in ["http://shop.example", "https://shop.example:8443", "https://shop.example.evil.example"] {
        with(gateway.producing(&topic, "").body("v"), &[("origin", other)]).await.refusal(403, "cross_site");
    }
}

async fn a_strange_host_is_refused_on_loopback_for_reads_too(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("rebound", 1).await);
    let port = gateway.address().port();
    let names = [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "192.0.2.1",
        "0.0.0.0",
        "shop.example",
    ];
    for name in names {
        let host = format!("{name}:{port}");
        for path in [
            "/v1/topics".to_owned(),
            format!("/v1/topics/{topic}/stream"),
            "/livez".to_owned(),
            "/metrics".to_owned(),
        ] {
            with(gateway.request("GET", &path), &[("host", &host)]).await.refusal(403, "cross_site");
        }
        // The page was loaded from that name, so to its browser the request is same-origin.
        let origin = format!("http://{host}");
        let headers = [("host", host.as_str()), ("origin", &origin), ("sec-fetch-site", "same-origin")];
        with(gateway.producing(&topic, "").body("v"), &headers).await.refusal(403, "cross_site");
    }
    assert!(context.kafka().consume_all(&topic).await.is_empty());
}

async fn names_of_this_machine_and_of_listed_origins_are_its_own(context: Context) {
    let gateway = listing(&context).await;
    for host in [
        "localhost",
        "LOCALHOST:9",
        "127.0.0.1",
        "127.1.2.3:80",
        "[::1]:8080",
        "shop.example",
        "Shop.Example:443",
    ] {
        with(gateway.request("GET", "/livez"), &[("host", host)]).await.json(200);
    }
}

async fn http_2_is_held_to_the_same_rule(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("h2", 1).await);
    let address = gateway.address();
    // The authority of the URL is what HTTP/2 sends for a host.
    let client =
        reqwest::Client::builder().no_proxy().http2_prior_knowledge().resolve("evil.example", address);
    let client = client.build().expect("a client");
    let url = format!("http://evil.example:{}/v1/topics", address.port());
    send(client.get(url)).await.refusal(403, "cross_site");
    let url = gateway.url(&format!("/v1/topics/{topic}/records"));
    with(client.post(&url).body("v"), &[("origin", "https://evil.example")]).await.refusal(403, "cross_site");
    send(client.post(&url).body("v")).await.receipt();
}

async fn letting_everybody_in_does_not_lift_the_rule_on_loopback(context: Context) {
    let (gateway, topic) = (context.gateway().await, context.topic("open", 1).await);
    // Loopback stays held to its names, whatever the configuration allows elsewhere.
    let allowing =
        context.gateway_with(|config| config.access.anonymous = sluicegate::config::Anonymous::Allow).await;
    for gateway in [gateway, allowing] {
        with(gateway.producing(&topic, "").body("v"), &[("host", "gw.example")])
            .await
            .refusal(403, "cross_site");
        with(gateway.producing(&topic, "").body("v"), &[("host", "localhost")]).await.receipt();
    }
}
