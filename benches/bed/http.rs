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

/// Waits for nothing but the time.
pub fn pause(time: Duration) {
    let (_held, never) = sync_channel::<()>(1);
    assert_eq!(never.recv_timeout(time), Err(RecvTimeoutError::Timeout), "nobody sends");
}
