//! Texts that may stay in fields of unknown meaning, because they identify nobody. All other texts are
//! replaced.

use std::{collections::HashSet, sync::LazyLock};

use base64::{Engine as _, prelude::BASE64_STANDARD_NO_PAD};
use livetape_core::{
    event::is_known,
    host::{PICTURE_DOMAINS, is_in},
    wire::Schema,
};

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
/// Maximum length of a text of the app, in bytes.
const LABEL_BYTES_MAX: usize = 1000;
/// Number of digits that are too many in one part of a word or a text of the app, and in all parts.
const PART_DIGITS_MAX: usize = 7;
const DIGITS_MAX: usize = 10;
/// Minimum length of a word that can be base64, in characters.
const BASE64_CHARS_MIN: usize = 11;

/// Words of the app's texts and of gifts, besides the names in the schema. Who has such a name cannot be told from the
/// app, so it may stay within longer texts.
const COMMON: &str = "\
    a about access account activity ago air airdrop all also amusement an and anchor animation are as at audience award \
    away back bad badge ball balloon banner bar be bear bloom blooming blossom boat bonus boom boost box boxing bracelet \
    broadcast by cake can cap car care cart castle celebration center challenge champion change chase chasing cheer choose \
    cloud club coffee coin collect com come comment community cone confetti congrats congratulations cool coral corgi \
    countdown crane cream creator crown cup cute daily day days diamond diamonds doughnut dragon dream drop drums duck \
    earth effect email emote ended enter entered event everyone exclusive falcon family fan fans fantasy favorite ferris \
    figure finger fire firework fireworks first flame flies flower fly flying follow followed follower followers following \
    follows for forever free friend friends from fruit fun galaxy game games garland gem get gift gifts glasses gloves glow \
    go goal gold golden good great group guest guests gun hand hands happy hat has have headpiece heart hearts hello help \
    here hi home host hot hour http https hub human i ice icon image in info interstellar invite invited is island it jet \
    jets join joined joining journey joylens just key king kiss kitten league legend leon leopard level like liked likes \
    lightning link lion list little live lives lock lol love lucky make manager marvelous match me member members message \
    messages meteor million mine mini mirror moderator moment money moon more most motorcycle mustache mystery name nebula \
    new night no not now of official on one online only open or other our out overflow own paper park party pegasus \
    perfume phoenix pick pin pinned planet play player points pool pop popular premium prince princess private profile \
    queen rabbit race rainbow rank ranking received recharge red reply reward rhythmic ribbons rocket room rosa rose roses \
    say season seal send sender sending sent series share shared shares sharing shiba shiny shooting shop show shower shuttle \
    signature sky slice speedway sports spring squad star start started stars stick stone stop stream streamer streak sub \
    subscribe subscribed subscriber subscription summer sun sunglasses sunset super superfan supporter surprise swan team \
    tap thank thanks that the their them this throne thumbs thunder tiger tiktok time to today together top train travel \
    treasure trending unicorn universe up user username users value vibe video viewer viewers vip vote wave we webcast \
    week weekly welcome whale wheel win winner wish with world www yacht year you your";

/// Whether all words of a name are words of the app, the protocol or gifts.
pub(super) fn is_common(name: &str) -> bool {
    static KNOWN: LazyLock<HashSet<String>> = LazyLock::new(|| {
        let names = Schema::all().iter().flat_map(|schema| {
            std::iter::once(schema.name).chain(schema.fields.iter().map(|field| field.name))
        });
        let mut known: HashSet<String> = COMMON.split(' ').map(str::to_owned).collect();
        for name in names {
            let starts = |(at, byte): (usize, u8)| (at > 0 && byte.is_ascii_uppercase()).then_some(at);
            let mut from = 0;
            for at in name.bytes().enumerate().filter_map(starts).chain([name.len()]) {
                known.extend(name[from..at].split(['_', '.']).map(str::to_ascii_lowercase));
                from = at;
            }
        }
        known.retain(|word| word.bytes().all(|byte| byte.is_ascii_alphabetic()));
        known
    });
    let mut words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    is_listed(name) || words.all(|word| KNOWN.contains(&word.to_ascii_lowercase()))
}

/// Whether a text belongs to the protocol. It stays even if a user has the same name.
pub(super) fn is_protocol(text: &str) -> bool {
    is_listed(text) || is_method(text) || is_key(text)
}

/// Whether a text is a known one of the protocol, and not just of the same form.
pub(super) fn is_listed(text: &str) -> bool {
    text.trim().is_empty()
        || WORDS.contains(&text)
        || LANGUAGES.contains(&text)
        || is_known(text)
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

/// Whether a text is a word of the protocol, where one is expected: letters, a few digits, and joiners.
pub(super) fn is_word(text: &str) -> bool {
    let is_joiner = |byte: u8| matches!(byte, b'_' | b'-' | b'.');
    text.len() <= 64
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || is_joiner(byte))
        && is_readable(text)
}

