//! What `sluicegate dev` says when it is ready.

use std::io::Write;
use std::net::SocketAddr;

/// The gateway with its own broker: where things are, and what is kept.
pub fn gateway(http: SocketAddr, kafka: &str, topic_bytes: u64) -> String {
    format!(
        "\nSluicegate is ready.\n\n\
         \x20 gateway  http://{http}\n\
         \x20 Kafka    {kafka}  (embedded; any Kafka client may connect)\n\
         \x20 pages    http://{http}/examples/\n\
         \x20 data     {}\n\n",
        kept(topic_bytes)
    )
}

/// Three commands to begin with.
pub fn first_steps(http: SocketAddr) -> String {
    let url = format!("http://{http}");
    format!(
        "Put a record in, read the topic from its beginning, and look at it:\n\n\
         \x20 curl -d '{{\"total\":12.5}}' '{url}/v1/topics/orders/records?key=c-17'\n\
         \x20 curl -N '{url}/v1/topics/orders/stream?from=earliest'\n\
         \x20 curl '{url}/v1/topics/orders'\n\n"
    )
}

/// What the demo feeds, and how to see it.
pub fn demo(http: SocketAddr) -> String {
    let url = format!("http://{http}");
    format!(
        "Something goes on in the topics orders, prices, sensors and posts. Watch it in a browser\n\n\
         \x20 {url}/examples/watch.html?topics=orders,posts\n\n\
         or here: as events, as lines of JSON that begin with the last five orders, as the last posts in one page:\n\n\
         \x20 curl -N '{url}/v1/topics/prices/stream'\n\
         \x20 curl -N -H 'Accept: application/x-ndjson' '{url}/v1/topics/orders/stream?from=-5'\n\
         \x20 curl '{url}/v1/topics/posts/records?from=-3'\n\n"
    )
}

/// The broker without a gateway.
pub fn broker_alone(kafka: &str, topic_bytes: u64) -> String {
    format!(
        "\nThe embedded Kafka broker is ready.\n\n  Kafka    {kafka}\n  data     {}\n\n",
        kept(topic_bytes)
    )
}

fn kept(topic_bytes: u64) -> String {
    format!("in memory, at most {} MiB a topic, gone when this process ends", topic_bytes >> 20)
}

/// Writes to standard output; a reader that has gone does not end the gateway.
pub fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
