//! A bare TCP connection, for requests that no decent client sends and replies that one would hide.

use super::wait::within;
use std::net::{IpAddr, SocketAddr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// A connection to a gateway.
pub struct Socket {
    stream: TcpStream,
}

impl Socket {
    /// Connects.
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = within("a connection", TcpStream::connect(address)).await.expect("the gateway accepts");
        Self { stream }
    }

    /// Connects from an address of this machine's own.
    pub async fn connect_from(source: IpAddr, address: SocketAddr) -> Self {
        let connected = async {
            let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
            socket.bind((source, 0).into())?;
            socket.connect(address).await
        };
        Self { stream: within("a connection", connected).await.expect("the gateway accepts") }
    }

    /// Sends bytes if they are still taken: the gateway may have closed.
    pub async fn try_write(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        within("a write", self.stream.write_all(bytes.as_ref())).await.is_ok()
    }

    /// Sends no more, and goes on reading.
    pub async fn finish(&mut self) {
        within("a half close", self.stream.shutdown()).await.expect("it is open");
    }

    /// Reads until the other side closes, by a reset too.
    pub async fn until_closed(&mut self) -> Vec<u8> {
        let mut read = Vec::new();
        // What came before a reset stays.
        let _ = within("the end", self.stream.read_to_end(&mut read)).await;
        read
    }

    /// Exactly so many of the bytes that come next; `None` when the other side closes before.
    pub async fn exactly(&mut self, count: usize) -> Option<Vec<u8>> {
        let mut read = vec![0; count];
        within("bytes", self.stream.read_exact(&mut read)).await.ok().map(|_| read)
    }

    /// Sends bytes as they are.
    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        within("a write", self.stream.write_all(bytes.as_ref())).await.expect("the gateway reads");
    }

    /// Reads one reply whose length its head tells: the head, and the body.
    pub async fn reply(&mut self) -> (String, String) {
        let (mut read, mut buffer) = (Vec::new(), [0; 4096]);
        loop {
            if let Some(at) = read.windows(4).position(|window| window == b"\r\n\r\n") {
                let head =
                    String::from_utf8(read[..at].to_vec()).expect("a head is text").to_ascii_lowercase();
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                let length: usize = length.map_or(0, |length| length.parse().expect("a length"));
                if read.len() >= at + 4 + length {
                    let body = read[at + 4..at + 4 + length].to_vec();
                    return (head, String::from_utf8(body).expect("a text"));
                }
            }
            let count = within("a reply", self.stream.read(&mut buffer)).await.expect("the gateway answers");
            assert!(count > 0, "closed after {:?}", String::from_utf8_lossy(&read));
            read.extend_from_slice(&buffer[..count]);
        }
    }

    /// Reads until this text has come.
    pub async fn read_past(&mut self, text: &str) {
        let (mut read, mut buffer) = (Vec::new(), [0; 4096]);
        while !read.windows(text.len()).any(|window| window == text.as_bytes()) {
            let count = within(text, self.stream.read(&mut buffer)).await.expect("the gateway answers");
            assert!(count > 0, "closed after {:?}", String::from_utf8_lossy(&read));
            read.extend_from_slice(&buffer[..count]);
        }
    }

    /// Reads until the other side closes.
    pub async fn rest(&mut self) -> Vec<u8> {
        let mut read = Vec::new();
        within("the end", self.stream.read_to_end(&mut read)).await.expect("a clean end");
        read
    }
}
