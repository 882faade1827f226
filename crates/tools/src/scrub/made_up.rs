//! Replacements for personal data: ids, names, secure ids, pictures and links. An audit can recognise all of
//! them without the key.
//!
//! They depend only on the scrubbing key and the original, so the same person is replaced consistently everywhere, and cannot
//! be identified without the key.

use std::{fmt, ops::Range};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use livetape_core::retry::SplitMix;
use prost::encoding::encode_varint;
use ring::hmac;

use super::walk::VARINT_BYTES_MAX;
use crate::payload::as_text;

/// Minimum size of an id. Smaller numbers cannot be distinguished from counts.
pub(super) const ID_MIN: u64 = 1_000_000;
/// Minimum size of an id that carries the mark.
const MARKED_MIN: u64 = 100_000_000_000_000;
/// Number of its digits.
const MARKED_DIGITS_MIN: usize = 15;
/// Ids of users and rooms of recent years are in this range, and so are their replacements.
const LONG_MIN: u64 = 1_000_000_000_000_000_000;
const LONG: Range<u64> = 6_800_000_000_000_000_000..7_600_000_000_000_000_000;
/// Ids beyond the numbers with a sign, of 19 and 20 digits.
const UNSIGNED: [Range<u64>; 2] =
    [1 << 63..10_000_000_000_000_000_000, 10_000_000_000_000_000_000..u64::MAX - SHAPED_MIN + 1];
/// Minimum size of a number that counts as an id because of its size.
const SHAPED_MIN: u64 = 10_000_000_000;
/// Generated ids leave the remainder [`MARK`] when divided by this.
const MARK_EVERY: u64 = 1009;
const MARK: u64 = 787;
/// 64-bit patterns of plausible floating-point numbers. Ids of users are larger.
const FRACTIONS: Range<u64> = 0x3000_0000_0000_0000..0x5000_0000_0000_0000;
/// Prefix of generated secure ids. Real ones start with [`SEC_UID_START`].
const MADE_UP_SEC_UID: &str = "Scrubbed";
/// Prefix of all real secure ids.
pub(super) const SEC_UID_START: &str = "MS4wLjAB";
const BASE64_URL: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/// Prefix of the generated names of pictures.
const PICTURE: &str = "picture/";
/// Number of hexadecimal digits after it.
const PICTURE_DIGITS: usize = 12;
/// Location of generated links: a domain that never resolves (RFC 2606).
const LINK: &str = "://link.example.invalid/";

/// Whether a number could be an id. Small negative numbers, and times in seconds to nanoseconds, could not.
pub(super) fn is_id_shaped(number: u64) -> bool {
    let is_time = [1_u64, 1000, 1_000_000, 1_000_000_000].into_iter().any(|unit| {
        // From 2014 to 2039.
        (1_400_000_000 * unit..2_200_000_000 * unit).contains(&number)
    });
    number >= SHAPED_MIN && !is_negative(number) && !is_time
}

/// Whether a number is a negative one that is too small for an id. Ids of links can have all 64 bits.
fn is_negative(number: u64) -> bool {
    number > u64::MAX - SHAPED_MIN
}

/// Whether a field for ids with this number refers to someone.
pub(super) fn is_number_of_someone(number: u64) -> bool {
    number != 0 && !is_negative(number)
}

/// Whether to treat a number in an unknown field as an id. A fixed 64-bit field can also hold a
/// floating-point number.
pub(super) fn is_id(fixed: bool, number: u64) -> bool {
    is_id_shaped(number) && !(fixed && FRACTIONS.contains(&(number & i64::MAX as u64)))
}

/// Replaces the id of a user or a room. Keeps 0 and small negative numbers, which are not ids.
pub(super) fn id(key: &Key, number: u64) -> u64 {
    if !is_number_of_someone(number) {
        return number;
    }
    if let Some(range) = UNSIGNED.into_iter().find(|range| range.contains(&number)) {
        return marked(key, number, range);
    }
    if number >= LONG_MIN {
        return marked(key, number, LONG);
    }
    // Keeps the number of digits and, if possible, of encoded bytes.
    let low = 10_u64.pow(number.ilog10());
    let bytes = |number: u64| (63 - number.leading_zeros()) / 7;
    let start = low.max(1 << (7 * bytes(number)));
    let end = low.saturating_mul(10).min(1 << (7 * (bytes(number) + 1)));
    if number < MARKED_MIN {
        let next = |number: &u64| Some(start + key.permuted(number - start, end - start));
        let mut all = std::iter::successors(next(&number), next);
        // Comes back to the number itself at the latest.
        return all.find(|id| !reads_as_text(*id) || reads_as_text(number)).unwrap_or(number);
    }
    marked(key, number, start..end)
}

