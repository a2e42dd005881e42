//! A client that sends what no decent client sends: any target, any header, any body, over HTTP/1.1 as it stands.

use bytes::Bytes;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::AsyncBufReadExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// How long a stream is looked at.
const GLANCE: Duration = Duration::from_millis(60);

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    /// Path and query as they stand in the request line.
    pub target: String,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
}

/// A reply; `body` is `None` where a stream was left before its end.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Option<Bytes>,
}

/// A connection that is kept while it lives.
pub struct Raw {
    address: SocketAddr,
    stream: Option<BufReader<TcpStream>>,
}

impl Raw {
    pub fn new(address: SocketAddr) -> Self {
        Self { address, stream: None }
    }

    /// Sends a request and reads the reply.
    ///
    /// # Errors
    /// When the connection breaks, or what comes is no HTTP.
    pub async fn ask(&mut self, request: &Request) -> io::Result<Answer> {
        let kept = self.stream.take();
        let is_kept = kept.is_some();
        let mut stream = match kept {
            Some(stream) => stream,
            None => BufReader::new(TcpStream::connect(self.address).await?),
        };
        let mut bytes = self.head(request);
        bytes.extend_from_slice(&request.body);
        // A body that is refused early may not be read to its end; the reply is there all the same.
        let sent = stream.get_mut().write_all(&bytes).await;
        let (status, headers) = match head(&mut stream).await {
            Ok(head) => head,
            // A connection that was kept may have been closed meanwhile.
            Err(_) if is_kept => return Box::pin(self.ask(request)).await,
            Err(error) => return Err(sent.err().unwrap_or(error)),
        };
        let body = body(&mut stream, request, status, &headers).await?;
        let closes =
            headers.get("connection").is_some_and(|word| word.as_bytes().eq_ignore_ascii_case(b"close"));
        if body.is_some() && !closes && sent.is_ok() {
            self.stream = Some(stream);
        }
        Ok(Answer { status, headers, body })
    }

    fn head(&self, request: &Request) -> Vec<u8> {
        let mut bytes = format!("{} {} HTTP/1.1\r\n", request.method, request.target).into_bytes();
        if !request.headers.iter().any(|(name, _)| name == "host") {
            bytes.extend_from_slice(format!("host: {}\r\n", self.address).as_bytes());
        }
        for (name, value) in &request.headers {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(format!("content-length: {}\r\n\r\n", request.body.len()).as_bytes());
        bytes
    }
}

async fn head(stream: &mut BufReader<TcpStream>) -> io::Result<(u16, HeaderMap)> {
    let first = line(stream).await?;
    let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| io::Error::other(format!("no status line: {first:?}")))?;
    let mut headers = HeaderMap::new();
    loop {
        let line = line(stream).await?;
        let Some((name, value)) = line.split_once(": ") else { break };
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(io::Error::other)?;
        headers.append(name, HeaderValue::from_str(value).map_err(io::Error::other)?);
    }
    Ok((status, headers))
}

async fn line(stream: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = Vec::new();
    if stream.read_until(b'\n', &mut line).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    // Latin-1, byte by byte: a header may hold any of them.
    Ok(line.into_iter().filter(|byte| !b"\r\n".contains(byte)).map(char::from).collect())
}

async fn body(
    stream: &mut BufReader<TcpStream>,
    request: &Request,
    status: u16,
    headers: &HeaderMap,
) -> io::Result<Option<Bytes>> {
    if request.method == "HEAD" || status == 204 || status == 304 {
        return Ok(Some(Bytes::new()));
    }
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if let Ok(length) = text("content-length").parse() {
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        return Ok(Some(body.into()));
    }
    if text("transfer-encoding") != "chunked" {
        let mut body = Vec::new();
        stream.read_to_end(&mut body).await?;
        return Ok(Some(body.into()));
    }
    let streams =
        ["text/event-stream", "application/x-ndjson"].iter().any(|kind| text("content-type") == *kind);
    if !streams {
        return chunks(stream).await.map(Some);
    }
    match tokio::time::timeout(GLANCE, chunks(stream)).await {
        Ok(body) => body.map(Some),
        Err(_) => Ok(None),
    }
}

async fn chunks(stream: &mut BufReader<TcpStream>) -> io::Result<Bytes> {
    let mut body = Vec::new();
    loop {
        let size = line(stream).await?;
        let size = usize::from_str_radix(&size, 16).map_err(io::Error::other)?;
        let at = body.len();
        body.resize(at + size, 0);
        stream.read_exact(&mut body[at..]).await?;
        line(stream).await?;
        if size == 0 {
            return Ok(body.into());
        }
    }
}
