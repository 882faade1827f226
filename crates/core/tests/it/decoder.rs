//! From items to events: rules on order, duplicates, history, rooms and time, and the three recorded sessions, decoded as
//! by an independent client.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use livetape_core::{
    decoder::{Decoder, DecoderOptions},
    event::compose,
    recording::{Flags, Item, Loss, What, records},
    wire::{self, BATCH_ENTRIES_MAX, Batch, Message, Push},
};
use serde_json::{Value, json};

use crate::{
    assert_expected, assert_same, decode, expected_session, is_sent, item,
    messages::{
        ANCHOR_MS, ROOM, batch, chat, close, frame, history, on, open, person, raw_frame, rose, show, stamp,
    },
    payloads, session_items, take,
};

fn decoder() -> Decoder {
    Decoder::new(DecoderOptions { replay: true, dedup: true })
}

/// Formats each event as its type and a distinguishing text.
fn outline(events: &[Value]) -> Vec<String> {
    let line = |event: &Value| {
        let data = &event["data"];
        let told = ["comment", "repeatCount", "likeCount", "method", "reason", "roomId", "code"];
        let told = told.iter().find(|key| !data[**key].is_null()).map(|key| data[*key].to_string());
        format!("{} {}", event["type"].as_str().unwrap(), told.unwrap_or_default())
    };
    events.iter().map(line).collect()
}

fn with_header(items: Vec<Item>) -> Vec<Item> {
    let wall_anchor_ns = Some(ANCHOR_MS * 1_000_000);
    let header = records::Header { wall_anchor_ns, ..records::Header::default() };
    std::iter::once(item(0, What::Header(Box::new(header)))).chain(items).collect()
}

/// Two connections to a room send the same messages.
#[test]
fn messages_that_another_decoder_has_broadcast_are_dropped() {
    let messages = payloads().into_iter().zip(1..).map(|(message, msg_id)| Message { msg_id, ..message });
    let messages: Vec<_> = messages.collect();
    let frames = messages.chunks(50).zip(1..).map(|(messages, at_ms)| frame(at_ms, messages.to_vec()));
    let items: Vec<_> = std::iter::once(open(1, 0, "ann", ROOM)).chain(frames).collect();
    let mut decoders = [0, 1].map(|_| Decoder::new(DecoderOptions { replay: false, dedup: true }));
    let [first, second] = &mut decoders;
    items.iter().for_each(|item| first.handle(item));
    let events: Vec<String> = take(first).iter().map(Value::to_string).collect();
    assert!(events.len() > messages.len());
    second.resume(events.iter().map(String::as_bytes));
    take(second);
    items.iter().for_each(|item| second.handle(item));
    assert_eq!(outline(&take(second)), [format!("connection_created \"{ROOM}\"")]);
}

/// A room sends what a client has received again when it reconnects: each kind of message by itself, also in another
/// order, in other batches and in the first batch.
#[test]
fn nothing_is_broadcast_again_when_a_connection_is_opened_again() {
    let messages = payloads().into_iter().zip(1..).map(|(message, msg_id)| Message { msg_id, ..message });
    let mut kinds = BTreeSet::new();
    for message in messages {
        let other = chat(1_000_000, 5, "bob", "another");
        let mut decoder = decoder();
        decoder.handle(&open(1, 0, "ann", ROOM));
        decoder.handle(&frame(10, vec![message.clone(), other.clone()]));
        let first = take(&mut decoder);
        kinds.extend(first.iter().map(|event| event["type"].as_str().unwrap().to_owned()));
        let method = &message.method;
        let http = records::Http {
            role: records::http::Role::InitialBatch.into(),
            status: 200,
            body: batch(vec![other.clone(), message.clone()]),
            ..Default::default()
        };
        for (conn, again) in [
            (2, frame(40, vec![other, message.clone()])),
            (3, frame(60, vec![message.clone()])),
            (4, item(80, What::Http(http))),
        ] {
            let at_ms = u64::from(conn) * 20;
            decoder.handle(&close(conn - 1, at_ms - 10, 1006, true));
            decoder.handle(&open(conn, at_ms - 5, "ann", ROOM));
            decoder.handle(&on(conn, again));
            let told = outline(&take(&mut decoder));
            let states = ["connection_closed \"bye\"".to_owned(), format!("connection_created \"{ROOM}\"")];
            assert_eq!(told, states, "{method} on connection {conn}");
        }
        let dropped: u64 = decoder.counts().duplicates.values().sum();
        assert_eq!(dropped, 5, "{method}: {:?}", decoder.counts().duplicates);
    }
    for kind in ["chat", "gift", "like", "member", "social", "envelope", "subscribe", "question", "unknown"] {
        assert!(kinds.contains(kind), "{kind} is not among {kinds:?}");
    }
}

