//! Pure encoders of what a reader is sent: the record envelope and the server-sent-event frame.
//!
//! They stand outside `http` because a frame is encoded once for everybody who reads it, long before any response
//! exists. They take no clock and do no I/O.

pub mod envelope;
pub mod sse;
