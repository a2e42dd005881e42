//! `sluicegate healthcheck`: asks a gateway on this machine how it is, for containers that hold no other program to ask
//! with.
//!
//! One plain request of HTTP/1.1 over a blocking socket: a runtime and a client would be most of the work.

use crate::config::Config;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// How long connecting, and how long each read, may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The longest answer that is read, in bytes; a problem is a few hundred.
const LONGEST_ANSWER: u64 = 16 * 1024;

/// Why the gateway is not well.
#[derive(Debug, thiserror::Error)]
pub enum Unwell {
    /// Nobody answers there, or not in time.
    #[error("no answer from {address}")]
    Silent {
        /// Where it was asked.
        address: SocketAddr,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// It answers that it is not.
    #[error("{address}{path} answers {status}: {body}")]
    Says {
        /// Where it was asked.
        address: SocketAddr,
        /// What was asked for.
        path: &'static str,
        /// The status line, without the version.
        status: String,
        /// The body.
        body: String,
    },
}

/// Asks the gateway of this configuration whether it lives (`/livez`), or with `ready` whether it can serve (`/readyz`).
///
/// # Errors
/// When it is not so, or nobody answers within a few seconds.
pub fn healthcheck(config: &Config, ready: bool) -> Result<(), Unwell> {
    let address = reachable(config.listen.ops.unwrap_or(config.listen.http));
    let path = if ready { "/readyz" } else { "/livez" };
    let answer = ask(address, path).map_err(|source| Unwell::Silent { address, source })?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.lines().next().and_then(|line| line.split_once(' ')).map_or("", |(_, status)| status);
    if status.starts_with("200 ") {
        return Ok(());
    }
    Err(Unwell::Says { address, path, status: status.to_owned(), body: body.to_owned() })
}

/// Where a listener on "all addresses" is found from its own machine.
fn reachable(listener: SocketAddr) -> SocketAddr {
    let ip = match listener.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listener.port())
}

fn ask(address: SocketAddr, path: &str) -> io::Result<String> {
    let mut socket = TcpStream::connect_timeout(&address, PATIENCE)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    write!(socket, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    socket.take(LONGEST_ANSWER).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_all_addresses_is_asked_on_loopback() {
        for (listener, asked) in [
            ("0.0.0.0:8080", "127.0.0.1:8080"),
            ("[::]:80", "[::1]:80"),
            ("192.0.2.7:1", "192.0.2.7:1"),
            ("[::1]:9", "[::1]:9"),
        ] {
            let parse = |text: &str| text.parse::<SocketAddr>().expect("an address");
            assert_eq!(reachable(parse(listener)), parse(asked));
        }
    }
}
