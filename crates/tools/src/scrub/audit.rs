//! Searches every record for data that must not be shared, in any packing or encoding.

use std::collections::BTreeSet;

use livetape_core::{
    recording::{Flags, Item, Opcode, USER_TAG, What, records::header::Privacy},
    redact::redact,
};

use super::{
    allow,
    check::{Checker, Finding, FindingKind, shown},
    http, patterns,
    views::{View, views},
    walk::{Context, message},
};

/// Minimum length of a word, in characters. Shorter ones occur everywhere.
pub const WORD_CHARS_MIN: usize = 3;
pub const WORDS_MAX: usize = 10_000;

/// A word to search for.
#[derive(Debug)]
struct Word {
    shown: String,
    /// The word as text, and as an encoded number.
    needles: Vec<Vec<u8>>,
}

#[derive(Debug, Default)]
pub struct Auditor {
    words: Vec<Word>,
    /// Whether the users were synthesised by another tool, so that they do not match the scrubber's patterns.
    synthetic: bool,
    scrubbed: bool,
}

impl Auditor {
    /// Creates an auditor that also searches for these words, one per line. Lines starting with `#` are
    /// comments.
    ///
    /// # Errors
    /// The number of the first line with a word that is too short, or that exceeds [`WORDS_MAX`].
    pub fn new(words: &str) -> Result<Self, usize> {
        let mut auditor = Self::default();
        for (line, number) in words.lines().map(str::trim).zip(1..) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if line.chars().count() < WORD_CHARS_MIN || auditor.words.len() == WORDS_MAX {
                return Err(number);
            }
            let cases = [line.to_lowercase(), line.to_uppercase(), line.to_owned()];
            let wide = |bytes: fn(u16) -> [u8; 2]| {
                cases.iter().map(move |case| case.encode_utf16().flat_map(bytes).collect::<Vec<_>>())
            };
            let mut needles: Vec<Vec<u8>> = wide(u16::to_le_bytes).chain(wide(u16::to_be_bytes)).collect();
            needles.extend(cases.iter().map(|case| case.clone().into_bytes()));
            needles.iter_mut().for_each(|needle| needle.make_ascii_lowercase());
            if let Some(id) = allow::number(line).filter(|id| *id > u64::from(u32::MAX)) {
                let mut varint = Vec::new();
                prost::encoding::encode_varint(id, &mut varint);
                needles.extend([varint, id.to_le_bytes().to_vec(), id.to_be_bytes().to_vec()]);
                needles.push(format!("{id:x}").into_bytes());
            }
            needles.sort_unstable();
            needles.dedup();
            auditor.words.push(Word { shown: line.to_owned(), needles });
        }
        Ok(auditor)
    }

    /// Audits an item. `payload` holds its bytes as stored in the file.
    #[must_use]
    pub fn audit(&mut self, item: &Item, payload: &[u8]) -> BTreeSet<Finding> {
        self.search(item, payload).0
    }

    /// Audits an item like [`audit`](Self::audit), and also returns the searched bytes.
    pub(super) fn search(&mut self, item: &Item, payload: &[u8]) -> (BTreeSet<Finding>, Vec<View>) {
        if let What::Header(header) = &item.what {
            self.synthetic = header.privacy() == Privacy::Synthetic;
            self.scrubbed = header.privacy() == Privacy::Scrubbed;
        }
        let mut found = BTreeSet::new();
        let mut checker = Checker::new(&mut found, self.scrubbed);
        if !self.synthetic {
            check(item, &mut checker);
        }
        if let Some((kind, place)) = unrecorded(item) {
            found.insert(Finding { kind, place: place.into(), shown: String::new() });
        }
        let (views, complete) = views(payload);
        if !complete {
            let place = "too much packed data".into();
            found.insert(Finding { kind: FindingKind::Opaque, place, shown: String::new() });
        }
        for view in &views {
            let mut add = |kind, bytes: &[u8]| {
                let shown = shown(&String::from_utf8_lossy(bytes));
                found.insert(Finding { kind, place: view.way.clone(), shown });
            };
            patterns::search(&view.bytes, &mut add);
            if !self.words.is_empty() {
                let lower = view.bytes.to_ascii_lowercase();
                for word in &self.words {
                    let is_in = |needle: &Vec<u8>, bytes| memchr::memmem::find(bytes, needle).is_some();
                    // Encoded numbers are not in lowercase.
                    if word.needles.iter().any(|needle| is_in(needle, &lower) || is_in(needle, &view.bytes)) {
                        add(FindingKind::Word, word.shown.as_bytes());
                    }
                }
            }
        }
        (found, views)
    }
}

