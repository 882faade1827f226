//! From recorded payloads to events.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use bytes::Bytes;
use livetape_core::{
    event::{Event, Id, Known, Millis, Reading, is_known, millis, read_message},
    wire::Message,
};
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use serde_json::{Value, json};

use crate::{fixture, payloads};

/// Decodes a message, which must be valid.
fn known(message: &Message) -> Known {
    let mut faults = vec![];
    let reading = read_message(message, &mut faults);
    assert_eq!(faults, [], "{}", message.method);
    match reading {
        Reading::Known(known) => known,
        other => panic!("{}: {other:?}", message.method),
    }
}

/// Returns the JSON of an event.
fn outward(known: Known) -> Value {
    let event = Event {
        username: "host".into(),
        timestamp: Millis(millis(known.create_time()).unwrap_or(0)),
        user: known.user,
        ts: Millis(0),
        id: None,
        replay: true,
        injected: false,
        data: known.data,
    };
    let mut json = vec![];
    event.begin_json("s", &mut json);
    json.push(b'}');
    serde_json::from_slice(&json).unwrap()
}

/// Returns field 2 of field 1: the ID that `expected.jsonl` uses for a payload.
fn common_msg_id(payload: &Bytes) -> String {
    fn walk(mut rest: &[u8], wanted: u32) -> Option<(u64, &[u8])> {
        while !rest.is_empty() {
            let (field, wire_type) = decode_key(&mut rest).unwrap();
            let before = rest;
            skip_field(wire_type, field, &mut rest, DecodeContext::default()).unwrap();
            if field == wanted {
                let mut value = before;
                let number = decode_varint(&mut value).unwrap();
                let inner =
                    if wire_type == WireType::LengthDelimited { &value[..number as usize] } else { &[] };
                return Some((number, inner));
            }
        }
        None
    }
    let common = walk(payload, 1).map(|(_, common)| common).unwrap_or_default();
    walk(common, 2).map_or(0, |(id, _)| id).to_string()
}

/// Converts our event to the fields that `expected.jsonl` lists for a method. The names on the left are that
/// file's.
fn as_expected(method: &str, event: &Value) -> Value {
    let (data, user) = (&event["data"], &event["data"]["user"]);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let id = |value: &Value| value.as_str().unwrap_or("0").to_owned();
    match method {
        "WebcastChatMessage" => json!({
            "uniqueId": data["sender"], "nickname": user["nickname"], "userId": user["userId"], "comment": data["comment"],
        }),
        "WebcastGiftMessage" => json!({
            "uniqueId": data["sender"], "userId": user["userId"], "giftId": data["giftId"], "giftName": data["giftName"],
            "giftType": data["giftType"], "diamondCount": data["diamondCount"], "repeatCount": data["repeatCount"],
            "repeatEnd": i32::from(data["repeatEnd"].as_bool().unwrap()), "groupId": data["groupId"],
            "receiverUserId": id(&data["receiver"]["userId"]),
        }),
        "WebcastLikeMessage" => json!({
            "uniqueId": data["sender"], "likeCount": data["likeCount"], "totalLikeCount": data["totalLikeCount"],
        }),
        "WebcastMemberMessage" => json!({ "uniqueId": data["sender"], "actionId": data["actionId"] }),
        "WebcastSocialMessage" => json!({ "uniqueId": data["sender"], "displayType": data["displayType"] }),
        "WebcastRoomUserSeqMessage" => {
            let viewer =
                |viewer: &Value| json!({ "uniqueId": viewer["uniqueId"], "coinCount": viewer["coinCount"] });
            let viewers = data["topViewers"].as_array().unwrap().iter().map(viewer);
            json!({ "viewerCount": data["viewerCount"], "topViewers": viewers.collect::<Value>() })
        }
        "WebcastControlMessage" => json!({ "action": data["action"] }),
        "WebcastEnvelopeMessage" => json!({
            "coins": data["diamondCount"], "canOpen": data["peopleCount"], "uniqueId": text(&user["uniqueId"]),
            "timestamp": data["opensAt"].as_str().map_or(0, seconds).to_string(),
        }),
        "WebcastQuestionNewMessage" => {
            json!({ "uniqueId": data["sender"], "questionText": data["questionText"] })
        }
        "WebcastEmoteChatMessage" => json!({
            "uniqueId": data["sender"], "emoteId": data["emotes"][0]["emoteId"], "imageUrl": data["emotes"][0]["imageUrl"],
        }),
        "WebcastLinkMicBattle" => {
            let user = |user: &Value| json!({ "uniqueId": user["uniqueId"], "userId": user["userId"], "nickname": user["nickname"] });
            json!({ "users": data["users"].as_array().unwrap().iter().map(user).collect::<Value>() })
        }
        "WebcastLinkMicArmies" => {
            let giver = |user: &Value| json!({ "userId": user["userId"], "nickname": user["nickname"] });
            let givers =
                |team: &Value| team["users"].as_array().unwrap().iter().map(giver).collect::<Value>();
            let group = |team: &Value| json!([{ "points": team["points"], "users": givers(team) }]);
            let team = |team: &Value| json!({ "hostUserId": team["hostUserId"], "groups": group(team) });
            let teams = data["teams"].as_array().unwrap().iter().map(team);
            json!({ "battleStatus": data["triggerReason"], "items": teams.collect::<Value>() })
        }
        "WebcastLiveIntroMessage" => json!({
            "id": data["introId"], "uniqueId": data["sender"], "nickname": user["nickname"],
            "description": data["description"],
        }),
        "WebcastSubNotifyMessage" => json!({
            "uniqueId": data["sender"], "exhibitionType": data["exhibitionType"], "subMonth": data["subMonth"],
            "subscribeType": data["subscribeType"], "oldSubscribeStatus": data["oldSubscribeStatus"],
            "subscribingStatus": data["subscribingStatus"],
        }),
        "WebcastInRoomBannerMessage" => json!({ "data": data["data"] }),
        "WebcastHourlyRankMessage" => json!({ "type": data["rankType"], "label": data["label"] }),
        other => panic!("no fields known for {other}"),
    }
}

