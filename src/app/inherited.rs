//! Sockets that a service manager passes on (sd_listen_fds(3)).
//!
//! They stay open between one process and the next: whoever comes meanwhile waits in a socket's queue instead of being
//! refused. Which is which is said by `LISTEN_FDNAMES` (systemd's `FileDescriptorName=`); where that says nothing of ours,
//! the first is the HTTP listener.

use super::Error;
use super::listener::Listener;
use listenfd::ListenFd;
use std::io;

/// What names may be given.
const NAMES: &str = "`http`, `unix` or `ops`";

/// The sockets that were passed on.
#[derive(Debug, Default)]
pub struct Inherited {
    /// In place of `listen.http`.
    pub http: Option<Listener>,
    /// In place of `listen.unix`.
    pub unix: Option<Listener>,
    /// In place of `listen.ops`.
    pub ops: Option<Listener>,
}

impl Inherited {
    /// Takes those of this process.
    ///
    /// # Errors
    /// When one is not a socket that listens, or it is not clear what for.
    pub fn take() -> Result<Self, Error> {
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut passed = ListenFd::from_env();
        let mut taken = Self::default();
        for at in 0..passed.len() {
            let name = names.split(':').nth(at).unwrap_or_default();
            let place = match name {
                "unix" => &mut taken.unix,
                "ops" => &mut taken.ops,
                // Without a name of its own a socket has that of its unit.
                _ if name == "http" || at == 0 => &mut taken.http,
                _ => return Err(refused(format!("socket {at} is named {name:?}; it may be {NAMES}"))),
            };
            if place.is_some() {
                return Err(refused(format!("two sockets are meant for {name:?}")));
            }
            *place = Some(if name == "unix" {
                let socket = passed.take_unix_listener(at).map_err(Error::Inherited)?;
                Listener::adopt_unix(socket.expect("it is taken once"))?
            } else {
                let socket = passed.take_tcp_listener(at).map_err(Error::Inherited)?;
                Listener::adopt(socket.expect("it is taken once"))?
            });
        }
        Ok(taken)
    }
}

fn refused(why: String) -> Error {
    Error::Inherited(io::Error::new(io::ErrorKind::InvalidInput, why))
}
