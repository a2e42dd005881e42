//! Whom a network address belongs to, as far as can be told.

use std::net::{IpAddr, Ipv4Addr};

/// Whoever stands behind an address: one of IPv4, or a /64 of IPv6. A customer of IPv6 has at least that much (RFC 6177), so
/// what stands behind it tells nobody apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Party {
    /// An address of IPv4, or one of IPv6 that maps to it.
    V4(Ipv4Addr),
    /// The first half of an address of IPv6.
    V6([u16; 4]),
}

impl Party {
    /// Whoever stands behind `address`.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self::V6([a, b, c, d])
            }
        }
    }
}
