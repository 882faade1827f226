//! The recorded payloads of `fixtures/webcast/messages.jsonl`.

use std::collections::HashSet;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use livetape_core::wire::Message;

use super::fixture::fixture;

/// Returns every distinct payload with its method, in the order of the file.
pub(crate) fn messages() -> Vec<Message> {
    let mut seen = HashSet::new();
    let lines = fixture("messages.jsonl");
    let records = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let messages = records.map(|record| Message {
        method: record["method"].as_str().unwrap().into(),
        payload: STANDARD.decode(record["payload"].as_str().unwrap()).unwrap().into(),
        ..Default::default()
    });
    messages.filter(|message| seen.insert((message.method.clone(), message.payload.clone()))).collect()
}
