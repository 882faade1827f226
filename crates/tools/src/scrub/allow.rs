//! Texts that may stay in fields of unknown meaning, because they identify nobody. All other texts are
//! replaced.

use livetape_core::event::is_known;

use super::made_up::{ID_MIN, is_id_shaped};

/// Words of the protocol itself: encodings, frame types and Booleans. All of them occur in recorded frames.
const WORDS: &[&str] = &[
    "pb",
    "json",
    "gzip",
    "none",
    "msg",
    "hb",
    "ack",
    "close",
    "im_enter_room",
    "im_enter_room_resp",
    "compress_type",
    "im-cursor",
    "im-internal_ext",
    "im-live_cursor",
    "im-now",
    "im-fetch_interval",
    "true",
    "false",
    "null",
    "default",
    "audience",
    "anchor",
    "SystemMessage",
    "***",
];
/// Prefixes of the app's text keys. Users cannot choose such names for their own texts.
const KEYS: &[&str] = &["pm_mt_", "pm_main_", "webcast_", "ttlive_", "live_room_enter_toast"];
/// Language codes (ISO 639-1). Only known ones, because two letters could also be initials.
const LANGUAGES: &[&str] = &[
    "af", "ar", "az", "bg", "bn", "ca", "cs", "da", "de", "el", "en", "es", "et", "fa", "fi", "fil", "fr",
    "he", "hi", "hr", "hu", "id", "is", "it", "ja", "ka", "kk", "km", "ko", "lt", "lv", "mk", "ms", "my",
    "nb", "ne", "nl", "no", "pl", "pt", "ro", "ru", "sk", "sl", "sq", "sr", "sv", "sw", "ta", "th", "tl",
    "tr", "uk", "un", "ur", "uz", "vi", "zh", "zh-Hans", "zh-Hant",
];
/// Roman numerals of levels, `Ⅰ` to `Ⅻ`.
const LEVELS: std::ops::RangeInclusive<char> = '\u{2160}'..='\u{216b}';
/// Folders of the app's own pictures. Pictures with random names in them may belong to users.
const ARTWORK: [&str; 3] = ["webcast-va/", "webcast-sg/", "webcast-useast2a/"];
/// Hosts of these pictures.
const HOSTS: [&str; 4] = [".tiktokcdn.com", ".tiktokcdn-us.com", ".tiktokcdn-eu.com", ".ibyteimg.com"];

/// Whether a text belongs to the protocol. It stays even if a user has the same name.
pub(super) fn is_protocol(text: &str) -> bool {
    text.trim().is_empty()
        || WORDS.contains(&text)
        || LANGUAGES.contains(&text)
        || is_method(text)
        || is_key(text)
        || is_colour(text)
        || is_level(text)
}

pub(super) fn is_allowed(text: &str) -> bool {
    is_protocol(text)
        || number(text).is_some_and(|number| number < ID_MIN || is_time(number))
        || is_artwork(text, false)
}

/// Whether a text is the name of a message type: a known one, or one of the same form.
pub(super) fn is_method(text: &str) -> bool {
    let has_its_form = text.starts_with("Webcast") && (text.ends_with("Message") || text.ends_with("Method"));
    is_known(text)
        || (has_its_form && text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_alphabetic()))
}

fn is_key(text: &str) -> bool {
    KEYS.iter().any(|key| text.starts_with(key)) && is_word(text)
}

fn is_colour(text: &str) -> bool {
    let digits = text.strip_prefix('#').unwrap_or_default();
    matches!(digits.len(), 6 | 8) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_level(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| LEVELS.contains(&c)) && chars.next().is_none()
}

/// Parses a number in plain decimal form.
pub(super) fn number(text: &str) -> Option<u64> {
    let is_plain = !text.is_empty() && text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_plain && (text == "0" || !text.starts_with('0')))
}

/// Whether a number is a time in seconds to nanoseconds, or too short for an id.
pub(super) fn is_time(number: u64) -> bool {
    number >= 1_000_000_000 && number <= i64::MAX as u64 && !is_id_shaped(number) && !is_phone_shaped(number)
}

/// Ten digits that are not a time in this century may be a phone number.
fn is_phone_shaped(number: u64) -> bool {
    (4_000_000_000..10_000_000_000).contains(&number)
}

/// Whether a text is a word of the protocol, where one is expected: letters, digits and joiners, without long
/// numbers.
pub(super) fn is_word(text: &str) -> bool {
    let joins = |byte: u8| matches!(byte, b'_' | b'-' | b'.');
    let mut digits = 0;
    text.len() <= 64
        && text.bytes().all(|byte| {
            digits = if byte.is_ascii_digit() { digits + 1 } else { 0 };
            digits < 7 && (byte.is_ascii_alphanumeric() || joins(byte))
        })
}

/// Whether a text is the URL of a picture of the app. Pictures with random names may belong to users, unless
/// they are part of a gift (`in_gift`).
pub(super) fn is_artwork(text: &str, in_gift: bool) -> bool {
    let path = match text.split_once("://") {
        Some((scheme, rest)) => {
            let Some((host, path)) = rest.split_once('/') else { return false };
            let is_known = HOSTS.iter().any(|known| host.ends_with(known));
            if !is_known || !matches!(scheme, "http" | "https") {
                return false;
            }
            path
        }
        None => text,
    };
    let Some(folder) = ARTWORK.iter().find_map(|folder| path.find(folder).map(|at| at + folder.len())) else {
        return false;
    };
    let file = path[folder..].strip_prefix("resource/").unwrap_or(&path[folder..]);
    let name = file.split(['~', '.']).next().unwrap_or_default();
    let is_plain = path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/_-.~:".contains(&byte));
    is_plain && !name.is_empty() && !name.contains('/') && (in_gift || is_descriptive(name))
}

/// Whether a picture's name describes it: no long numbers, and nothing random.
fn is_descriptive(name: &str) -> bool {
    let is_random = name.len() >= 16 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_word(name) && !is_random && name.contains('_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_identify_nobody_stay() {
        for text in [
            "",
            " ",
            "gzip",
            "WebcastNewThingMessage",
            "pm_mt_guidance_share",
            "#B3272FF3",
            "Ⅲ",
            "27",
            "1697634624560",
            "zh-Hant",
            "webcast-va/grade_badge_icon_lite_lv25_v1.png",
            "https://p16-webcast.tiktokcdn.com/webcast-va/grade_badge_lv27_ltr_v2.png~tplv-obj.image",
        ] {
            assert!(is_allowed(text), "{text}");
        }
    }

    #[test]
    fn all_other_texts_are_replaced() {
        for text in [
            "ann",
            "Ann Smith",
            "an",
            "7286469691624746063",
            "5551234567",
            "00491701234567",
            "john_doe_smith",
            "WebcastAnn",
            "webcast_ann_7286469691624746063",
            "maliva",
            "ann@example.org",
            "webcast-va/99b538c22c5b18564136a2d979d3e711",
            "https://p16.evil.example/webcast-va/grade_badge.png",
            "https://p16-sign.tiktokcdn.com/webcast-va/a_b.png?x-expires=1",
            "tos-maliva-avt-0068/99b538c22c5b18564136a2d979d3e711",
        ] {
            assert!(!is_allowed(text), "{text}");
        }
    }
}
