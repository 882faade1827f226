//! Compares events of a recorded session with the output of an independent client
//! (`session-<n>.expected.json`).

use serde_json::{Value, json};

use super::sessions::expected_session;

/// Converts an event to the format of the expected files; returns `None` for kinds that they omit.
fn project(event: &Value) -> Option<Value> {
    let data = &event["data"];
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let ids = |users: &Value| {
        let ids: Vec<_> = users.as_array().unwrap().iter().map(|user| text(&user["userId"])).collect();
        json!(ids.join(","))
    };
    let (kind, value) = match event["type"].as_str().unwrap() {
        "chat" => ("chat", data["comment"].clone()),
        "gift" => {
            let end = i32::from(data["repeatEnd"].as_bool().unwrap());
            let group = text(&data["groupId"]);
            ("gift", json!(format!("{} x{} end={end} group={group}", data["giftId"], data["repeatCount"])))
        }
        "like" => ("like", data["likeCount"].clone()),
        "member" => ("member", data["actionId"].clone()),
        "social" => match data["action"].as_str().unwrap() {
            "follow" => ("follow", data["displayType"].clone()),
            "share" => ("share", data["displayType"].clone()),
            other => panic!("{other}"),
        },
        "room_user" => ("roomUser", data["viewerCount"].clone()),
        "control" => ("control", data["action"].clone()),
        "envelope" => ("envelope", data["diamondCount"].clone()),
        "question" => ("questionNew", data["questionText"].clone()),
        "emote" => ("emote", data["emotes"][0]["emoteId"].clone()),
        "battle" => ("linkMicBattle", ids(&data["users"])),
        "battle_score" => ("linkMicArmies", data["triggerReason"].clone()),
        "live_intro" => ("liveIntro", data["description"].clone()),
        "subscribe" => ("subscribe", data["subMonth"].clone()),
        _ => return None,
    };
    // The expected files only name the sender if the old client does.
    let sender = data["sender"].as_str().unwrap_or_default();
    Some(json!({"kind": kind, "uniqueId": sender, "value": value}))
}

/// Kinds for which the independent client omits the sender in the message.
const WITHOUT_SENDER: [&str; 2] = ["liveIntro", "envelope"];

/// Asserts that the converted `events` are those expected of session `n`.
pub(crate) fn assert_expected(n: u32, events: &[Value]) {
    let expected = expected_session(n);
    let expected = expected["events"].as_array().unwrap();
    let ours: Vec<Value> = events.iter().filter_map(project).collect();
    for (number, (ours, expected)) in ours.iter().zip(expected).enumerate() {
        let kind = expected["kind"].as_str().unwrap();
        assert_eq!(
            (&ours["kind"], &ours["value"]),
            (&expected["kind"], &expected["value"]),
            "event {number} of session {n}"
        );
        if expected["uniqueId"] != "" || !WITHOUT_SENDER.contains(&kind) {
            assert_eq!(ours["uniqueId"], expected["uniqueId"], "event {number} of session {n}: {kind}");
        }
    }
    assert_eq!(ours.len(), expected.len(), "session {n}");
}
