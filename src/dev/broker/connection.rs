//! One client: frames in, answers out, in order.
//!
//! As in Kafka, a connection's requests are served one after the other, so a held Fetch holds what comes
//! after it. While one is served the socket is read on: a client that goes away ends whatever it waits for.

use super::{
    apis,
    cluster::Cluster,
    counts::Counts,
    faults::Plan,
    frame::{self, Request},
};
use bytes::BytesMut;
use std::{io, sync::Arc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, tcp::ReadHalf},
};

/// Bytes read ahead while a request is served; a client that sends more waits in its socket.
const READ_AHEAD: usize = 1 << 20;

/// What every connection is served from.
#[derive(Debug, Clone)]
pub struct Service {
    /// The state.
    pub cluster: Arc<Cluster>,
    /// The faults to come.
    pub plan: Arc<Plan>,
    /// The counters.
    pub counts: Arc<Counts>,
}

/// Serves a client until it goes, or sends what is no request.
pub async fn serve(service: Service, mut stream: TcpStream) -> io::Result<()> {
    let _open = service.counts.connection();
    stream.set_nodelay(true)?;
    let host = format!("/{}", stream.peer_addr()?.ip());
    let (mut reader, mut writer) = stream.split();
    let mut inbound = BytesMut::new();
    while let Some(request) = next(&mut reader, &mut inbound).await? {
        service.counts.request(request.api);
        let answer = tokio::select! {
            // Served first: what arrived before the end of the stream is done, acks=0 above all.
            biased;
            answer = served(&service, &request, &host) => answer?,
            () = gone(&mut reader, &mut inbound) => return Ok(()),
        };
        if let Some(answer) = answer {
            writer.write_all(&answer).await?;
        }
    }
    Ok(())
}

async fn served(service: &Service, request: &Request, host: &str) -> io::Result<Option<bytes::Bytes>> {
    let answer = apis::answer(&service.cluster, &service.plan, request, host).await?;
    if let Some(delay) = service.plan.delay(request.api) {
        tokio::time::sleep(delay).await;
    }
    Ok(answer)
}

/// The next request; `None` when the client has closed.
async fn next(reader: &mut ReadHalf<'_>, inbound: &mut BytesMut) -> io::Result<Option<Request>> {
    loop {
        if let Some(frame) = frame::take(inbound)? {
            return Request::parse(frame).map(Some);
        }
        if reader.read_buf(inbound).await? == 0 {
            return Ok(None);
        }
    }
}

/// Returns when the client has closed; until then keeps what it sends.
async fn gone(reader: &mut ReadHalf<'_>, inbound: &mut BytesMut) {
    while inbound.len() < READ_AHEAD {
        match reader.read_buf(inbound).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
    std::future::pending().await
}
