//! The verdict on a broker's certificate: librdkafka tells that one could not be verified, OpenSSL knows why.

use super::super::admittance::Cause;
use super::super::context::Context;
use rdkafka::config::NativeClientConfig;
use rdkafka_sys as sys;
use std::ffi::{c_char, c_int, c_void};

/// Has the context of the client that is made of `config` told why a broker's certificate is refused. Nothing else
/// changes: what OpenSSL refuses stays refused. `config` is for a client whose context is a [`Context`].
pub fn tell_verdicts(config: &NativeClientConfig) {
    // SAFETY: the configuration is alive; the callback has the signature asked for. Without TLS built in the call would
    // refuse, and there would be no certificates.
    unsafe { sys::rd_kafka_conf_set_ssl_cert_verify_cb(config.ptr(), Some(verdict)) };
}

/// Told OpenSSL's verdict on each certificate of a broker's chain; 1 lets the handshake go on.
///
/// # Safety
/// Called by librdkafka alone, with the opaque that the binding gives every client: its context.
unsafe extern "C" fn verdict(
    _client: *mut sys::rd_kafka_t,
    _broker: *const c_char,
    _broker_id: i32,
    verdict: *mut c_int,
    _depth: c_int,
    _certificate: *const c_char,
    _size: usize,
    _reason: *mut c_char,
    _reason_size: usize,
    context: *mut c_void,
) -> c_int {
    // SAFETY: by contract; the context lives as long as its client, which waits for this thread before it ends.
    let (verdict, context) = unsafe { (*verdict, &*context.cast::<Context>()) };
    if verdict == 0 {
        return 1;
    }
    context.admittance().refused(Cause::of_certificate(verdict));
    0
}
