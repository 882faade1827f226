//! Checks that created messages decode to the requested events.

use std::collections::{BTreeMap, BTreeSet};

use schemars::SchemaGenerator;

use super::*;
use crate::{
    decoder::{Decoder, DecoderOptions},
    event::{Data, Event},
};

fn events(injector: &mut Injector, json: Value) -> Vec<Event> {
    let request: InjectRequest = serde_json::from_value(json).unwrap();
    request.check().unwrap();
    let mut decoder = Decoder::new(DecoderOptions { replay: true, dedup: true });
    let (item, _) =
        injector.make(&request, "s", InjectTarget { now_ms: 1_700_000_000_000, ..InjectTarget::default() });
    assert!(item.flags.is_injected());
    decoder.handle(&item);
    assert_eq!(decoder.counts().faults, Default::default());
    decoder.take_events().collect()
}

fn gifts(json: Value) -> Vec<(i32, i32, bool)> {
    let of = |event: Event| match event.data {
        Data::Gift(gift) => (gift.repeat_count, gift.repeat_delta, gift.is_final),
        other => panic!("{other:?}"),
    };
    events(&mut Injector::default(), json).into_iter().map(of).collect()
}

#[test]
fn a_gift_is_a_single_final_and_a_combo_rises_to_it() {
    let gift = |count: i32, combo: bool| {
        gifts(
            serde_json::json!({ "type": "gift", "user": "ann", "gift": "rose", "count": count, "combo": combo }),
        )
    };
    assert_eq!(gift(50, false), [(50, 50, true)]);
    assert_eq!(gift(3, true), [(1, 1, false), (2, 1, false), (3, 1, false), (3, 0, true)]);
    for count in [1, 98, 99, 100, 101, 12_345, GIFTS_MAX] {
        let streak = gift(count, true);
        assert_eq!(streak.iter().map(|(_, delta, _)| delta).sum::<i32>(), count);
        assert!(streak.len() <= 100 && streak.is_sorted_by_key(|(total, ..)| *total));
        assert_eq!(
            (streak.last(), streak.iter().filter(|gift| gift.2).count()),
            (Some(&(count, 0, true)), 1)
        );
    }
}

#[test]
fn a_burst_of_likes_adds_up() {
    let mut injector = Injector::default();
    let mut likes = |json| -> Vec<(i32, i64)> {
        let of = |event: Event| match event.data {
            Data::Like(like) => (like.like_count, like.total_like_count),
            other => panic!("{other:?}"),
        };
        events(&mut injector, json).into_iter().map(of).collect()
    };
    let user = "ann";
    assert_eq!(
        likes(serde_json::json!({ "type": "like", "user": user, "count": 32 })),
        [(15, 15), (15, 30), (2, 32)]
    );
    assert_eq!(likes(serde_json::json!({ "type": "like", "user": user })), [(1, 33)]);
    assert_eq!(likes(serde_json::json!({ "type": "like", "user": user, "total": 900 })), [(1, 900)]);
}

#[test]
fn ids_never_repeat_and_the_same_name_is_the_same_user() {
    let mut injector = Injector::default();
    let chat = |comment| serde_json::json!({ "type": "chat", "user": "ann", "comment": comment });
    let all: Vec<Event> =
        ["a", "a", "b"].into_iter().flat_map(|it| events(&mut injector, chat(it))).collect();
    let ids: BTreeSet<_> = all.iter().map(|event| event.id.clone().unwrap()).collect();
    let users: BTreeSet<_> = all.iter().map(|event| event.user.as_ref().unwrap().user_id).collect();
    assert_eq!((ids.len(), users.len()), (3, 1));
    assert!(ids.iter().all(|id| id.parse::<i64>().unwrap() > RESERVED_IDS));
    let request = serde_json::from_value(chat("x")).unwrap();
    let elsewhere = Injector::default().make(&request, "another", InjectTarget::default()).1;
    assert_ne!(elsewhere[0].to_string(), *ids.first().unwrap());
}

