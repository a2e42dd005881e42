//! Whether the brokers let the gateway in: which of its settings they refuse, and since when.
//!
//! librdkafka takes a wrong password or a certificate that it does not trust for trouble that passes: it tries again for
//! ever, and every request waits out its time. What it says of the connection is therefore listened to here, for all clients
//! of a gateway together: whoever asks Kafka then need not wait long, hears why, and the log names the setting to look
//! at, once. An answer of any broker ends it, because then the gateway is in.
//!
//! librdkafka tells much of this by words alone, so its words are what is looked for; a change of them costs the clear
//! line and the early answer, and nothing else.

use super::error::{Error, Remedy};
use rand::seq::IteratorRandom;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a refusal counts that is not repeated. librdkafka repeats the same one every 30 s.
const MEMORY: Duration = Duration::from_secs(45);

/// How long a request may take while the gateway is refused: about as long as librdkafka needs for one more attempt.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// Why the gateway is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The brokers know no such user, or another password.
    Credentials,
    /// The brokers do not take this way of saying who comes.
    Mechanism,
    /// The listener speaks another protocol.
    Protocol,
    /// The listener closes the connection before a word is said.
    Closed,
    /// A broker's certificate is signed by nobody that is trusted.
    UnknownAuthority,
    /// A broker's certificate is out of date.
    Expired,
    /// A broker's certificate is not valid yet.
    NotYetValid,
    /// A broker's certificate is for another host.
    OtherHost,
    /// A broker's certificate has some other fault.
    Certificate,
    /// The brokers want to see a certificate, or refuse the one they were shown.
    OwnCertificate,
}

impl Cause {
    /// What a line of librdkafka's log or one of its errors says about it, if anything.
    pub fn of(said: &str) -> Option<Self> {
        let says = |words: &str| said.contains(words);
        Some(match () {
            () if says("nsupported SASL mechanism") || says("mechanism handshake failed") => Self::Mechanism,
            () if says("SASL authentication error") => Self::Credentials,
            () if says("certificate verify failed") => Self::Certificate,
            () if says("connecting to a PLAINTEXT broker listener") => Self::Protocol,
            () if says("wrong version number") || says("incorrect security.protocol") => Self::Protocol,
            () if says("security.protocol is correctly configured") => Self::Protocol,
            () if says("Disconnected") && says("in state APIVERSION_QUERY") => Self::Closed,
            () if says("certificate required") || says("alert bad certificate") => Self::OwnCertificate,
            () if says("alert unknown ca") || says("SSL authentication might be required") => {
                Self::OwnCertificate
            }
            () if says("alert certificate unknown") || says("alert certificate expired") => {
                Self::OwnCertificate
            }
            () => return None,
        })
    }

    /// What a verdict of OpenSSL's on a broker's certificate means (X509_STORE_CTX_get_error(3)).
    pub fn of_certificate(verdict: i32) -> Self {
        match verdict {
            2 | 18..=21 => Self::UnknownAuthority,
            9 => Self::NotYetValid,
            10 => Self::Expired,
            62 | 64 => Self::OtherHost,
            _ => Self::Certificate,
        }
    }

    /// What is wrong, and which property of `kafka.properties` to look at.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Credentials => {
                "the brokers refuse the user or the password (look at `sasl.username` and `sasl.password`)"
            }
            Self::Mechanism => "the brokers do not take this SASL mechanism (look at `sasl.mechanism`)",
            Self::Protocol => {
                "the listener speaks another protocol (look at `security.protocol`, and at the port of \
                 `kafka.bootstrap_servers`)"
            }
            Self::Closed => {
                "the listener closes the connection at once: it speaks another protocol, or no broker is behind it (look \
                 at `security.protocol`, and at the port of `kafka.bootstrap_servers`)"
            }
            Self::UnknownAuthority => {
                "a broker's certificate is signed by an authority that is not trusted (look at `ssl.ca.location`)"
            }
            Self::Expired => {
                "a broker's certificate has expired (it is to be renewed there; or look at the clock)"
            }
            Self::NotYetValid => "a broker's certificate is not valid yet (look at the clock)",
            Self::OtherHost => {
                "a broker's certificate is for another host (look at `kafka.bootstrap_servers`, the brokers' \
                 `advertised.listeners`, and `ssl.endpoint.identification.algorithm`)"
            }
            Self::Certificate => "a broker's certificate cannot be verified (look at `ssl.ca.location`)",
            Self::OwnCertificate => {
                "the brokers ask for a certificate of the gateway, or refuse it (look at `ssl.certificate.location` \
                 and `ssl.key.location`)"
            }
        }
    }

    /// Whether it is about a broker's certificate.
    fn is_certificate(self) -> bool {
        use Cause::*;
        matches!(self, UnknownAuthority | Expired | NotYetValid | OtherHost | Certificate)
    }
}