fn seconds(iso: &str) -> i64 {
    iso.parse::<jiff::Timestamp>().unwrap().as_second()
}

#[test]
fn every_expected_field_matches() {
    let lines = fixture("expected.jsonl");
    let mut expected = BTreeMap::<(String, String), Vec<Value>>::new();
    for line in lines.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let key = (line["method"].as_str().unwrap().to_owned(), line["msg_id"].as_str().unwrap().to_owned());
        expected.entry(key).or_default().push(line["fields"].clone());
    }
    assert_eq!(expected.values().map(Vec::len).sum::<usize>(), 710);
    let methods: HashSet<String> = expected.keys().map(|(method, _)| method.clone()).collect();
    assert_eq!(methods.len(), 16);

    let mut mismatches = vec![];
    for message in payloads().iter().filter(|message| methods.contains(message.method.as_str())) {
        let key = (message.method.to_string(), common_msg_id(&message.payload));
        let ours = as_expected(&message.method, &outward(known(message)));
        let candidates = expected.get_mut(&key).unwrap_or_else(|| panic!("{key:?} is not expected"));
        match candidates.iter().position(|theirs| *theirs == ours) {
            Some(at) => drop(candidates.remove(at)),
            None => mismatches.push(format!("{key:?}\n  ours   {ours}\n  theirs {candidates:?}")),
        }
    }
    assert!(mismatches.is_empty(), "{}\n{}", mismatches.len(), mismatches.join("\n"));
    expected.retain(|_, fields| !fields.is_empty());
    assert!(expected.is_empty(), "expected, but not there: {expected:?}");
}

/// Methods of recorded payloads that no usable source documents.
const UNKNOWN: [&str; 2] = ["WebcastEcShortItemRefreshMessage", "WebcastEcTaskRegisterMessage"];

#[test]
fn every_recorded_method_but_two_is_known() {
    let methods: BTreeSet<String> =
        payloads().into_iter().map(|message| message.method.to_string()).collect();
    let unknown: Vec<&str> = methods.iter().map(String::as_str).filter(|method| !is_known(method)).collect();
    assert_eq!(unknown, UNKNOWN);
    // Of those that the protocol notes emphasize, the only one without a payload.
    assert!(is_known("WebcastSystemMessage"));
}

#[test]
fn every_recorded_payload_is_decoded_without_a_fault() {
    for message in payloads().iter().filter(|message| is_known(&message.method)) {
        known(message);
    }
}

/// The longest payload of each method, as an event. Review the snapshot when a schema changes.
#[test]
fn the_longest_payload_of_every_method_is_decoded() {
    let mut longest = BTreeMap::<String, Message>::new();
    for message in payloads() {
        let held = longest.entry(message.method.to_string()).or_default();
        if message.payload.len() > held.payload.len() {
            *held = message;
        }
    }
    let events: BTreeMap<String, Value> = longest
        .into_iter()
        .map(|(method, message)| {
            if !is_known(&method) {
                let json = json!({ "unknown": &method, "bytes": message.payload.len() });
                return (method, json);
            }
            let read = known(&message);
            let (room, created) = (Id(read.room_id()), millis(read.create_time()).map(Millis));
            let mut event = outward(read);
            event["data"].as_object_mut().unwrap().remove("timestamp");
            (method, json!({ "type": event["type"], "room": room, "created": created, "data": shorten(event["data"].take()) }))
        })
        .collect();
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_json_snapshot!("kinds", events));
}

/// Shortens long lists and texts, which keeps snapshots readable.
pub(crate) fn shorten(value: Value) -> Value {
    match value {
        Value::Array(items) => {
            let more = items.len().saturating_sub(3);
            let mut items: Vec<Value> = items.into_iter().take(3).map(shorten).collect();
            items.extend((more > 0).then(|| json!(format!("… {more} more"))));
            items.into()
        }
        Value::Object(map) => map.into_iter().map(|(key, value)| (key, shorten(value))).collect(),
        Value::String(text) if text.chars().count() > 120 => {
            format!("{}… {} characters", text.chars().take(100).collect::<String>(), text.chars().count())
                .into()
        }
        other => other,
    }
}
