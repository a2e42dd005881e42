//! Consumer groups: `/v1/groups`, `/v1/groups/{group}`, `/v1/groups/{group}/offsets`.

mod delete;
mod describe;
mod list;
mod moves;
mod names;
mod refused;
mod trouble;

use crate::harness::{Gateway, Test, until};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use serde_json::Value;

pub fn tests() -> Vec<Test> {
    let files = [
        delete::tests(),
        describe::tests(),
        list::tests(),
        moves::tests(),
        names::tests(),
        refused::tests(),
        trouble::tests(),
    ];
    files.into_iter().flatten().collect()
}

/// The path of a group, whatever its id is.
fn path(group: &str) -> String {
    format!("/v1/groups/{}", percent_encode(group.as_bytes(), NON_ALPHANUMERIC))
}

/// The path of a group's offsets.
fn offsets(group: &str) -> String {
    format!("{}/offsets", path(group))
}

/// The group's description, once it is in this state with so many members.
async fn described(gateway: &Gateway, group: &str, state: &str, members: usize) -> Value {
    until("the group is in the state", || async {
        let reply = gateway.get(&path(group)).await;
        let described = (reply.status == 200).then(|| reply.json(200))?;
        let is = described["members"].as_array().map(Vec::len);
        (described["state"] == state && is == Some(members)).then_some(described)
    })
    .await
}