/// For how long a listener has to close every connection before that is taken for its way, and not for a broker that ends.
const CLOSING: Duration = Duration::from_secs(5);

/// Knows whether the brokers let the gateway in. Shared by all its clients.
#[derive(Debug, Default)]
pub struct Admittance {
    /// Whether `refused` holds something: records that arrive need not take the lock to know that they did.
    shut: AtomicBool,
    refused: Mutex<Option<Refused>>,
    /// When a connection was first closed at once, with neither an answer nor a refused connection since.
    closed: Mutex<Option<Instant>>,
    /// Whether the last call was answered.
    in_touch: AtomicBool,
    /// The brokers of the last answer that told of them, by id.
    brokers: Mutex<Vec<i32>>,
}

#[derive(Clone, Copy, Debug)]
struct Refused {
    cause: Cause,
    last: Instant,
    /// Whether the log has it.
    told: bool,
}

impl Admittance {
    /// Takes what librdkafka says of a connection; whether it was about this and is told, so that librdkafka's own words
    /// need not be.
    pub fn heard(&self, said: &str) -> bool {
        match Cause::of(said) {
            // Which fault a certificate has librdkafka does not say; the client that looks at certificates will.
            Some(Cause::Certificate) => self.remember(Cause::Certificate, None),
            Some(Cause::Closed) => {
                self.closed().get_or_insert_with(Instant::now);
                self.in_touch.store(false, Ordering::Relaxed);
                self.told()
            }
            Some(cause) => self.remember(cause, Some(said)),
            None => {
                if said.contains("Connection refused") {
                    *self.closed() = None;
                }
                self.told()
            }
        }
    }

    /// A broker's certificate is refused.
    pub fn refused(&self, cause: Cause) {
        self.remember(cause, Some("OpenSSL's verdict on a broker's certificate"));
    }

    /// Remembers why the gateway is not let in, and tells it once unless there is nothing to say; whether it is told.
    fn remember(&self, cause: Cause, reason: Option<&str>) -> bool {
        let mut refused = self.lock();
        let known = refused.filter(|refused| refused.last.elapsed() < MEMORY);
        let last = Instant::now();
        let mut now = match known {
            Some(known) if known.cause == cause => Refused { last, ..known },
            Some(known) if cause == Cause::Certificate && known.cause.is_certificate() => {
                Refused { last, ..known }
            }
            _ => Refused { cause, last, told: false },
        };
        if let Some(reason) = reason.filter(|_| !now.told) {
            tracing::error!(reason, "Kafka cannot be used as configured: {}", cause.as_str());
            now.told = true;
        }
        *refused = Some(now);
        self.shut.store(true, Ordering::Relaxed);
        now.told
    }

    fn told(&self) -> bool {
        self.shut.load(Ordering::Relaxed)
            && self.lock().is_some_and(|refused| refused.told && refused.last.elapsed() < MEMORY)
    }

    fn closed(&self) -> MutexGuard<'_, Option<Instant>> {
        self.closed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers which brokers there are.
    pub fn saw_brokers(&self, ids: Vec<i32>) {
        *self.brokers.lock().unwrap_or_else(PoisonError::into_inner) = ids;
    }

    /// Some of the brokers that there were last, chosen at random.
    pub fn brokers(&self, most: usize) -> Vec<i32> {
        let known = self.brokers.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().copied().sample(&mut rand::rng(), most)
    }

    /// Whether the last call was answered.
    pub fn is_in_touch(&self) -> bool {
        self.in_touch.load(Ordering::Relaxed)
    }

    /// A broker answered.
    pub fn answered(&self) {
        if !self.is_in_touch() {
            self.in_touch.store(true, Ordering::Relaxed);
            *self.closed() = None;
        }
        if !self.shut.load(Ordering::Relaxed) {
            return;
        }
        let before = self.lock().take();
        self.shut.store(false, Ordering::Relaxed);
        if before.is_some_and(|refused| refused.told) {
            tracing::info!("Kafka lets the gateway in again");
        }
    }

    /// Why the gateway is not let in, if that is so.
    pub fn why(&self) -> Option<Cause> {
        // librdkafka tells it once in half a minute, so how often it happens is not known; only that nothing else did.
        let closing = !self.is_in_touch()
            && self.closed().is_some_and(|first| (CLOSING..MEMORY).contains(&first.elapsed()));
        if closing {
            self.remember(Cause::Closed, Some("connections are closed before a broker has said a word"));
        }
        if !self.shut.load(Ordering::Relaxed) {
            return None;
        }
        self.lock().filter(|refused| refused.last.elapsed() < MEMORY).map(|refused| refused.cause)
    }