#[test]
fn ids_of_one_ownership_differ_from_those_of_another() {
    let request =
        serde_json::from_value(serde_json::json!({ "type": "like", "user": "ann", "count": 100 })).unwrap();
    // Each could be made by another process, which knows nothing of those that were lost.
    let of_term = |term| {
        let mut injector = Injector::default();
        injector.begin_term(term);
        injector.make(&request, "s", InjectTarget::default()).1
    };
    let ids: Vec<Id> = (0..1_000).flat_map(of_term).collect();
    assert_eq!(ids.iter().map(|id| id.0).collect::<BTreeSet<_>>().len(), ids.len());
    assert!(ids.iter().all(|id| id.0 > RESERVED_IDS));
}

#[test]
fn every_type_decodes_to_its_event() {
    let user = serde_json::json!({ "uniqueId": "ann", "nickname": "Ann ♥", "avatar": "https://a/b.webp" });
    let wishes = [
        serde_json::json!({ "type": "chat", "user": user, "comment": "hi" }),
        serde_json::json!({ "type": "gift", "user": "ann", "gift": "Lion", "diamonds": 29_999 }),
        serde_json::json!({ "type": "like", "user": "ann" }),
        serde_json::json!({ "type": "join", "user": "ann", "memberCount": 7 }),
        serde_json::json!({ "type": "follow", "user": "ann", "followCount": 8 }),
        serde_json::json!({ "type": "share", "user": "ann" }),
        serde_json::json!({ "type": "subscribe", "user": "ann", "months": 3 }),
        serde_json::json!({ "type": "question", "user": "ann", "question": "why?" }),
        serde_json::json!({ "type": "room_user", "viewerCount": 9 }),
        serde_json::json!({ "type": "viewers", "viewerCount": 10 }),
        serde_json::json!({ "type": "emote", "user": "ann", "emoteId": "e7", "pictureUrl": "https://a/e.webp" }),
        serde_json::json!({ "type": "envelope", "user": "ann", "diamonds": 100, "people": 10 }),
        serde_json::json!({ "type": "battle", "user": "ann", "opponent": "ben" }),
        serde_json::json!({ "type": "battle", "user": "ann", "opponent": "ben", "points": 9, "opponentPoints": 5, "over": true }),
        serde_json::json!({ "type": "poll", "user": "ann", "question": "tea?", "options": ["yes", "no"] }),
        serde_json::json!({ "type": "end" }),
        // A chat: field 3 is its comment.
        serde_json::json!({ "type": "raw", "method": "WebcastChatMessage", "payload": "GgJoaQ==" }),
    ];
    let mut injector = Injector::default();
    let line = |event: Event| {
        let (mut json, user) = (vec![], event.user.clone());
        event.begin_json("s", &mut json);
        json.push(b'}');
        let mut event: Value = serde_json::from_slice(&json).unwrap();
        let fields = event["data"].as_object_mut().unwrap();
        // The same or empty in all of them.
        fields.retain(|key, value| !["user", "sender"].contains(&&**key) && !is_empty(value));
        let name = user.map(|user| [user.unique_id, user.nickname, user.avatar].join(" "));
        format!("{} {name:?} {}", event["type"].as_str().unwrap(), event["data"])
    };
    let lines: Vec<String> =
        wishes.into_iter().flat_map(|request| events(&mut injector, request)).map(line).collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    chat Some("ann Ann ♥ https://a/b.webp") {"comment":"hi","language":"en","timestamp":"2023-11-14T22:13:20.000Z"}
    gift Some("ann ann ") {"describe":"Sent Lion","diamondCount":29999,"diamonds":29999,"displayType":"webcast_aweme_gift_send_message","giftId":5293915393,"giftName":"Lion","giftType":1,"groupId":"9200476006673547266","isFinal":true,"label":"{0:user} sent {1:gift} {2:string}","repeatCount":1,"repeatDelta":1,"repeatEnd":true,"streakId":"9200476006673547266-9100000003877663347-5293915393","timestamp":"2023-11-14T22:13:20.000Z"}
    like Some("ann ann ") {"displayType":"pm_mt_msg_viewer","label":"{0:user} liked the LIVE","likeCount":1,"timestamp":"2023-11-14T22:13:20.000Z","totalLikeCount":1}
    member Some("ann ann ") {"actionId":1,"displayType":"live_room_enter_toast","label":"{0:user} joined","memberCount":7,"timestamp":"2023-11-14T22:13:20.000Z"}
    social Some("ann ann ") {"action":"follow","displayType":"pm_main_follow_message_viewer_2","followCount":8,"label":"{0:user} followed the LIVE creator","timestamp":"2023-11-14T22:13:20.000Z"}
    social Some("ann ann ") {"action":"share","displayType":"pm_mt_guidance_share","label":"{0:user} shared the LIVE","timestamp":"2023-11-14T22:13:20.000Z"}
    subscribe Some("ann ann ") {"subMonth":3,"subscribeType":1,"subscribingStatus":1,"timestamp":"2023-11-14T22:13:20.000Z"}
    question Some("ann ann ") {"askedAt":"2023-11-14T22:13:20.000Z","questionId":"9200476006673547272","questionText":"why?","timestamp":"2023-11-14T22:13:20.000Z"}
    room_user None {"timestamp":"2023-11-14T22:13:20.000Z","totalUserCount":9,"viewerCount":9}
    room_user None {"timestamp":"2023-11-14T22:13:20.000Z","totalUserCount":10,"viewerCount":10}
    emote Some("ann ann ") {"emotes":[{"emoteId":"e7","imageUrl":"https://a/e.webp"}],"timestamp":"2023-11-14T22:13:20.000Z"}
    envelope None {"diamondCount":100,"display":1,"envelopeId":"9200476006673547276","opensAt":"2023-11-14T22:14:20.000Z","peopleCount":10,"senderId":"9100000003877663347","senderName":"ann","timestamp":"2023-11-14T22:13:20.000Z"}
    battle None {"action":4,"battleId":"9100000001545196344","durationSeconds":300,"startedAt":"2023-11-14T22:13:20.000Z","status":1,"timestamp":"2023-11-14T22:13:20.000Z","users":[{"avatar":"","givers":[],"nickname":"ann","points":null,"result":null,"uniqueId":"ann","userId":"9100000003877663347"},{"avatar":"","givers":[],"nickname":"ben","points":null,"result":null,"uniqueId":"ben","userId":"9100000000110237153"}]}
    battle None {"action":5,"battleId":"9100000001545196344","durationSeconds":300,"startedAt":"2023-11-14T22:13:20.000Z","status":3,"timestamp":"2023-11-14T22:13:20.000Z","users":[{"avatar":"","givers":[],"nickname":"ann","points":9,"result":0,"uniqueId":"ann","userId":"9100000003877663347"},{"avatar":"","givers":[],"nickname":"ben","points":5,"result":1,"uniqueId":"ben","userId":"9100000000110237153"}]}
    battle_score None {"battleId":"9100000001545196344","durationSeconds":300,"fromUserId":"9100000003877663347","startedAt":"2023-11-14T22:13:20.000Z","teams":[{"hostUserId":"9100000003877663347","points":9,"users":[]},{"hostUserId":"9100000000110237153","points":5,"users":[]}],"timestamp":"2023-11-14T22:13:20.000Z","triggerReason":2}
    poll Some("ann ann ") {"endsAt":"2023-11-14T22:14:20.000Z","options":[{"index":0,"text":"yes","votes":0},{"index":1,"text":"no","votes":0}],"pollId":"9200476006673547280","startedAt":"2023-11-14T22:13:20.000Z","state":"started","timestamp":"2023-11-14T22:13:20.000Z","title":"tea?"}
    control None {"action":3,"state":"ended","timestamp":"2023-11-14T22:13:20.000Z"}
    chat None {"comment":"hi","timestamp":"1970-01-01T00:00:00.000Z"}
    "#);
}

