//! Formats records as lines: JSON for programs, or text for people.

use std::{collections::BTreeMap, fmt::Write as _};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use livetape_core::{
    recording::{
        Frame, Record, What,
        records::{Counts, HttpHeader},
    },
    wire::read_push,
};
use serde_json::{Map, Value, json};

use super::{
    dissect::short_name,
    payload::batch,
    text::{COLUMNS_MAX, clock, count, printable},
};

/// Returns a record as complete JSON.
#[must_use]
pub fn json(record: &Record) -> Value {
    let item = &record.item;
    let mut line = Map::new();
    let (kind, fields) = fields(&item.what);
    line.insert("record".into(), record.rec_no.into());
    line.insert("offsetMs".into(), json!(item.offset.as_nanos() as f64 / 1e6));
    line.insert("type".into(), kind.into());
    if item.conn != 0 {
        line.insert("conn".into(), item.conn.into());
    }
    if item.flags.is_sent() {
        line.insert("sent".into(), true.into());
    }
    if item.flags.0 > 1 {
        line.insert("flags".into(), item.flags.0.into());
    }
    if let Value::Object(fields) = fields {
        line.extend(fields);
    }
    Value::Object(line)
}

#[must_use]
pub fn missing_json(records: u64) -> Value {
    json!({"type": "missing", "records": records})
}

/// Returns the name and fields of an item.
fn fields(what: &What) -> (&'static str, Value) {
    match what {
        What::Header(header) => (
            "header",
            json!({
                "tool": header.tool, "toolVersion": header.tool_version, "source": header.source,
                "wallAnchorNs": header.wall_anchor_ns.map(|ns| ns.to_string()),
                "timing": enum_name(header.timing().as_str_name()),
                "privacy": enum_name(header.privacy().as_str_name()),
                "scrubProfile": header.scrub_profile,
                "scrubKeyFingerprint": format!("{:x}", header.scrub_key_fingerprint),
                "tags": header.tags,
            }),
        ),
        What::ConnOpen(open) => (
            "connOpen",
            json!({
                "roomId": open.room_id.to_string(), "user": open.unique_id, "attempt": open.attempt,
                "url": open.url, "status": open.handshake_status, "headers": headers(&open.headers),
            }),
        ),
        What::Frame(frame) => ("frame", frame_fields(frame)),
        What::ConnClose(close) => (
            "connClose",
            json!({
                "code": close.code, "reason": close.reason, "who": enum_name(close.who().as_str_name()),
                "willRetry": close.will_retry,
            }),
        ),
        What::Http(http) => (
            "http",
            json!({
                "role": enum_name(http.role().as_str_name()), "request": http.request_line,
                "status": http.status, "headers": headers(&http.headers), "body": STANDARD.encode(&http.body),
            }),
        ),
        What::Marker(marker) => ("marker", json!({"label": marker.label})),
        What::ClockAnchor(anchor) => ("clockAnchor", json!({"wallNs": anchor.wall_ns.to_string()})),
        What::Gap(gap) => (
            "gap",
            json!({
                "firstMs": gap.first_t_ns as f64 / 1e6, "lastMs": gap.last_t_ns as f64 / 1e6,
                "records": gap.records, "bytes": gap.bytes,
                "direction": enum_name(gap.direction().as_str_name()), "reason": gap.reason,
            }),
        ),
        What::Checkpoint(checkpoint) => ("checkpoint", counts(checkpoint.counts)),
        What::End(end) => ("end", counts(end.counts)),
        What::Status(status) => (
            "status",
            json!({
                "code": status.code, "attempt": status.attempt, "retrying": status.retrying,
                "retryAfterMs": status.retry_after_ms, "detail": status.detail,
            }),
        ),
        What::Other { record_type, opcode, payload } => (
            "other",
            json!({"recordType": record_type, "opcode": opcode, "payload": STANDARD.encode(payload)}),
        ),
    }
}

