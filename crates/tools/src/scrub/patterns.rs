//! Finds personal data and secrets anywhere in bytes, by pattern.

use memchr::memmem;

use super::{check::FindingKind, made_up::SEC_UID_START};

/// Number of digits in an international phone number.
const PHONE_DIGITS: std::ops::RangeInclusive<usize> = 9..=15;
/// Minimum number of characters after the prefix of a secure id.
const SEC_UID_REST_MIN: usize = 16;
/// Parts of the URLs of user pictures: upload folders and signatures.
const PICTURES: [&str; 6] = [
    "-avt-",
    "/aweme/100x100",
    "/aweme/720x720",
    "/aweme/1080x1080",
    "x-signature=",
    "/musically-maliva-obj/",
];
/// Hosts of these pictures.
const HOSTS: [&str; 3] = ["tiktokcdn", "ibyteimg.com", "muscdn.com"];

/// Calls `found` with the kind and the bytes of each match.
pub(super) fn search(bytes: &[u8], mut found: impl FnMut(FindingKind, &[u8])) {
    for at in memmem::find_iter(bytes, SEC_UID_START) {
        let end = run(bytes, at, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if end - at >= SEC_UID_START.len() + SEC_UID_REST_MIN {
            found(FindingKind::SecUid, &bytes[at..end]);
        }
    }
    for at in memchr::memchr_iter(b'@', bytes) {
        if let Some(mail) = mail(bytes, at) {
            found(FindingKind::Mail, mail);
        }
    }
    for at in memchr::memchr_iter(b'+', bytes) {
        if let Some(phone) = phone(bytes, at) {
            found(FindingKind::Phone, phone);
        }
    }
    for host in HOSTS {
        for at in memmem::find_iter(bytes, host) {
            let start = bytes[..at].iter().rposition(|byte| !is_address(*byte)).map_or(0, |start| start + 1);
            let address = &bytes[start..run(bytes, at, is_address)];
            if PICTURES.iter().any(|part| memmem::find(address, part.as_bytes()).is_some()) {
                found(FindingKind::Picture, address);
            }
        }
    }
    for at in memmem::find_iter(bytes, b"-avt-0") {
        let end = run(bytes, at, is_address);
        if bytes[..at].ends_with(b"tos") || bytes[at..end].contains(&b'/') {
            found(FindingKind::Picture, &bytes[at..end]);
        }
    }
}

fn run(bytes: &[u8], start: usize, belongs: impl Fn(u8) -> bool) -> usize {
    bytes[start..].iter().position(|byte| !belongs(*byte)).map_or(bytes.len(), |end| start + end)
}

fn is_address(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?#@!$&*+,;=%".contains(&byte)
}

/// Returns the email address (`someone@host.org`) around the sign at `at`.
fn mail(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let is_local = |byte: u8| byte.is_ascii_alphanumeric() || b"._%+-".contains(&byte);
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
    let start = bytes[..at].iter().rposition(|byte| !is_local(*byte)).map_or(0, |start| start + 1);
    let end = run(bytes, at + 1, is_host);
    let host = std::str::from_utf8(&bytes[at + 1..end]).ok()?.trim_end_matches(['.', '-']);
    let (name, top) = host.rsplit_once('.')?;
    let is_top = (2..=24).contains(&top.len()) && top.bytes().all(|byte| byte.is_ascii_lowercase());
    (at - start >= 2 && name.len() >= 2 && is_top).then(|| &bytes[start..at + 1 + host.len()])
}

/// Returns the phone number (`+49 170 1234567`): groups of digits after a plus sign.
fn phone(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let (mut end, mut digits) = (at + 1, 0);
    while let Some(byte) = bytes.get(end) {
        match byte {
            b'0'..=b'9' => digits += 1,
            b' ' | b'-' | b'(' | b')' | b'.' if digits > 0 => {}
            _ => break,
        }
        end += 1;
    }
    let starts = bytes.get(at + 1).is_some_and(|byte| matches!(byte, b'1'..=b'9'));
    let is_alone = !bytes[..at].last().is_some_and(u8::is_ascii_alphanumeric)
        && !bytes.get(end).is_some_and(u8::is_ascii_alphanumeric);
    (starts && is_alone && PHONE_DIGITS.contains(&digits)).then(|| &bytes[at..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<FindingKind> {
        let mut kinds = Vec::new();
        search(text.as_bytes(), |kind, _| kinds.push(kind));
        kinds
    }

    #[test]
    fn personal_data_is_found() {
        assert_eq!(kinds("x MS4wLjABAAAAmsI4POHsFNrWGpEofy y"), [FindingKind::SecUid]);
        assert_eq!(kinds("mail ann.smith@example.org now"), [FindingKind::Mail]);
        assert_eq!(kinds("call +49 (170) 123-4567!"), [FindingKind::Phone]);
        assert_eq!(
            kinds("https://p16-sign-sg.tiktokcdn.com/aweme/100x100/x.webp?x-expires=1"),
            [FindingKind::Picture]
        );
        assert_eq!(kinds("\u{1}tos-maliva-avt-0068/9f8e7d"), [FindingKind::Picture]);
    }

    #[test]
    fn other_data_is_not_found() {
        for text in [
            "hi @ann and @bob.",
            "a@b.c",
            "1+2345",
            "c+4917012345678x",
            "+0 123 456 789",
            "https://p16-webcast.tiktokcdn.com/webcast-va/grade_badge_lv27.png",
            "MS4wLjAB",
        ] {
            assert_eq!(kinds(text), [], "{text}");
        }
    }
}
