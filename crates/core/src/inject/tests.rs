//! Checks that created messages decode to the requested events.

use std::{collections::BTreeSet, time::Duration};

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::{
    make::{Stamps, frame, known_gift},
    read::{DERIVED, RENAMED},
    *,
};
use crate::{
    decoder::{Decoder, DecoderOptions},
    event::{self, Data, Event, Person, compose},
    recording::{Flags, Frame, Item, Opcode, What},
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
        gifts(json!({ "type": "gift", "user": "ann", "gift": "rose", "count": count, "combo": combo }))
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
    assert_eq!(likes(json!({ "type": "like", "user": user, "count": 32 })), [(15, 15), (15, 30), (2, 32)]);
    assert_eq!(likes(json!({ "type": "like", "user": user })), [(1, 33)]);
    assert_eq!(likes(json!({ "type": "like", "user": user, "total": 900 })), [(1, 900)]);
}

#[test]
fn ids_never_repeat_and_the_same_name_is_the_same_user() {
    let mut injector = Injector::default();
    let chat = |comment| json!({ "type": "chat", "user": "ann", "comment": comment });
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
    let request = serde_json::from_value(json!({ "type": "like", "user": "ann", "count": 100 })).unwrap();
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
    let user = json!({ "uniqueId": "ann", "nickname": "Ann ♥", "avatar": "https://a/b.webp" });
    let wishes = [
        json!({ "type": "chat", "user": user, "comment": "hi" }),
        json!({ "type": "gift", "user": "ann", "gift": "Lion", "diamonds": 29_999 }),
        json!({ "type": "like", "user": "ann" }),
        json!({ "type": "join", "user": "ann", "memberCount": 7 }),
        json!({ "type": "follow", "user": "ann", "followCount": 8 }),
        json!({ "type": "share", "user": "ann" }),
        json!({ "type": "subscribe", "user": "ann", "months": 3 }),
        json!({ "type": "question", "user": "ann", "question": "why?" }),
        json!({ "type": "room_user", "viewerCount": 9 }),
        json!({ "type": "viewers", "viewerCount": 10 }),
        json!({ "type": "emote", "user": "ann", "emoteId": "e7", "pictureUrl": "https://a/e.webp" }),
        json!({ "type": "envelope", "user": "ann", "diamonds": 100, "people": 10 }),
        json!({ "type": "battle", "user": "ann", "opponent": "ben" }),
        json!({ "type": "battle", "user": "ann", "opponent": "ben", "points": 9, "opponentPoints": 5, "over": true }),
        json!({ "type": "poll", "user": "ann", "question": "tea?", "options": ["yes", "no"] }),
        json!({ "type": "end" }),
        // A chat: field 3 is its comment.
        json!({ "type": "raw", "method": "WebcastChatMessage", "payload": "GgJoaQ==" }),
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
    envelope Some("ann ann ") {"businessType":1,"diamondCount":100,"display":1,"envelopeId":"9200476006673547276","opensAt":"2023-11-14T22:14:20.000Z","peopleCount":10,"senderId":"9100000003877663347","senderName":"ann","timestamp":"2023-11-14T22:13:20.000Z"}
    battle None {"action":4,"battleId":"9100000001545196344","durationSeconds":300,"startedAt":"2023-11-14T22:13:20.000Z","status":1,"timestamp":"2023-11-14T22:13:20.000Z","users":[{"avatar":"","givers":[],"nickname":"ann","points":null,"result":null,"uniqueId":"ann","userId":"9100000003877663347"},{"avatar":"","givers":[],"nickname":"ben","points":null,"result":null,"uniqueId":"ben","userId":"9100000000110237153"}]}
    battle None {"action":5,"battleId":"9100000001545196344","durationSeconds":300,"startedAt":"2023-11-14T22:13:20.000Z","status":3,"timestamp":"2023-11-14T22:13:20.000Z","users":[{"avatar":"","givers":[],"nickname":"ann","points":9,"result":0,"uniqueId":"ann","userId":"9100000003877663347"},{"avatar":"","givers":[],"nickname":"ben","points":5,"result":1,"uniqueId":"ben","userId":"9100000000110237153"}]}
    battle_score None {"battleId":"9100000001545196344","durationSeconds":300,"fromUserId":"9100000003877663347","startedAt":"2023-11-14T22:13:20.000Z","teams":[{"hostUserId":"9100000003877663347","points":9,"users":[]},{"hostUserId":"9100000000110237153","points":5,"users":[]}],"timestamp":"2023-11-14T22:13:20.000Z","triggerReason":2}
    poll Some("ann ann ") {"endsAt":"2023-11-14T22:14:20.000Z","options":[{"index":0,"text":"yes","votes":0},{"index":1,"text":"no","votes":0}],"pollId":"9200476006673547280","startedAt":"2023-11-14T22:13:20.000Z","state":"started","timestamp":"2023-11-14T22:13:20.000Z","title":"tea?"}
    control None {"action":3,"state":"ended","timestamp":"2023-11-14T22:13:20.000Z"}
    chat None {"comment":"hi","timestamp":"1970-01-01T00:00:00.000Z"}
    "#);
}

fn is_empty(value: &Value) -> bool {
    [json!(null), json!(0), json!(false), json!(""), json!([])].contains(value)
}

#[test]
fn impossible_requests_are_rejected() {
    let check = |json| {
        let problem = serde_json::from_value::<InjectRequest>(json).unwrap().check().unwrap_err();
        format!("{}: {}", problem.message, problem.hint)
    };
    let refused = [
        json!({ "type": "gift", "user": "ann", "gift": "Rose", "count": 0 }),
        json!({ "type": "gift", "user": "ann", "gift": "Rose", "count": GIFTS_MAX + 1 }),
        json!({ "type": "gift", "user": "ann", "gift": "Rose", "diamonds": -1 }),
        json!({ "type": "like", "user": "ann", "count": LIKES_MAX + 1 }),
        json!({ "type": "subscribe", "user": "ann", "months": 0 }),
        json!({ "type": "room_user", "viewerCount": -1 }),
        json!({ "type": "follow", "user": " " }),
        json!({ "type": "envelope", "user": "ann", "diamonds": 0 }),
        json!({ "type": "battle", "user": "ann", "opponent": "ann" }),
        json!({ "type": "battle", "user": "ann", "opponent": "ben", "points": -1 }),
        json!({ "type": "poll", "user": "ann", "question": "?", "options": ["yes"] }),
        json!({ "type": "raw", "method": "", "payload": "" }),
        json!({ "type": "raw", "method": "WebcastChatMessage", "payload": "no base64" }),
    ]
    .map(check);
    insta::assert_json_snapshot!(refused);
}

#[test]
fn injected_events_and_their_inferred_finals_keep_the_flag_after_recording() {
    use crate::recording::{Reader, Writer, records::Header};

    let request: InjectRequest =
        serde_json::from_value(json!({ "type": "chat", "user": "ann", "comment": "hi" })).unwrap();
    let (injected, _) = Injector::default().make(&request, "s", InjectTarget::default());
    let sent = Item { flags: Flags::default(), ..injected.clone() };
    let mut streak = Injector::default();
    let rising = compose::Gift { group_id: 7, ..known_gift("rose", None, None, "") };
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

#[test]
fn the_kinds_are_those_of_the_schema() {
    let kinds = schema()["oneOf"].as_array().unwrap().iter();
    let mut kinds = Vec::from_iter(kinds.map(|kind| kind["properties"]["type"]["const"].as_str().unwrap()));
    kinds.extend(["join", "viewers"]);
    assert_eq!(BTreeSet::from_iter(kinds), BTreeSet::from(KINDS));
    assert_eq!(fields("viewers"), fields("room_user"));
    assert_eq!(fields("end"), [""; 0]);
    assert!(
        is_text("chat", &["comment"]) && is_text("chat", &["user", "nickname"]) && is_text("chat", &["user"])
    );
    assert!(
        !is_text("gift", &["count"])
            && !is_text("chat", &["user", "isModerator"])
            && !is_text("chat", &["no"])
    );
}

/// Fields of events that are not those of a request: the hosts of a battle have many of their own.
const COMPOSED: [(&str, &str); 6] = [
    ("battle", "users"),
    ("battle", "action"),
    ("battle", "actionUserId"),
    ("battle", "status"),
    ("battle", "hostTeams"),
    // Nobody causes it.
    ("room_user", "user"),
];

/// Every field of the events, and of their users and badges, is one of a request, or derived from others.
#[test]
fn every_field_of_an_event_can_be_set() {
    let mut generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let kinds = event::schemas(&mut generator);
    let definitions = generator.take_definitions(true);
    let names = |schema: &Value| {
        let path = schema["$ref"].as_str().map(|it| it.trim_start_matches("#/$defs/"));
        let schema = path.map_or(schema, |path| &definitions[path]);
        let mut all = BTreeSet::from_iter(schema["properties"].as_object().into_iter().flat_map(Map::keys));
        for part in schema["allOf"].as_array().into_iter().flatten() {
            let part = &definitions[part["$ref"].as_str().unwrap().trim_start_matches("#/$defs/")];
            all.extend(part["properties"].as_object().into_iter().flat_map(Map::keys));
        }
        all.into_iter().cloned().collect::<BTreeSet<String>>()
    };
    let mut missing = vec![];
    for (kind, schema) in kinds {
        let requests: &[&str] = match kind {
            "social" => &["follow", "share", "repost"],
            kind if KINDS.contains(&kind) => &[kind],
            _ => continue,
        };
        let known = BTreeSet::from_iter(requests.iter().flat_map(|kind| fields(kind)));
        for name in names(&schema.to_value()["properties"]["data"]) {
            let renamed = RENAMED.iter().find(|(of, from, _)| *of == kind && *from == name);
            let field = renamed.map_or(&*name, |(.., to)| *to);
            let is_derived = DERIVED.iter().any(|(of, it)| (of.is_empty() || *of == kind) && *it == name);
            let is_composed = COMPOSED.contains(&(kind, &*name));
            if !is_derived && !is_composed && field != "type" && !known.contains(field) {
                missing.push(format!("{kind}.{name}"));
            }
        }
    }
    for (event, request) in [("User", "InjectUserDetails"), ("Badge", "InjectBadge")] {
        let of_request = schema()["$defs"][request]["properties"].as_object().unwrap();
        let of_event = names(&definitions[event]).into_iter();
        missing.extend(of_event.filter(|name| !of_request.contains_key(name)));
    }
    assert_eq!(missing, [""; 0]);
}

/// Returns the `data` of the first event.
fn data(request: Value) -> Value {
    let mut json = vec![];
    let event = events(&mut Injector::default(), request).remove(0);
    event.begin_json("s", &mut json);
    json.push(b'}');
    serde_json::from_slice::<Value>(&json).unwrap()["data"].take()
}

#[test]
fn every_field_of_a_user_reaches_the_event() {
    let user = json!({
        "userId": "7", "uniqueId": "ann", "nickname": "Ann <b>", "avatar": "https://a/1", "avatarMedium": "https://a/2",
        "avatarLarge": "https://a/3", "secUid": "MS4", "bio": "hi", "isMasked": true, "verified": true,
        "isModerator": true, "isSubscriber": true, "isHost": true, "isGuardian": true, "isGiftGiver": true,
        "isFollower": true, "followerCount": 5, "followingCount": 0, "followStatus": 2, "topGifterRank": 3,
        "isNewGifter": true, "gifterLevel": 16, "teamLevel": 4, "teamName": "Roses",
        "badges": [{ "sceneType": 99, "displayType": 3, "level": 2, "text": "<img src=x onerror=alert(1)>", "key": "k",
            "imageUrl": "https://a/4", "privilegeId": "8" }],
    });
    assert_eq!(
        user.as_object().unwrap().len(),
        schema()["$defs"]["InjectUserDetails"]["properties"].as_object().unwrap().len()
    );
    for kind in ["chat", "gift", "emote"] {
        let request = json!({ "type": kind, "user": user, "comment": "hi", "gift": "Rose", "emoteId": "1" });
        let request =
            fields(kind).into_iter().chain(["type"]).filter_map(|it| Some((it, request.get(it)?.clone())));
        let mut shown = data(Value::Object(request.map(|(name, value)| (name.to_owned(), value)).collect()));
        let badges = shown["user"]["badges"].take();
        let mut expected = user.clone();
        let given = expected["badges"].take();
        assert_eq!(shown["user"], expected, "{kind}");
        assert_eq!(badges[0], given[0]);
        let added = badges.as_array().unwrap()[1..].iter().map(|it| it["sceneType"].as_i64().unwrap());
        assert_eq!(Vec::from_iter(added), [12, 1, 2, 4, 6, 8, 10, 16]);
    }
    let number =
        json!({ "uniqueId": "ann", "teamName": "123", "badges": [{ "sceneType": 1, "text": "Boss" }] });
    let shown = data(json!({ "type": "like", "user": number }));
    assert_eq!(shown["user"]["teamName"], "123");
    assert_eq!(
        (&shown["user"]["isModerator"], &shown["user"]["badges"][0]["text"]),
        (&json!(true), &json!("Boss"))
    );
}

/// A request for each kind with all its fields, and the fields of its event that have another value than it.
#[test]
fn every_field_of_a_request_reaches_the_event() {
    let shown = json!({ "displayType": "pm_key", "label": "{0:user} !" });
    let ben = json!({ "userId": "9", "uniqueId": "ben", "nickname": "Ben", "avatar": "" });
    let time = "2026-01-02T03:04:05.000Z";
    let rows = [
        json!({ "type": "chat", "comment": "hi", "emotes": [{ "index": 0, "emoteId": "e", "imageUrl": "https://e/1" }],
            "language": "de", "isHistory": true, "mentioned": ben, "mentionedUsers": [ben] }),
        json!({ "type": "gift", "gift": "Lion", "count": 3, "diamonds": 7, "pictureUrl": "https://g/1", "giftId": 6,
            "giftType": 1, "repeatEnd": false, "groupId": "77", "receiver": ben, "describe": "sent it", "comboCount": 3,
            "groupCount": 2, "isFirst": true, "multiplier": 5, "multiplierType": 1, "combo": false }),
        json!({ "type": "like", "count": 3, "total": 9 }),
        json!({ "type": "member", "memberCount": 5, "actionId": 3, "operator": ben, "enterSource": "home" }),
        json!({ "type": "follow", "followCount": 5, "targetUserId": "6" }),
        json!({ "type": "share", "shareCount": 5, "targetUserId": "6" }),
        json!({ "type": "repost", "targetUserId": "6" }),
        json!({ "type": "subscribe", "months": 4, "subscribeType": 0, "oldSubscribeStatus": 1, "subscribingStatus": 2,
            "exhibitionType": 3, "messageType": 0 }),
        json!({ "type": "question", "question": "why?", "questionId": "8", "askedAt": time }),
        json!({ "type": "emote", "emoteId": "e", "pictureUrl": "https://e/1", "emotes": [{ "emoteId": "f", "imageUrl": "" }] }),
        json!({ "type": "envelope", "diamonds": 100, "people": 5, "envelopeId": "8", "businessType": 19,
            "senderName": "Ann", "senderId": "7", "display": 2, "opensAt": time, "superFanCount": 3 }),
        json!({ "type": "poll", "question": "tea?", "options": ["yes", { "index": 4, "text": "no", "votes": 2 }],
            "pollId": "8", "pollKind": 1, "state": "started", "startedAt": time, "endsAt": time, "endType": null }),
        json!({ "type": "room_user", "viewerCount": 5, "totalUserCount": 9, "anonymousCount": 1, "popularity": 3,
            "topViewers": [{ "uniqueId": "ben", "coinCount": "5", "userId": "9", "nickname": "Ben", "avatar": "", "rank": 2, "delta": 1 }] }),
        json!({ "type": "battle", "opponent": "ben", "points": 5, "opponentPoints": 3, "over": true, "battleId": "8",
            "startedAt": time, "durationSeconds": 60, "givers": [{ "user": ben, "points": 5 }], "opponentGivers": [] }),
    ];
    let mut other = vec![];
    for mut row in rows {
        let kind = row["type"].as_str().unwrap().to_owned();
        let known = fields(&kind);
        if known.contains(&"displayType") {
            row.as_object_mut().unwrap().extend(shown.as_object().unwrap().clone());
        }
        if known.contains(&"user") {
            row["user"] = json!("ann");
        }
        let left = known.iter().filter(|name| row.get(**name).is_none()).collect::<Vec<_>>();
        assert!(left.iter().all(|name| ["displayType", "label"].contains(name)), "{kind}: {left:?}");
        let request = parse(row.as_object().unwrap().clone()).unwrap();
        let data = data(serde_json::to_value(request).unwrap());
        for (name, value) in
            row.as_object().unwrap().iter().filter(|(name, _)| !["type", "user"].contains(&&***name))
        {
            let renamed = RENAMED.iter().find(|(of, _, to)| *of == kind && to == name);
            if data[renamed.map_or(&**name, |(_, from, _)| *from)] != *value {
                other.push(format!("{kind}.{name}"));
            }
        }
    }
    // Those of hosts are in `users`, texts of a poll become objects, and the first emote has two fields.
    let expected = [
        "gift.combo",
        "emote.emoteId",
        "emote.pictureUrl",
        "emote.emotes",
        "poll.options",
        "battle.opponent",
        "battle.points",
        "battle.opponentPoints",
        "battle.over",
        "battle.givers",
        "battle.opponentGivers",
    ];
    assert_eq!(BTreeSet::from_iter(other), BTreeSet::from(expected.map(String::from)));
}

#[test]
fn an_event_of_the_feed_can_be_injected_again() {
    let mut injector = Injector::default();
    for request in [
        json!({ "type": "chat", "user": { "uniqueId": "ann", "isModerator": true }, "comment": "hi" }),
        json!({ "type": "gift", "user": "ann", "gift": "Rose", "count": 3, "receiver": "ben" }),
        json!({ "type": "like", "user": "ann" }),
        json!({ "type": "member", "user": "ann" }),
        json!({ "type": "follow", "user": "ann", "followCount": 5 }),
        json!({ "type": "repost", "user": "ann" }),
        json!({ "type": "subscribe", "user": "ann" }),
        json!({ "type": "question", "user": "ann", "question": "why?" }),
        json!({ "type": "emote", "user": "ann", "emoteId": "e" }),
        json!({ "type": "envelope", "user": "ann", "diamonds": 5 }),
        json!({ "type": "poll", "user": "ann", "question": "tea?", "options": ["yes", "no"] }),
        json!({ "type": "room_user", "viewerCount": 5 }),
    ] {
        let line = |event: &Event| {
            let mut json = vec![];
            event.begin_json("s", &mut json);
            json.push(b'}');
            serde_json::from_slice::<Map<String, Value>>(&json).unwrap()
        };
        let first = events(&mut injector, request).remove(0);
        let request = parse(line(&first)).unwrap();
        let second = events(&mut injector, serde_json::to_value(request).unwrap()).remove(0);
        assert_eq!(line(&first)["data"], line(&second)["data"]);
    }
    // TikTok names guests by their ids only.
    let guest = json!({ "userId": "7", "uniqueId": "", "nickname": "Ben" });
    let gift = json!({
        "type": "gift",
        "data": { "user": { "uniqueId": "ann" }, "giftName": "Rose", "repeatCount": 1, "receiver": guest.clone() },
    });
    let request = parse(gift.as_object().unwrap().clone()).unwrap();
    let Data::Gift(gift) = &events(&mut injector, serde_json::to_value(request).unwrap())[0].data else {
        panic!("a gift")
    };
    let receiver = gift.receiver.as_ref().unwrap();
    assert_eq!((receiver.user_id.0, receiver.nickname.as_str()), (7, "Ben"));
    let user = json!({ "uniqueId": "ann" });
    let chat =
        json!({ "type": "chat", "data": { "user": user, "comment": "hi", "mentionedUsers": [guest] } });
    let request = parse(chat.as_object().unwrap().clone()).unwrap();
    assert_eq!(serde_json::to_value(request).unwrap()["mentionedUsers"][0]["uniqueId"], "7");
}

#[test]
fn wrong_fields_are_rejected_with_one_line() {
    let of = |body: Value| {
        let problem = parse(body.as_object().unwrap().clone()).unwrap_err();
        format!("{} → {}", problem.message, problem.hint)
    };
    let chat = |field: &str, value: Value| {
        let mut body = json!({ "type": "chat", "user": "ann", "comment": "hi 👋" });
        body[field] = value;
        of(body)
    };
    let ann = |field: &str, value: Value| chat("user", json!({ "uniqueId": "ann", field: value }));
    let rejected = [
        chat("coment", json!("x")),
        chat("comment", json!(null)),
        chat("isHistory", json!("yes")),
        chat("mentioned", json!(5)),
        chat("mentionedUsers", json!("ben")),
        chat("emotes", json!({ "emoteId": "1" })),
        chat("emotes", json!([{ "emoteId": 1 }])),
        chat("emotes", json!([{ "emoteId": "1" }, { "index": 6, "emoteId": "1" }])),
        chat("emotes", json!([{ "index": -1, "emoteId": "1" }])),
        chat("emotes", json!([{ "index": 0, "emoteid": "1" }])),
        chat("emotes", json!(vec![json!({ "emoteId": "1" }); 101])),
        ann("isModrator", json!(true)),
        ann("isModerator", json!(1)),
        ann("gifterLevel", json!("16")),
        ann("userId", json!(7)),
        ann("userId", json!("seven")),
        ann("badges", json!([{ "sceneType": "moderator" }])),
        ann("badges", json!([{ "scene": 1 }])),
        ann("badges", json!(vec![json!({ "sceneType": 1 }); 101])),
        of(json!({ "type": "like", "user": { "uniqueId": "ann", "isFollower": true } })),
        of(json!({ "type": "poll", "user": "ann", "question": "?", "options": [1, 2] })),
        of(
            json!({ "type": "poll", "user": "ann", "question": "?", "options": ["a", "b"], "state": "begun" }),
        ),
        of(json!({ "type": "question", "user": "ann", "question": "?", "askedAt": "today" })),
        of(json!({ "type": "gift", "user": "ann", "gift": "Rose", "giftType": 2, "combo": true })),
        of(json!({ "type": "emote", "user": "ann" })),
        chat("mentioned", json!(" ")),
        chat("mentioned", json!({ "uniqueId": "" })),
        of(json!({ "type": "chat", "data": { "comment": "hi" } })),
        of(json!({ "type": "social", "data": { "action": "other" } })),
        of(json!({ "type": "battle_score", "data": {} })),
    ];
    insta::assert_snapshot!(rejected.join("\n"));
    let nul = json!({ "type": "chat", "user": { "uniqueId": "a\u{0}b" }, "comment": "\u{0}" });
    assert_eq!(data(nul)["comment"], "\u{0}");
}

#[test]
fn unknown_gifts_are_rejected_with_the_nearest_name_unless_their_price_is_given() {
    let gift = |name: &str, diamonds: Value| {
        let body = json!({ "type": "gift", "user": "ann", "gift": name, "diamonds": diamonds });
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