/// The same under new ids: finals of streaks, history, and streaks that go on.
#[test]
fn a_streak_goes_on_over_a_reconnect() {
    let mut decoder = decoder();
    let gifts = |decoder: &mut Decoder| {
        let mut events = take(decoder);
        events.retain(|event| event["type"] == "gift");
        let of =
            |event: Value| ["repeatCount", "repeatDelta"].map(|key| event["data"][key].as_u64().unwrap());
        Vec::from_iter(events.into_iter().map(of))
    };
    decoder.handle(&open(1, 0, "ann", ROOM));
    decoder.handle(&frame(10, vec![rose(1, 0, "bob", 3, false, 9), rose(2, 0, "cid", 2, true, 8)]));
    assert_eq!(gifts(&mut decoder), [[3, 3], [2, 2]]);
    decoder.handle(&close(1, 20, 1006, true));
    decoder.handle(&open(2, 30, "ann", ROOM));
    let again =
        vec![rose(11, 0, "bob", 5, false, 9), rose(12, 0, "cid", 2, true, 8), rose(13, 0, "bob", 5, true, 9)];
    decoder.handle(&on(2, frame(40, again)));
    assert_eq!(gifts(&mut decoder), [[5, 2], [5, 0]]);
    assert_eq!(decoder.counts().duplicates, BTreeMap::from([("gift_final", 1)]));
}

