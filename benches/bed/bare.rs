//! The floor of any gateway: axum that reads the same POST and answers with as many bytes, without Kafka.
//!
//! One route, one body, no layers, HTTP/1.1 only, on the same runtime as the gateway. It runs in a process of its own
//! (the bench starts itself with `--bare`), prints its address, and ends when its standard input is closed.

use crate::Result;
use axum::Router;
use axum::http::header;
use axum::routing::{get, post};
use bytes::Bytes;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use std::io::Read;
use std::net::Ipv4Addr;
use tokio::net::TcpListener;

/// As long as a receipt of the topics that benches use.
const RECEIPT: &str =
    r#"{"topic":"bench-produce-00000000","partition":0,"offset":1234567,"timestamp":1763795871123}"#;

/// Serves until standard input is closed.
pub fn serve() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.spawn(async {
        if let Err(error) = accept().await {
            eprintln!("bare: {error}");
        }
    });
    std::io::stdin().read_to_end(&mut Vec::new())?;
    runtime.shutdown_background();
    Ok(())
}

async fn accept() -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    println!("{}", listener.local_addr()?);
    let router = Router::new()
        .route("/v1/topics/{topics}/records", post(receipt))
        .route("/readyz", get(|| async { "ready" }));
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        let service = TowerToHyperService::new(router.clone());
        // Ends with its connection, at the latest with the runtime.
        tokio::spawn(async move {
            let _ = http1::Builder::new().serve_connection(TokioIo::new(socket), service).await;
        });
    }
}

async fn receipt(body: Bytes) -> impl axum::response::IntoResponse {
    std::hint::black_box(&body);
    ([(header::CONTENT_TYPE, "application/json")], RECEIPT)
}
