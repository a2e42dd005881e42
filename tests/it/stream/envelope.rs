//! `format=envelope`: the record as one JSON object, which says how it holds what is not JSON.

use crate::harness::{Context, Draft, Test};
use crate::tests;

pub fn tests() -> Vec<Test> {
    tests![
        every_kind_of_value_stands_in_the_envelope_as_it_is,
        keys_are_text_or_base64_and_never_parsed,
        headers_keep_their_order_their_repeats_and_their_nulls,
        an_envelope_is_one_line_however_large_it_is,
    ]
}

/// Writes these records and reads them back: what follows the timestamp in each envelope.
async fn envelopes(context: &Context, drafts: &[Draft]) -> Vec<String> {
    let (gateway, topic) = (context.gateway().await, context.topic("envelope", 1).await);
    context.kafka().writer().write_all(&topic, 0, drafts.iter().cloned()).await;
    let ledger = context.kafka().consume_all(&topic).await;
    let mut stream = gateway.stream(&topic, "from=earliest").await;
    let records = stream.records(drafts.len()).await;
    let tails = records.iter().zip(&ledger).map(|(record, entry)| {
        let head = format!(
            r#"{{"topic":"{topic}","partition":0,"offset":{},"timestamp":{},"#,
            entry.offset,
            entry.timestamp.expect("Kafka stamps records"),
        );
        let tail = record.data.strip_prefix(&head);
        tail.unwrap_or_else(|| panic!("{} should begin with {head}", record.data)).to_owned()
    });
    tails.collect()
}

async fn every_kind_of_value_stands_in_the_envelope_as_it_is(context: Context) {
    let deep = format!("{}{}", "[".repeat(129), "]".repeat(129));
    let deep_text = format!(r#""{deep}","value_encoding":"text""#);
    let table: &[(Option<&[u8]>, &str)] = &[
        (Some(b"{\"b\":1,\"a\":2,\"b\":3}"), r#"{"b":1,"a":2,"b":3}"#),
        (Some(b"12345678901234567890123456789.10e+400"), "12345678901234567890123456789.10e+400"),
        (Some(b"{\"a\":\r\n[1,\r2,\n3]}\n"), r#"{"a":  [1, 2, 3]}"#),
        (Some(b" \t[ ]"), "[ ]"),
        (Some(br#"{"s":"a\nb\u0000"}"#), r#"{"s":"a\nb\u0000"}"#),
        (Some(b"0"), "0"),
        (Some(b"false"), "false"),
        (Some(b"null"), r#"null,"value_encoding":"json""#),
        (Some(b"\"text\""), r#""text","value_encoding":"json""#),
        (Some(b"text"), r#""text","value_encoding":"text""#),
        (Some("\u{feff}{}".as_bytes()), "\"\u{feff}{}\",\"value_encoding\":\"text\""),
        (
            Some(b"a\r\nid: 1.evil\n\ndata: x\0"),
            r#""a\r\nid: 1.evil\n\ndata: x\u0000","value_encoding":"text""#,
        ),
        (Some("\u{2028}\u{85}ü".as_bytes()), "\"\u{2028}\u{85}ü\",\"value_encoding\":\"text\""),
        (Some(deep.as_bytes()), &deep_text),
        (Some(b"{\"a\":1"), r#""{\"a\":1","value_encoding":"text""#),
        (Some(b"{} {}"), r#""{} {}","value_encoding":"text""#),
        (Some(b"\"\xff\""), r#""Iv8i","value_encoding":"base64""#),
        (Some(b"\0\xff\xfe"), r#""AP/+","value_encoding":"base64""#),
        (Some(b""), r#""","value_encoding":"text""#),
        (None, r#"null,"tombstone":true"#),
    ];
    let drafts: Vec<Draft> = table
        .iter()
        .map(|(value, _)| Draft { value: value.map(<[u8]>::to_vec), ..Draft::default() })
        .collect();
    for (tail, (value, expected)) in envelopes(&context, &drafts).await.iter().zip(table) {
        assert_eq!(*tail, format!(r#""key":null,"headers":[],"value":{expected}}}"#), "{value:?}");
    }
}

async fn keys_are_text_or_base64_and_never_parsed(context: Context) {
    let table: &[(&[u8], &str)] = &[
        (b"c-17", r#""c-17""#),
        (b"", r#""""#),
        (b"null", r#""null""#),
        (b"{\"id\":7}", r#""{\"id\":7}""#),
        (b"a\r\nb", r#""a\r\nb""#),
        (b"\xff\x00", r#""/wA=","key_encoding":"base64""#),
    ];
    let drafts: Vec<Draft> = table.iter().map(|(key, _)| Draft::value("1").key(key)).collect();
    for (tail, (key, expected)) in envelopes(&context, &drafts).await.iter().zip(table) {
        assert_eq!(*tail, format!(r#""key":{expected},"headers":[],"value":1}}"#), "{key:?}");
    }
}

async fn headers_keep_their_order_their_repeats_and_their_nulls(context: Context) {
    let headers: [(&str, Option<&[u8]>); 7] = [
        ("z", Some(b"1")),
        ("a", Some(b"2")),
        ("z", Some(b"3")),
        ("z", None),
        ("empty", Some(b"")),
        ("binary", Some(b"\xff")),
        ("name with \"quotes\" and ü", Some(b"{\"a\":1}\r\n")),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.map(<[u8]>::to_vec))).to_vec();
    let tails = envelopes(&context, &[Draft { headers, ..Draft::value("1") }]).await;
    let expected = r#"[["z","1"],["a","2"],["z","3"],["z",null],["empty",""],["binary","/w==","base64"],["name with \"quotes\" and ü","{\"a\":1}\r\n"]]"#;
    assert_eq!(tails[0], format!(r#""key":null,"headers":{expected},"value":1}}"#));
}

async fn an_envelope_is_one_line_however_large_it_is(context: Context) {
    let items: Vec<String> = (0..100_000).map(|n| n.to_string()).collect();
    let value = format!("[{}]", items.join(",\n"));
    assert!(value.len() > 600_000);
    let tails = envelopes(&context, &[Draft::value(&value)]).await;
    assert!(tails[0].ends_with(&format!("\"value\":{}}}", value.replace('\n', " "))), "it differs");
}
