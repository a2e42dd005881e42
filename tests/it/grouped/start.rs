//! Where a group begins that has no offset, or none that its log still holds.

use super::Worked;
use crate::harness::{Context, Test, until};
use crate::tests;
use serde_json::json;

pub fn tests() -> Vec<Test> {
    tests![
        a_group_without_offsets_begins_where_it_is_told_and_one_with_offsets_where_it_stands,
        a_start_at_the_end_is_the_same_place_whoever_reads_first,
        a_partition_that_is_added_later_is_read_from_its_beginning,
        records_that_are_deleted_before_they_are_read_are_passed_over needs [DeleteRecords],
        what_is_deleted_under_a_member_is_passed_over needs [DeleteRecords],
    ]
}

async fn a_group_without_offsets_begins_where_it_is_told_and_one_with_offsets_where_it_stands(
    context: Context,
) {
    let worked = Worked::new(&context, context.gateway().await, 1).await;
    for (value, time) in [(0, 1_000), (1, 2_000), (2, 3_000)] {
        let query = format!("partition=0&timestamp={time}");
        worked.gateway.produce(&worked.topic, &query, value.to_string()).await.receipt();
    }
    for (group, from, expected) in
        [("early", "earliest", 0), ("timed", "1500", 1), ("iso", "1970-01-01T00:00:02.5Z", 2)]
    {
        let group = Worked { group: context.name(group), ..worked.clone() };
        let batch = group.next(json!({"from": from, "max": 1})).await;
        assert_eq!(batch.numbers(), [expected], "{from}");
    }
    let late = Worked { group: context.name("late"), ..worked.clone() };
    until("the group begins at the end", || async {
        assert!(late.poll(json!({"from": "latest", "wait_ms": 50})).await.is_none());
        (late.committed(1).await == [3]).then_some(())
    })
    .await;
    let other = context.gateway_with(|_| {}).await;
    late.write(0, [3]).await;
    let batch = late.next(json!({"from": "latest"})).await;
    assert_eq!(batch.numbers(), [3]);
    late.ack(&batch.ids()).await;
    late.until_committed(&[4]).await;
    drop(other);
}

async fn a_start_at_the_end_is_the_same_place_whoever_reads_first(context: Context) {
    let first = context.gateway_with(|_| {}).await;
    let worked = Worked::new(&context, first, 1).await;
    worked.write(0, 0..3).await;
    until("the group stands at the end", || async {
        assert!(worked.poll(json!({"from": "latest", "wait_ms": 50})).await.is_none());
        (worked.committed(1).await == [3]).then_some(())
    })
    .await;
    worked.gateway.stop().await;
    let second = worked.through(&context.gateway().await);
    second.write(0, [3]).await;
    assert_eq!(second.next(json!({"from": "latest"})).await.numbers(), [3]);
}

async fn a_partition_that_is_added_later_is_read_from_its_beginning(context: Context) {
    let gateway = context
        .gateway_with(|config| {
            let refresh = [("topic.metadata.refresh.interval.ms".to_owned(), "500".to_owned())];
            config.kafka.consumer = refresh.into_iter().collect();
        })
        .await;
    let worked = Worked::new(&context, gateway, 1).await;
    until("the group stands at the end", || async {
        assert!(worked.poll(json!({"from": "latest", "wait_ms": 50})).await.is_none());
        (worked.committed(1).await == [0]).then_some(())
    })
    .await;
    context.kafka().add_partitions(&worked.topic, 2).await;
    context.kafka().writer().write_all(&worked.topic, 1, [crate::harness::Draft::value("7")]).await;
    assert_eq!(worked.next(json!({"from": "latest"})).await.numbers(), [7]);
}

async fn records_that_are_deleted_before_they_are_read_are_passed_over(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 1).await;
    worked.write(0, 0..3).await;
    let batch = worked.next(json!({"max": 1})).await;
    worked.ack(&batch.ids()).await;
    worked.until_committed(&[1]).await;
    let second = context.gateway_with(|_| {}).await;
    // Its own group, which stands below what is left.
    let stale = Worked { group: context.name("stale"), ..worked.through(&second) };
    let begun = stale.next(json!({"max": 1})).await;
    stale.ack(&begun.ids()).await;
    stale.until_committed(&[1]).await;
    second.stop().await;
    worked.write(0, 3..6).await;
    context.kafka().delete_records(&worked.topic, 0, 4).await;
    let third = stale.through(&context.gateway_with(|_| {}).await);
    assert_eq!(third.next(json!({})).await.numbers(), [4, 5]);
}

async fn what_is_deleted_under_a_member_is_passed_over(context: Context) {
    let worked = Worked::new(&context, context.gateway().await, 2).await;
    worked.write(1, [100]).await;
    worked.write(0, 0..10).await;
    // The window keeps the member from reading on.
    let (mut held, mut seq) = (Vec::new(), 0);
    while held.len() < 3 {
        seq += 1;
        let batch = worked.next(json!({"window": 2, "session": "s", "seq": seq})).await;
        held.extend(batch.ids());
    }
    context.kafka().delete_records(&worked.topic, 0, 8).await;
    assert_eq!(worked.post("acks", &json!({"ids": held})).await.status, 204);
    let mut numbers = Vec::new();
    while !numbers.contains(&9) {
        seq += 1;
        let batch = worked.next(json!({"window": 2, "session": "s", "seq": seq})).await;
        worked.ack(&batch.ids()).await;
        numbers.extend(batch.numbers());
    }
    assert!(numbers.ends_with(&[8, 9]), "{numbers:?}");
    worked.until_committed(&[10, 1]).await;
}