/// Whether a list with only this number could also be a text, which would be found in place of the list.
fn reads_as_text(number: u64) -> bool {
    let mut bytes = Vec::with_capacity(VARINT_BYTES_MAX);
    encode_varint(number, &mut bytes);
    as_text(&bytes).is_some()
}

fn marked(key: &Key, number: u64, range: Range<u64>) -> u64 {
    let slots = (range.end - range.start) / MARK_EVERY - 1;
    let first = range.start + (MARK_EVERY + MARK - range.start % MARK_EVERY) % MARK_EVERY;
    let slot = key.number("id", &number.to_le_bytes()) % slots;
    let mut ids = (slot..slots).chain(0..slot).map(|slot| first + slot * MARK_EVERY);
    ids.find(|id| !reads_as_text(*id)).unwrap_or(first)
}

/// Whether an id was generated, or is too short to tell.
pub(super) fn is_made_up_id(number: u64) -> bool {
    number < MARKED_MIN || is_negative(number) || number % MARK_EVERY == MARK
}

/// Returns the numbers in a text that are as long as an id, and neither times nor generated. Digits within a word are
/// not a number.
pub(super) fn real_numbers(text: &str) -> impl Iterator<Item = &str> {
    let is_real = |part: &&str| {
        let is_number = part.bytes().all(|byte| byte.is_ascii_digit()) && !part.starts_with('0');
        let is_id = |id: u64| is_id_shaped(id) && !is_made_up_id(id);
        part.len() >= MARKED_DIGITS_MIN && is_number && part.parse().map_or(true, is_id)
    };
    text.split(|c: char| !c.is_alphanumeric()).filter(is_real)
}

/// Generates a valid user name: `nuboka_tes48`.
pub(super) fn handle(key: &Key, handle: &str) -> String {
    let mut choices = key.choices("handle", handle.as_bytes());
    let name = syllables(&mut choices, 4) + "_" + &syllables(&mut choices, 3);
    numbered(&name, choices.below(1000))
}

/// Whether a name was generated by [`handle`] or from the lists, with a valid check digit.
pub(super) fn is_made_up_handle(name: &str) -> bool {
    let Some((start, number)) = name.len().checked_sub(4).and_then(|at| name.split_at_checked(at)) else {
        return false;
    };
    let Some((one, two)) = start.split_once('_') else { return false };
    let Ok(number) = number.parse::<usize>() else { return false };
    let is_known = (one.len(), two.len()) == (8, 6) && [one, two].into_iter().all(are_syllables);
    (is_known || is_pair(start)) && number % 10 == check_digit(start, number / 10)
}

fn syllables(choices: &mut Choices, count: usize) -> String {
    let letters = (0..2 * count).map(|at| choices.one(if at % 2 == 0 { CONSONANTS } else { VOWELS }));
    letters.map(char::from).collect()
}

fn are_syllables(text: &str) -> bool {
    text.bytes().enumerate().all(|(at, byte)| [CONSONANTS, VOWELS][at % 2].contains(&byte))
}

/// Generates a secure id of the same length that cannot be mistaken for a real one.
pub(super) fn sec_uid(key: &Key, sec_uid: &str) -> String {
    let mut choices = key.choices("sec_uid", sec_uid.as_bytes());
    let rest = sec_uid.len().saturating_sub(MADE_UP_SEC_UID.len()).max(16);
    let random = (0..rest).map(|_| char::from(choices.one(BASE64_URL)));
    MADE_UP_SEC_UID.chars().chain(random).collect()
}

pub(super) fn is_made_up_sec_uid(text: &str) -> bool {
    text.starts_with(MADE_UP_SEC_UID)
}

