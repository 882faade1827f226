//! The three recorded sessions are decoded as by an independent client.

use std::collections::BTreeMap;

use livetape_core::decoder::{Decoder, DecoderOptions};
use serde_json::json;

use crate::support::{
    decode,
    expected::assert_expected,
    is_sent,
    sessions::{expected_session, session_items},
};

#[test]
fn each_session_gives_the_expected_events_in_order() {
    for n in 1..=3 {
        let mut events = decode(&session_items(n), true);
        events.retain(is_sent);
        assert_expected(n, &events);
    }
}

#[test]
fn each_session_counts_every_message_and_duplicate_by_name() {
    for n in 1..=3 {
        let expected = expected_session(n);
        let mut decoder = Decoder::new(DecoderOptions { replay: true, dedup: true });
        session_items(n).iter().for_each(|item| decoder.handle(item));
        let counts = decoder.counts().clone();
        let (before, after) = (&expected["messages_before_dedup"], &expected["messages_after_dedup"]);
        assert_eq!(
            (json!(counts.frames), json!(counts.messages)),
            (expected["frames"].clone(), before.clone())
        );
        let dropped = before.as_u64().unwrap() - after.as_u64().unwrap();
        assert_eq!(counts.duplicates, BTreeMap::from([("message_id", dropped)]), "session {n}");
        assert_eq!(counts.faults, BTreeMap::new(), "session {n}");
        for (method, count) in &counts.unknown_methods {
            assert_eq!(json!(count), expected["methods_after_dedup"][method], "{method} of session {n}");
        }
    }
}

#[test]
fn without_dedup_no_message_is_dropped() {
    let mut events = decode(&session_items(1), false);
    events.retain(is_sent);
    let messages = expected_session(1)["messages_before_dedup"].as_u64().unwrap();
    // `connection_created` is an additional event.
    assert_eq!(events.len() as u64, messages + 1);
}
