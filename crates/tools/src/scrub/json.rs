//! Rewrites JSON value by value. Known keys, order and whitespace are kept.

use serde::de::IgnoredAny;

use super::{
    allow,
    class::{self, Class},
    made_up::ID_MIN,
    walk::{Leaves, Place},
};

/// Maximum nesting of JSON within strings. Deeper JSON is treated as text.
pub(super) const NESTED_MAX: usize = 4;

/// Whether a text is a complete JSON object or array.
pub(super) fn is_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '[']) && serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// Rewrites a JSON text; see [`is_json`]. Set `gifts` if names in it belong to gifts.
pub(super) fn rewrite(text: &str, gifts: bool, nested: usize, values: &mut impl Leaves) -> String {
    let mut rewriter = Rewriter { text, at: 0, out: String::with_capacity(text.len()), gifts, nested };
    // Classes of the names of the open objects and arrays.
    let mut open: Vec<Class> = Vec::new();
    let mut class = Class::Unknown;
    while let Some(byte) = text.as_bytes().get(rewriter.at) {
        match byte {
            b'"' => match rewriter.text(class, values) {
                Some(named) => class = named,
                None => class = open.last().copied().unwrap_or(Class::Unknown),
            },
            b'0'..=b'9' | b'-' => rewriter.number(class, values),
            b'{' | b'[' => {
                open.push(if *byte == b'[' { class } else { Class::Unknown });
                class = open.last().copied().unwrap_or(Class::Unknown);
                rewriter.copy();
            }
            b'}' | b']' => {
                open.pop();
                class = open.last().copied().unwrap_or(Class::Unknown);
                rewriter.copy();
            }
            b',' => {
                class = open.last().copied().unwrap_or(Class::Unknown);
                rewriter.copy();
            }
            _ => rewriter.copy(),
        }
    }
    rewriter.out
}

struct Rewriter<'a> {
    text: &'a str,
    at: usize,
    out: String,
    gifts: bool,
    nested: usize,
}

impl Rewriter<'_> {
    /// Copies a character that is part of neither a string nor a number.
    fn copy(&mut self) {
        if let Some(c) = self.text[self.at..].chars().next() {
            self.out.push(c);
            self.at += c.len_utf8();
        }
    }

    fn place(&self, class: Class) -> Place {
        Place { artwork: self.gifts, nested: self.nested, ..Place::unnamed(class) }
    }

    /// Rewrites a string. If it is the name of a value, returns the class of the value.
    fn text(&mut self, class: Class, values: &mut impl Leaves) -> Option<Class> {
        let end = end_of_text(self.text.as_bytes(), self.at);
        let raw = &self.text[self.at..end];
        self.at = end;
        let text: String = serde_json::from_str(raw).unwrap_or_default();
        if self.text[end..].trim_start().starts_with(':') {
            // Some objects have ids or names of users as their keys, and those look like any word.
            let class = if is_known(&text) { Class::Word } else { Class::Unknown };
            let new = values.text(&self.place(class), &text);
            self.push(raw, new);
            return Some(class::of_json(&text, self.gifts));
        }
        let new = values.text(&self.place(class), &text);
        self.push(raw, new);
        None
    }

    fn push(&mut self, raw: &str, new: Option<String>) {
        match new {
            Some(new) => self.out.push_str(&serde_json::to_string(&new).unwrap_or_else(|_| "\"\"".into())),
            None => self.out.push_str(raw),
        }
    }

    fn number(&mut self, class: Class, values: &mut impl Leaves) {
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        let rest = &self.text.as_bytes()[self.at..];
        let end = self.at + rest.iter().position(|byte| !is_part(byte)).unwrap_or(rest.len());
        let raw = &self.text[self.at..end];
        self.at = end;
        match allow::number(raw) {
            Some(number) => self.out.push_str(&values.number(&self.place(class), number).to_string()),
            None => self.out.push_str(&self.fraction(raw, class, values)),
        }
    }
}

impl Rewriter<'_> {
    /// Rewrites the whole part of a negative number or of one with a fraction or an exponent.
    fn fraction(&self, raw: &str, class: Class, values: &mut impl Leaves) -> String {
        let size = raw.parse::<f64>().unwrap_or_default().abs();
        let digits = raw.trim_start_matches('-').split(['.', 'e', 'E']).next().unwrap_or_default();
        let exact = if raw.contains(['e', 'E']) { None } else { allow::number(digits) };
        let whole = exact.unwrap_or(size as u64);
        if whole < ID_MIN {
            return raw.to_owned();
        }
        let new = values.number(&self.place(class), whole);
        match raw.strip_prefix('-') {
            _ if new == whole => raw.to_owned(),
            Some(_) => format!("-{new}"),
            None => new.to_string(),
        }
    }
}