/// Replaces the URL of a picture with a square, or its name within a URL with another. The same picture has
/// the same square in every URL, and the pictures of a person have that of the person.
pub(super) fn picture(key: &Key, address: &str, person: Option<u64>) -> String {
    let path = address.split(['?', '#', '~']).next().unwrap_or_default();
    let file = path.rsplit('/').next().unwrap_or_default();
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let number = match person {
        Some(id) => key.number("face", &id.to_le_bytes()),
        None => key.number("picture", stem.as_bytes()),
    };
    let is_url = address.contains("://") || is_data(address);
    if is_url { square(number) } else { format!("{PICTURE}{:012x}", number >> 16) }
}

/// Whether a URL contains a picture.
pub(super) fn is_data(text: &str) -> bool {
    text.starts_with("data:image/")
}

/// Replaces any other URL.
pub(super) fn link(key: &Key, address: &str) -> String {
    let scheme = address.split("://").next().unwrap_or_default();
    let is_scheme =
        !scheme.is_empty() && scheme.len() <= 12 && scheme.bytes().all(|b| b.is_ascii_lowercase());
    let scheme = if is_scheme { scheme } else { "https" };
    format!("{scheme}{LINK}{}", hex(&mut key.choices("link", address.as_bytes()), 12))
}

/// Whether a URL was generated, or is the name of a generated picture.
pub(super) fn is_made_up_address(text: &str) -> bool {
    let is_name =
        |name: &str| name.len() == PICTURE_DIGITS && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.strip_prefix(PICTURE).is_some_and(is_name) || is_square(text) || text.contains(LINK)
}

fn hex(choices: &mut Choices, digits: usize) -> String {
    (0..digits).map(|_| char::from(choices.one(b"0123456789abcdef"))).collect()
}

const URL: &str = "data:image/gif;base64,";
/// GIF89a, 1 × 1 pixel, a colour table of two entries, of which the pixel has the first.
const GIF: [u8; 35] = *b"GIF89a\x01\0\x01\0\x80\0\0......\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0\x3b";
/// Position of the colour table. Its second entry is not visible, and only tells pictures apart.
const TABLE: Range<usize> = 13..19;
/// Range of each part of the colour: text on the square is readable whether black or white.
const SHADES: Range<u8> = 64..192;

/// Returns the URL of the square with this number: 70 bytes. Different numbers usually have different URLs.
#[must_use]
pub fn square(number: u64) -> String {
    let mut table: [u8; 6] = *number.to_le_bytes().first_chunk().expect("six is less than eight");
    for part in &mut table[..3] {
        *part = SHADES.start + *part % (SHADES.end - SHADES.start);
    }
    with_table(&table)
}

fn with_table(table: &[u8]) -> String {
    let mut gif = GIF;
    gif[TABLE].copy_from_slice(table);
    URL.to_owned() + &STANDARD.encode(gif)
}

/// Whether the URL is exactly that of a [`square`].
pub(super) fn is_square(url: &str) -> bool {
    let gif = url.strip_prefix(URL).and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default();
    let table = gif.get(TABLE).unwrap_or_default();
    table.len() == TABLE.len()
        && table[..3].iter().all(|part| SHADES.contains(part))
        && with_table(table) == url
}

/// First words of user names.
pub(crate) const FIRST: [&str; 24] = [
    "amber", "bluebell", "clover", "daisy", "ember", "fern", "ginger", "hazel", "iris", "juniper", "kiwi",
    "lilac", "maple", "nutmeg", "olive", "pepper", "quince", "rosemary", "sage", "thyme", "umbra", "violet",
    "willow", "zinnia",
];
/// Second words of user names.
pub(crate) const LAST: [&str; 20] = [
    "badger", "comet", "dolphin", "echo", "falcon", "glacier", "harbor", "island", "jaguar", "kettle",
    "lantern", "meadow", "nebula", "otter", "pebble", "quill", "river", "saddle", "tunnel", "walnut",
];
/// Nicknames in many scripts, none of which identifies anyone.
pub(crate) const NICKNAMES: [&str; 20] = [
    "Cloud",
    "しずく",
    "구름",
    "Nube",
    "Ветерок",
    "نجمة",
    "ดาวเหนือ",
    "Mây",
    "小石",
    "Tähti",
    "Étoile",
    "Yıldız",
    "बादल",
    "Lumière",
    "Wölkchen",
    "Σύννεφο",
    "Bulan",
    "Ostern",
    "כוכב",
    "Estrelinha",
];
/// Suffixes of nicknames.
pub(crate) const DECORATION: [&str; 8] = ["", "", "", " ✨", "🌊", " 🎧", "🦊", " 🇺🇳"];