fn is_empty(value: &Value) -> bool {
    use serde_json::json;
    [json!(null), json!(0), json!(false), json!(""), json!([])].contains(value)
}

#[test]
fn impossible_requests_are_rejected() {
    let check = |json| {
        let problem = serde_json::from_value::<InjectRequest>(json).unwrap().check().unwrap_err();
        format!("{}: {}", problem.message, problem.hint)
    };
    let refused = [
        serde_json::json!({ "type": "gift", "user": "ann", "gift": "Rose", "count": 0 }),
        serde_json::json!({ "type": "gift", "user": "ann", "gift": "Rose", "count": GIFTS_MAX + 1 }),
        serde_json::json!({ "type": "gift", "user": "ann", "gift": "Rose", "diamonds": -1 }),
        serde_json::json!({ "type": "like", "user": "ann", "count": LIKES_MAX + 1 }),
        serde_json::json!({ "type": "subscribe", "user": "ann", "months": 0 }),
        serde_json::json!({ "type": "room_user", "viewerCount": -1 }),
        serde_json::json!({ "type": "follow", "user": " " }),
        serde_json::json!({ "type": "envelope", "user": "ann", "diamonds": 0 }),
        serde_json::json!({ "type": "battle", "user": "ann", "opponent": "ann" }),
        serde_json::json!({ "type": "battle", "user": "ann", "opponent": "ben", "points": -1 }),
        serde_json::json!({ "type": "poll", "user": "ann", "question": "?", "options": ["yes"] }),
        serde_json::json!({ "type": "raw", "method": "", "payload": "" }),
        serde_json::json!({ "type": "raw", "method": "WebcastChatMessage", "payload": "no base64" }),
    ]
    .map(check);
    insta::assert_json_snapshot!(refused);
}