/// Returns the end of a string that starts at `start`, including the quote.
fn end_of_text(text: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

/// Keys in lowercase that [`class::of_json`] does not list: those of public data about a room, its host and gifts, and
/// of the JSON in the included recordings.
const KEYS: &str = "\
    1xx 2xx 3xx 4xx _just_anchor activity_name activity_time age_restricted alive anchor_crowd_result \
    apply_info as_anchor audience_crowd_result avatar_thumb avatar_url avatarlarger banner_data \
    banner_switch_ranklist bitrate bitrate_kbps byte_rtc_ext_info code combo comment_count cover cover_url \
    create_at create_time current_viewers cursor data debug default_signaling_server_first delta_score \
    describe diamond_count display_id duration end_time entercount error extra feature_fe_id follow_count \
    follow_info follower_count followercount followers following following_count followingcount followstatus \
    force_global_api_server fps from_idc gachas gift_id gift_type gifts gifts_info has_reward height icon id \
    id_str image image_url internal_ext interval is_lianmai_resolution_scaled is_live is_promotion \
    is_settled is_verified l1_index like_count limit_label link_mic live_rtc_engine_config \
    live_rtc_video_param liveroom liveroomstats liveroomuserinfo log_id luck_user message msg msg_id name \
    nickname normal_gifts now now_millis numeric_uid ok owner page_gifts pk1v1s pk_matches pk_showcases \
    profitapi_message_dur prompts rank rank_lists remaining repeat_count repeat_end reset_at response \
    restricted role_type room_id room_id_str room_info roomid routes_attempted rtc_app_id rtc_app_sign \
    rtc_bitrate_map rtc_business_id rtc_channel_id rtc_fps rtc_mix_base rtc_mix_param rtc_mix_type rtc_token \
    rtc_user_id rtc_user_id_mode rtc_vendor rtc_video_param_1v1_client rtc_video_param_1v1_server \
    rtc_video_param_mode sec_uid secuid send_gift_profit_api_start_ms send_gift_profit_core_start_ms \
    send_gift_req_start_ms send_gift_send_message_success_ms send_profitapi_dur share_count share_url \
    show_time signedurl start_time starttime stats status status_code statuscode stream_url tasks time_zone \
    title total_user total_viewers type tz_location_name unique_id uniqueid uri url url_list urls user \
    user_count useragent usercount userinfo verified version video_bitrate_kbps votes width";

/// Whether a key of JSON identifies nobody. Its case does not matter.
fn is_known(key: &str) -> bool {
    KEYS.split(' ').any(|known| known.eq_ignore_ascii_case(key))
        || class::of_json(key, true) != Class::Unknown
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use livetape_core::{
        recording::{Flags, Frame, Item, Opcode, What},
        wire::{Batch, Message, Push, read_batch, read_push, write_batch, write_bytes, write_push},
    };

    use crate::scrub::{Auditor, KEY_BYTES, Key, Scrubber};

    const FIELD: u32 = 900;

    /// Returns a frame with a message in which nothing is known but a text.
    fn frame(text: &str) -> Item {
        let mut payload = Vec::new();
        write_bytes(FIELD, text.as_bytes(), &mut payload);
        let message = Message {
            method: "WebcastLikeMessage".into(),
            payload: payload.into(),
            msg_id: 1,
            is_history: false,
        };
        let payload = write_batch(&Batch { messages: vec![message], ..Batch::default() });
        let bytes = write_push(&Push { payload_type: "msg".into(), payload, ..Push::default() });
        let what = What::Frame(Frame { opcode: Opcode::BINARY, bytes });
        Item { offset: Duration::ZERO, conn: 0, flags: Flags::default(), what }
    }

    fn payload(item: &Item) -> Bytes {
        let What::Frame(frame) = &item.what else { unreachable!() };
        let batch = read_batch(&read_push(&frame.bytes, &mut Vec::new()).payload, &mut Vec::new());
        batch.messages[0].payload.clone()
    }

    #[test]
    fn keys_of_json_may_name_people() {
        let people = ["jane_doe_1987", "j.doe99", "annmiller", "annmiller-berlin", "otherperson.handle"];
        let keys = |value: &str| people.map(|key| format!("{key:?}:{value}")).join(",");
        let body = format!(
            r#"{{"data":{{"by":{{{}}},"to":[{{"annmiller":{{"id":1}}}}],"in":{:?}}},"status_code":0}}"#,
            keys("1"),
            format!("{{{}}}", keys("2")),
        );
        let item = frame(&body);
        let found = Auditor::default().audit(&item, b"");
        let mut scrubber = Scrubber::new(Key::new(&[7; KEY_BYTES]));
        scrubber.collect(&item).unwrap();
        let scrubbed = scrubber.scrub(item).unwrap();
        assert_eq!(Auditor::default().audit(&scrubbed, b""), [].into());
        let payload = payload(&scrubbed);
        let start = payload.iter().position(|byte| *byte == b'{').unwrap();
        let body = String::from_utf8(payload[start..].to_vec()).unwrap();
        for key in people {
            assert!(found.iter().any(|found| found.shown == key), "{key}: {found:?}");
            assert!(!body.contains(key), "{key}: {body}");
        }
        assert!(!body.contains("1987"), "{body}");
        let json: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(json["status_code"], 0);
        let [by, to] = ["by", "to"].map(|key| json["data"].get(key));
        assert_eq!((by, to), (None, None), "no list explains them: {body}");
        let data = json["data"].as_object().unwrap();
        let person = |value: &serde_json::Value| value[0].as_object().unwrap().keys().next().cloned();
        let in_list = data.values().find(|value| value.is_array()).and_then(person).unwrap();
        let by = data.values().find_map(serde_json::Value::as_object).unwrap();
        assert_eq!(by.len(), people.len(), "{body}");
        assert!(by.contains_key(&in_list), "the same key everywhere: {body}");
    }
}