/// Returns the place of what is never recorded: a value that no list of harmless names explains, or a body that is not
/// searched.
fn unrecorded(item: &Item) -> Option<(FindingKind, &'static str)> {
    let Item { what: redacted, flags, .. } =
        redact(Item { flags: Flags(item.flags.0 & Flags::SENT), ..item.clone() });
    if redacted == item.what {
        return None;
    }
    let place = match (&item.what, &redacted) {
        (What::ConnOpen(old), What::ConnOpen(new)) if old.url != new.url => "ConnOpen.url",
        (What::ConnOpen(_), _) => "ConnOpen.headers",
        (What::Http(old), What::Http(new)) if old.request_line != new.request_line => "Http.request_line",
        (What::Http(old), What::Http(new)) if old.headers != new.headers => "Http.headers",
        (What::Http(_), _) if flags.0 & Flags::TRUNCATED != 0 => {
            return Some((FindingKind::Opaque, "Http.body"));
        }
        (What::Http(_), _) => "Http.body",
        (What::Header(_), _) => "Header.tags",
        (What::Frame(_), _) => "Frame",
        (What::ConnClose(_), _) => "ConnClose.reason",
        (What::Marker(_), _) => "Marker.label",
        (What::Status(_), _) => "Status.detail",
        _ => "a record of an unknown type",
    };
    Some((FindingKind::Secret, place))
}

/// Checks that identifying fields hold data created by a scrubber.
fn check(item: &Item, checker: &mut Checker<'_>) {
    match &item.what {
        What::Header(header) => {
            checker.handle("Header.tags.user", header.tags.get(USER_TAG).map_or("", |tag| tag));
            for (name, value) in [
                ("Header.tool", &header.tool),
                ("Header.tool_version", &header.tool_version),
                ("Header.source", &header.source),
                ("Header.scrub_profile", &header.scrub_profile),
            ] {
                checker.line(name, value);
            }
            for (name, value) in &header.tags {
                checker.word("the name of a tag", name);
                if name != USER_TAG {
                    checker.line(&format!("Header.tags.{name}"), value);
                }
            }
        }
        What::ConnOpen(open) => {
            checker.handle("ConnOpen.unique_id", &open.unique_id);
            checker.id("ConnOpen.room_id", open.room_id.cast_unsigned());
            http::check_address(&open.url, checker);
            http::check_headers("ConnOpen.headers", &open.headers, checker);
        }
        What::ConnClose(close) if allow::is_reason(&close.reason) => {
            checker.line("ConnClose.reason", &close.reason);
        }
        What::ConnClose(close) => checker.made_up("ConnClose.reason", &close.reason),
        What::Status(status) => {
            checker.word("Status.code", &status.code);
            checker.line("Status.detail", &status.detail);
            checker.line("Status.hint", &status.hint);
        }
        What::Gap(gap) => checker.line("Gap.reason", &gap.reason),
        What::Frame(frame) if frame.opcode == Opcode::BINARY => {
            message(&frame.bytes, Context::named("PushFrame"), checker);
        }
        What::Frame(frame) => checker.unknown("a frame that is not binary", &frame.bytes),
        What::Http(http) => http::check(http, checker),
        What::Marker(marker) => checker.made_up("Marker.label", &marker.label),
        What::Other { .. } => checker.opaque("a record of an unknown type"),
        _ => {}
    }
}
