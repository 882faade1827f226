//! Ids and names in every field of every message, and in every other place of a recording, in every encoding.

use std::{collections::BTreeSet, io::Write as _};

use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use bytes::Bytes;
use flate2::{Compression, GzBuilder, read::GzDecoder};
use livetape_core::{
    event,
    recording::{
        Frame, Item, Opcode, What,
        records::{ConnClose, ConnOpen, Gap, Http, HttpHeader, Marker, Status, http::Role},
    },
    wire::{
        Batch, BatchInfo, FieldKind, Message, Push, Schema, write_batch, write_bytes, write_number,
        write_push, zip,
    },
};
use livetape_tools::{
    audit::audit,
    scrub::{Auditor, FindingKind, ScrubReport},
};
use std::io::Read as _;

use super::{items, key, put, scrubbed};
use crate::support::{item, recording};

const PERSON: u64 = 7_123_456_789_012_345_678;
const ROOM: u64 = 7_309_142_864_777_853_434;
/// Of eleven digits, as in the first years.
const OLD: u64 = 46_078_321_017;
/// Beyond the numbers with a sign. No field names it as an id.
const LINK: u64 = 16_849_292_894_370_961_027;
const IDS: [u64; 4] = [PERSON, ROOM, OLD, LINK];
const HANDLE: &str = "zoe.planted_77";
const NICKNAME: &str = "Zoë Planted 77";
const SEC_UID: &str = "MS4wLjABAAAAplantedplantedplanted";

