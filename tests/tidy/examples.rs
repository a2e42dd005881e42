//! Every rule catches a bad file, names its line, and lets the good neighbour of that file pass.

use crate::check;

/// The rules that one file breaks, with their lines.
fn broken(path: &str, text: &str) -> Vec<(&'static str, usize)> {
    check(path, text).into_iter().map(|finding| (finding.rule, finding.line)).collect()
}

/// A file that opens as it must, followed by this code from its second line on.
fn code(path: &str, code: &str) -> Vec<(&'static str, usize)> {
    broken(path, &format!("//! What lives here.\n{code}"))
}

#[track_caller]
fn is_caught(path: &str, bad: &str) {
    assert_eq!(code(path, bad), [("arrows", 2)], "{path}: {bad}");
}

#[track_caller]
fn passes(path: &str, good: &str) {
    assert_eq!(code(path, good), [], "{path}: {good}");
}

#[test]
fn an_inner_room_does_not_import_an_outer_one() {
    is_caught("src/record.rs", "use crate::kafka::Catalog;");
    is_caught("src/wire/sse.rs", "use crate::{broadcast::Tape};");
    is_caught("src/kafka/reader.rs", "fn f() { crate::http::error::ApiError::new(); }");
    is_caught("src/produce.rs", "use crate::broadcast::Ring;");
    is_caught("src/access/rules.rs", "use crate::kafka::Catalog;");
    is_caught("src/http/router.rs", "use crate::app::App;");
    is_caught("src/dev/front.rs", "use crate::http::router;");
    is_caught("src/main.rs", "use sluicegate::app::App;");
    passes("src/produce.rs", "use crate::{kafka::Producer, record::Payload, wire::Envelope};");
    passes("src/app/build.rs", "use crate::{access, broadcast, dev, http, kafka, produce, telemetry};");
    passes("src/main.rs", "use sluicegate::cli;");
}

#[test]
fn no_side_door_leads_out_of_a_room() {
    is_caught("src/kafka/reader.rs", "use super::super::http;");
    is_caught("src/kafka.rs", "use super::{record::Name, app::App};");
    is_caught("src/wire/sse.rs", "mod tests { use super::super::super::kafka::Reader; }");
    is_caught("src/wire/sse.rs", "fn f() { select! { _ = crate::kafka::read() => {} } }");
    is_caught("src/wire/sse.rs", "macro_rules! m { () => { $crate::kafka::read() } }");
    is_caught("src/kafka.rs", "fn f() -> sluicegate::http::Reply { g() }");
    is_caught("src/kafka.rs", "use super::*;");
    is_caught("src/http/v1/records.rs", "use crate::http; fn f() { http::router::routes(); }");
    passes("src/kafka/reader.rs", "mod tests { use super::super::Catalog; use super::Reader; }");
    passes(
        "src/kafka/reader.rs",
        "/// As [`crate::http`] says.\nconst S: &str = \"crate::http::x\"; // crate::http::x",
    );
}

#[test]
fn a_room_is_unknown_until_it_has_a_row() {
    assert_eq!(code("src/cellar.rs", "struct Wine;"), [("arrows", 1)]);
    is_caught("src/app.rs", "use crate::cellar::Wine;");
}

#[test]
fn a_room_takes_its_own_section_of_the_configuration() {
    is_caught("src/kafka/settings.rs", "use crate::config::Listen;");
    is_caught("src/broadcast.rs", "use crate::config::{Streams, Config};");
    is_caught("src/record.rs", "use crate::config::Kafka;");
    is_caught("src/access.rs", "use crate::config::*;");
    is_caught("src/access.rs", "fn f(all: &config::Config) {} use crate::config;");
    is_caught("src/access.rs", "use crate::config as settings; fn f(all: &settings::Config) {}");
    passes("src/access.rs", "use crate::config; fn f(own: &config::Access) {}");
    passes("src/kafka/settings.rs", "use crate::config::{Kafka, Properties};");
    passes("src/app.rs", "use crate::config::{self, Config, *};");
}

