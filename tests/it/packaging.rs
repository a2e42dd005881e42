//! What an installation is made of: the unit files, the image, the example of a configuration; and what the gateway tells
//! a service manager.

mod config;
mod docker;
mod health;
mod service;

use crate::harness::Test;

pub fn tests() -> Vec<Test> {
    [config::tests(), docker::tests(), health::tests(), service::tests()].into_iter().flatten().collect()
}
