//! HAR files of various producers.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use livetape_core::recording::{
    Flags, Item, Record, What,
    records::{header::Timing, http::Role},
};
use livetape_tools::{
    cat,
    import::CaptureFormat,
    scrub::{Auditor, FindingKind},
};
use serde_json::json;

use super::{
    assert_same_events,
    captures::{START_MS, STARTED, URL, chrome, entry, frames, har, messages},
    error, events, header, import, imported, offsets_ms, options,
};

/// An entry of an HTTP response.
fn answer(url: &str, started: &str, body: &[u8]) -> String {
    format!(
        r#"{{"_resourceType":"fetch","request":{},"response":{},"startedDateTime":"{started}"}}"#,
        json!({ "method": "GET", "url": url }),
        json!({ "status": 200, "headers": [], "content": { "text": STANDARD.encode(body), "encoding": "base64" } }),
    )
}

#[test]
fn chromes_har_decodes_to_the_played_events() {
    let (items, report) = imported(chrome());
    assert_same_events(&items);
    assert_eq!((report.format, report.producer.as_str()), (CaptureFormat::Har, "WebInspector 537.36"));
    assert_eq!((report.frames, report.connections, report.bad_lines, report.clamped), (82, 1, 0, 0));
    assert!(report.decoded() > 0.9 && !report.is_lossy(), "{report}");
    let header = header(&items);
    assert_eq!((header.source.as_str(), header.wall_anchor_ns), ("har", Some(START_MS * 1_000_000)));
    assert_eq!(header.timing(), Timing::Original);
}

#[test]
fn messages_without_their_exchange_and_those_of_charles_are_read() {
    let all = messages(|ms| ms);
    let charles = Vec::from_iter(all.iter().map(|message| {
        let source = if message["type"] == "send" { "CLIENT" } else { "SERVER" };
        json!({ "source": source, "type": "BINARY", "content": message["data"], "start": message["time"] })
    }));
    let session = json!([{ "request": { "url": URL }, "webSocket": { "messages": charles } }]);
    for capture in [
        json!({ "frames": all }).to_string(),
        serde_json::to_string_pretty(&json!({ "messages": all })).unwrap(),
        serde_json::to_string_pretty(&session).unwrap(),
        session.to_string(),
    ] {
        let (items, report) = imported(capture.clone());
        // Without an address, only the frames tell the room.
        if capture.contains("webSocket") {
            assert_same_events(&items);
        }
        assert_eq!((report.format, report.frames, report.connections), (CaptureFormat::Har, 82, 1));
        assert!(report.decoded() > 0.9 && !report.is_lossy(), "{report}");
    }
}

#[test]
fn events_of_devtools_have_a_reason_of_their_own() {
    let event = r#"{"method":"Network.webSocketFrameReceived","params":{"response":{"payloadData":"AA=="}}}"#;
    for capture in [format!("[{event}]"), format!("{event}\n{event}")] {
        assert!(error(capture).to_string().contains("events of Chrome's DevTools"));
    }
}

#[test]
fn each_producer_has_its_own_time_format() {
    let whole = offsets_ms(&imported(chrome()).0);
    for (producer, version, time) in [
        ("mitmproxy", "11.0.2", (|ms| ms / 1e3) as fn(f64) -> f64),
        ("Playwright", "1.65.1", |ms| ms),
        // An interval of a second appears as a millisecond.
        ("Playwright", "1.61.0", |ms| START_MS as f64 + (ms - START_MS as f64) / 1e3),
        // The unit differs from the one that the producer claims.
        ("WebInspector", "537.36", |ms| ms),
        ("Playwright", "1.65.1", |ms| ms / 1e3),
        ("nobody", "", |ms| ms / 1e3),
    ] {
        let (items, report) = imported(har(producer, version, &[entry(URL, STARTED, &messages(time))]));
        let ours = offsets_ms(&items);
        // As 64-bit floats, seconds since 1970 are exact to a microsecond, and compressed ones to a quarter
        // of a millisecond.
        let near = |(ours, whole): (&u128, &u128)| ours.abs_diff(*whole) <= 1;
        assert!(ours.iter().zip(&whole).all(near) && ours.len() == whole.len(), "{producer} {version}");
        assert_eq!(report.clamped, 0);
        let is_odd = matches!((producer, version), (_, "1.61.0") | ("WebInspector", _));
        assert!(!is_odd || report.notes.len() == 1, "{:?}", report.notes);
    }
}

