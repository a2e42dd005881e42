//! HTTP/1.1 as bytes on a socket: what a bench asks outside of what it measures.
//!
//! By hand, because a client library's cost would stand in every figure.

#![allow(dead_code, reason = "each bench uses a part of the bed")]

use crate::Result;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connects.
pub fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Sends a GET on a connection of its own and leaves its answer to be read.
pub fn get(address: SocketAddr, target: &str) -> Result<TcpStream> {
    let mut stream = connect(address)?;
    ask(&mut stream, address, target)?;
    Ok(stream)
}

/// Sends a GET on a connection that is there.
pub fn ask(stream: &mut TcpStream, address: SocketAddr, target: &str) -> Result<()> {
    let request = format!("GET {target} HTTP/1.1\r\nhost: {address}\r\naccept: */*\r\n\r\n");
    Ok(stream.write_all(request.as_bytes())?)
}

/// What the answer to a GET begins with.
pub fn status(address: SocketAddr, target: &str) -> Result<String> {
    let mut head = [0; 512];
    let read = get(address, target)?.read(&mut head)?;
    Ok(String::from_utf8_lossy(&head[..read]).into_owned())
}

/// The body of the answer to a GET whose length is told.
pub fn body(address: SocketAddr, target: &str) -> Result<String> {
    let (mut socket, mut answer, mut buffer) = (get(address, target)?, Vec::new(), vec![0; 64 * 1024]);
    loop {
        let read = socket.read(&mut buffer)?;
        answer.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&answer);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.ok_or("no length")?.parse()? {
                return Ok(body.to_owned());
            }
        }
        if read == 0 {
            return Err("closed within an answer".into());
        }
    }
}

/// Waits for nothing but the time.
pub fn pause(time: Duration) {
    let (_held, never) = sync_channel::<()>(1);
    assert_eq!(never.recv_timeout(time), Err(RecvTimeoutError::Timeout), "nobody sends");
}