#[test]
fn the_whole_show_is_decoded() {
    let mut events = decode(&with_header(show()), true);
    let hello = json!({
        "stream": "test", "seq": 3, "id": "11", "replay": true, "ts": "2024-01-01T00:00:00.250Z", "type": "chat",
        "username": "ann",
        "data": {
            "timestamp": "2024-01-01T00:00:00.240Z", "sender": "bob", "comment": "hello", "emotes": [],
            "isHistory": false, "language": "en", "mentioned": null,
            "user": {
                "userId": "4123767104", "uniqueId": "bob", "nickname": "BOB", "secUid": "", "avatar": "",
                "bio": "", "badges": [], "followStatus": null, "followerCount": null, "followingCount": null,
                "gifterLevel": null, "teamLevel": null, "teamName": "", "topGifterRank": null, "isHost": false,
                "isModerator": false, "isNewGifter": false, "isSubscriber": false, "verified": false,
            },
        },
    });
    assert_same(&events[2], &hello);
    let same = ["stream", "replay", "username"];
    let line = |event: &mut Value| {
        assert_eq!(same.map(|key| &event[key]), same.map(|key| &hello[key]), "{event}");
        let mut data = event["data"].take();
        let fields = data.as_object_mut().unwrap();
        if let Some(user) = fields.remove("user") {
            assert_eq!(user["uniqueId"], fields["sender"]);
        }
        // Fields without a value, and those that are the same in each event of a type.
        let empty = [json!(null), json!(0), json!(false), json!(""), json!([])];
        let constant = ["describe", "displayType", "giftId", "giftName", "giftType", "label", "language"];
        fields.retain(|key, value| !empty.contains(value) && !constant.contains(&&**key));
        let [seq, at, kind, id] = ["seq", "ts", "type", "id"].map(|key| &event[key]);
        format!("{seq} {} {} {id} {data}", &at.as_str().unwrap()[14..], kind.as_str().unwrap())
    };
    let lines: Vec<String> = events.iter_mut().map(line).collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    1 00:00.000Z connection_created null {"roomId":"7300000000000000001","source":"replay","timestamp":"2024-01-01T00:00:00.000Z"}
    2 00:00.250Z chat "10" {"comment":"before","isHistory":true,"sender":"bob","timestamp":"2024-01-01T00:00:00.000Z"}
    3 00:00.250Z chat "11" {"comment":"hello","sender":"bob","timestamp":"2024-01-01T00:00:00.240Z"}
    4 00:00.900Z like "13" {"likeCount":15,"sender":"bob","timestamp":"2024-01-01T00:00:00.900Z","totalLikeCount":1500}
    5 00:00.900Z social "14" {"action":"follow","followCount":1,"sender":"carol","timestamp":"2024-01-01T00:00:00.901Z"}
    6 00:00.900Z unknown "15" {"method":"WebcastNewThingMessage","payload":"Pw==","timestamp":"2024-01-01T00:00:00.900Z"}
    7 00:01.000Z gift "20" {"diamondCount":1,"diamonds":1,"groupId":"77","repeatCount":1,"repeatDelta":1,"sender":"bob","streakId":"77-4123767104-5655","timestamp":"2024-01-01T00:00:00.990Z"}
    8 00:02.000Z gift "21" {"diamondCount":1,"diamonds":4,"groupId":"77","repeatCount":5,"repeatDelta":4,"sender":"bob","streakId":"77-4123767104-5655","timestamp":"2024-01-01T00:00:01.990Z"}
    9 00:02.500Z gift "22" {"diamondCount":1,"diamonds":1,"groupId":"88","repeatCount":1,"repeatDelta":1,"sender":"dora","streakId":"88-4046944751-5655","timestamp":"2024-01-01T00:00:02.400Z"}
    10 00:02.500Z gift "23" {"diamondCount":1,"groupId":"88","isFinal":true,"repeatCount":1,"repeatEnd":true,"sender":"dora","streakId":"88-4046944751-5655","timestamp":"2024-01-01T00:00:02.450Z"}
    11 01:02.000Z gift null {"diamondCount":1,"groupId":"77","inferred":true,"isFinal":true,"repeatCount":5,"sender":"bob","streakId":"77-4123767104-5655","timestamp":"2024-01-01T00:01:02.000Z"}
    12 01:10.000Z chat "12" {"comment":"still here","sender":"erin","timestamp":"2024-01-01T00:01:09.990Z"}
    13 01:10.500Z connection_closed null {"code":1006,"reason":"bye","timestamp":"2024-01-01T00:01:10.500Z","willRetry":true}
    14 01:12.000Z connection_created null {"roomId":"7300000000000000001","source":"replay","timestamp":"2024-01-01T00:01:12.000Z"}
    15 01:12.100Z chat "31" {"comment":"missed","isHistory":true,"sender":"erin","timestamp":"2024-01-01T00:01:11.000Z"}
    16 01:13.000Z control "40" {"action":3,"state":"ended","timestamp":"2024-01-01T00:01:13.000Z"}
    17 01:13.100Z connection_closed null {"code":1000,"reason":"bye","timestamp":"2024-01-01T00:01:13.100Z"}
    "#);
}

#[test]
fn an_id_is_broadcast_once_per_room_and_generation() {
    let mut decoder = decoder();
    let items = [open(1, 0, "ann", ROOM), frame(10, vec![chat(5, 0, "bob", "hi"), chat(5, 0, "bob", "hi")])];
    items.iter().for_each(|item| decoder.handle(item));
    let first = take(&mut decoder);
    decoder.start_generation();
    items.iter().for_each(|item| decoder.handle(item));
    let second = take(&mut decoder);
    assert_eq!(outline(&first), outline(&second));
    assert_eq!((&first[1]["id"], &second[1]["id"]), (&json!("5"), &json!("5~2")));
    assert_eq!(decoder.counts().duplicates, BTreeMap::from([("message_id", 2)]));
}

#[test]
fn id_0_is_never_a_duplicate_and_has_no_outward_id() {
    let hi = || chat(0, 0, "bob", "hi");
    let events = decode(&[frame(0, vec![hi(), hi(), history(chat(0, 0, "bob", "before"))])], true);
    assert_eq!(outline(&events), ["chat \"hi\"", "chat \"hi\"", "chat \"before\""]);
    assert!(events[0].get("id").is_none());
}