#[test]
fn crates_stay_in_their_rooms() {
    is_caught("src/produce.rs", "use rdkafka::error::KafkaError;");
    is_caught("src/http/v1/records.rs", "fn f(e: rdkafka_sys::RDKafkaErrorCode) {}");
    is_caught("src/app.rs", "use noida::kafka::engine::Engine;");
    is_caught("src/kafka/error.rs", "use {bytes::Bytes, axum::http::StatusCode};");
    is_caught("src/record/name.rs", "fn f() { tokio::spawn(g()); }");
    is_caught("src/access.rs", "use ::hyper::HeaderMap;");
    passes("src/kafka/error.rs", "use rdkafka::{error::KafkaError, types::RDKafkaErrorCode};");
    passes("src/dev/front.rs", "use kafka_protocol::messages::FetchRequest;");
    passes("src/http/reply.rs", "use axum::response::Response; use tokio::time;");
    passes("src/record/name.rs", "fn f() { inner::tokio::spawn(g()); }");
}

#[test]
fn only_some_rooms_open_files_and_read_the_environment() {
    is_caught("src/kafka/settings.rs", "use std::{env, time::Duration};");
    is_caught("src/http/v1/topics.rs", "fn f() { std::fs::read(\"x\").ok(); }");
    is_caught("src/broadcast.rs", "use tokio::fs::File;");
    passes("src/config/load.rs", "use std::{env, fs};");
    passes("src/app/sockets.rs", "fn f() { std::env::var(\"LISTEN_FDS\").ok(); }");
    passes("src/kafka/settings.rs", "const NAME: &str = env!(\"CARGO_PKG_NAME\");");
}

#[test]
fn http_has_tiers_of_its_own() {
    is_caught("src/http/extract.rs", "use crate::http::v1::records;");
    is_caught("src/http/error.rs", "use super::state::Substates;");
    is_caught("src/http/v1/records.rs", "use crate::http::router::routes;");
    is_caught("src/http/v1/records.rs", "use crate::http::confluent::v2;");
    is_caught("src/http/ops.rs", "use super::v1;");
    is_caught("src/http/same_site.rs", "use super::layers;");
    passes(
        "src/http/v1/records.rs",
        "use super::topics; use crate::http::{error::ApiError, reply, extract, same_site};",
    );
    passes("src/http/router.rs", "use super::{confluent, layers, openapi, ops, state, v1};");
    passes("src/http.rs", "use self::router::routes; use crate::http::v1;");
}

#[test]
fn files_are_named_for_what_they_hold() {
    assert_eq!(code("src/kafka/mod.rs", ""), [("no mod.rs", 1)]);
    assert_eq!(code("src/kafka/topic_utils.rs", ""), [("names", 1)]);
    assert_eq!(code("tests/it/common/server.rs", ""), [("names", 1)]);
    passes("src/kafka/commons.rs", "");
}

#[test]
fn files_open_with_their_reason_and_end_in_time() {
    assert_eq!(broken("src/wire.rs", "use std::fmt;\n"), [("opening", 1)]);
    assert_eq!(broken("src/wire.rs", ""), [("opening", 1)]);
    assert_eq!(code("src/wire.rs", &"\n".repeat(400)), [("size", 401)]);
    passes("src/wire.rs", &"\n".repeat(399));
}

#[test]
fn unfinished_unbounded_and_unsafe_code_is_seen() {
    for unfinished in ["todo!()", "unimplemented!(\"later\")", "dbg!(1)"] {
        assert_eq!(code("tests/it/main.rs", &format!("fn f() {{ {unfinished} }}")), [("finished", 2)]);
    }
    let unbounded = "\nfn f() { let (tx, rx) = tokio::sync::mpsc::unbounded_channel::<u8>(); }";
    assert_eq!(code("src/app.rs", unbounded), [("bounded", 3)]);
    let block = "fn f() { unsafe { g() } }";
    assert_eq!(code("src/kafka/reader.rs", block), [("unsafe", 2)]);
    assert_eq!(code("src/kafka/ffigy.rs", block), [("unsafe", 2)]);
    passes("src/kafka/ffi.rs", block);
    passes("src/kafka/ffi/groups.rs", block);
    passes("src/lib.rs", "#![deny(unsafe_code)]\nfn todo(dbg: bool) -> bool { !dbg }");
}

#[test]
fn a_file_that_is_not_rust_is_said_to_be_none() {
    assert_eq!(code("src/wire.rs", "\nfn f() { } }"), [("rust", 3)]);
}