/// Language and text of phrases; `{}` stands for a name.
pub(crate) const PHRASES: [(&str, &str); 48] = [
    ("en", "hello from the other side of the world"),
    ("en", "what song is this?"),
    ("en", "{} you are on fire today 🔥"),
    ("en", "first time here, love it"),
    ("en", "can you play that one again please"),
    ("en", "LETS GOOO"),
    ("en", "good night everyone 🌙"),
    ("en", "the sound is a bit low"),
    ("en", "who else is at work right now 😅"),
    ("en", "W stream"),
    ("es", "hola a todos, saludos desde Chile 🇨🇱"),
    ("es", "qué bonito!! 😍"),
    ("es", "otra vez por favor"),
    ("es", "jajaja no puede ser"),
    ("pt", "boa noite pessoal"),
    ("pt", "manda um salve pra {} 🙌"),
    ("pt", "kkkkkk muito bom"),
    ("de", "moin zusammen, wie geht's?"),
    ("de", "Grüße aus dem Büro 😄"),
    ("fr", "bonsoir à tous ✨"),
    ("fr", "c'est trop bien"),
    ("it", "ciao, che bella musica 🎶"),
    ("id", "halo kak, salam dari Bandung 👋"),
    ("id", "semangat terus kak {}"),
    ("vi", "xin chào mọi người ❤️"),
    ("vi", "hay quá"),
    ("th", "สวัสดีครับ!"),
    ("th", "น่ารักมาก 555"),
    ("ja", "こんばんは〜"),
    ("ja", "かわいい🌸🌸"),
    ("ja", "初見です"),
    ("ko", "안녕하세요 여러분"),
    ("ko", "대박 ㅋㅋㅋ"),
    ("zh", "大家好"),
    ("zh", "太厉害了 👏👏👏"),
    ("ar", "السلام عليكم 🌹"),
    ("ar", "ما شاء الله"),
    ("tr", "selam herkese, İzmir'den sevgiler"),
    ("ru", "привет всем!"),
    ("ru", "как красиво 😻"),
    ("pl", "cześć, pozdrawiam z pracy"),
    ("hi", "नमस्ते 🙏"),
    ("he", "שלום לכולם"),
    ("el", "γεια σας παιδιά"),
    ("en", "👩‍👩‍👧‍👦 family watching together"),
    ("en", "❤️❤️❤️❤️❤️"),
    ("en", "😂😂😂"),
    ("en", "🎉🎉 congrats 🎉🎉"),
];
/// Messages of the app to everyone in a room.
const NOTICES: [&str; 2] = [
    "Welcome! Be kind to each other, have fun, and say hello to the host.",
    "Please follow the rules of the room, and report what does not belong here.",
];

/// Returns the phrases without a name, with their languages.
pub fn phrases() -> impl Iterator<Item = (&'static str, &'static str)> {
    PHRASES.into_iter().filter(|(_, text)| !text.contains("{}"))
}

/// Appends a number to a name, and a check digit that marks the name as generated.
pub(super) fn numbered(name: &str, number: usize) -> String {
    let digit = check_digit(name, number);
    format!("{name}{:04}", number * 10 + digit)
}

pub(super) fn check_digit(name: &str, number: usize) -> usize {
    (name.bytes().map(usize::from).sum::<usize>() + number) % 10
}

/// Whether the part of a user name before its number may come from these lists: `amber_badger`.
pub(super) fn is_pair(name: &str) -> bool {
    name.split_once('_').is_some_and(|(first, last)| FIRST.contains(&first) && LAST.contains(&last))
}

/// Whether a displayed name may come from these lists: `Nube 🎧`, `Amber Badger`.
pub(super) fn is_nickname(text: &str) -> bool {
    DECORATION.iter().filter_map(|decoration| text.strip_suffix(decoration)).any(|name| {
        let is_pair = || name == name.split(' ').map(capital).collect::<Vec<_>>().join(" ");
        NICKNAMES.contains(&name) || is_pair() && self::is_pair(&name.to_lowercase().replace(' ', "_"))
    })
}

