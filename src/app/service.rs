//! What a service manager is told (sd_notify(3)): that the gateway listens, and that it is on its way out.
//!
//! Where `NOTIFY_SOCKET` names nobody, nobody is told. A watchdog is absent: a runtime that hangs shows on `/livez`.

use sd_notify::NotifyState;
use std::net::SocketAddr;

/// The gateway listens: what is ordered behind it may start.
pub fn ready(address: SocketAddr) {
    tell(&[NotifyState::Ready, NotifyState::Status(&format!("listening on {address}"))]);
}

/// The gateway was told to end, and drains.
pub fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("draining")]);
}

/// A manager that cannot be reached must not keep the gateway from serving.
fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "the service manager was not told");
    }
}