#[test]
fn injected_events_and_their_inferred_finals_keep_the_flag_after_recording() {
    use crate::recording::{Reader, Writer, records::Header};

    let request: InjectRequest =
        serde_json::from_value(serde_json::json!({ "type": "chat", "user": "ann", "comment": "hi" }))
            .unwrap();
    let (injected, _) = Injector::default().make(&request, "s", InjectTarget::default());
    let sent = Item { flags: Flags::default(), ..injected.clone() };
    let mut streak = Injector::default();
    let rising = compose::Gift { group_id: 7, ..known_gift("rose", None, "") };
    let gift = Stamps { injector: &mut streak, block: RESERVED_IDS, target: InjectTarget::default() }.next();
    let gift = frame(vec![compose::gift(gift, &Person::default(), &rising)], 0);
    let gift = Item { what: What::Frame(Frame { opcode: Opcode::BINARY, bytes: gift }), ..injected.clone() };
    let mut writer = Writer::new(Vec::new(), &Header::default()).unwrap();
    for item in [&sent, &injected, &gift] {
        writer.write(item).unwrap();
    }
    let mut reader = Reader::open(std::io::Cursor::new(writer.finish().unwrap())).unwrap();
    let mut decoder = Decoder::new(DecoderOptions { replay: true, dedup: false });
    while let Some(record) = reader.next().unwrap() {
        decoder.handle(&record.item);
    }
    decoder.flush(Duration::from_secs(1));
    let flags: Vec<(&str, bool)> =
        decoder.take_events().map(|event| (event.kind(), event.injected)).collect();
    assert_eq!(flags, [("chat", false), ("chat", true), ("gift", true), ("gift", true)]);
}

/// Other names of a kind.
const ALIASES: [&str; 2] = ["join", "viewers"];

#[test]
fn the_table_lists_the_fields_of_the_type() {
    let schema = SchemaGenerator::default().into_root_schema_for::<InjectRequest>();
    let variants = schema.get("oneOf").and_then(Value::as_array).unwrap();
    let mut of_type: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for variant in variants {
        let properties = variant["properties"].as_object().unwrap();
        let kind = properties["type"]["const"].as_str().unwrap().to_owned();
        let fields = properties.keys().filter(|key| *key != "type").cloned().collect();
        of_type.insert(kind, fields);
    }
    let table = KINDS.iter().filter(|(name, _)| !ALIASES.contains(name));
    let table: BTreeMap<String, BTreeSet<String>> = table
        .map(|(name, fields)| ((*name).to_owned(), fields.iter().map(|it| (*it).to_owned()).collect()))
        .collect();
    assert_eq!(table, of_type);
}

#[test]
fn unknown_gifts_are_rejected_with_the_nearest_name_unless_their_price_is_given() {
    let gift = |name: &str, diamonds: Value| {
        let body = serde_json::json!({ "type": "gift", "user": "ann", "gift": name, "diamonds": diamonds });
        parse(body.as_object().unwrap().clone())
    };
    assert!(gift("rose", Value::Null).is_ok() && gift("Rsoe", 5.into()).is_ok());
    let problem = gift("Rsoe", Value::Null).unwrap_err();
    assert_eq!(problem.message, "unknown gift `Rsoe`");
    assert!(
        problem.hint.starts_with("did you mean `Rose`? choose one of: TikTok, Coffee"),
        "{}",
        problem.hint
    );
    assert!(problem.hint.ends_with("or set `diamonds` for any other gift"), "{}", problem.hint);
}