    /// How long a request may take that otherwise may take `timeout`.
    pub fn patience(&self, timeout: Duration) -> Duration {
        if self.why().is_some() { timeout.min(PATIENCE) } else { timeout }
    }

    /// What a request came to: an answer, or the reason for there being none.
    pub fn judge<T>(&self, outcome: Result<T, Error>) -> Result<T, Error> {
        match outcome {
            Err(error) if error.remedy() == Remedy::Retry => {
                self.in_touch.store(false, Ordering::Relaxed);
                Err(match self.why() {
                    Some(cause) => {
                        Error::Misconfigured { reason: cause.as_str().to_owned(), written: error.written() }
                    }
                    None => error,
                })
            }
            outcome => {
                // A refusal of the request itself is an answer too; what cannot be used as configured is none.
                if !matches!(outcome, Err(Error::Misconfigured { .. })) {
                    self.answered();
                }
                outcome
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Refused>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_librdkafka_says_is_understood() {
        for (said, cause) in [
            (
                "sasl_ssl://b:9093/bootstrap: SASL authentication error: Authentication failed during authentication \
                 due to invalid credentials with SASL mechanism SCRAM-SHA-512 (after 5ms in state AUTH_REQ)",
                Some(Cause::Credentials),
            ),
            (
                "ssl://b:9093/bootstrap: SSL handshake failed: error:0A000086:SSL routines::certificate verify \
                 failed: broker certificate could not be verified, verify that ssl.ca.location is correctly configured",
                Some(Cause::Certificate),
            ),
            (
                "b:9093/bootstrap: Disconnected: requesting ApiVersion: might be caused by incorrect \
                 security.protocol configuration (connecting to a SSL listener?) or broker version is < 0.10",
                Some(Cause::Protocol),
            ),
            (
                "b:9093/bootstrap: Disconnected: connection closed by peer: receive 0 after POLLIN (after 0ms in state \
                 APIVERSION_QUERY)",
                Some(Cause::Closed),
            ),
            ("b:9092/bootstrap: Connect to ipv4#127.0.0.1:9092 failed: Connection refused", None),
            ("3/3 brokers are down", None),
        ] {
            assert_eq!(Cause::of(said), cause, "{said}");
        }
    }

    #[test]
    fn a_vague_word_does_not_replace_a_clear_one() {
        let admittance = Admittance::default();
        assert!(!admittance.heard("Connection refused"));
        assert_eq!(admittance.why(), None);
        assert!(!admittance.heard("certificate verify failed"), "librdkafka's words are all there is");
        assert_eq!(admittance.why(), Some(Cause::Certificate));
        admittance.refused(Cause::of_certificate(10));
        assert!(admittance.heard("certificate verify failed"));
        assert_eq!(admittance.why(), Some(Cause::Expired));
        assert!(admittance.heard("3/3 brokers are down"), "it follows from what is told");
        assert!(admittance.heard("SASL authentication error: no"));
        assert_eq!(admittance.why(), Some(Cause::Credentials));
        admittance.answered();
        assert_eq!(admittance.why(), None);
    }

    #[test]
    fn a_broker_that_ends_is_no_listener_of_another_protocol() {
        let said = "Disconnected: closed by peer (after 0ms in state APIVERSION_QUERY)";
        let long_ago = || Instant::now().checked_sub(CLOSING);
        let admittance = Admittance::default();
        admittance.heard(said);
        assert_eq!(admittance.why(), None, "it may be ending");
        *admittance.closed() = long_ago();
        admittance.heard("Connect to ipv4#127.0.0.1:9092 failed: Connection refused");
        assert_eq!(admittance.why(), None, "it has ended");
        admittance.heard(said);
        *admittance.closed() = long_ago();
        assert_eq!(admittance.why(), Some(Cause::Closed), "it does nothing else");
        admittance.answered();
        assert_eq!(admittance.why(), None);
    }

    #[test]
    fn what_passes_is_told_by_its_cause_while_the_gateway_is_refused() {
        let admittance = Admittance::default();
        let outage = || Err::<(), _>(Error::unavailable("no answer"));
        assert!(matches!(admittance.judge(outage()), Err(Error::Unavailable { .. })));
        admittance.heard("SASL authentication error: no");
        let told = admittance.judge(outage()).expect_err("no answer").to_string();
        assert!(told.contains("sasl.password"), "{told}");
        assert_eq!(admittance.patience(Duration::from_secs(10)), PATIENCE);
        assert_eq!(admittance.patience(Duration::from_millis(10)), Duration::from_millis(10));
        let forbidden = admittance.judge(Err::<(), _>(Error::Forbidden(String::new())));
        assert!(matches!(forbidden, Err(Error::Forbidden(_))));
        assert_eq!(admittance.why(), None, "a broker answered");
    }
}