fn frame_fields(frame: &Frame) -> Value {
    let push = read_push(&frame.bytes, &mut Vec::new());
    let methods = batch(&frame.bytes, &mut Vec::new())
        .map(|batch| Vec::from_iter(batch.messages.into_iter().map(|message| message.method)));
    json!({
        "opcode": frame.opcode.0, "payloadType": push.payload_type, "methods": methods,
        "frame": STANDARD.encode(&frame.bytes),
    })
}

fn headers(headers: &[HttpHeader]) -> Value {
    headers.iter().map(|header| json!([header.name, header.value])).collect()
}

fn counts(counts: Option<Counts>) -> Value {
    let counts = counts.unwrap_or_default();
    json!({
        "records": counts.records, "framesReceived": counts.frames_received,
        "framesSent": counts.frames_sent, "frameBytes": counts.frame_bytes, "clamped": counts.clamped,
    })
}

/// Shortens the name of an enum value: `PRIVACY_SCRUBBED` to `scrubbed`
pub(super) fn enum_name(name: &str) -> String {
    name.split_once('_').map_or(name, |(_, name)| name).to_ascii_lowercase()
}

/// Returns a record as text of at most 80 columns.
#[must_use]
pub fn text(record: &Record) -> String {
    let item = &record.item;
    let conn = if item.conn == 0 { String::new() } else { format!("{} ", item.conn) };
    let line = format!("{} {conn}{}", clock(item.offset), words(&item.what, item.flags.is_sent()));
    printable(line.trim_end(), COLUMNS_MAX)
}

fn words(what: &What, is_sent: bool) -> String {
    match what {
        What::Header(header) => {
            let privacy = enum_name(header.privacy().as_str_name());
            format!("header: {}, {privacy}, by {} {}", header.source, header.tool, header.tool_version)
        }
        What::ConnOpen(open) => format!("✅ opened: @{}, room {}", open.unique_id, open.room_id),
        What::Frame(frame) => frame_words(frame, is_sent),
        What::ConnClose(close) => {
            let again = if close.will_retry { ", will retry" } else { "" };
            let who = enum_name(close.who().as_str_name());
            format!("🔌 closed by {who}: {} {}{again}", close.code, close.reason)
        }
        What::Http(http) => {
            let role = enum_name(http.role().as_str_name());
            let bytes = count(http.body.len() as u64, "byte");
            format!("http {} {role}, {bytes}: {}", http.status, http.request_line)
        }
        What::Marker(marker) => format!("📍 {}", marker.label),
        What::ClockAnchor(_) => "clock".into(),
        What::Gap(gap) => format!("⚠️ {} lost: {}", count(gap.records, "record"), gap.reason),
        What::Checkpoint(checkpoint) => {
            format!("checkpoint: {}", count(checkpoint.counts.unwrap_or_default().records, "record"))
        }
        What::End(end) => format!("🏁 end: {}", count(end.counts.unwrap_or_default().records, "record")),
        What::Status(status) => format!("❌ {}: {}", status.code, status.detail),
        What::Other { record_type, payload, .. } => {
            format!("type {record_type}, {}", count(payload.len() as u64, "byte"))
        }
    }
}

/// Describes a frame: `← msg, 1,234 bytes: Chat ×3, Gift`
fn frame_words(frame: &Frame, is_sent: bool) -> String {
    let push = read_push(&frame.bytes, &mut Vec::new());
    let arrow = if is_sent { '→' } else { '←' };
    let kind = if push.payload_type.is_empty() { "frame" } else { &push.payload_type };
    let mut words = format!("{arrow} {kind}, {}", count(frame.bytes.len() as u64, "byte"));
    let Some(batch) = batch(&frame.bytes, &mut Vec::new()) else { return words };
    let mut methods: BTreeMap<&str, u64> = BTreeMap::new();
    for message in &batch.messages {
        *methods.entry(short_name(&message.method)).or_default() += 1;
    }
    for (at, (method, number)) in methods.into_iter().enumerate() {
        let (lead, times) =
            (if at == 0 { ":" } else { "," }, if number > 1 { format!(" ×{number}") } else { String::new() });
        // Writing to a string cannot fail.
        let _ = write!(words, "{lead} {method}{times}");
    }
    words
}
