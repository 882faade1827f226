//! A response of TikTok of 2026-08-10, as messages and as a frame, and made-up messages with what is new since 2023.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use livetape_core::{
    recording::{Frame, Item, Opcode, What},
    wire::Message,
};
use livetape_samples::repository;
use serde_json::{Value, json};

use crate::{decode, item, kinds::shorten};

/// Reads the lines of a file of `fixtures/webcast-2026`.
fn lines(name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(repository().join("fixtures/webcast-2026").join(name)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn bytes(line: &Value, key: &str) -> bytes::Bytes {
    STANDARD.decode(line[key].as_str().unwrap()).unwrap().into()
}

/// Returns the events of a frame, without what its receiver adds.
fn events(frame: bytes::Bytes) -> Vec<Value> {
    let item: Item = item(0, What::Frame(Frame { opcode: Opcode::BINARY, bytes: frame }));
    let mut events = decode(&[item], true);
    for event in &mut events {
        event.as_object_mut().unwrap().retain(|key, _| ["type", "data", "id"].contains(&key.as_str()));
    }
    events
}

#[test]
fn the_response_of_2026_is_decoded() {
    let [line] = &lines("response.frame.jsonl")[..] else { panic!("not one frame") };
    let shown = Vec::from_iter(events(bytes(line, "frame")).into_iter().map(shorten));
    snapshot("response_2026", &shown);
}

fn snapshot(name: &str, shown: &[Value]) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_json_snapshot!(name, shown));
}

/// Returns the messages of a file.
fn messages(name: &str) -> impl Iterator<Item = Message> {
    lines(name).into_iter().map(|line| Message {
        method: line["method"].as_str().unwrap().into(),
        payload: bytes(&line, "payload"),
        ..Default::default()
    })
}

#[test]
fn messages_with_fields_of_2026_are_decoded() {
    let frames =
        messages("made-up.messages.jsonl").map(|message| livetape_samples::messages::frame(0, vec![message]));
    let mut events = decode(&frames.collect::<Vec<_>>(), true);
    for event in &mut events {
        // What is empty in most.
        let data = event["data"].as_object_mut().unwrap();
        if let Some(user) = data.get_mut("user").and_then(Value::as_object_mut) {
            user.retain(|_, value| !is_empty(value));
        }
        data.retain(|_, value| !is_empty(value));
        event.as_object_mut().unwrap().retain(|key, _| ["type", "data"].contains(&key.as_str()));
    }
    snapshot("made_up_2026", &events);
}

fn is_empty(value: &Value) -> bool {
    [json!(null), json!(0), json!("0"), json!(false), json!(""), json!([])].contains(value)
}

#[test]
fn its_messages_are_those_of_the_frame() {
    let of_messages = messages("response.messages.jsonl").map(|message| {
        let item = livetape_samples::messages::frame(0, vec![message]);
        decode(&[item], true).remove(0)
    });
    let [line] = &lines("response.frame.jsonl")[..] else { panic!("not one frame") };
    let of_frame = events(bytes(line, "frame"));
    let plain = |event: &Value| {
        let mut data = event["data"].clone();
        // The batch says that a comment is history, and a message without a time has the time of receipt.
        data["isHistory"].take();
        data["timestamp"].take();
        (event["type"].clone(), data)
    };
    assert_eq!(
        Vec::from_iter(of_messages.map(|event| plain(&event))),
        Vec::from_iter(of_frame.iter().map(plain))
    );
}
