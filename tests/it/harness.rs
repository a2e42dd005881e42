//! What the tests share: the run and its skips, the broker, the gateway, and the clients that look at them from
//! outside.
//!
//! A test is an `async fn(Context)` whose name is a sentence; [`tests!`] lists those of a file. Everything that a test
//! starts is stopped when it has ended, whether it passed or not. Clients here are deliberately not the gateway's own
//! code: records are checked by librdkafka's consumer, streams by a parser of the WHATWG's rules.

mod broker_wire;
mod browser;
mod capability;
mod child;
mod cluster;
mod context;
mod crowd;
mod declared;
pub mod frames;
mod gateway;
mod handed;
mod kafka;
mod lines;
mod member;
mod opened;
mod position;
mod program;
mod relay;
mod reply;
mod run;
mod seed;
mod socket;
mod sse;
pub mod tools;
mod wait;
mod wire;
mod worker;
mod writer;

pub use broker_wire::{BrokerWire, wire_text};
pub use browser::{Browser, chromium};
pub use capability::Capability;
pub use child::Child;
pub use cluster::{Cluster, Operation, Resource, Secure};
pub use context::{Context, OwnBroker, fixed_address};
pub use crowd::{Crowd, Mode};
pub use declared::{Asked, DECLARED};
pub use frames::Frames;
pub use gateway::{Gateway, send};
pub use kafka::{Entry, Kafka, off_thread};
pub use lines::Lines;
pub use position::{CursorReader, Position};
pub use program::Program;
pub use relay::{Cut, Page, Relay};
pub use reply::Reply;
pub use run::{Test, run};
pub use seed::seed;
pub use socket::Socket;
pub use sse::{Event, Parser, Sse};
pub use wait::{DEADLINE, until, within};
pub use wire::{Came, Incoming, Wire};
pub use writer::{Draft, Writer};

/// The tests of a file by the names of their functions, each with the capabilities that it needs:
/// `tests![one_sentence, another needs [Transactions]]`.
#[macro_export]
macro_rules! tests {
    ($($name:ident $(needs [$($need:ident),+])?),* $(,)?) => {
        vec![$($crate::harness::Test::new(
            module_path!(),
            stringify!($name),
            &[$($($crate::harness::Capability::$need),+)?],
            |context| Box::pin($name(context)),
        )),*]
    };
}

/// The same for tests that block their thread and have all they need: `fn()`.
#[macro_export]
macro_rules! blocking_tests {
    ($($name:ident),* $(,)?) => {
        vec![$($crate::harness::Test::new(module_path!(), stringify!($name), &[], |_| {
            Box::pin($crate::harness::off_thread($name))
        })),*]
    };
}
