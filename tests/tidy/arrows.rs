//! Who may import whom: arrows point inward, from the sockets towards the records.
//!
//! The tables are the rule; the code below only reads them. A new room, a new section of the
//! configuration or a new part of `http` gets its row here, with the change that brings it.

use crate::Finding;
use crate::source::{Source, Target};

/// One room under `src/`, and what it may take from the others.
struct Room {
    name: &'static str,
    /// Rooms it may import from.
    may: &'static [&'static str],
    /// What it may name of the configuration: its own section and what that is made of; `*` is all.
    config: &'static [&'static str],
    /// Crates that it must not name.
    never: &'static [&'static str],
}

const EDGE: &[&str] = &["axum", "hyper", "hyper_util", "http_body", "http_body_util", "tower", "tower_http"];
const PURE: &[&str] = &[
    "axum",
    "hyper",
    "hyper_util",
    "http_body",
    "http_body_util",
    "tower",
    "tower_http",
    "tokio",
    "tokio_util",
];

const ROOMS: &[Room] = &[
    Room { name: "record", may: &[], config: &[], never: PURE },
    Room { name: "wire", may: &["record"], config: &[], never: PURE },
    Room { name: "config", may: &["record"], config: &[], never: EDGE },
    Room { name: "telemetry", may: &["record"], config: &["Telemetry", "LogFormat"], never: EDGE },
    Room {
        name: "kafka",
        may: &["record", "telemetry"],
        // Producers and readers are clients: what they may cost is set where they are used.
        config: &["Kafka", "Properties", "Produce", "Compression", "Streams", "Groups", "GroupProtocol"],
        never: EDGE,
    },
    Room {
        name: "produce",
        may: &["record", "wire", "kafka", "telemetry"],
        config: &["Produce"],
        never: EDGE,
    },
    Room {
        name: "broadcast",
        may: &["record", "wire", "kafka", "telemetry"],
        config: &["Streams"],
        never: EDGE,
    },
    Room { name: "group", may: &["record", "wire", "kafka", "telemetry"], config: &["Groups"], never: EDGE },
    Room {
        name: "stats",
        may: &["record", "wire", "broadcast", "telemetry"],
        config: &["Streams"],
        never: EDGE,
    },
    Room { name: "access", may: &["record", "telemetry"], config: &["Access", "Anonymous"], never: EDGE },
    Room {
        name: "http",
        may: &["record", "wire", "kafka", "produce", "broadcast", "group", "stats", "access", "telemetry"],
        config: &["Listen", "Origin", "Produce", "Streams", "Groups", "Access", "Anonymous"],
        never: &[],
    },
    Room { name: "dev", may: &["record", "kafka", "telemetry"], config: &["Dev"], never: EDGE },
    Room { name: "app", may: EVERY_ROOM, config: &["*"], never: &[] },
    Room {
        name: "cli",
        may: &["record", "telemetry", "http", "dev", "app"],
        config: &["*"],
        never: &["axum", "hyper"],
    },
    // The binary.
    Room { name: "main", may: &["cli"], config: &[], never: EDGE },
];

const EVERY_ROOM: &[&str] = &[
    "record",
    "wire",
    "telemetry",
    "kafka",
    "produce",
    "broadcast",
    "group",
    "stats",
    "access",
    "http",
    "dev",
];

/// Crates that have one home, and why.
const HOMES: &[(&str, &str, &str)] = &[
    ("rdkafka", "kafka", "librdkafka's types end at the kafka room's door"),
    ("rdkafka_sys", "kafka", "librdkafka's types end at the kafka room's door"),
    ("kafka_protocol", "dev", "only the embedded broker speaks Kafka's protocol itself"),
    ("noida", "dev", "the embedded broker's engine is behind our own front"),
];

/// Rooms that may open files and read the environment.
const OPENERS: &[&str] = &["config", "app", "cli", "main"];
const OPENED: &[[&str; 2]] = &[["std", "fs"], ["std", "env"], ["tokio", "fs"]];

