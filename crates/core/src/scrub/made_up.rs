//! What stands in place of a person: numbers, names, secure ids, pictures, links. All of it can be recognised without the
//! key, so that an audit can tell it from what is real.

use super::{
    key::{Choices, Key},
    letters::{CONSONANTS, VOWELS},
    stock,
};

/// Numbers below are too short to be told from counts.
pub(super) const ID_MIN: u64 = 1_000_000;
/// From here on a number can carry a mark.
const MARKED_MIN: u64 = 100_000_000_000_000;
/// Ids of people and rooms that were made in the last years begin so, whoever made them up.
const LONG_MIN: u64 = 1_000_000_000_000_000_000;
const LONG: std::ops::Range<u64> = 6_800_000_000_000_000_000..7_600_000_000_000_000_000;
/// A made-up id leaves [`MARK`] when it is divided by this.
const MARK_EVERY: u64 = 1009;
const MARK: u64 = 787;
/// The 64 bits of plausible fractions: ids of people are larger.
const FRACTIONS: std::ops::Range<u64> = 0x3000_0000_0000_0000..0x5000_0000_0000_0000;
/// What made-up secure ids begin with; real ones begin with [`SEC_UID_START`].
const MADE_UP_SEC_UID: &str = "Scrubbed";
/// What all real secure ids begin with.
pub(super) const SEC_UID_START: &str = "MS4wLjAB";
const BASE64_URL: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/// Where made-up pictures and links are: a name that never resolves (RFC 2606).
const PICTURES: &str = ".example.invalid/picture/";
const LINK: &str = "://link.example.invalid/";

/// Whether a number could be an id. Negative ones and times in seconds to nanoseconds are none.
pub(super) fn is_id_shaped(number: u64) -> bool {
    let is_time = [1_u64, 1000, 1_000_000, 1_000_000_000].into_iter().any(|unit| {
        // From 2001 to 2096.
        (1_000_000_000 * unit..4_000_000_000 * unit).contains(&number)
    });
    (10_000_000_000..=i64::MAX as u64).contains(&number) && !is_time
}

/// Whether a number in an unknown field is taken for an id; in 64 fixed bits it may be a fraction.
pub(super) fn is_id(fixed: bool, number: u64) -> bool {
    is_id_shaped(number) && !(fixed && FRACTIONS.contains(&number))
}

/// The id of a person or a room. 0 is nobody, -1 and the like are none.
pub(super) fn id(key: &Key, number: u64) -> u64 {
    if number == 0 || number > i64::MAX as u64 {
        return number;
    }
    if number >= LONG_MIN {
        return marked(key, number, LONG);
    }
    // As many digits and, where those may differ, as many bytes.
    let low = 10_u64.pow(number.ilog10());
    let bytes = |number: u64| (63 - number.leading_zeros()) / 7;
    let start = low.max(1 << (7 * bytes(number)));
    let end = low.saturating_mul(10).min(1 << (7 * (bytes(number) + 1)));
    if number < MARKED_MIN {
        return start + key.permuted(number - start, end - start);
    }
    marked(key, number, start..end)
}

fn marked(key: &Key, number: u64, range: std::ops::Range<u64>) -> u64 {
    let slots = (range.end - range.start) / MARK_EVERY - 1;
    let first = range.start + (MARK_EVERY + MARK - range.start % MARK_EVERY) % MARK_EVERY;
    first + key.number("id", &number.to_le_bytes()) % slots * MARK_EVERY
}

/// Whether an id was made up, or is too short to tell.
pub(super) fn is_made_up_id(number: u64) -> bool {
    number < MARKED_MIN || number > i64::MAX as u64 || number % MARK_EVERY == MARK
}

/// A name that TikTok would take: `nuboka_tes48`.
pub(super) fn handle(key: &Key, handle: &str) -> String {
    let mut choices = key.choices("handle", handle.as_bytes());
    let name = syllables(&mut choices, 4) + "_" + &syllables(&mut choices, 3);
    stock::numbered(&name, choices.below(1000))
}

/// Whether a name is of the shape of [`handle`] or on the lists, with its check digit.
pub(super) fn is_made_up_handle(name: &str) -> bool {
    let Some((start, number)) = name.len().checked_sub(4).and_then(|at| name.split_at_checked(at)) else {
        return false;
    };
    let Some((one, two)) = start.split_once('_') else { return false };
    let Ok(number) = number.parse::<usize>() else { return false };
    let is_known = (one.len(), two.len()) == (8, 6) && [one, two].into_iter().all(are_syllables);
    (is_known || stock::is_pair(start)) && number % 10 == stock::check_digit(start, number / 10)
}