#[test]
fn times_since_boot_are_used_as_differences() {
    let monotonic = messages(|ms| (ms - START_MS as f64) / 1e3 + 5000.25);
    let (items, report) = imported(har("WebInspector", "537.36", &[entry(URL, STARTED, &monotonic)]));
    let first = frames()[0].0;
    let expected: Vec<u128> = frames().iter().map(|(ms, ..)| u128::from(ms - first)).collect();
    let near = |(ours, theirs): (&u128, &u128)| ours.abs_diff(*theirs) <= 1;
    assert!(offsets_ms(&items).iter().zip(&expected).all(near));
    assert_eq!((header(&items).timing(), report.notes.len()), (Timing::Estimated, 1));
}

#[test]
fn a_har_without_times_is_played_at_a_chosen_rate() {
    let untimed = har("Playwright", "1.65.1", &[entry(URL, STARTED, &messages(|_| -1.0))]);
    let options = livetape_tools::import::ImportOptions { rate: 10.0, ..options() };
    let (items, report) = import(&bytes::Bytes::from(untimed), &options).unwrap();
    assert_eq!(offsets_ms(&items)[..3], [100, 200, 300]);
    assert_eq!(header(&items).timing(), Timing::Untimed);
    assert!(report.notes[0].contains("10 frames per second"), "{:?}", report.notes);
}

#[test]
fn times_that_are_slightly_out_of_order_are_clamped_and_counted() {
    let mut all = messages(|ms| ms / 1e3);
    for at in [5, 9] {
        all[at]["time"] = json!(all[at - 1]["time"].as_f64().unwrap() - 0.5);
    }
    let (items, report) = imported(har("WebInspector", "1", &[entry(URL, STARTED, &all)]));
    assert_eq!((report.clamped, report.clock_steps), (2, 0));
    let offsets = offsets_ms(&items);
    assert!(offsets.is_sorted() && offsets[5] == offsets[4] && offsets.len() == 82);
}

/// The session cut in two, with the second part first in the file: the parts are merged by time.
#[test]
fn several_connections_are_sorted_and_merged() {
    let all = messages(|ms| ms / 1e3);
    let at = |n: usize| all[n]["time"].as_f64().unwrap();
    let date = |seconds: f64| jiff_date((seconds * 1e3) as i64);
    let (early, late) = all.split_at(40);
    let entries = [entry(URL, &date(at(40)), late), entry(URL, STARTED, early)];
    let (items, report) = imported(har("WebInspector", "1", &entries));
    assert_eq!((report.connections, report.frames, report.clamped), (2, 82, 0));
    let conns: Vec<u32> =
        items.iter().filter(|item| matches!(item.what, What::Frame(_))).map(|item| item.conn).collect();
    assert_eq!(conns, [vec![1; 40], vec![2; 42]].concat());
    let mut ours = events(&items);
    ours.retain(|event| event["type"] != "connection_created");
    let mut theirs = super::session_events();
    theirs.retain(|event| event["type"] != "connection_created");
    assert_eq!(ours.len(), theirs.len());

    // Overlapping parts are merged by time, keeping the order of each.
    let (even, odd): (Vec<_>, Vec<_>) = all.iter().enumerate().partition(|(at, _)| at % 2 == 0);
    let take = |part: Vec<(usize, &serde_json::Value)>| {
        part.into_iter().map(|(_, value)| value.clone()).collect::<Vec<_>>()
    };
    let entries = [entry(URL, STARTED, &take(odd)), entry(URL, STARTED, &take(even))];
    let (items, report) = imported(har("WebInspector", "1", &entries));
    assert_eq!((report.frames, report.clamped), (82, 0));
    assert!(items.iter().map(|item| item.offset).is_sorted());
    assert_eq!(offsets_ms(&items), offsets_ms(&imported(chrome()).0));
}

fn jiff_date(ms: i64) -> String {
    let ms = ms - START_MS;
    let (seconds, millis) = (49 + ms / 1000, ms % 1000);
    let (minutes, seconds) = (44 + seconds / 60, seconds % 60);
    format!("2025-09-09T{:02}:{:02}:{seconds:02}.{millis:03}Z", 18 + minutes / 60, minutes % 60)
}