/// Parts of `http` from the inside out; a part may import its own tier and those before it. What
/// has no row belongs to the first tier: whoever needs it may have it, and it needs nobody.
const TIERS: &[&[&str]] = &[
    &["error"],
    &["state", "extract", "reply"],
    &["v1", "confluent", "ops", "console", "examples"],
    &["admission", "layers", "openapi", "router"],
];
/// In this tier nobody imports a neighbour: two APIs over one core, not one over the other.
const STRANGERS: usize = 2;

/// Every arrow of this file that points outward, and every name that has its home elsewhere.
pub fn outward(source: &Source) -> Vec<Finding> {
    let Some(room_name) = room_of(&source.file) else { return Vec::new() };
    let Some(room) = ROOMS.iter().find(|room| room.name == room_name) else {
        let why = format!("room `{room_name}` has no row in tests/tidy/arrows.rs");
        return vec![Finding { file: source.file.clone(), line: 1, rule: "arrows", why }];
    };
    let mut found = Vec::new();
    for named in &source.names {
        let broken = match &named.path {
            Target::Here(path) => to_a_room(room, source, path),
            Target::Elsewhere(path) => to_a_crate(room, path),
        };
        found.extend(broken.map(|why| Finding {
            file: source.file.clone(),
            line: named.line,
            rule: "arrows",
            why,
        }));
    }
    found
}

/// The room a file belongs to; none outside of `src`, and none for `lib.rs`, which lists them.
fn room_of(file: &str) -> Option<&str> {
    let inner = file.strip_prefix("src/")?;
    let room = inner.split('/').next().unwrap_or(inner);
    Some(room.strip_suffix(".rs").unwrap_or(room)).filter(|room| *room != "lib")
}

fn to_a_room(room: &Room, source: &Source, path: &[String]) -> Option<String> {
    let target = path.first()?.as_str();
    if target == room.name {
        return if target == "http" { within_http(&source.module, path) } else { None };
    }
    if target.starts_with(char::is_uppercase) {
        return None; // an item of lib.rs itself
    }
    if target == "config" && !room.config.is_empty() {
        return to_a_section(room, path.get(1));
    }
    if room.may.contains(&target) {
        return None;
    }
    let allowed = if room.may.is_empty() { "nobody".to_owned() } else { room.may.join(", ") };
    Some(format!("`{}` must not know `{target}`; it may import {allowed}", room.name))
}

fn to_a_section(room: &Room, named: Option<&String>) -> Option<String> {
    let named = named?; // the module alone: `use crate::config;`, what is taken from it comes later
    if room.config == ["*"] || room.config.contains(&named.as_str()) {
        return None;
    }
    let own = room.config.join(", ");
    Some(format!("`{}` takes of the configuration only its own part ({own}), not `{named}`", room.name))
}

fn to_a_crate(room: &Room, path: &[String]) -> Option<String> {
    let head = path.first()?.as_str();
    if let Some((_, home, why)) = HOMES.iter().find(|(name, home, _)| *name == head && *home != room.name) {
        return Some(format!("`{head}` is named only in `{home}`: {why}"));
    }
    if room.never.contains(&head) {
        return Some(format!(
            "`{}` must not know `{head}`: it is none of an inner room's business",
            room.name
        ));
    }
    let opens = OPENED.iter().find(|opened| path.iter().take(2).eq(opened.iter()));
    if let (Some(opened), false) = (opens, OPENERS.contains(&room.name)) {
        let opened = opened.join("::");
        return Some(format!(
            "`{opened}` only in {}: the others are told, they do not look",
            OPENERS.join(", ")
        ));
    }
    None
}

fn within_http(module: &[String], path: &[String]) -> Option<String> {
    let (own, target) = (module.get(1)?.as_str(), path.get(1)?.as_str());
    let tier_of = |part: &str| TIERS.iter().position(|tier| tier.contains(&part)).unwrap_or(0);
    let (from, to) = (tier_of(own), tier_of(target));
    if own == target || to < from || (to == from && to != STRANGERS) {
        return None;
    }
    Some(if to == from {
        format!("`http::{own}` and `http::{target}` are strangers; what both need goes further in")
    } else {
        format!(
            "`http::{own}` must not know `http::{target}`: its tier is not further in (router → v1, ops → extract, reply, state → error)"
        )
    })
}
