//! `DELETE /v1/groups/{group}`.

use super::{described, path};
use crate::harness::{Context, Gateway, Reply, Test, send};
use crate::tests;

pub fn tests() -> Vec<Test> {
    tests![
        a_group_is_deleted_with_all_that_it_committed,
        a_group_with_members_is_not_deleted,
        a_group_of_the_new_protocol_is_deleted needs [Kip848],
        a_group_that_is_not_there_cannot_be_deleted,
    ]
}

async fn delete(gateway: &Gateway, group: &str) -> Reply {
    send(gateway.request("DELETE", &path(group))).await
}

async fn a_group_is_deleted_with_all_that_it_committed(context: Context) {
    let (gateway, kafka) = (context.gateway().await, context.kafka());
    let (topic, group) = (context.topic("left", 1).await, context.name("group"));
    kafka.writer().write_numbers(&topic, 0, 0..3).await;
    kafka.commit(&group, &topic, &[(0, 2)]).await;
    let deleted = delete(&gateway, &group).await;
    assert_eq!((deleted.status, deleted.body.len()), (204, 0), "{}", deleted.text());
    assert_eq!(kafka.committed(&group, &topic, &[0]).await, [None]);
    gateway.get(&path(&group)).await.refusal(404, "group_not_found");
    delete(&gateway, &group).await.refusal(404, "group_not_found");
    // It may come again, and begins anew.
    kafka.commit(&group, &topic, &[(0, 1)]).await;
    assert_eq!(gateway.get(&path(&group)).await.json(200)["lag"], 2);
}

async fn a_group_with_members_is_not_deleted(context: Context) {
    let (gateway, kafka) = (context.gateway().await, context.kafka());
    let (topic, group) = (context.topic("read", 1).await, context.name("group"));
    kafka.commit(&group, &topic, &[(0, 0)]).await;
    let member = kafka.join(&group, &topic, &[]);
    described(&gateway, &group, "stable", 1).await;
    delete(&gateway, &group).await.refusal(409, "group_active");
    described(&gateway, &group, "stable", 1).await;
    assert_eq!(kafka.committed(&group, &topic, &[0]).await, [Some(0)]);
    member.leave().await;
    described(&gateway, &group, "empty", 0).await;
    assert_eq!(delete(&gateway, &group).await.status, 204);
}

async fn a_group_of_the_new_protocol_is_deleted(context: Context) {
    let (gateway, kafka) = (context.gateway().await, context.kafka());
    let (topic, group) = (context.topic("new", 1).await, context.name("group"));
    let member = kafka.join_new(&group, &topic, &[]);
    described(&gateway, &group, "stable", 1).await;
    delete(&gateway, &group).await.refusal(409, "group_active");
    member.leave().await;
    described(&gateway, &group, "empty", 0).await;
    assert_eq!(delete(&gateway, &group).await.status, 204);
    gateway.get(&path(&group)).await.refusal(404, "group_not_found");
}

async fn a_group_that_is_not_there_cannot_be_deleted(context: Context) {
    let (gateway, group) = (context.gateway().await, context.name("none"));
    delete(&gateway, &group).await.refusal(404, "group_not_found");
}
