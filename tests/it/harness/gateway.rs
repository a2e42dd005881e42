//! A running gateway and the HTTP client that tests ask it with.

use super::lines::Lines;
use super::reply::Reply;
use super::sse::Sse;
use super::wait::within;
use sluicegate::app::App;
use sluicegate::config::Config;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Longer than a gateway with a test's configuration may take to end.
const END: Duration = Duration::from_secs(60);

/// A gateway in this process. Clones are the same gateway.
#[derive(Clone)]
pub struct Gateway {
    address: SocketAddr,
    client: reqwest::Client,
    stop: CancellationToken,
    task: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Gateway {
    /// Builds and runs a gateway.
    pub async fn start(config: &Config) -> Self {
        let app = App::build(config).await.expect("the test's configuration is good");
        let (address, stop) = (app.address(), CancellationToken::new());
        let told = stop.clone();
        let task = tokio::spawn(app.run(async move { told.cancelled().await }, std::future::pending()));
        let task = Arc::new(Mutex::new(Some(task)));
        Self { address, client: client(), stop, task }
    }

    /// The gateway of another process, which ends with that.
    pub fn at(address: SocketAddr) -> Self {
        Self { address, client: client(), stop: CancellationToken::new(), task: Arc::default() }
    }

    /// Tells it to end as SIGTERM would, and waits until it has.
    pub async fn stop(&self) {
        self.stop.cancel();
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            let ended = tokio::time::timeout(END, task).await;
            ended.expect("a gateway ends by its deadline").expect("a gateway ends without a panic");
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path with its query.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A request to be sent with [`send`].
    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
        self.client.request(method, self.url(path))
    }

    /// GET, and the whole reply.
    pub async fn get(&self, path: &str) -> Reply {
        send(self.request("GET", path)).await
    }

    /// A sample of `/metrics` by its name and labels as they are written there; 0 while it was never counted.
    pub async fn metric(&self, sample: &str) -> usize {
        // On a connection of its own, which is gone afterwards: connections are counted, too.
        let reply = send(self.request("GET", "/metrics").header("connection", "close")).await;
        let found = reply.text().lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
        found.map_or(0, |number| number.parse().expect("a whole number"))
    }

    /// PUT with a body, and the whole reply.
    pub async fn put(&self, path: &str, body: impl Into<reqwest::Body>) -> Reply {
        send(self.request("PUT", path).body(body)).await
    }

    /// POST of one record to a topic: `query` without its question mark.
    pub async fn produce(&self, topic: &str, query: &str, body: impl Into<reqwest::Body>) -> Reply {
        send(self.producing(topic, query).body(body)).await
    }

    /// A produce to which headers may be added, to be sent with [`send`].
    pub fn producing(&self, topic: &str, query: &str) -> reqwest::RequestBuilder {
        self.request("POST", &format!("/v1/topics/{topic}/records?{query}"))
    }

    /// Opens an event stream of a topic: `query` without its question mark.
    pub async fn stream(&self, topic: &str, query: &str) -> Sse {
        Sse::open(self.streaming(topic, query)).await
    }

    /// A stream's request to which headers may be added, to be sent with [`Sse::open`].
    pub fn streaming(&self, topic: &str, query: &str) -> reqwest::RequestBuilder {
        self.request("GET", &format!("/v1/topics/{topic}/stream?{query}"))
            .header("accept", "text/event-stream")
    }

    /// Opens a stream of lines: `query` without its question mark.
    pub async fn lines(&self, topic: &str, query: &str) -> Lines {
        let path = format!("/v1/topics/{topic}/stream?{query}");
        Lines::open(self.request("GET", &path).header("accept", "application/x-ndjson")).await
    }

    /// Asks for a page: `query` without its question mark.
    pub async fn page(&self, topic: &str, query: &str) -> Reply {
        self.get(&format!("/v1/topics/{topic}/records?{query}")).await
    }
}

/// Sends a request and reads the whole reply, which must be one that the OpenAPI document declares.
pub async fn send(request: reqwest::RequestBuilder) -> Reply {
    within("a reply", Reply::to(request)).await
}

/// A client that asks through no proxy, whatever the environment says.
fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().expect("a client")
}