const EARLIER: &str = "2025-09-09T18:44:48.000Z";

#[test]
fn the_exchanges_of_the_connect_become_records() {
    let frame = livetape_core::wire::read_push(&frames()[0].2.clone().into(), &mut Vec::new());
    let entries = [
        answer(
            "https://webcast.tiktok.com/webcast/im/fetch/?room_id=7&msToken=planted-token-2",
            EARLIER,
            &frame.payload,
        ),
        answer(
            "https://webcast.tiktok.com/webcast/room/info/?room_id=7",
            EARLIER,
            br#"{"data":{"status":2}}"#,
        ),
        answer("https://webcast.tiktok.com/webcast/gift/list/", EARLIER, b"{}"),
        answer("https://www.tiktok.com/api-live/user/room/?uniqueId=ann", EARLIER, b"{}"),
        answer("https://www.tiktok.com/logo.png", STARTED, b"png"),
        entry(URL, STARTED, &messages(|ms| ms / 1e3)),
    ];
    let (items, report) = imported(har("WebInspector", "1", &entries));
    assert_eq!(report.exchanges, 4);
    let roles: Vec<Role> = items
        .iter()
        .filter_map(|item| match &item.what {
            What::Http(http) => Some(http.role()),
            _ => None,
        })
        .collect();
    assert_eq!(roles, [Role::RoomInfo, Role::Gifts, Role::Lookup, Role::InitialBatch]);
    let has_body = |item: &&Item| matches!(&item.what, What::Http(http) if !http.body.is_empty());
    assert_eq!(items.iter().filter(has_body).count(), 1, "only the batch is read");
    let at = |wanted: fn(&What) -> bool| items.iter().position(|item| wanted(&item.what)).unwrap();
    let opened = at(|what| matches!(what, What::ConnOpen(_)));
    let batch = at(|what| matches!(what, What::Http(http) if http.role() == Role::InitialBatch));
    assert_eq!((batch, items[batch].conn), (opened + 1, 1), "a batch belongs to its room");
    // The first frame repeats its messages, which are not imported twice.
    let twice = events(&items).len();
    assert_eq!(twice, super::session_events().len());
}

#[test]
fn no_secret_is_written() {
    let exchange = answer(
        "https://webcast.tiktok.com/webcast/room/info/?msToken=planted-token-3&room_id=7",
        STARTED,
        br#"{"token":"planted-body"}"#,
    );
    let (items, _) =
        imported(har("WebInspector", "1", &[exchange, entry(URL, STARTED, &messages(|ms| ms / 1e3))]));
    let text = format!("{items:?}");
    assert!(!text.contains("planted") && !text.contains("777123456"), "a secret was written");
    let Some(What::ConnOpen(open)) =
        items.iter().map(|item| &item.what).find(|what| matches!(what, What::ConnOpen(_)))
    else {
        panic!("no connection");
    };
    assert!(
        open.url.starts_with("wss://webcast-ws.tiktok.com/webcast/im/") && open.url.contains("msToken=***"),
        "{}",
        open.url
    );
    assert_eq!(
        (open.headers.len(), open.handshake_status, open.room_id),
        (1, 101, 7_000_000_000_000_000_001)
    );
}

#[test]
fn only_parameters_that_are_known_to_be_harmless_are_imported() {
    let parameters = "&X-Dynosaur=planted-1&X-Mssdk-Info=planted-2&MSTOKEN=planted-3&%6d%73x=planted-4&x[]=planted-5\
        &x=planted-6&x=planted-7;y=planted-8&planted-9&Device_Platform=web&%61pp_name=tiktok_web&z=X%0Aplanted-17'planted-18 planted-19#access_token=planted-10";
    let url = format!("{URL}{parameters}");
    let lookup = answer(
        "https://www.tiktok.com/api-live/user/room/?session=planted-11&uniqueId=ann&email=planted-12&code=planted-13",
        STARTED,
        br#"{"data":{"user":{"roomId":"7","new_ticket":"planted-14"},"uri":"h?z=X\u000aplanted-20"},"otp":123777456,
            "message":"a=b; z=X\u000aplanted-21; c=d"}"#,
    );
    let login = answer("https://www.tiktok.com/passport/login/?email=planted-15&otp=1", STARTED, b"{}");
    let mut said = messages(|ms| ms / 1e3);
    let sent =
        json!({ "type": "send", "time": said[0]["time"], "opcode": 1, "data": "sessionid=planted-16" });
    said.insert(0, sent);
    let (items, report) = imported(har("WebInspector", "1", &[lookup, login, entry(&url, STARTED, &said)]));
    assert_eq!(report.exchanges, 1);
    let mut bytes = Vec::new();
    for item in &items {
        let record = Record { rec_no: 0, item: item.clone() };
        for text in [format!("{item:?}"), cat::json(&record).to_string(), cat::text(&record)] {
            assert!(!text.contains("planted") && !text.contains("123777456"), "{text}");
        }
        bytes.push(format!("{item:?}"));
    }
    let open = bytes.iter().find(|text| text.contains("ConnOpen")).unwrap();
    assert!(
        open.contains("&X-Dynosaur=***&X-Mssdk-Info=***")
            && open.contains("Device_Platform=web&%61pp_name=***&z=***#"),
        "{open}"
    );
}