fn syllables(choices: &mut Choices, count: usize) -> String {
    let letters = (0..2 * count).map(|at| choices.one(if at % 2 == 0 { CONSONANTS } else { VOWELS }));
    letters.map(char::from).collect()
}

fn are_syllables(text: &str) -> bool {
    text.bytes().enumerate().all(|(at, byte)| [CONSONANTS, VOWELS][at % 2].contains(&byte))
}

/// A secure id: as long, and plainly none of TikTok's.
pub(super) fn sec_uid(key: &Key, sec_uid: &str) -> String {
    let mut choices = key.choices("sec_uid", sec_uid.as_bytes());
    let rest = sec_uid.len().saturating_sub(MADE_UP_SEC_UID.len()).max(16);
    let random = (0..rest).map(|_| char::from(choices.one(BASE64_URL)));
    MADE_UP_SEC_UID.chars().chain(random).collect()
}

/// Whether a secure id was made up.
pub(super) fn is_made_up_sec_uid(text: &str) -> bool {
    text.starts_with(MADE_UP_SEC_UID)
}

/// A picture's address or its name within all addresses: the same picture is the same under each of them.
pub(super) fn picture(key: &Key, address: &str) -> String {
    let path = address.split(['?', '#', '~']).next().unwrap_or_default();
    let file = path.rsplit('/').next().unwrap_or_default();
    let (stem, ending) = file.rsplit_once('.').unwrap_or((file, ""));
    let name = hex(&mut key.choices("picture", stem.as_bytes()), 32);
    let Some((scheme, rest)) = address.split_once("://") else { return format!("picture/{name}") };
    let is_short = |part: &&str| part.len() <= 4 && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let host = rest.split(['-', '.']).next().filter(is_short).filter(|host| host.starts_with('p'));
    let ending = match ending {
        "webp" | "png" | "jpg" | "jpeg" | "gif" | "image" => ending,
        _ => "webp",
    };
    let scheme = if scheme == "http" { "http" } else { "https" };
    format!("{scheme}://{}{PICTURES}{name}.{ending}", host.unwrap_or("p16"))
}

/// Another address.
pub(super) fn link(key: &Key, address: &str) -> String {
    let scheme = address.split("://").next().unwrap_or_default();
    let is_scheme =
        !scheme.is_empty() && scheme.len() <= 12 && scheme.bytes().all(|b| b.is_ascii_lowercase());
    let scheme = if is_scheme { scheme } else { "https" };
    format!("{scheme}{LINK}{}", hex(&mut key.choices("link", address.as_bytes()), 12))
}

/// Whether an address was made up, or is the name of a made-up picture.
pub(super) fn is_made_up_address(text: &str) -> bool {
    text.starts_with("picture/") || text.contains(PICTURES) || text.contains(LINK)
}

fn hex(choices: &mut Choices, digits: usize) -> String {
    (0..digits).map(|_| char::from(choices.one(b"0123456789abcdef"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        Key::new(&[3; 32])
    }

    fn varint_bytes(number: u64) -> u32 {
        (63 - (number | 1).leading_zeros()) / 7
    }

    #[test]
    fn ids_stay_ids() {
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
        assert_eq!([0, u64::MAX, 1 << 63].map(|none| id(&key, none)), [0, u64::MAX, 1 << 63]);
    }

    #[test]
    fn times_and_negative_numbers_are_no_ids() {
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
        assert!(is_id_shaped(7_286_469_691_624_746_063) && is_id_shaped(149_308_244_322_143_963));
    }

    #[test]
    fn names_are_recognised_and_valid() {
        let name = handle(&key(), "ann");
        assert!(is_made_up_handle(&name), "{name}");
        assert_eq!(crate::username::normalise(&name).as_deref(), Ok(&*name));
        assert!(name.len() <= 24, "{name}");
        for real in ["ann", "host_078", "nuboka_tes48", "", "é_é", "nubokate_tesoma00001"] {
            assert!(!is_made_up_handle(real), "{real}");
        }
    }

    #[test]
    fn a_picture_is_the_same_under_each_address() {
        let key = key();
        let made = [
            "https://p16-sign-sg.tiktokcdn.com/aweme/100x100/tos-alisg-avt-0068/1f2e3d.webp?x-expires=1&x-signature=a",
            "https://p77-sign.tiktokcdn-us.com/tos-alisg-avt-0068/1f2e3d~c5_100x100.jpeg",
            "tos-alisg-avt-0068/1f2e3d",
        ]
        .map(|address| picture(&key, address));
        let name = made[2].strip_prefix("picture/").unwrap();
        assert!(made.iter().all(|made| made.contains(name) && is_made_up_address(made)), "{made:?}");
        assert!(made[0].starts_with("https://p16.example.invalid/picture/"), "{made:?}");
    }
}
