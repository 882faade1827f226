//! Frames, texts and fields that are written in another way than usual, and captures of which nothing can be decoded.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use livetape_core::recording::{Frame, Opcode, What};
use livetape_tools::import::{Error, ImportOptions, Producer};
use serde_json::{Value, json};

use super::{
    assert_same_events,
    captures::{START_MS, STARTED, URL, chrome, entry, flow, frames, har, messages},
    error, import, imported, options,
};

/// Reads bytes as Latin-1.
fn latin1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

fn bytes_of(message: &Value) -> Vec<u8> {
    STANDARD.decode(message["data"].as_str().unwrap()).unwrap()
}

/// A HAR of messages that are changed.
fn changed(change: impl Fn(&mut Value)) -> String {
    let mut all = messages(|ms| ms / 1e3);
    all.iter_mut().for_each(change);
    har("WebInspector", "1", &[entry(URL, STARTED, &all)])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn frames_are_recognised_by_their_content() {
    type Change = fn(&mut Value);
    let changes: [(&str, Change); 12] = [
        ("base64 as text", |it| it["opcode"] = json!(1)),
        ("latin-1 as text", |it| (it["opcode"], it["data"]) = (json!(1), latin1(&bytes_of(it)).into())),
        ("latin-1 as binary", |it| it["data"] = latin1(&bytes_of(it)).into()),
        ("hex as text", |it| (it["opcode"], it["data"]) = (json!(1), hex(&bytes_of(it)).into())),
        ("hex as binary", |it| it["data"] = hex(&bytes_of(it)).into()),
        ("base64 of mangled text", |it| it["data"] = STANDARD.encode(latin1(&bytes_of(it))).into()),
        ("a list of bytes", |it| it["data"] = bytes_of(it).into()),
        ("a buffer", |it| it["data"] = json!({ "type": "Buffer", "data": bytes_of(it) })),
        ("no opcode", |it| _ = it.as_object_mut().unwrap().remove("opcode")),
        ("no direction", |it| _ = it.as_object_mut().unwrap().remove("type")),
        ("an opcode that does not exist", |it| it["opcode"] = json!(1e9)),
        ("words", |it| {
            let direction = if it["type"] == "send" { "outgoing" } else { "Incoming" };
            *it = json!({ "direction": direction, "type": "binary", "timestamp": it["time"], "payload": it["data"] });
        }),
    ];
    for (name, change) in changes {
        let (items, report) = imported(changed(change));
        assert_eq!((report.frames, report.bad_lines), (82, 0), "{name}: {report}");
        assert_same_events(&items);
        let is_binary = |what: &What| matches!(what, What::Frame(Frame { opcode: Opcode::BINARY, .. }));
        assert_eq!(items.iter().filter(|item| is_binary(&item.what)).count(), 82, "{name}");
    }
    // The file itself is Latin-1, with the bytes as they are.
    let text = changed(|it| (it["opcode"], it["data"]) = (json!(1), latin1(&bytes_of(it)).into()));
    let bytes: Vec<u8> = text.chars().map(|c| u8::try_from(c).unwrap()).collect();
    assert_same_events(&imported(bytes).0);
}

#[test]
fn a_proxy_that_calls_frames_text_is_corrected() {
    let text = |encode: fn(&[u8]) -> Vec<u8>| {
        let flowing = frames()
            .into_iter()
            .map(move |(ms, sent, bytes)| (encode(&bytes), sent, START_MS as f64 + ms as f64, false, false));
        // The opcode is the first field of a message.
        let flow = String::from_utf8(
            flow(21, flowing)
                .into_iter()
                .flat_map(|byte| char::from(byte).to_string().into_bytes())
                .collect(),
        )
        .unwrap();
        let flow = flow.replace("1:2#4:true!", "1:1#4:true!").replace("1:2#5:false!", "1:1#5:false!");
        flow.chars().map(|c| c as u32 as u8).collect::<Vec<u8>>()
    };
    type Encode = fn(&[u8]) -> Vec<u8>;
    let encodings: [Encode; 2] = [<[u8]>::to_vec, |bytes| STANDARD.encode(bytes).into_bytes()];
    for encode in encodings {
        let (items, report) = imported(text(encode));
        assert_eq!(report.frames, 82);
        assert_same_events(&items);
    }
}

#[test]
fn json_lines_may_be_spelled_in_another_way() {
    let line = |frame: fn(&[u8]) -> Value| {
        frames()
            .iter()
            .map(|(ms, _, bytes)| json!({ "offsetMs": ms, "FRAME": frame(bytes) }))
            .collect::<Vec<_>>()
    };
    let plain = |bytes: &[u8]| STANDARD.encode(bytes).into();
    let numbered = |bytes: &[u8]| {
        Value::Object(bytes.iter().enumerate().map(|(at, byte)| (at.to_string(), (*byte).into())).collect())
    };
    let lines = |all: &[Value]| all.iter().map(|line| format!("{line}\n")).collect::<String>();
    for capture in [
        lines(&line(plain)),
        lines(&line(|bytes| hex(bytes).into())),
        lines(&line(|bytes| latin1(bytes).into())),
        lines(&line(|bytes| bytes.into())),
        lines(&line(|bytes| json!({ "type": "Buffer", "data": bytes }))),
        lines(&line(numbered)),
        serde_json::to_string(&line(plain)).unwrap(),
        serde_json::to_string_pretty(&line(plain)).unwrap(),
        line(plain).iter().map(|line| format!("{line:#}\n")).collect(),
    ] {
        let (_, report) = imported(capture.clone());
        assert_eq!((report.frames, report.bad_lines), (82, 0), "{}: {report}", &capture[..60]);
    }
    let list = serde_json::to_string(&line(plain)).unwrap();
    assert!(imported(list[..list.len() - 1].to_owned()).1.is_lossy(), "the list does not end");
}

#[test]
fn utf16_is_read_with_and_without_a_mark() {
    let lines: String = messages(|ms| ms).iter().map(|message| format!("{message}\n")).collect();
    for (text, is_whole) in
        [(chrome(), true), (lines, true), (chrome()[..chrome().len() / 2].to_owned(), false)]
    {
        for unit in [u16::to_le_bytes, u16::to_be_bytes] {
            let written: Vec<u8> = text.encode_utf16().flat_map(unit).collect();
            for capture in [[&unit(0xfeff)[..], &written].concat(), written] {
                let (items, report) = imported(capture);
                assert_eq!(report.is_lossy(), !is_whole, "{report}");
                assert!(is_whole || report.frames > 10, "{report}");
                if report.producer.starts_with("WebInspector") && is_whole {
                    assert_same_events(&items);
                }
            }
        }
    }
}

#[test]
fn fields_are_recognised_in_any_spelling() {
    let spelled = |from: &str, to: &str| {
        let whole = chrome();
        assert!(whole.contains(from), "{from}");
        whole.replace(from, to)
    };
    for capture in [
        spelled("_webSocketMessages", "_websocketMessages"),
        spelled("_webSocketMessages", "webSocketMessages"),
        spelled("_webSocketMessages", "_web_socket_messages"),
        spelled("_webSocketMessages", "frames"),
        spelled("startedDateTime", "StartedDateTime"),
        spelled("\"opcode\"", "\"opCode\""),
        spelled("\"data\"", "\"Data\""),
        spelled("\"log\"", "\"LOG\""),
        // Without the object around it, and as a list of entries.
        chrome()
            .trim_start()
            .trim_end()
            .strip_prefix("{\n  \"log\":")
            .unwrap()
            .strip_suffix('}')
            .unwrap()
            .to_owned(),
    ] {
        let (items, report) = imported(capture);
        assert_eq!((report.frames, report.bad_lines), (82, 0), "{report}");
        assert_same_events(&items);
    }
    let list = format!("[{}]", entry(URL, STARTED, &messages(|ms| ms / 1e3)));
    assert_eq!(imported(list).1.frames, 82);
    let list = serde_json::to_string_pretty(&messages(|ms| ms)).unwrap();
    assert_eq!(imported(list).1.frames, 82);
}

#[test]
fn why_there_are_no_frames_is_said_truly() {
    let socket = entry(URL, STARTED, &[]);
    for (entry, expected) in [
        (socket.clone(), "its WebSockets carried no messages"),
        (
            socket.replace(r#""_webSocketMessages":[],"#, ""),
            "its WebSockets were saved without their messages",
        ),
        (
            socket.replace("_webSocketMessages", "wsTraffic"),
            "its WebSockets have `wsTraffic`, an unknown list, instead of `_webSocketMessages`",
        ),
    ] {
        let said = error(har("WebInspector", "537.36", &[entry])).to_string();
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn a_capture_of_which_nothing_is_readable_is_an_error() {
    let destroyed = changed(|it| {
        let text = String::from_utf8_lossy(&bytes_of(it)).into_owned();
        (it["opcode"], it["data"]) = (json!(1), text.into());
    });
    let said = error(destroyed).to_string();
    assert_eq!(
        said,
        "none of 82 messages is usable: a binary frame that was stored as text, which lost its bytes"
    );
    let text = changed(|it| (it["opcode"], it["data"]) = (json!(1), "hi".into()));
    assert_eq!(error(text).to_string(), "none of its 82 messages is a frame of TikTok LIVE");
    let lines = r#"{"offset_ms":1,"frame":"AAAA"}"#;
    assert_eq!(error(lines).to_string(), "its only message is not a frame of TikTok LIVE");
}

#[test]
fn a_capture_of_which_nothing_is_decoded_is_lossy() {
    let garbage = json!({ "offset_ms": 1, "method": "WebcastChatMessage", "payload": "////" }).to_string();
    let unknown = json!({ "offset_ms": 1, "method": "WebcastNewMessage", "payload": "CgQQBRgJ" }).to_string();
    let heartbeat = r#"{"offset_ms":1,"frame":"OgJoYg=="}"#.to_owned();
    for capture in [garbage, unknown, heartbeat] {
        let (_, report) = imported(capture.clone());
        assert!(report.decoded() == 0.0 && report.is_lossy(), "{capture}: {report}");
        assert!(report.to_string().contains("⚠️ Nothing could be decoded"), "{capture}: {report}");
    }
}

#[test]
fn decoded_events_are_told_apart_from_frames() {
    let livetape = r#"{"type":"gift","username":"ann","data":{"giftName":"Rose"},"stream":"x","seq":1,"ts":"2025-09-09T18:44:49.000Z"}"#;
    let tikfinity = r#"{"event":"gift","data":{"uniqueId":"bob","giftName":"Rose"}}"#;
    let library = r#"{"uniqueId":"bob","comment":"hi","msgId":"7"}"#;
    for (event, producer) in
        [(livetape, Producer::Livetape), (tikfinity, Producer::TikFinity), (library, Producer::Library)]
    {
        let pretty = serde_json::to_string_pretty(&serde_json::from_str::<Value>(event).unwrap()).unwrap();
        for capture in [
            event.to_owned(),
            format!("{event}\n").repeat(100),
            format!("[{event},{event}]"),
            pretty,
            format!("started\n{event}\n"),
        ] {
            assert!(matches!(error(capture.clone()), Error::Events(of) if of == producer), "{capture}");
        }
        // A page that receives events, in a browser that saved them.
        let message = json!({ "type": "receive", "time": START_MS, "opcode": 1, "data": event });
        let capture = har("WebInspector", "1", &[entry("ws://localhost:21213/", STARTED, &[message])]);
        let Error::Unsure(candidates) = error(capture) else { panic!("they are not frames") };
        assert_eq!(candidates[0].events_of, Some(producer));
    }
    let said = error(livetape).to_string();
    assert_eq!(
        said,
        "it holds decoded events of livetape, and a recording needs the frames that they were decoded from"
    );
}

#[test]
fn a_chosen_connection_is_imported_though_nothing_is_decoded() {
    let text = changed(|it| (it["opcode"], it["data"]) = (json!(1), "hi".into()));
    let options = ImportOptions { entries: vec![1], ..options() };
    let (_, report) = import(&Bytes::from(text), &options).unwrap();
    assert!(report.frames == 82 && report.is_lossy(), "{report}");
}
