//! Rust's `eventsource-client`, in a task: it has lines like the others.

use eventsource_client::{Client, ClientBuilder, ReconnectOptions, SSE};
use futures_util::StreamExt;
use launchdarkly_sdk_transport::HyperTransport;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Starts it on this URL. It ends when nobody takes its lines.
pub fn start(url: String) -> (mpsc::Receiver<String>, JoinHandle<()>) {
    let (sender, lines) = mpsc::channel(1024);
    (lines, tokio::spawn(read(url, sender)))
}

async fn read(url: String, lines: mpsc::Sender<String>) {
    let transport = HyperTransport::builder().disable_proxy().build_http().expect("a transport");
    // By default it gives up when its first connection fails.
    let reconnect = ReconnectOptions::reconnect(true).retry_initial(true).build();
    let client = ClientBuilder::for_url(&url).expect("a URL").reconnect(reconnect);
    let mut events = client.build_with_transport(transport).stream();
    while let Some(next) = events.next().await {
        let line = match next {
            Ok(SSE::Event(event)) => {
                json!({ "event": event.event_type, "id": event.id.unwrap_or_default(), "data": event.data })
            }
            // After an error it comes back, as long as it is asked for more.
            Ok(SSE::Connected(_) | SSE::Comment(_)) | Err(_) => continue,
        };
        if lines.send(line.to_string()).await.is_err() {
            return;
        }
    }
}