fn gzip(bytes: &[u8], header: GzBuilder) -> Vec<u8> {
    let mut encoder = header.write(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn utf16(text: &str, bytes: impl Fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn embedded() -> Vec<u8> {
    let mut bytes = Vec::new();
    write_number(1, 1, &mut bytes);
    write_bytes(2, format!("{ROOM}_{LINK}_0").as_bytes(), &mut bytes);
    write_number(3, PERSON, &mut bytes);
    write_bytes(4, HANDLE.as_bytes(), &mut bytes);
    write_bytes(5, b"", &mut bytes);
    bytes
}

/// What a field that is usually harmless can hold.
fn texts() -> Vec<(&'static str, Vec<u8>)> {
    let person = PERSON.to_string();
    let texts = [
        ("id", person.clone()),
        ("old id", OLD.to_string()),
        ("link", LINK.to_string()),
        ("composite", format!("{ROOM}_{LINK}_0")),
        ("joined ids", format!("{ROOM}{LINK}")),
        ("id in a key", format!("pm_mt_{PERSON}_join")),
        ("parted id", format!("pm_mt_{}-{}-{}", &person[..6], &person[6..12], &person[12..])),
        ("handle", HANDLE.to_owned()),
        ("handle in capitals", HANDLE.to_uppercase()),
        ("handle in a key", format!("ttlive_{HANDLE}_joined")),
        ("handle in a word", format!("x{HANDLE}x")),
        ("nickname", NICKNAME.to_owned()),
        ("nickname in a pattern", format!("{{0:user}} joined {NICKNAME}")),
        ("secure id", SEC_UID.to_owned()),
        ("method", format!("Webcast{}Message", BASE64_URL_SAFE_NO_PAD.encode(HANDLE))),
        ("base64 of an id", BASE64_STANDARD.encode(&person)),
        ("base64 of a number", BASE64_URL_SAFE_NO_PAD.encode(PERSON.to_le_bytes())),
        ("base64 of a name", format!("pm_mt_{}", BASE64_STANDARD.encode(HANDLE))),
        ("base64 of gzip", BASE64_STANDARD.encode(zip(HANDLE.as_bytes()))),
        ("hex of a name", hex(HANDLE.as_bytes())),
        ("hex of an id", format!("{PERSON:x}")),
        ("percent-encoding", HANDLE.bytes().map(|byte| format!("%{byte:02X}")).collect()),
        ("JSON escapes", HANDLE.bytes().map(|byte| format!("\\u{byte:04x}")).collect()),
        ("JSON", format!(r#"{{"{HANDLE}":[{PERSON},-{PERSON},{PERSON}.5,{PERSON}e0,"{NICKNAME}"]}}"#)),
        ("URL", format!("https://{HANDLE}.example/@{HANDLE}/{PERSON}?u={PERSON}#{HANDLE}")),
        (
            "picture",
            format!("https://p16-webcast.tiktokcdn.com/img/webcast-va/{PERSON}_a.png~{HANDLE}.image"),
        ),
        ("name of a picture", format!("{HANDLE}/webcast-va/resource/grade_badge_icon.png")),
        ("control characters", format!("pm_mt_a\u{1}\u{85}{HANDLE}\u{0}")),
    ];
    let bytes = [
        ("UTF-16", utf16(NICKNAME, u16::to_le_bytes)),
        ("UTF-16 BE", utf16(&format!("x{PERSON}"), u16::to_be_bytes)),
        ("message", embedded()),
        ("gzip", zip(&embedded()).to_vec()),
        ("gzip members", [zip(b"pm_mt_a"), zip(HANDLE.as_bytes()), zip(person.as_bytes())].concat()),
        ("after gzip", [&zip(b"pm_mt_a")[..], HANDLE.as_bytes()].concat()),
        ("gzip header", gzip(b"pm_mt_a", GzBuilder::new().filename(HANDLE))),
        (
            "gzip fields",
            gzip(b"pm_mt_a", GzBuilder::new().comment(person).extra(PERSON.to_le_bytes().to_vec())),
        ),
        ("packed", [put(PERSON), put(7), put(ROOM)].concat()),
        ("packed, fixed", [PERSON.to_le_bytes(), ROOM.to_le_bytes()].concat()),
        ("latin 1", b"pm_mt_a\xe9zoe.planted_77".to_vec()),
    ];
    texts.map(|(name, text)| (name, text.into_bytes())).into_iter().chain(bytes).collect()
}

/// A message with planted values in all fields, known and not. Messages with messages in them are filled once.
fn filled(schema: &'static Schema, text: &[u8], seen: &mut BTreeSet<&'static str>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for field in schema.fields {
        match field.kind {
            FieldKind::Number => {
                for id in IDS {
                    write_number(field.number, id, &mut bytes);
                }
                write_bytes(field.number, text, &mut bytes);
                fixed(field.number, &mut bytes);
            }
            FieldKind::Text | FieldKind::Bytes => {
                write_bytes(field.number, text, &mut bytes);
                write_number(field.number, PERSON, &mut bytes);
                fixed(field.number, &mut bytes);
            }
            FieldKind::Message(_) | FieldKind::Messages(_) => {
                let inner = field.kind.schema().unwrap();
                let is_leaf = !inner.fields.iter().any(|field| field.kind.schema().is_some());
                if is_leaf || seen.insert(inner.name) {
                    write_bytes(field.number, &filled(inner, text, seen), &mut bytes);
                }
                write_bytes(field.number, text, &mut bytes);
                write_number(field.number, PERSON, &mut bytes);
            }
        }
    }
    for unknown in [901, 902] {
        write_bytes(unknown, text, &mut bytes);
        write_number(unknown, LINK, &mut bytes);
        fixed(unknown, &mut bytes);
    }
    bytes
}

/// Appends ids as fields of a fixed length.
fn fixed(number: u32, bytes: &mut Vec<u8>) {
    for value in [PERSON.to_le_bytes(), PERSON.to_be_bytes(), (OLD as f64).to_le_bytes()] {
        bytes.extend(put(u64::from(number) << 3 | 1));
        bytes.extend(value);
    }
}

fn frame(bytes: impl Into<Bytes>) -> Item {
    item(0, What::Frame(Frame { opcode: Opcode::BINARY, bytes: bytes.into() }))
}

fn push(payload: impl Into<Bytes>) -> Push {
    Push { payload_type: "msg".into(), payload: payload.into(), ..Push::default() }
}

fn message(method: &str, payload: Vec<u8>) -> Message {
    Message { method: method.into(), payload: payload.into(), msg_id: 7, is_history: false }
}

fn batch(messages: Vec<Message>) -> Bytes {
    write_batch(&Batch { messages, info: BatchInfo::default() })
}

/// Introduces the person, in a room.
fn introduction() -> Vec<Item> {
    let [mut user, mut chat] = [const { Vec::new() }; 2];
    write_number(1, PERSON, &mut user);
    write_bytes(3, NICKNAME.as_bytes(), &mut user);
    write_bytes(38, HANDLE.as_bytes(), &mut user);
    write_bytes(46, SEC_UID.as_bytes(), &mut user);
    write_bytes(2, &user, &mut chat);
    write_bytes(3, b"hello", &mut chat);
    write_number(27, OLD, &mut chat);
    let open = ConnOpen { room_id: ROOM.cast_signed(), unique_id: HANDLE.into(), ..ConnOpen::default() };
    let chat = message("WebcastChatMessage", chat);
    vec![item(0, What::ConnOpen(open)), frame(write_push(&push(batch(vec![chat]))))]
}

/// All bytes in `bytes`, in any nesting of encodings.
fn views(bytes: &[u8], depth: usize, all: &mut Vec<Vec<u8>>) {
    all.push(bytes.to_vec());
    if depth == 0 {
        return;
    }
    for (at, _) in bytes.windows(3).enumerate().filter(|(_, window)| *window == [0x1f, 0x8b, 8]) {
        let mut decoder = GzDecoder::new(&bytes[at..]);
        let mut plain = Vec::new();
        let _ = decoder.read_to_end(&mut plain);
        if let Some(header) = decoder.header() {
            all.extend(
                [header.filename(), header.comment(), header.extra()].into_iter().flatten().map(Into::into),
            );
        }
        if !plain.is_empty() {
            views(&plain, depth - 1, all);
        }
    }
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte);
    for run in bytes.split(|byte| !is_base64(byte)).filter(|run| run.len() >= 11) {
        let run: Vec<u8> = run
            .iter()
            .map(|byte| match byte {
                b'-' => b'+',
                b'_' => b'/',
                byte => *byte,
            })
            .collect();
        for start in 0..4 {
            let part = &run[start..];
            let whole = &part[..part.len() - usize::from(part.len() % 4 == 1)];
            let engine = base64::engine::GeneralPurpose::new(
                &base64::alphabet::STANDARD,
                base64::engine::GeneralPurposeConfig::new()
                    .with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent)
                    .with_decode_allow_trailing_bits(true),
            );
            if let Ok(plain) = engine.decode(whole) {
                views(&plain, if plain.starts_with(&[0x1f, 0x8b]) { depth - 1 } else { 0 }, all);
            }
        }
    }
    for run in bytes.split(|byte| !byte.is_ascii_hexdigit()).filter(|run| run.len() >= 16) {
        let nibble = |byte: u8| char::from(byte).to_digit(16).unwrap() as u8;
        all.push(run.chunks_exact(2).map(|pair| nibble(pair[0]) << 4 | nibble(pair[1])).collect());
    }
    let text = String::from_utf8_lossy(bytes);
    if text.contains('%') {
        let mut plain = Vec::new();
        let mut rest = bytes;
        while let Some((byte, after)) = rest.split_first() {
            let code =
                after.get(..2).and_then(|code| u8::from_str_radix(str::from_utf8(code).ok()?, 16).ok());
            match code.filter(|_| *byte == b'%') {
                Some(code) => (plain.push(code), rest = &after[2..]),
                None => (plain.push(*byte), rest = after),
            };
        }
        all.push(plain);
    }
    if text.contains("\\u00") {
        let mut parts = text.split("\\u00");
        let mut plain = parts.next().unwrap().to_owned();
        for part in parts {
            match part.get(..2).and_then(|code| u8::from_str_radix(code, 16).ok()) {
                Some(code) => (plain.push(char::from(code)), plain.push_str(&part[2..])),
                None => (plain.push_str("\\u00"), plain.push_str(part)),
            };
        }
        all.push(plain.into_bytes());
    }
}

/// The forms of the ids and names that are in `bytes`.
fn traces(bytes: &[u8]) -> Vec<String> {
    let mut needles: Vec<(String, Vec<u8>)> = Vec::new();
    for id in IDS {
        needles.push((format!("{id}"), id.to_string().into_bytes()));
        needles.push((format!("{id} in hexadecimal"), format!("{id:x}").into_bytes()));
        needles.push((format!("{id} in UTF-16"), utf16(&id.to_string(), u16::to_le_bytes)));
        needles.push((format!("{id} as a varint"), put(id)));
        needles.push((format!("{id} as 8 bytes"), id.to_le_bytes().to_vec()));
        needles.push((format!("{id} as 8 bytes, reversed"), id.to_be_bytes().to_vec()));
    }
    for name in [HANDLE, NICKNAME, SEC_UID, "planted"] {
        let lower = name.to_ascii_lowercase();
        needles.push((name.to_owned(), lower.clone().into_bytes()));
        for bytes in [u16::to_le_bytes, u16::to_be_bytes] {
            needles.push((format!("{name} in UTF-16"), utf16(&lower, bytes)));
        }
    }
    let mut all = Vec::new();
    views(bytes, 3, &mut all);
    let lower: Vec<_> = all.iter().map(|view| view.to_ascii_lowercase()).collect();
    let is_in =
        |needle: &[u8]| all.iter().chain(&lower).any(|view| memchr::memmem::find(view, needle).is_some());
    needles.into_iter().filter(|(_, needle)| is_in(needle)).map(|(name, _)| name).collect()
}

fn shortened(item: &Item) -> String {
    format!("{item:?}").chars().take(400).collect()
}

/// Scrubs a recording of these items in which the person occurs, checks that nothing of the person is left, that the
/// audit agrees, and that it found the person before.
fn check(name: &str, planted: &[Item]) -> ScrubReport {
    let file = recording(&[introduction(), planted.to_vec()].concat());
    let (out, report) = scrubbed(&file, key(3));
    for (before, after) in items(&file).into_iter().zip(items(&out)) {
        let payload = |item: &Item| {
            let mut bytes = Vec::new();
            livetape_core::recording::write_payload(&item.what, &mut bytes);
            bytes
        };
        let left = traces(&payload(&after));
        let [before, after] = [before, after].map(|item| shortened(&item));
        assert!(left.is_empty(), "{name}: {left:?} is left of {before}: {after}");
    }
    let left = traces(&out);
    assert!(left.is_empty(), "{name}: {left:?}");
    let words = format!("{HANDLE}\n{NICKNAME}\n{PERSON}\n{ROOM}\n{OLD}\n{LINK}\n");
    let after = audit(&out[..], Auditor::new(&words).unwrap()).unwrap();
    assert!(after.counts.is_empty(), "{name}: {after}");
    report
}

#[test]
fn no_planted_value_is_left_in_any_field_of_any_message() {
    for (name, text) in texts() {
        let mut seen = BTreeSet::new();
        let methods = event::known_methods().chain(["WebcastNobodyKnowsMessage"]);
        let messages = methods.map(|method| {
            let schema = event::schema(method).or_else(|| Schema::named("Speaker")).unwrap();
            message(method, filled(schema, &text, &mut seen))
        });
        let mut planted: Vec<Item> = messages
            .collect::<Vec<_>>()
            .chunks(8)
            .map(|messages| frame(write_push(&push(zip(&batch(messages.to_vec()))))))
            .collect();
        for outer in ["Batch", "Message", "PushFrame", "EnterRoom", "HeartBeat"] {
            let inner = filled(Schema::named(outer).unwrap(), &text, &mut BTreeSet::new());
            planted.push(match outer {
                "PushFrame" => frame(inner),
                "Message" => {
                    let mut batch = Vec::new();
                    write_bytes(1, &inner, &mut batch);
                    frame(write_push(&push(batch)))
                }
                "EnterRoom" => {
                    frame(write_push(&Push { payload_type: "im_enter_room".into(), ..push(inner) }))
                }
                "HeartBeat" => frame(write_push(&Push { payload_type: "hb".into(), ..push(inner) })),
                _ => frame(write_push(&push(inner))),
            });
        }
        let report = check(name, &planted);
        assert_eq!(report.tally.rejected_records, 0, "{name}");
    }
}

/// As if TikTok had changed the type of a field. Words that are nobody's name elsewhere are replaced, too.
#[test]
fn a_text_in_a_field_of_numbers_is_replaced() {
    let sentence = b"Sir Quigley lives in Oslo, Main Street 5".to_vec();
    let mut inner = Vec::new();
    write_bytes(1, &sentence, &mut inner);
    let planted = |schema: &Schema| {
        let mut bytes = Vec::new();
        for field in schema.fields.iter().filter(|field| field.kind == FieldKind::Number) {
            write_bytes(field.number, &sentence, &mut bytes);
            write_bytes(field.number, &inner, &mut bytes);
        }
        bytes
    };
    let all = event::known_methods().filter_map(|method| Some((method, event::schema(method)?)));
    let mut items = Vec::from_iter(
        all.map(|(method, schema)| frame(write_push(&push(batch(vec![message(method, planted(schema))]))))),
    );
    items.push(frame(planted(Schema::named("PushFrame").unwrap())));
    items.push(frame(write_push(&push(planted(Schema::named("Batch").unwrap())))));
    let file = recording(&items);
    let found = audit(&file[..], Auditor::default()).unwrap();
    assert!(!found.counts.is_empty());
    let (out, _) = scrubbed(&file, key(3));
    for word in [&b"Quigley"[..], b"Oslo"] {
        assert!(memchr::memmem::find(&out, word).is_none());
    }
    for (before, after) in items.iter().zip(self::items(&out)) {
        assert!(!shortened(&after).contains("Quigley"), "{}", shortened(before));
    }
}

/// As a reader would know them: composed otherwise, in full width, or with characters that nobody sees.
#[test]
fn names_in_another_unicode_form_are_replaced_in_texts_that_stay() {
    for spelled in [
        "Zoe\u{308} Planted 77",
        "Zoë\u{a0}Planted 77",
        "Zo\u{200d}ë Plan\u{200b}ted 77",
        "Ｚｏë Ｐｌａｎｔｅｄ ７７",
        "ZOË PLANTED 77",
    ] {
        let [mut kind, mut gift] = [const { Vec::new() }; 2];
        write_number(5, 5655, &mut kind);
        write_bytes(16, format!("For {spelled}").as_bytes(), &mut kind);
        write_bytes(15, &kind, &mut gift);
        let sent = frame(write_push(&push(batch(vec![message("WebcastGiftMessage", gift)]))));
        let (out, report) = scrubbed(&recording(&[introduction(), vec![sent]].concat()), key(3));
        assert_eq!(report.tally.rejected_records, 0, "{spelled:?}");
        assert!(memchr::memmem::find(&out, spelled.as_bytes()).is_none(), "{spelled:?}");
    }
}

/// Neither side of an email address stays, nor a value that does not fit its header.
#[test]
fn addresses_in_lines_and_values_of_another_form_are_replaced() {
    let header = |(name, value): (&str, &str)| HttpHeader { name: name.into(), value: value.into() };
    let mail = "wanda.zorblax@zorblax.example";
    let headers = [
        ("server", mail),
        ("date", "zorblax"),
        ("retry-after", "zorblax"),
        ("x-ratelimit-reset", "zorblax"),
        ("content-type", "{\"nickname\":\"Zorblax\"}"),
        ("server-timing", "cdn-cache; desc=\"zorblax\""),
    ];
    let headers = Vec::from_iter(headers.into_iter().map(header));
    let reason = format!("ask {mail}, @zorblax or https://www.tiktok.com/@zorblax");
    let close = |reason: String| item(1, What::ConnClose(ConnClose { reason, ..ConnClose::default() }));
    let open = ConnOpen { headers, ..ConnOpen::default() };
    let file = recording(&[
        item(0, What::ConnOpen(open)),
        close(reason),
        close("kicked by Wanda Zorblax".to_owned()),
        close("the LIVE has ended".to_owned()),
    ]);
    let (out, _) = scrubbed(&file, key(3));
    assert!(!String::from_utf8_lossy(&out).to_lowercase().contains("zorblax"), "{:?}", items(&out));
    assert!(String::from_utf8_lossy(&out).contains("the LIVE has ended"));
    assert!(audit(&out[..], Auditor::default()).unwrap().counts.is_empty());
    let kept = [
        ("server", "TLB"),
        ("date", "Sun, 29 Nov 2026 20:00:00 GMT"),
        ("retry-after", "5"),
        ("x-ratelimit-limit", "10, 10;w=***"),
    ];
    let headers = Vec::from_iter(kept.map(header));
    let file =
        recording(&[item(0, What::ConnOpen(ConnOpen { headers: headers.clone(), ..ConnOpen::default() }))]);
    let What::ConnOpen(open) = &items(&scrubbed(&file, key(3)).0)[1].what else { panic!() };
    assert_eq!(open.headers, headers);
}

/// Records of all types that hold a text, with the text in each place for one.
fn records(text: &str) -> Vec<(&'static str, What)> {
    let header = |name: &str| HttpHeader { name: name.into(), value: text.into() };
    let headers: Vec<_> = [
        "content-type",
        "content-encoding",
        "content-length",
        "date",
        "server",
        "retry-after",
        "server-timing",
        "handshake-msg",
        "handshake-status",
        "x-room-id",
        "x-ratelimit-remaining",
        "x-tt-logid",
        "referer",
        "origin",
        "user-agent",
        "x-unknown",
    ]
    .map(header)
    .into_iter()
    .chain([HttpHeader { name: format!("x-ratelimit-{text}"), value: "5".into() }])
    .collect();
    let url = |scheme: &str| {
        format!(
            "{scheme}://{text}@host.example:443/webcast/{text}/@{text}/live?room_id={text}&aid={text}&cursor={text}&{text}={text}#{text}"
        )
    };
    let mut all = vec![
        ("ConnOpen.url", What::ConnOpen(ConnOpen { url: url("wss"), ..ConnOpen::default() })),
        (
            "ConnOpen.url, scheme",
            What::ConnOpen(ConnOpen {
                url: format!("{text}://{text}.example/{text}"),
                ..ConnOpen::default()
            }),
        ),
        ("ConnOpen.headers", What::ConnOpen(ConnOpen { headers: headers.clone(), ..ConnOpen::default() })),
        ("ConnOpen.unique_id", What::ConnOpen(ConnOpen { unique_id: text.into(), ..ConnOpen::default() })),
        (
            "ConnClose",
            What::ConnClose(ConnClose { reason: format!("closed by {text}."), ..ConnClose::default() }),
        ),
        ("Marker", What::Marker(Marker { label: text.into() })),
        ("Gap", What::Gap(Gap { reason: format!("lost:{text}"), ..Gap::default() })),
        (
            "Status",
            What::Status(Status {
                code: text.into(),
                detail: format!("{text} is offline, {text}"),
                hint: format!("run `livetape live {text}`"),
                ..Status::default()
            }),
        ),
        ("text frame", What::Frame(Frame { opcode: Opcode(1), bytes: text.to_owned().into() })),
    ];
    let json = serde_json::json!({ "message": text, text: PERSON }).to_string();
    let named = gzip(json.as_bytes(), GzBuilder::new().comment(text.replace('\0', "")));
    let bodies = [
        text.as_bytes().to_vec(),
        json.as_bytes().to_vec(),
        zip(json.as_bytes()).to_vec(),
        [&named[..], &zip(text.as_bytes())].concat(),
    ];
    for (role, status) in [(Role::Lookup, 200), (Role::Lookup, 403), (Role::InitialBatch, 200)] {
        for body in bodies.iter().cloned() {
            let (role, body) = (role.into(), body.into());
            let request_line = format!("GET {} HTTP/1.1", url("https"));
            let http = Http { role, request_line, status, headers: headers.clone(), body };
            all.push(("Http", What::Http(http)));
        }
    }
    all.push((
        "request line",
        What::Http(Http { request_line: format!("{text} {text} HTTP/{text}"), ..Http::default() }),
    ));
    all
}

#[test]
fn no_planted_value_is_left_in_any_other_record() {
    for (name, text) in texts() {
        let Ok(text) = String::from_utf8(text) else { continue };
        for (place, what) in records(&text) {
            check(&format!("{name} in {place}"), &[item(0, what)]);
        }
    }
}

#[test]
fn no_planted_value_is_left_in_the_envelope_of_a_frame() {
    for (name, text) in texts() {
        let cursor = String::from_utf8_lossy(&text).into_owned();
        let mut planted = Vec::new();
        for kind in ["msg", "im_enter_room_resp", "ack", "hb", "im_enter_room", "im_exit", ""] {
            for payload in [text.clone(), zip(&text).to_vec(), embedded()] {
                let mut bytes = Vec::new();
                for (key, value) in [
                    ("im-cursor", &cursor),
                    ("im_cursor", &cursor),
                    ("im-internal_ext", &cursor),
                    ("compress_type", &cursor),
                    (&cursor, &cursor),
                ] {
                    let mut header = Vec::new();
                    write_bytes(1, key.as_bytes(), &mut header);
                    write_bytes(2, value.as_bytes(), &mut header);
                    write_bytes(5, &header, &mut bytes);
                }
                let info = BatchInfo {
                    cursor: cursor.clone(),
                    internal_ext: format!("internal_src:dim|wss_push_room_id:{cursor}|wss_push_did:{PERSON}"),
                    push_server: format!("wss://{cursor}.tiktok.com/{cursor}?{cursor}"),
                    route_params: vec![(cursor.clone(), cursor.clone()), ("imprp".into(), cursor.clone())],
                    ..BatchInfo::default()
                };
                let batch = write_batch(&Batch { messages: vec![message(&cursor, payload.clone())], info });
                let push = Push {
                    log_id: PERSON,
                    seq_id: OLD,
                    payload_encoding: cursor.clone(),
                    payload_type: kind.into(),
                    compress_type: cursor.clone(),
                    payload: if kind == "msg" { batch } else { payload.into() },
                };
                bytes.extend(write_push(&push));
                planted.push(frame(bytes.clone()));
                let mut sent = frame(bytes);
                sent.flags = livetape_core::recording::Flags(livetape_core::recording::Flags::SENT);
                planted.push(sent);
            }
        }
        check(name, &planted);
    }
}

/// A guest's place is a text with the ids of the room and of the link, whatever the schema says.
#[test]
fn the_id_of_a_link_is_replaced_and_found() {
    let mut place = Vec::new();
    write_number(1, 1, &mut place);
    write_bytes(2, format!("{ROOM}_{LINK}_0").as_bytes(), &mut place);
    write_bytes(3, b"", &mut place);
    let (mut list, mut state) = (Vec::new(), Vec::new());
    write_number(1, 1, &mut list);
    write_bytes(2, &place, &mut list);
    write_number(2, ROOM, &mut state);
    write_number(3, 4, &mut state);
    write_bytes(6, &list, &mut state);
    let planted = frame(write_push(&push(batch(vec![message("WebcastLinkMicLayoutStateMessage", state)]))));
    let report = audit(&recording(std::slice::from_ref(&planted))[..], Auditor::default()).unwrap();
    let shown = |found: &livetape_tools::audit::Found| found.finding.shown.contains(&LINK.to_string());
    assert!(report.exit_code() == 1 && report.findings.iter().any(shown), "{report}");
    assert!(!check("layout", &[planted]).lost());
}

/// Places that are harmless only in the form that the app gives them: what the audit reports, and where.
#[test]
fn the_audit_names_the_place() {
    let messages = |method: &str, fields: &[(u32, Vec<u8>)]| {
        let mut payload = Vec::new();
        fields.iter().for_each(|(number, value)| write_bytes(*number, value, &mut payload));
        frame(write_push(&push(batch(vec![message(method, payload)]))))
    };
    let in_key = |key: &str| {
        let (mut text, mut common) = (Vec::new(), Vec::new());
        write_bytes(1, key.as_bytes(), &mut text);
        write_bytes(8, &text, &mut common);
        messages("WebcastSocialMessage", &[(1, common)])
    };
    let number = |number: u32, value: u64| {
        let mut payload = Vec::new();
        write_number(number, value, &mut payload);
        frame(write_push(&push(batch(vec![message("WebcastLikeMessage", payload)]))))
    };
    let of_gzip = |bytes: Vec<u8>| frame(write_push(&push(bytes)));
    let batch = batch(vec![message("WebcastLikeMessage", Vec::new())]);
    let http = |headers| item(0, What::Http(Http { headers, ..Http::default() }));
    let body = |role: Role, body: &[u8]| {
        let body = Bytes::copy_from_slice(body);
        item(0, What::Http(Http { role: role.into(), status: 200, body, ..Http::default() }))
    };
    let of_socket = BatchInfo { push_server: "wss://h/?k=planted".into(), ..BatchInfo::default() };
    let of_socket = write_batch(&Batch { messages: Vec::new(), info: of_socket });
    let status = |status| item(0, What::Status(status));
    let id = FindingKind::Id;
    for (planted, kind, place) in [
        (in_key(&format!("pm_mt_{PERSON}")), id, "Text.key"),
        (in_key(&BASE64_STANDARD.encode(HANDLE)), FindingKind::Text, "Text.key"),
        (number(2, PERSON), id, "Like.count"),
        (number(777, LINK), id, "a field without a name"),
        (
            of_gzip(gzip(&batch, GzBuilder::new().filename("ann"))),
            FindingKind::Text,
            "the header of gzip data",
        ),
        (of_gzip(gzip(&batch, GzBuilder::new().extra("ann"))), FindingKind::Text, "the header of gzip data"),
        (
            of_gzip([zip(&batch), zip(b"ann")].concat()),
            FindingKind::Opaque,
            "gzip data that is broken or followed by other data",
        ),
        (
            http(vec![HttpHeader { name: "x-tt-logid".into(), value: "20260810ann".into() }]),
            FindingKind::Text,
            "Http.headers.x-tt-logid",
        ),
        (
            http(vec![HttpHeader { name: "server".into(), value: PERSON.to_string() }]),
            id,
            "Http.headers.server",
        ),
        (body(Role::Lookup, b"<html></html>"), FindingKind::Opaque, "Http.body"),
        (body(Role::InitialBatch, &of_socket), FindingKind::Secret, "Http.body"),
        (status(Status { detail: format!("room {PERSON}"), ..Status::default() }), id, "Status.detail"),
        (status(Status { code: "ann smith".into(), ..Status::default() }), FindingKind::Text, "Status.code"),
    ] {
        let report = audit(&recording(std::slice::from_ref(&planted))[..], Auditor::default()).unwrap();
        assert_eq!(report.exit_code(), 1, "{place}");
        let found = |found: &livetape_tools::audit::Found| {
            (found.finding.kind, found.finding.place.as_str()) == (kind, place)
        };
        assert!(report.findings.iter().any(found), "{place}: {report}");
    }
}

/// Searched for in each packing, without a field that names a person.
#[test]
fn the_audit_finds_words_however_they_are_packed() {
    let words = "Zoë Planted\nprivet-ключ\n7123456789012345678";
    for text in words.lines() {
        let second = [zip(b"first"), zip(text.as_bytes())].concat();
        let comment = gzip(b"first", GzBuilder::new().comment(text));
        for bytes in [
            second.clone(),
            zip(&second).to_vec(),
            comment.clone(),
            zip(&comment).to_vec(),
            gzip(b"first", GzBuilder::new().extra(text)),
            utf16(text, u16::to_le_bytes),
            utf16(text, u16::to_be_bytes),
            zip(&utf16(text, u16::to_be_bytes)).to_vec(),
            BASE64_STANDARD.encode(utf16(text, u16::to_le_bytes)).into_bytes(),
            hex(text.as_bytes()).into_bytes(),
        ] {
            let mut payload = Vec::new();
            write_bytes(9, &bytes, &mut payload);
            let planted = frame(write_push(&push(batch(vec![message("WebcastLikeMessage", payload)]))));
            let report = audit(&recording(&[planted])[..], Auditor::new(words).unwrap()).unwrap();
            let found = |found: &livetape_tools::audit::Found| {
                found.finding.kind == FindingKind::Word && found.finding.shown == text
            };
            assert!(report.findings.iter().any(found), "{text} in {bytes:?}: {report}");
        }
    }
}

#[test]
fn data_that_decompresses_without_end_takes_bounded_time() {
    let bomb = zip(&vec![0; 32 << 20]);
    let many: Vec<u8> = bomb.repeat(20);
    let planted = [frame(write_push(&push(bomb.clone()))), frame(write_push(&push(many)))];
    let (_, report) = scrubbed(&recording(&planted), key(1));
    assert!(report.lost());
    let report = audit(&recording(&planted)[..], Auditor::default()).unwrap();
    assert_eq!(report.exit_code(), 1, "{report}");
}

/// Someone may have added a record to a scrubbed recording.
#[test]
fn records_added_to_a_scrubbed_recording_are_scrubbed() {
    let (out, _) = scrubbed(&recording(&introduction()), key(3));
    let mut all = items(&out);
    let header = all.iter().find_map(|item| match &item.what {
        What::Header(header) => Some(header.clone()),
        _ => None,
    });
    all.push(item(9, What::Marker(Marker { label: format!("by {HANDLE}") })));
    let mut writer = livetape_core::recording::Writer::new(Vec::new(), &header.unwrap()).unwrap();
    for item in all.iter().filter(|item| !matches!(item.what, What::Header(_) | What::End(_))) {
        writer.write(item).unwrap();
    }
    let file = writer.finish().unwrap();
    let (twice, report) = scrubbed(&file, key(3));
    assert!(!report.copied && !report.again && traces(&twice).is_empty(), "{report:?}");
    let [before, after] = [&out, &twice].map(|file| items(file));
    let frames = |items: &[Item]| {
        items.iter().filter(|item| matches!(item.what, What::Frame(_))).cloned().collect::<Vec<_>>()
    };
    assert_eq!(frames(&before), frames(&after), "nobody is renamed again");
}