/// Whether a text is on a list.
pub(super) fn is_text(text: &str) -> bool {
    NOTICES.contains(&text) || phrases().any(|(_, phrase)| phrase == text)
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// Consonants of generated words, which alternate with [`VOWELS`].
pub(super) const CONSONANTS: &[u8] = b"bdfgklmnprstvz";
pub(super) const VOWELS: &[u8] = b"aeiou";

/// Letters of generated text in other scripts; only a few, so that it can be recognised.
const WRITINGS: [(char, char, &str); 9] = [
    ('\u{370}', '\u{3ff}', "αειοκλμνπρστ"),
    ('\u{400}', '\u{52f}', "аеиоклмнпрст"),
    ('\u{590}', '\u{5ff}', "אבגדהולמנרשת"),
    ('\u{600}', '\u{6ff}', "ابتدرسلمنهوي"),
    ('\u{900}', '\u{97f}', "कगतदनपबमरलसह"),
    ('\u{e00}', '\u{e7f}', "กคงตนบปมรลสห"),
    ('\u{3040}', '\u{30ff}', "あいうえおかきくけこ"),
    ('\u{3400}', '\u{9fff}', "山川田木林森水火土石"),
    ('\u{ac00}', '\u{d7a3}', "가나다라마바사아자하"),
];
/// Replacements for emoji.
const EMOJI: &str = "🌸🌼🌻🌷🌿🍀🍁🍂🍄🌵🌊🌙⭐🌈🔔🎈🎁🎀🎨🎵🍎🍋🍉🍇🥝🍪🧁🍩🐝🦋🐢🐙";
/// Replacement for every symbol that is not an emoji.
pub(super) const SIGN: char = '·';

/// Kind of character.
#[derive(Clone, Copy, PartialEq)]
enum CharacterKind {
    /// A Latin letter, or a letter of a script that is not in [`WRITINGS`].
    Latin,
    /// A letter of a script in [`WRITINGS`].
    Other(usize),
    Space,
    Digit,
    /// ASCII punctuation, which is kept.
    Punctuation,
    Emoji,
    Sign,
}

fn kind(c: char) -> CharacterKind {
    if let Some(at) = WRITINGS.iter().position(|(first, last, _)| (*first..=*last).contains(&c)) {
        return CharacterKind::Other(at);
    }
    match c {
        _ if c.is_ascii_digit() => CharacterKind::Digit,
        _ if c.is_whitespace() => CharacterKind::Space,
        '!'..='/' | ':'..='@' | '['..='`' | '{'..='~' => CharacterKind::Punctuation,
        '\u{203c}'..='\u{3299}' | '\u{fe00}'..='\u{fe0f}' | '\u{1f000}'..='\u{1fbff}' | '\u{200d}' => {
            CharacterKind::Emoji
        }
        _ if c.is_alphanumeric() => CharacterKind::Latin,
        _ => CharacterKind::Sign,
    }
}

/// Appends text with the shape of `text`.
pub(super) fn write(text: &str, choices: &mut Choices, out: &mut String) {
    let chars: Vec<char> = text.chars().collect();
    let mut at = 0;
    while at < chars.len() {
        let kind = kind(chars[at]);
        let end = match kind {
            CharacterKind::Latin | CharacterKind::Other(_) => words_end(&chars, at, kind),
            _ => at + 1,
        };
        match kind {
            CharacterKind::Latin | CharacterKind::Other(_) => words(&chars[at..end], kind, choices, out),
            CharacterKind::Space if chars[at].is_ascii_whitespace() => out.push(chars[at]),
            CharacterKind::Space => out.push(' '),
            // In a message, the preceding length byte may be a plus sign. Neither phone numbers nor ids start with 0.
            CharacterKind::Digit
                if !out.ends_with(|c: char| c.is_ascii_digit()) && starts_number(&chars[at..])
                    || out.is_empty() =>
            {
                out.push('0');
            }
            CharacterKind::Digit => out.push(char::from(choices.one(b"0123456789"))),
            // Generated text must not look like a phone number or a host name.
            CharacterKind::Punctuation if chars[at] == '+' => out.push(SIGN),
            CharacterKind::Punctuation
                if chars[at] == '.' && chars.get(at + 1).is_some_and(|c| c.is_alphabetic()) =>
            {
                out.push(SIGN);
            }
            CharacterKind::Punctuation => out.push(chars[at]),
            CharacterKind::Emoji => {
                out.push(EMOJI.chars().nth(choices.below(EMOJI.chars().count())).unwrap_or(SIGN));
            }
            CharacterKind::Sign => out.push(SIGN),
        }
        at = end;
    }
}

/// Whether the digits at the start of `chars` are as many as those of an id with a mark.
fn starts_number(chars: &[char]) -> bool {
    chars.iter().take_while(|c| c.is_ascii_digit()).count() >= MARKED_DIGITS_MIN
}

/// Returns the end of a run of words in this script that are only separated by spaces.
fn words_end(chars: &[char], start: usize, of: CharacterKind) -> usize {
    let mut end = start;
    for (at, c) in chars.iter().enumerate().skip(start) {
        match kind(*c) {
            kind if kind == of => end = at + 1,
            CharacterKind::Space if *c == ' ' => {}
            _ => break,
        }
    }
    end
}

/// Appends words that are as long as `chars` in total.
fn words(chars: &[char], kind: CharacterKind, choices: &mut Choices, out: &mut String) {
    let has_spaces = chars.contains(&' ');
    let all_upper = chars.len() > 1 && chars.iter().all(|c| !c.is_lowercase());
    let mut left = chars.len();
    let mut capital = chars[0].is_uppercase();
    while left > 0 {
        let mut length = if has_spaces { 2 + choices.below(6) } else { left };
        // Avoids a trailing space and a single final letter.
        if length + 2 >= left {
            length = left;
        }
        for at in 0..length {
            let letter = letter(kind, at, choices);
            let is_upper = kind == CharacterKind::Latin && (all_upper || (capital && at == 0));
            out.push(if is_upper { letter.to_ascii_uppercase() } else { letter });
        }
        capital = false;
        left -= length;
        if left > 0 {
            out.push(' ');
            left -= 1;
        }
    }
}

fn letter(kind: CharacterKind, at: usize, choices: &mut Choices) -> char {
    match kind {
        CharacterKind::Other(writing) => {
            let letters = WRITINGS[writing].2;
            letters.chars().nth(choices.below(letters.chars().count())).unwrap_or(SIGN)
        }
        _ => char::from(choices.one(if at.is_multiple_of(2) { CONSONANTS } else { VOWELS })),
    }
}

/// Whether `text` may come from [`write()`]: its words alternate between the letters of generated text.
pub(super) fn is_made_up(text: &str) -> bool {
    let mut at = 0;
    for c in text.chars() {
        let fits = match kind(c) {
            CharacterKind::Latin => {
                let letters = [CONSONANTS, VOWELS][at % 2];
                u8::try_from(c).is_ok_and(|byte| letters.contains(&byte.to_ascii_lowercase()))
            }
            CharacterKind::Other(writing) => WRITINGS[writing].2.contains(c),
            CharacterKind::Emoji => EMOJI.contains(c),
            CharacterKind::Sign => c == SIGN,
            CharacterKind::Space | CharacterKind::Digit | CharacterKind::Punctuation => true,
        };
        if !fits {
            return false;
        }
        at = if kind(c) == CharacterKind::Latin { at + 1 } else { 0 };
    }
    true
}

pub const KEY_BYTES: usize = 32;
pub const FINGERPRINT_BYTES: usize = 16;
/// Rounds of the permutation of small numbers.
const ROUNDS: u8 = 8;

/// A key for HMAC-SHA-256.
#[derive(Clone)]
pub struct Key(hmac::Key);

impl Key {
    #[must_use]
    pub fn new(bytes: &[u8; KEY_BYTES]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// Returns a fingerprint, which identifies the key without revealing it.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; FINGERPRINT_BYTES] {
        let digest = self.digest("fingerprint", b"");
        *digest.first_chunk().expect("a digest is longer")
    }

    fn digest(&self, kind: &str, value: &[u8]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(kind.as_bytes());
        context.update(&[0]);
        context.update(value);
        context.sign().as_ref().try_into().expect("SHA-256 gives 32 bytes")
    }

    /// Returns a number derived from `value`.
    pub(super) fn number(&self, kind: &str, value: &[u8]) -> u64 {
        u64::from_le_bytes(*self.digest(kind, value).first_chunk().expect("a digest is longer"))
    }

    /// Returns a sequence of choices derived from `value`.
    pub(super) fn choices(&self, kind: &str, value: &[u8]) -> Choices {
        Choices(SplitMix(self.number(kind, value)))
    }

    /// Permutes the numbers below `count`: a Feistel network, repeated until the result is in range.
    pub(super) fn permuted(&self, number: u64, count: u64) -> u64 {
        let half = (64 - count.leading_zeros()).div_ceil(2).max(1);
        let mask = (1_u64 << half) - 1;
        let mut at = number;
        loop {
            let (mut left, mut right) = (at >> half, at & mask);
            for round in 0..ROUNDS {
                let value = [&right.to_le_bytes()[..], &count.to_le_bytes(), &[round]].concat();
                (left, right) = (right, left ^ (self.number("round", &value) & mask));
            }
            at = left << half | right;
            if at < count {
                return at;
            }
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Numbers derived from the first. They reveal no more of the key than that number does.
pub(super) struct Choices(pub(super) SplitMix);

impl Choices {
    pub(super) fn below(&mut self, count: usize) -> usize {
        (self.0.next_bits() % count as u64) as usize
    }

    pub(super) fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scrub::made_up::Key;

    fn key() -> Key {
        Key::new(&[3; 32])
    }

    fn varint_bytes(number: u64) -> u32 {
        (63 - (number | 1).leading_zeros()) / 7
    }

    #[test]
    fn generated_ids_look_like_ids() {
        let key = key();
        for number in [
            46_078_321_000_111_222,
            89_078_321_000_111_222,
            1,
            127,
            128,
            107_955,
            16_383,
            16_384,
            99_999_999_999,
            6_838_000_111_222_333_444,
            12,
        ] {
            let made = id(&key, number);
            assert_eq!(made.ilog10(), number.ilog10(), "{number} {made}");
            assert_eq!(varint_bytes(made), varint_bytes(number), "{number} {made}");
            assert!(is_made_up_id(made));
        }
        for long in [7_286_469_691_624_746_063, i64::MAX as u64, 123_456_789_012_345_678] {
            assert!(is_made_up_id(id(&key, long)) && i64::try_from(id(&key, long)).is_ok(), "{long}");
            assert!(!is_made_up_id(long), "{long}");
        }
        for unsigned in
            [1 << 63, 9_999_999_999_999_999_999, 16_849_292_894_370_961_027, u64::MAX - SHAPED_MIN]
        {
            let made = id(&key, unsigned);
            assert_eq!((made.ilog10(), varint_bytes(made)), (unsigned.ilog10(), 9), "{unsigned} {made}");
            assert!(is_id_shaped(unsigned) && is_id_shaped(made) && is_made_up_id(made) && made != unsigned);
            assert!(!is_made_up_id(unsigned), "{unsigned}");
        }
        assert_eq!(
            [0, u64::MAX, (-7_i64).cast_unsigned()].map(|none| id(&key, none)),
            [0, u64::MAX, (-7_i64).cast_unsigned()]
        );
    }

    #[test]
    fn times_and_negative_numbers_are_not_ids() {
        for number in [
            1_697_634_624,
            1_697_634_624_560,
            1_697_634_624_560_000,
            1_696_441_840_891_954_926,
            u64::MAX,
            5655,
        ] {
            assert!(!is_id_shaped(number), "{number}");
        }
        for id in [
            7_286_469_691_624_746_063,
            149_308_244_322_143_963,
            // No show has these times.
            1_000_000_000_000_000_001,
            1_300_000_000_000_000_000,
            3_449_561_728_394_506_172,
            3_500_000_000_000_000,
        ] {
            assert!(is_id_shaped(id), "{id}");
        }
    }

    #[test]
    fn generated_names_are_recognised_and_valid() {
        let name = handle(&key(), "ann");
        assert!(is_made_up_handle(&name), "{name}");
        assert_eq!(livetape_core::username::normalise(&name).as_deref(), Ok(&*name));
        assert!(name.len() <= 24, "{name}");
        for real in ["ann", "host_078", "nuboka_tes48", "", "é_é", "nubokate_tesoma00001"] {
            assert!(!is_made_up_handle(real), "{real}");
        }
    }

    #[test]
    fn a_picture_is_the_same_square_in_every_url() {
        let key = key();
        let made = [
            "https://p16-sign-sg.tiktokcdn.com/aweme/100x100/tos-alisg-avt-0068/1f2e3d.webp?x-expires=1&x-signature=a",
            "https://p77-sign.tiktokcdn-us.com/tos-alisg-avt-0068/1f2e3d~c5_100x100.jpeg",
        ]
        .map(|address| picture(&key, address, None));
        assert_eq!(made[0], made[1]);
        let name = picture(&key, "tos-alisg-avt-0068/1f2e3d", None);
        assert!(
            is_made_up_address(&made[0]) && is_made_up_address(&name) && name.starts_with(PICTURE),
            "{name}"
        );
        let twice = picture(&key, &made[0], None);
        assert!(is_made_up_address(&twice) && twice != made[0], "{twice}");
        let [one, other] = ["https://a/1.webp", "https://b/2.webp"].map(|url| picture(&key, url, Some(7)));
        assert!(one == other && one != made[0] && one != picture(&key, "https://a/1.webp", Some(8)));
        for real in [
            "picture/ann.smith",
            "https://p16.example.invalid/picture/0123456789ab.webp",
            "data:image/gif;base64,R0lG",
        ] {
            assert!(!is_made_up_address(real), "{real}");
        }
    }

    #[test]
    fn a_square_is_short_valid_and_recognised() {
        let (red, other) = (square(0x0102_0300_0070), square(7));
        assert_eq!(red, "data:image/gif;base64,R0lGODlhAQABAIAAALBAQAMCASwAAAAAAQABAAACAkQBADs=");
        assert!(red.len() <= 120 && other != red && other == square(7));
        assert!(is_square(&red) && is_square(&other));
        let larger = URL.to_owned() + &STANDARD.encode([&GIF[..], b"Ann Smith"].concat());
        let text = URL.to_owned() + &STANDARD.encode(GIF.map(|byte| if byte == 0x3b { b'!' } else { byte }));
        for wrong in [URL, "", &red[1..], &larger, &text, &red.replace("gif", "png"), &format!("{red} ")] {
            assert!(!is_square(wrong), "{wrong}");
        }
    }

    fn made(text: &str) -> String {
        let mut out = String::new();
        write(text, &mut Key::new(&[1; 32]).choices("text", text.as_bytes()), &mut out);
        out
    }

    #[test]
    fn the_shape_stays() {
        for text in [
            "Hello everyone, how are you?",
            "lol 😂😂 1-2",
            "привет как дела",
            "大家好！",
            "مرحبا",
            "HELLO",
            "𝓐𝓷𝓷 ♡ ꧁x꧂",
            " a ",
            "",
            "é\n\tb\u{a0}c",
        ] {
            let new = made(text);
            assert_eq!(new.chars().count(), text.chars().count(), "{text} {new}");
            assert!(is_made_up(&new), "{text} {new}");
            assert_eq!(new.trim().len() == new.len(), text.trim().len() == text.len(), "{text:?} {new:?}");
        }
        assert!(made("HELLO WORLD").chars().all(|c| !c.is_lowercase()));
        assert!(made("Hello world").starts_with(char::is_uppercase));
    }

    #[test]
    fn real_text_is_not_mistaken_for_generated_text() {
        for text in ["Hello", "привет", "大家好", "ann_marie", "😂", "✨"] {
            assert!(!is_made_up(text), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn generated_text_is_recognised(text in ".{0,60}") {
            proptest::prop_assert!(is_made_up(&made(&text)), "{}", made(&text));
        }
    }

    #[test]
    fn permuted_numbers_are_distinct() {
        let key = Key::new(&[7; 32]);
        for count in [1, 2, 10, 90, 900, 4096] {
            let mut all: Vec<_> = (0..count).map(|number| key.permuted(number, count)).collect();
            all.sort_unstable();
            assert!(all.into_iter().eq(0..count), "{count}");
        }
    }

    #[test]
    fn a_key_reveals_nothing_about_itself() {
        let (one, two) = (Key::new(&[1; 32]), Key::new(&[2; 32]));
        assert_eq!(format!("{one:?}"), "***");
        assert_ne!(one.fingerprint(), two.fingerprint());
        assert_ne!(one.number("id", b"x"), two.number("id", b"x"));
        assert_ne!(one.number("id", b"x"), one.number("text", b"x"));
    }
}