#[test]
fn a_final_sent_again_under_a_new_id_is_a_duplicate_only_with_a_group() {
    let mut decoder = decoder();
    decoder.handle(&frame(0, vec![rose(1, 0, "bob", 3, true, 9), rose(2, 0, "bob", 3, true, 9)]));
    decoder.handle(&frame(1, vec![rose(3, 0, "bob", 3, true, 0), rose(4, 0, "bob", 3, true, 0)]));
    // The same group ID of another user is another streak.
    decoder.handle(&frame(2, vec![rose(5, 0, "carol", 3, true, 9)]));
    assert_eq!(take(&mut decoder).len(), 4);
    assert_eq!(decoder.counts().duplicates, BTreeMap::from([("gift_final", 1)]));
}

#[test]
fn history_is_dropped_if_seen_and_otherwise_fills_the_gap() {
    let mut decoder = decoder();
    decoder.handle(&open(1, 0, "ann", ROOM));
    decoder.handle(&frame(10, vec![chat(1, 5, "bob", "one"), chat(2, 6, "bob", "two")]));
    decoder.handle(&open(2, 100, "ann", ROOM));
    let again = vec![
        history(chat(1, 5, "bob", "one")),
        history(chat(99, 6, "bob", "two")),
        history(chat(3, 50, "bob", "three")),
        // The same text again, later, is not history.
        chat(4, 110, "bob", "one"),
    ];
    decoder.handle(&on(2, frame(110, again)));
    let events = take(&mut decoder);
    let chats: Vec<_> = events.iter().filter(|event| event["type"] == "chat").collect();
    let told: Vec<_> =
        chats.iter().map(|e| (e["data"]["comment"].clone(), e["data"]["isHistory"] == true)).collect();
    let expected = [("one", false), ("two", false), ("three", true), ("one", false)];
    assert_eq!(told, expected.map(|(text, is_history)| (json!(text), is_history)));
    assert_eq!(decoder.counts().duplicates, BTreeMap::from([("history", 2)]));
}

#[test]
fn several_rooms_of_one_file_are_kept_apart() {
    let nowhere = compose::Stamp { room_id: 0, ..stamp(5, 0) };
    let nowhere = |text| compose::chat(nowhere, &person("x"), text);
    let items = [
        open(1, 0, "ann", 1),
        open(2, 0, "ben", 2),
        frame(10, vec![chat(5, 0, "x", "to ann")]),
        on(2, frame(10, vec![chat(5, 0, "x", "to ben")])),
        // Without any room ID, the connection distinguishes rooms.
        open(3, 0, "cid", 0),
        open(4, 0, "dan", 0),
        on(3, frame(10, vec![nowhere("to cid")])),
        on(4, frame(10, vec![nowhere("to dan")])),
    ];
    let events = decode(&items, true);
    let chats = events.iter().filter(|event| event["type"] == "chat");
    let told: Vec<_> =
        chats.map(|event| format!("{} {}", event["username"], event["data"]["comment"])).collect();
    assert_eq!(told, ["ann", "ben", "cid", "dan"].map(|name| format!("\"{name}\" \"to {name}\"")));
}

#[test]
fn a_connection_without_a_room_id_is_in_the_room_of_its_messages() {
    let items = [
        open(1, 0, "ann", ROOM),
        frame(10, vec![chat(5, 0, "bob", "one"), chat(6, 0, "bob", "two")]),
        // A socket of the same tab whose start was not seen.
        open(2, 20, "ann", 0),
        on(2, frame(30, vec![chat(6, 0, "bob", "two"), chat(7, 0, "bob", "three")])),
    ];
    let events = decode(&items, true);
    let chats = events.iter().filter(|event| event["type"] == "chat");
    let told: Vec<_> = chats.map(|event| event["data"]["comment"].clone()).collect();
    assert_eq!(told, ["one", "two", "three"]);
}

#[test]
fn the_first_batch_comes_from_the_sign_server() {
    let http = records::Http {
        role: records::http::Role::InitialBatch.into(),
        status: 200,
        body: batch(vec![chat(1, 0, "bob", "first")]),
        ..Default::default()
    };
    let mut other = http.clone();
    other.set_role(records::http::Role::Sign);
    let items = [open(1, 0, "ann", ROOM), item(0, What::Http(http)), item(0, What::Http(other))];
    assert_eq!(outline(&decode(&items, true))[1..], ["chat \"first\""]);
}