#[test]
fn an_audit_reports_parameters_that_no_list_explains() {
    let (items, _) = imported(chrome());
    let mut auditor = Auditor::new("").unwrap();
    let mut places = |url: &str| {
        let mut item = items.iter().find(|item| matches!(item.what, What::ConnOpen(_))).unwrap().clone();
        let What::ConnOpen(open) = &mut item.what else { unreachable!() };
        url.clone_into(&mut open.url);
        let found = auditor.audit(&item, b"").into_iter();
        found.filter(|found| found.kind == FindingKind::Secret).map(|found| found.place).collect::<Vec<_>>()
    };
    assert_eq!(places("wss://webcast-ws.tiktok.com/webcast/im/?aid=1&X-Dynosaur=ab"), ["ConnOpen.url"]);
    assert_eq!(places("wss://webcast-ws.tiktok.com/webcast/im/?aid=1"), [""; 0]);
}

#[test]
fn half_of_a_surrogate_pair_costs_only_its_entry_or_message() {
    let unrelated = r#"{"_resourceType":"fetch","request":{"method":"GET","url":"https://h/\ud83d"},"response":{"status":200},"startedDateTime":"2025-09-09T18:44:48.000Z"}"#;
    let room = entry(URL, STARTED, &messages(|ms| ms / 1e3));
    let (items, report) = imported(har("WebInspector", "1", &[unrelated.to_owned(), room.clone()]));
    assert_same_events(&items);
    assert_eq!((report.bad_lines, report.frames), (1, 82));
    assert!(report.bad_lines_listed[0].reason.contains("surrogate"), "{report}");

    let at = room.find(r#""data": ""#).unwrap() + r#""data": ""#.len();
    let broken = format!("{}\\udc00{}", &room[..at], &room[at..]);
    let (_, report) = imported(har("WebInspector", "1", &[broken]));
    assert_eq!((report.bad_lines, report.frames), (1, 81));
}

#[test]
fn unreadable_exchanges_are_counted_and_left_out() {
    let url = "https://webcast.tiktok.com/webcast/room/info/?room_id=7";
    let good = answer(url, STARTED, b"{}");
    let bad = |from: &str, to: &str| {
        assert!(good.contains(from), "{good}");
        good.replace(from, to)
    };
    let response = &good[good.find(r#""response":"#).unwrap()..good.find(r#","startedDateTime""#).unwrap()];
    for (entry, reason) in [
        (bad(r#""e30=""#, r#""!!!notbase64""#), "not base64"),
        (bad(":200", r#":"abc""#), "without a status"),
        (bad(":200", ":65736"), "without a status"),
        (bad(response, r#""response":null"#), "without a status"),
        (bad(STARTED, "yesterday"), "without a time"),
        (bad(r#""method":"GET","#, ""), "without a method"),
        (bad(r#""method":"GET""#, r#""method":null"#), "without a method"),
        (bad(r#""request":{"#, r#""request":null,"asked":{"#), "without an address"),
        (r#""not an entry""#.into(), "not an object"),
        ("[]".into(), "not an object"),
    ] {
        let room = entry_of_room();
        let (items, report) = imported(har("WebInspector", "1", &[entry.clone(), room, good.clone()]));
        assert_eq!((report.bad_lines, report.exchanges, report.frames), (1, 1, 82), "{entry}: {report}");
        assert!(report.bad_lines_listed[0].reason.contains(reason) && report.is_lossy(), "{entry}: {report}");
        assert_eq!(items.iter().filter(|item| matches!(item.what, What::Http(_))).count(), 1, "{entry}");
    }
    // Nothing of these is recorded, so nothing is lost.
    let other = bad("webcast.tiktok.com/webcast/room/info", "example.org").replace(":200", ":null");
    let (_, report) = imported(har("WebInspector", "1", &[other, entry_of_room()]));
    assert!(!report.is_lossy(), "{report}");
}

/// The entry of the room's connection.
fn entry_of_room() -> String {
    entry(URL, STARTED, &messages(|ms| ms / 1e3))
}

#[test]
fn direct_messages_are_not_taken_for_a_room() {
    let room = entry(URL, STARTED, &messages(|ms| ms / 1e3));
    let direct = entry("wss://im-ws.tiktok.com/ws/v2?aid=1", STARTED, &messages(|ms| ms / 1e3));
    let (_, report) = imported(har("WebInspector", "1", &[direct, room]));
    assert_eq!((report.connections, report.left_out), (1, 1));
}

#[test]
fn control_frames_errors_and_fragments_are_recognised() {
    let time = START_MS as f64 / 1e3;
    let said = |kind: &str, opcode: i32, data: &str| json!({ "type": kind, "time": time, "opcode": opcode, "data": data });
    let all = [
        said("receive", 9, ""),
        said("send", 2, "OgJoYg=="),
        said("receive", 2, "OgJo"),
        said("receive", 0, "Yg=="),
        said("receive", 1, "text"),
        said("error", -1, "it broke"),
        // Close code 1000, reason `bye`.
        said("receive", 8, "A+hieWU="),
    ];
    let (items, report) = imported(har("WebInspector", "1", &[entry(URL, STARTED, &all)]));
    let shown: Vec<String> = items
        .iter()
        .filter_map(|item| match &item.what {
            What::Frame(frame) => {
                Some(format!("{} {} {:?}", frame.opcode.0, item.flags.is_sent(), frame.bytes))
            }
            What::Marker(marker) => Some(marker.label.clone()),
            What::ConnClose(close) => Some(format!("{} {}", close.code, close.reason)),
            _ => None,
        })
        .collect();
    assert_eq!(
        shown,
        [r#"2 true b":\x02hb""#, r#"2 false b":\x02hb""#, r#"1 false b"***""#, "it broke", "1000 bye"]
    );
    assert_eq!((report.frames, report.bad_lines, report.texts), (3, 0, 1));
    assert!(items.iter().all(|item| item.flags.0 & Flags::INJECTED == 0));
}

#[test]
fn placeholders_in_place_of_frames_are_named() {
    for opcode in [1, 2] {
        let mut all = messages(|ms| ms / 1e3);
        for message in &mut all {
            (message["opcode"], message["data"]) = (json!(opcode), json!("Binary Message"));
        }
        let said = error(har("ProxyPin", "1", &[entry(URL, STARTED, &all)])).to_string();
        let expected =
            "none of 82 messages is usable: a frame is a placeholder: the exporter dropped the bytes";
        assert_eq!(said, expected);
    }
}

/// A computer whose clock starts in 1970, until it reaches a time server.
#[test]
fn only_a_capture_without_any_date_is_said_to_have_none() {
    let note = "Times have no date: they are relative to the connection's start";
    let said = |time: &dyn Fn(f64) -> f64| {
        let (items, report) = imported(har("WebInspector", "1", &[entry(URL, STARTED, &messages(time))]));
        assert_same_events(&items);
        report.notes.iter().any(|known| known == note)
    };
    let since_start = |ms: f64| (ms - START_MS as f64) / 1e3;
    assert!(said(&since_start));
    assert!(!said(&|ms| if since_start(ms) < 20.0 { since_start(ms) } else { ms / 1e3 }));
}

#[test]
fn the_user_comes_from_the_page_unless_given() {
    let user = |options: &livetape_tools::import::ImportOptions| {
        let (items, _) = import(&bytes::Bytes::from(chrome()), options).unwrap();
        events(&items)[0]["username"].as_str().unwrap().to_owned()
    };
    assert_eq!(user(&livetape_tools::import::ImportOptions { user: None, ..options() }), "paged_host");
    assert_eq!(user(&options()), "host_078");
}