/// Whether a text is the id of a thing, where one is expected: a number or a word.
pub(super) fn is_thing(text: &str) -> bool {
    number(text).is_some() || is_word(text)
}

/// Whether a text can be one of the app, where one is expected: a gift's name, or a sentence with placeholders. It has
/// no control characters, addresses or long numbers.
pub(super) fn is_label(text: &str) -> bool {
    // The last ones are invisible letters.
    let is_odd = |c: char| c.is_control() || matches!(c, '@' | '\u{fffd}' | '\u{e0000}'..='\u{e007f}');
    text.len() <= LABEL_BYTES_MAX && !text.contains("://") && !text.contains(is_odd) && is_readable(text)
}

/// Whether a text can be why a connection was closed: words of which none looks like a name.
pub(super) fn is_reason(text: &str) -> bool {
    let is_cased = |word: &str| {
        let has = |is: fn(&char) -> bool| word.chars().any(|c| is(&c));
        has(char::is_ascii_uppercase) && has(char::is_ascii_lowercase)
    };
    text.is_ascii() && is_label(text) && !text.split(' ').any(is_cased)
}

/// Whether a text has no long numbers, in one part or in several, and no other text in base64.
fn is_readable(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let is_long = |part: &str| part.len() >= PART_DIGITS_MAX;
    let mut words = text.split(|c: char| !c.is_ascii_alphanumeric());
    digits < DIGITS_MAX && !text.split(|c: char| !c.is_ascii_digit()).any(is_long) && !words.any(hides_text)
}

/// Whether a word is another text in base64. Words of letters decode to noise.
fn hides_text(word: &str) -> bool {
    if word.len() < BASE64_CHARS_MIN || !word.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return false;
    }
    let whole = &word[..word.len() - usize::from(word.len() % 4 == 1)];
    // Bits beyond the last byte may be those of a character that was cut off.
    let whole = &whole[..whole.len() / 4 * 4];
    let decoded = BASE64_STANDARD_NO_PAD.decode(whole).unwrap_or_default();
    !decoded.is_empty() && decoded.iter().all(|byte| matches!(byte, b' '..=b'~'))
}

/// Whether a text is the URL of a picture of the app. Pictures with random names may belong to users, unless
/// they are part of a gift (`in_gift`).
pub(super) fn is_artwork(text: &str, in_gift: bool) -> bool {
    let path = match text.split_once("://") {
        Some((scheme, rest)) => {
            let Some((host, path)) = rest.split_once('/') else { return false };
            let is_known = PICTURE_DOMAINS.iter().any(|domain| is_in(host, domain));
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
    is_plain
        && !has_number(text)
        && !name.is_empty()
        && !name.contains('/')
        && (in_gift || is_descriptive(name))
}

/// Whether a part of a URL is a long number.
pub(super) fn has_number(address: &str) -> bool {
    let is_number =
        |part: &str| part.len() >= PART_DIGITS_MAX && part.bytes().all(|byte| byte.is_ascii_digit());
    address.split(|c: char| !c.is_ascii_alphanumeric()).any(is_number)
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
            "pm_mt_728646-969162-474606",
            "ttlive_YW5uX3NtaXRoXzE5ODc",
            "https://p16-webcast.tiktokcdn.com/webcast-va/7286469691624746063_a.png",
            "https://7286469691624746063.tiktokcdn.com/webcast-va/grade_badge.png",
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

    #[test]
    fn texts_of_the_app_are_told_by_their_form() {
        for text in [
            "{0:user} joined",
            "Adam’s Dream",
            "2024",
            "Level {1:string} 🎉",
            "تابع {0:user}",
            "\u{2068}x\u{2069}",
        ] {
            assert!(is_label(text), "{text}");
        }
        for text in [
            "by @ann",
            "a\u{7}b",
            "7286469 joined",
            "https://a.example",
            "a\u{e0041}b",
            "YW5uX3NtaXRoXzE5ODc=",
        ] {
            assert!(!is_label(text), "{text}");
        }
        for word in
            ["homepage_hot-live_cell", "ttlive_superFan_commentNotif_superFanJoined", "grade_badge_lv25_v1.2"]
        {
            assert!(is_word(word), "{word}");
        }
        for word in ["a b", "x7286469", "72_86_46_96_91", "é", "a\u{0}"] {
            assert!(!is_word(word), "{word}");
        }
    }

    #[test]
    fn common_words_are_not_names() {
        for name in ["Rose", "live room", "Super_Fan", "WebcastChatMessage", "GIFT", "en"] {
            assert!(is_common(name), "{name}");
        }
        for name in ["ann", "live_2007", "Ann Live", "Розa"] {
            assert!(!is_common(name), "{name}");
        }
    }
}