#[test]
fn due_finals_precede_the_frame_at_the_same_offset() {
    let items =
        [frame(0, vec![rose(1, 0, "bob", 2, false, 9)]), frame(60_000, vec![chat(2, 0, "bob", "now")])];
    let events = decode(&with_header(items.to_vec()), true);
    assert_eq!(outline(&events), ["gift 2", "gift 2", "chat \"now\""]);
    assert_eq!(
        (&events[1]["data"]["inferred"], &events[1]["ts"]),
        (&json!(true), &json!("2024-01-01T00:01:00.000Z"))
    );
    assert!(events[1].get("id").is_none());
    let sent = events.iter().filter(|event| is_sent(event));
    let seqs: Vec<_> = sent.map(|event| event["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, [1, 3]);
}

#[test]
fn the_end_of_the_stream_infers_missing_finals() {
    let items = [frame(0, vec![rose(1, 0, "bob", 2, false, 9)]), frame(500, vec![])];
    let events = decode(&with_header(items.to_vec()), true);
    assert_eq!((events.len(), &events[1]["ts"]), (2, &json!("2024-01-01T00:00:00.500Z")));
}

#[test]
fn times_come_from_the_message_or_else_from_the_offset() {
    let message = |create_time| {
        let stamp = compose::Stamp { create_time, ..stamp(0, 0) };
        compose::like(stamp, &person("bob"), 1, 1)
    };
    let items = [frame(1_500, vec![message(1_697_634_624_560), message(1_697_634_624), message(0)])];
    let events = decode(&with_header(items.to_vec()), true);
    let told: Vec<_> = events.iter().map(|event| event["data"]["timestamp"].as_str().unwrap()).collect();
    assert_eq!(told, ["2023-10-18T13:10:24.560Z", "2023-10-18T13:10:24.000Z", "2024-01-01T00:00:01.500Z"]);
    assert!(events.iter().all(|event| event["ts"] == "2024-01-01T00:00:01.500Z"));
}

#[test]
fn live_and_replayed_events_differ_only_in_their_origin() {
    let run = |replay| {
        let mut decoder = Decoder::new(DecoderOptions { replay, dedup: true });
        with_header(show()).iter().for_each(|item| decoder.handle(item));
        take(&mut decoder)
    };
    let (mut live, replayed) = (run(false), run(true));
    for event in &mut live {
        assert_eq!(event["replay"], false);
        event["replay"] = true.into();
        if event["data"]["source"] == "live" {
            event["data"]["source"] = "replay".into();
        }
    }
    assert_eq!(live, replayed);
}

#[test]
fn state_events_are_replayed() {
    let status = records::Status {
        code: "connection_lost".into(),
        attempt: 2,
        retrying: true,
        retry_after_ms: Some(1_500),
        detail: "the socket was closed".into(),
        hint: String::new(),
    };
    let items = [open(1, 0, "ann", ROOM), close(1, 10, 1006, true), item(11, What::Status(status))];
    insta::assert_json_snapshot!(decode(&with_header(items.to_vec()), true));
}

#[test]
fn a_known_wait_replaces_the_usual_one_in_the_hint() {
    let (usual, known) = ("wait 5-10 minutes, ", "try another user; or");
    for (retrying, retry_after_ms, expected) in [
        (true, None, known),
        (false, None, usual),
        (false, Some(1_500), known),
        (false, Some(3_900_000), known),
    ] {
        let code = "rate_limited".into();
        let status = records::Status { code, retrying, retry_after_ms, ..Default::default() };
        let events = decode(&with_header(vec![item(0, What::Status(status))]), true);
        let hint = events[0]["data"]["hint"].as_str().unwrap();
        assert!(hint.starts_with(expected), "{hint}");
    }
}

#[test]
fn a_failure_brings_its_own_hint() {
    for hint in ["ask ann", "wait 5-10 minutes, up to an hour; ask ann"] {
        let (code, hint) = ("rate_limited".into(), hint.to_owned());
        let status = records::Status { code, hint, retrying: true, ..Default::default() };
        let events = decode(&with_header(vec![item(0, What::Status(status))]), true);
        assert_eq!(events[0]["data"]["hint"], "ask ann");
    }
}

#[test]
fn unreadable_messages_are_counted_and_available_raw() {
    let mut decoder = decoder();
    let broken = Message {
        method: "WebcastChatMessage".into(),
        payload: vec![0x0a, 0xff].into(),
        msg_id: 3,
        is_history: false,
    };
    decoder.handle(&raw_frame(0, vec![0xff; 8]));
    decoder.handle(&frame(1, vec![broken, chat(4, 0, "bob", "after")]));
    decoder.handle(&raw_frame(2, [&[0x3a, 3][..], b"msg", &[0x42, 4, 0x1f, 0x8b, 8, 0]].concat()));
    let told = outline(&take(&mut decoder));
    assert_eq!(told, ["unknown \"\"", "unknown \"WebcastChatMessage\"", "chat \"after\"", "unknown \"\""]);
    let faults = &decoder.counts().faults;
    let expected = BTreeMap::from([("bad_gzip", 1), ("bad_message", 1), ("bad_push_frame", 1)]);
    assert_eq!(faults, &expected);
    assert!(decoder.counts().is_lossy());
}

/// What remains of the batch breaks off, too.
#[test]
fn a_batch_in_a_broken_stream_is_one_fault() {
    let messages = (0..50).map(|id| chat(id, 0, "bob", &format!("chat {id}"))).collect();
    let zipped = wire::zip(&wire::write_batch(&Batch { messages, ..Batch::default() }));
    let push =
        Push { payload_type: "msg".into(), payload: zipped.slice(..zipped.len() / 2), ..Push::default() };
    let mut decoder = decoder();
    decoder.handle(&raw_frame(0, wire::write_push(&push)));
    assert!(take(&mut decoder).len() > 2, "the readable part is decoded");
    assert_eq!(decoder.counts().faults, BTreeMap::from([("bad_gzip", 1)]));
}

/// An empty entry takes two bytes on the wire but hundreds in memory.
#[test]
fn lists_in_a_batch_are_bounded() {
    let viewers = |msg_id, entries: usize| Message {
        method: "WebcastRoomUserSeqMessage".into(),
        // Field 2, empty.
        payload: [0x12, 0].repeat(entries).into(),
        msg_id,
        is_history: false,
    };
    let entries = BATCH_ENTRIES_MAX - 1;
    let mut decoder = decoder();
    let chat = chat(5, 0, "bob", "after");
    decoder.handle(&frame(0, vec![viewers(1, entries), viewers(2, 2), viewers(3, 1), viewers(4, 1), chat]));
    decoder.handle(&frame(1, vec![viewers(6, entries)]));
    let events = take(&mut decoder);
    let types: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["room_user", "unknown", "room_user", "unknown", "chat", "room_user"]);
    assert_eq!(decoder.counts().faults, BTreeMap::from([("bad_message", 2)]));
}

#[test]
fn our_own_frames_and_texts_cause_no_events() {
    let mut decoder = decoder();
    let mut sent = frame(0, vec![chat(1, 0, "bob", "hi")]);
    sent.flags = Flags(Flags::SENT);
    decoder.handle(&sent);
    decoder.handle(&item(1, What::Marker(records::Marker { label: "here".into() })));
    assert_eq!(take(&mut decoder), Vec::<Value>::new());
    assert_eq!(decoder.counts().frames, 0);
}

#[test]
fn records_lost_by_the_recorder_count_as_missing() {
    let mut decoder = decoder();
    decoder.handle(&item(0, What::Gap(records::Gap { records: 7, ..Default::default() })));
    decoder.count_missing(&Loss { records: 2, ..Loss::default() });
    assert_eq!((decoder.counts().records_missing, decoder.counts().is_lossy()), (9, true));
}

#[test]
fn open_connections_are_announced_when_a_replay_starts() {
    let mut decoder = decoder();
    for item in [open(1, 0, "ann", ROOM), close(1, 5, 1006, true), open(2, 9, "ann", ROOM)] {
        decoder.restore(&item);
    }
    assert_eq!(take(&mut decoder), Vec::<Value>::new());
    decoder.announce_restored(Duration::from_secs(1));
    assert_eq!(outline(&take(&mut decoder)), [format!("connection_created \"{ROOM}\"")]);
}

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
