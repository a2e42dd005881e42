//! How a request came in: what the connection knows of it that the request itself does not say.

use axum::http::Extensions;
use std::net::{IpAddr, SocketAddr};

/// By which door a request came, from where, and whether there was room for its connection. It travels in the request's
/// extensions; `app` puts it there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The door.
    pub door: Door,
    /// Whose connection it is, where it has an address.
    pub peer: Option<IpAddr>,
    /// Why its connection is one too many, if it is: it was let in to be told so.
    pub full: Option<Full>,
    /// Whether a line of its head ended in LF alone, which hyper lets pass.
    pub bare_lf: bool,
}

/// Where a listener can be reached from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// This machine by TCP: a page in a browser here may point a name of its own at it (DNS rebinding).
    Loopback,
    /// Other machines.
    Network,
    /// A Unix socket, which no page can reach.
    Unix,
}

/// Which places are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// All.
    InAll,
    /// Those of the client's address.
    ForAddress,
}

impl Door {
    /// The door that a listener at `address` is.
    pub fn at(address: SocketAddr) -> Self {
        if address.ip().to_canonical().is_loopback() { Self::Loopback } else { Self::Network }
    }
}

impl Arrival {
    /// How a request came in; as the most is forbidden to, where nobody says.
    pub fn of(extensions: &Extensions) -> Self {
        let unknown = Self { door: Door::Loopback, peer: None, full: None, bare_lf: false };
        extensions.get::<Self>().copied().unwrap_or(unknown)
    }
}

/// Whether a path is for operations, not for clients: it is answered where there is no room, and by a door of its own where
/// `listen.ops` says so.
pub fn is_operation(path: &str) -> bool {
    matches!(path, "/livez" | "/readyz" | "/metrics")
}
