//! Masks secrets in URLs and request lines.

use super::{
    MASK,
    harmless::{Place, is_harmless},
    text::{self, looks_secret},
};

/// Minimum length of a random segment of a path, in bytes. Shorter ones are versions and names.
const SEGMENT_BYTES_MIN: usize = 16;

/// Masks the values in a URL or a request line whose names are not on the list, parameters without a name,
/// and segments of the path that look random. Returns `None` if there are none.
pub(super) fn mask(line: &str) -> Option<Vec<u8>> {
    text::again(line.as_bytes(), |line| mask_once(&String::from_utf8_lossy(line)))
}

fn mask_once(original: &str) -> Option<Vec<u8>> {
    // No URL has these characters: it is another text, whose values can have the marks of a URL.
    let is_other = original.contains(['"', '\'', '<', '{', '\n']);
    let line = if is_other { super::redact_text(original) } else { original.into() };
    let is_method = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_uppercase());
    let method = line.find(' ').filter(|end| is_method(&line[..*end])).map_or(0, |end| end + 1);
    let end = line
        .rfind(" HTTP/")
        .filter(|at| *at >= method && line[at + 6..].bytes().all(|byte| b"0123456789.".contains(&byte)));
    let end = end.unwrap_or(line.len());
    let mut masked = Vec::with_capacity(line.len());
    masked.extend_from_slice(&line.as_bytes()[..method]);
    address(&line[method..end], &mut masked);
    masked.extend_from_slice(&line.as_bytes()[end..]);
    (masked != original.as_bytes()).then_some(masked)
}

fn address(address: &str, masked: &mut Vec<u8>) {
    let (path, query) = address.split_at(address.find(['?', '#']).unwrap_or(address.len()));
    let host =
        path.find("://").map_or(0, |at| path[at + 3..].find('/').map_or(path.len(), |end| at + 3 + end));
    put(&path[..host], false, masked);
    for (number, part) in path[host..].split_inclusive(';').enumerate() {
        // A value can have slashes, as in base64: it ends with its part.
        let named =
            part.find('=').map_or(part.len(), |at| part[..at].rfind('/').map_or(0, |slash| slash + 1));
        for piece in part[..named].split_inclusive('/') {
            // After a semicolon, the rest of a value, or a parameter without a name.
            let is_bare = number > 0;
            let is_random = piece.len() > SEGMENT_BYTES_MIN && !piece.starts_with('@') && looks_random(piece);
            put(piece, is_bare || is_random, masked);
        }
        put(&part[named..], false, masked);
    }
    for piece in query.split_inclusive(['?', '#', '&', ';']) {
        let name = piece.trim_end_matches(is_mark);
        put(piece, !name.contains('=') && !is_harmless(Place::Pair, name.as_bytes()), masked);
    }
}

/// Appends a piece and the mark that ends it, masked as a whole if it `is_bare`. The value of a parameter is
/// all of the piece, whatever it holds.
fn put(piece: &str, is_bare: bool, masked: &mut Vec<u8>) {
    let bare = piece.trim_end_matches(is_mark).as_bytes();
    let value = memchr::memchr(b'=', bare).map_or(0, |at| at + 1);
    let is_kept = value == 0 || is_harmless(Place::Pair, text::decoded(&bare[..value - 1]).trim_ascii());
    match text::mask(bare) {
        _ if (is_bare || !is_kept) && value < bare.len() => {
            masked.extend_from_slice(&bare[..value]);
            masked.extend_from_slice(MASK);
        }
        Some(new) => masked.extend_from_slice(&new),
        None => masked.extend_from_slice(bare),
    }
    masked.extend_from_slice(&piece.as_bytes()[bare.len()..]);
}

/// Whether a character ends a piece of a URL.
fn is_mark(c: char) -> bool {
    matches!(c, '/' | '?' | '#' | '&' | ';' | ' ')
}

/// Whether a segment has letters and digits in one word. Numbers alone are rooms.
fn looks_random(segment: &str) -> bool {
    segment.split(['_', '.', '-', '/', ';']).any(|word| looks_secret(word.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, masked: &str) {
        let found = mask(url).map(|bytes| String::from_utf8(bytes).unwrap());
        assert_eq!(found.as_deref().unwrap_or(url), masked);
        assert_eq!(mask(masked), None, "twice is as once");
    }

    #[test]
    fn only_listed_parameters_are_kept() {
        check(
            "wss://webcast-ws.tiktok.com/webcast/im/?aid=1988&X-Dynosaur=ab1&room_id=7&X-Mssdk-Info=cd2",
            "wss://webcast-ws.tiktok.com/webcast/im/?aid=1988&X-Dynosaur=***&room_id=7&X-Mssdk-Info=***",
        );
        check("?AID=1&Room_Id=7&x=1&X=2", "?AID=1&Room_Id=7&x=***&X=***");
        check(
            "?%61id=1&%78=2&evil%26aid=3&room_id%5B%5D=4",
            "?%61id=1&%78=***&evil%26aid=***&room_id%5B%5D=***",
        );
        check("?room_id=7&room_id=8&x=1&x=2", "?room_id=7&room_id=8&x=***&x=***");
        check("?aid=1;x=2&evil.aid=3&$aid=4&=5&ключ=6", "?aid=1;x=***&evil.aid=***&$aid=***&=***&ключ=***");
    }

    #[test]
    fn values_outside_of_queries_are_masked() {
        check(
            "https://h/a;x=1/b?aid=1#access_token=2&aid=3",
            "https://h/a;x=***?aid=1#access_token=***&aid=3",
        );
        check("a=b; x=c/d0e; aid=3", "a=***; x=***; aid=3");
        check("GET /p?planted&aid&x HTTP/1.1", "GET /p?***&aid&*** HTTP/1.1");
        check("https://h/p#planted", "https://h/p#***");
        check(
            "https://me:pass@h/api/k3y5a8d7f6g5h4j3/webcast/fetch/",
            "https://***@h/api/***/webcast/fetch/",
        );
        check(
            "GET https://sign.example/webcast/rooms/7300000000000000001/connect",
            "GET https://sign.example/webcast/rooms/7300000000000000001/connect",
        );
        check(
            "https://www.tiktok.com/@jane.doe2000.private/live",
            "https://www.tiktok.com/@jane.doe2000.private/live",
        );
        check("", "");
    }

    #[test]
    fn a_value_is_all_up_to_the_next_mark() {
        check("https://h/?x=PL\nED&aid=1", "https://h/?x=***&aid=1");
        check("GET /?x=PL ED\"ED'ED<ED{ED&aid=1 HTTP/1.1", "GET /?x=***&aid=1 HTTP/1.1");
        check("GET /?x=PL HTTP/1.1 ED HTTP/1.1", "GET /?x=*** HTTP/1.1");
        check("https://h/?x=PL\\ED%&aid=1#y=PL\0ED", "https://h/?x=***&aid=1#y=***");
        check("Set-Cookie: x=&quot;PL\\/ED; Path=/", "Set-Cookie: x=***;***/***; Path=/");
        check("a=b; x=PL\nED; aid=3", "a=***; x=***; aid=3");
    }

    #[test]
    fn urls_in_listed_parameters_are_searched() {
        check("?host=https%3A%2F%2Fh%3Fx%3Dab%26aid%3D1", "?host=https%3A%2F%2Fh%3Fx%3D***%26aid%3D1");
        check("?host=https://h?x=ab", "?host=https://h?x=***");
        let ext = "?internal_ext=internal_src%3Adim%7Cwss_push_did%3A7300000000000000001%7Cwrds_v%3A1";
        check(ext, ext);
    }
}
