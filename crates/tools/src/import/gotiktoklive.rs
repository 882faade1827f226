//! Reads traces of gotiktoklive: `2023-09-13 18:49:50.293<= <hex>` received, `=>` sent, and a line for the
//! end. The time zone is unknown; UTC will do, because only differences matter.

use jiff::civil::DateTime;

use super::{
    Error,
    captured::{About, Capture, CaptureEntry, CaptureItem, CapturedFrame, Said, Visit, closed},
    source::{Unpacked, next_line},
};

/// Maximum length of a line, in bytes: the largest frame in hexadecimal, and its time.
const LINE_BYTES_MAX: u64 = (2 * (16 << 20)) + 100;
const TIME_CHARS: usize = 23;

pub(super) struct Gotiktoklive<'a>(pub(super) &'a Unpacked<'a>);

impl Capture for Gotiktoklive<'_> {
    fn read(&self, visit: &mut dyn Visit) -> Result<(), Error> {
        visit.about(About::Producer("gotiktoklive".into(), String::new()));
        let (mut input, mut line) = (self.0.open()?, Vec::new());
        // The library appends to the file on each connect, so another connection can follow an end.
        let (mut id, mut is_open) = (0, false);
        while next_line(&mut input, &mut line, LINE_BYTES_MAX)? {
            let item = parse(&line);
            let ends = matches!(item.said, Some(Said::Closed(_)));
            if !is_open {
                visit.entry(
                    id,
                    CaptureEntry { is_socket: true, started_ms: item.time, ..CaptureEntry::default() },
                )?;
            }
            visit.message(id, item)?;
            is_open = !ends;
            id += u64::from(ends);
        }
        Ok(())
    }
}

fn parse(line: &[u8]) -> CaptureItem {
    let bad = |time, reason: &str| CaptureItem::said(time, Said::Bad(reason.to_owned()));
    let Ok(text) = std::str::from_utf8(line) else { return bad(None, "a line that is not text") };
    let Some((time, rest)) = text.trim().split_at_checked(TIME_CHARS) else {
        return bad(None, "a line without a time");
    };
    let time =
        time.parse::<DateTime>().ok().and_then(|time| time.to_zoned_datetime(jiff::tz::TimeZone::UTC).ok());
    let Some(time) = time.map(|time| time.timestamp().as_millisecond() as f64) else {
        return bad(None, "a line without a time");
    };
    let time = Some(time);
    if rest.contains("websocket closed") {
        return CaptureItem::said(time, Said::Closed(closed(1005, String::new(), false)));
    }
    let (sent, hex) = match rest.trim_start().split_at_checked(2) {
        Some(("<=", hex)) => (false, hex),
        Some(("=>", hex)) => (true, hex),
        _ => return bad(time, "a line that is neither sent nor received"),
    };
    match from_hex(hex.trim()) {
        Some(bytes) => {
            let frame = CapturedFrame { opcode: 2, sent, injected: false, bytes: bytes.into() };
            CaptureItem::said(time, Said::Frame(frame))
        }
        None => bad(time, "a frame is not hex"),
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_parsed() {
        let read = parse(b"2023-09-13 18:49:50.293=> 3A026862\r\n");
        assert_eq!(read.time, Some(1_694_630_990_293.0));
        let frame = |said: &Said| matches!(said, Said::Frame(frame) if frame.sent && frame.bytes[..] == *b"\x3a\x02hb");
        assert!(read.said.as_ref().is_some_and(frame));
        let closed = parse(b"2023-09-13 18:49:50.293 websocket closed\n").said;
        assert!(matches!(closed, Some(Said::Closed(_))));
        for bad in [
            "",
            "x",
            "2023-09-13 18:49:50.293",
            "2023-09-13 18:49:50.293<= 3a0",
            "2023-99-13 18:49:50.293<= 3a",
        ] {
            assert!(matches!(parse(bad.as_bytes()).said, Some(Said::Bad(_))), "{bad}");
        }
    }
}
