//! Making a member's client, whose bells are hung where its thread hears them.

use super::context::MemberContext;
use super::duty::COMMITS;
use super::{Joining, PROBE, Protocol, Shared};
use crate::kafka::context::Role;
use crate::kafka::error::Error;
use crate::kafka::ffi::Commits;
use crate::kafka::settings::Settings;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::BaseConsumer;
use std::sync::Arc;

/// A client that is set to join, and has not begun to.
///
/// # Errors
/// When librdkafka refuses the settings.
pub fn connect(
    shared: &Arc<Shared>,
    settings: &Settings,
    joining: &Joining,
    protocol: Protocol,
) -> Result<Arc<BaseConsumer<MemberContext>>, Error> {
    let mut recipe = settings.member(joining, protocol);
    let probing = recipe.get("debug") == Some(PROBE);
    if probing {
        // Whatever the gateway's own log shows.
        recipe.set_log_level(RDKafkaLogLevel::Debug);
    }
    let context = MemberContext::new(settings.context(Role::Member), probing);
    let mut consumer = BaseConsumer::from_config_and_context(&recipe, context).map_err(Error::from_client)?;
    let rung = Arc::downgrade(shared);
    consumer.set_nonempty_callback(move || {
        if let Some(shared) = rung.upgrade() {
            shared.nudge();
        }
    });
    // It rings when there was nothing before, and something was told before there was anybody to hear it.
    shared.nudge();
    Ok(Arc::new(consumer))
}

/// Where its commits are answered.
pub fn commits(shared: &Arc<Shared>, consumer: &Arc<BaseConsumer<MemberContext>>) -> Commits<MemberContext> {
    let shared = shared.clone();
    Commits::new(consumer, move || shared.bell.ring(COMMITS))
}
