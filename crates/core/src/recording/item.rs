//! Items: the content of recordings, and the output of sources; the state at a position, and names of recordings.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;

use super::records::{self, ConnOpen, Header};
use crate::terminal::is_invisible;

/// Default directory of recordings.
pub const FOLDER: &str = "recordings";
/// Header tag with the user name of the host.
pub const USER_TAG: &str = "user";
/// Header tag with the name of the recording that the file is a part of.
pub const PART_OF_TAG: &str = "part_of";
/// Header tag with the number of the part, from 0.
pub const PART_TAG: &str = "part";
/// Maximum number of connections to remember. Beyond it, the first are forgotten.
const CONNECTIONS_MAX: usize = 65_536;
/// Name of the built-in recording, as in `livetape replay demo`.
pub const DEMO: &str = "demo";
/// Maximum length of a name, in bytes. File systems allow 255, including the extension and the suffix of a
/// draft.
pub const NAME_BYTES_MAX: usize = 200;

/// An item with its number in the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Number of the record in the file, from 0.
    pub rec_no: u32,
    /// The recorded item.
    pub item: Item,
}

/// An upstream event. Sources produce items, and recordings store them.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Time since the start of the stream.
    pub offset: Duration,
    /// Connection number; 0 if the item belongs to none. Never reused within a file.
    pub conn: u32,
    /// Direction, origin and changes.
    pub flags: Flags,
    /// The content.
    pub what: What,
}

/// The content of an item, by record type.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "proto/recording.proto describes each of them")]
pub enum What {
    /// Boxed, because every item in memory is as large as the largest of these.
    Header(Box<Header>),
    ConnOpen(ConnOpen),
    Frame(Frame),
    ConnClose(records::ConnClose),
    Http(records::Http),
    Marker(records::Marker),
    ClockAnchor(records::ClockAnchor),
    Gap(records::Gap),
    Checkpoint(records::Checkpoint),
    End(records::End),
    Status(records::Status),
    /// A record of an unknown type, or with an undecodable payload. It is kept unchanged.
    Other {
        record_type: u8,
        opcode: u8,
        payload: Bytes,
    },
}

impl records::Gap {
    /// Returns the number of lost records: at least one, even if the recorder did not count them.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.records.max(1)
    }
}

/// A WebSocket message from or to TikTok, after reassembly, still compressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Opcode of the message.
    pub opcode: Opcode,
    /// Payload of the message.
    pub bytes: Bytes,
}

/// A WebSocket opcode (RFC 6455 §5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opcode(pub u8);

impl Opcode {
    /// A text message.
    pub const TEXT: Self = Self(1);
    /// A binary message, as used by the webcast protocol.
    pub const BINARY: Self = Self(2);
}

/// Flags of an item. Unknown bits are kept and ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(pub u8);

impl Flags {
    /// Sent by the client rather than received.
    pub const SENT: u8 = 1;
    /// Created by `/inject` rather than by TikTok.
    pub const INJECTED: u8 = 2;
    /// Different from the wire: secrets were removed, or it was edited later.
    pub const EDITED: u8 = 4;
    /// Cut off: only the beginning was kept.
    pub const TRUNCATED: u8 = 8;

    /// Whether the client sent it.
    #[must_use]
    pub fn is_sent(self) -> bool {
        self.0 & Self::SENT != 0
    }

    /// Whether `/inject` created it.
    #[must_use]
    pub fn is_injected(self) -> bool {
        self.0 & Self::INJECTED != 0
    }
}

/// The header and the open connections.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    header: Option<Header>,
    open: BTreeMap<u32, (Flags, ConnOpen)>,
}

impl Snapshot {
    /// Updates the state with the next item.
    pub fn take(&mut self, item: &Item) {
        match &item.what {
            What::Header(header) => {
                self.header.get_or_insert_with(|| Header::clone(header));
            }
            What::ConnOpen(open) => {
                self.open.insert(item.conn, (item.flags, open.clone()));
                if self.open.len() > CONNECTIONS_MAX {
                    self.open.pop_first();
                }
            }
            What::ConnClose(_) => drop(self.open.remove(&item.conn)),
            _ => {}
        }
    }

    /// Returns the first header.
    #[must_use]
    pub fn header(&self) -> Option<&Header> {
        self.header.as_ref()
    }

    /// Returns the header for a file that starts at offset `start` of this one.
    #[must_use]
    pub fn header_from(&self, start: Duration) -> Header {
        let header = self.header.clone().unwrap_or_default();
        let later = i64::try_from(start.as_nanos()).unwrap_or(i64::MAX);
        let wall_anchor_ns = header.wall_anchor_ns.map(|wall_ns| wall_ns.saturating_add(later));
        Header { wall_anchor_ns, ..header }
    }

    /// Whether this connection is open.
    #[must_use]
    pub fn is_open(&self, conn: u32) -> bool {
        self.open.contains_key(&conn)
    }

    /// Returns an opening at `offset` for each open connection.
    pub fn openings(&self, offset: Duration) -> impl Iterator<Item = Item> {
        self.open.iter().map(move |(&conn, (flags, open))| Item {
            offset,
            conn,
            flags: *flags,
            what: What::ConnOpen(open.clone()),
        })
    }
}

/// Whether a name stays within the folder of recordings on every system, and can be displayed unchanged.
#[must_use]
pub fn is_plain_name(name: &str) -> bool {
    let fits = !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.trim() == name;
    let is_shown = !name.starts_with('.') && !name.contains(|c: char| is_invisible(c) || "/%".contains(c));
    fits && is_shown && why_not_on_windows(name).is_none()
}

/// Characters that names of files cannot contain on Windows, beside `/` and control characters.
const FORBIDDEN: &str = "<>:\"\\|?*";
/// Devices of Windows: in every folder, and with any extension. Some have numbers from 0 to 9.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];
const NUMBERED_DEVICES: [&str; 2] = ["com", "lpt"];

/// Returns why a file cannot have this name on Windows. A recording that one system stores must not be lost on another.
#[must_use]
pub fn why_not_on_windows(name: &str) -> Option<String> {
    if let Some(c) = name.chars().find(|c| c.is_control() || FORBIDDEN.contains(*c)) {
        return Some(format!("Windows does not allow `{}` in names of files", c.escape_debug()));
    }
    if name.ends_with(['.', ' ']) {
        return Some("Windows does not allow names of files that end in a dot or a space".to_owned());
    }
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_lowercase();
    let is_number = |rest: &str| matches!(rest, "¹" | "²" | "³") || matches!(rest.as_bytes(), [b'0'..=b'9']);
    let is_device = DEVICES.contains(&&*stem)
        || NUMBERED_DEVICES.iter().any(|device| stem.strip_prefix(device).is_some_and(is_number));
    is_device.then(|| format!("`{stem}` is a device on Windows"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_windows_refuses_are_refused_everywhere() {
        for (name, why) in [
            ("a:b", Some("Windows does not allow `:` in names of files")),
            ("what?.bin", Some("Windows does not allow `?` in names of files")),
            ("a\tb", Some("Windows does not allow `\\t` in names of files")),
            ("a*", Some("Windows does not allow `*` in names of files")),
            ("show.bin.", Some("Windows does not allow names of files that end in a dot or a space")),
            ("show ", Some("Windows does not allow names of files that end in a dot or a space")),
            ("CON", Some("`con` is a device on Windows")),
            ("Nul.tar.gz", Some("`nul` is a device on Windows")),
            ("aux .bin", Some("`aux` is a device on Windows")),
            ("com0.bin", Some("`com0` is a device on Windows")),
            ("LPT³", Some("`lpt³` is a device on Windows")),
            ("conout$", Some("`conout$` is a device on Windows")),
            ("console", None),
            ("com10", None),
            ("com", None),
            ("annul.con", None),
            (".hidden", None),
            ("über lay [1] (2).bin", None),
        ] {
            assert_eq!(why_not_on_windows(name).as_deref(), why, "{name}");
        }
    }

    #[test]
    fn names_cannot_be_paths() {
        for good in ["demo", "ann-20231205T155634Z", "x.y", "ライブ 1", &"x".repeat(NAME_BYTES_MAX)] {
            assert!(is_plain_name(good), "{good}");
        }
        assert!(!is_plain_name("quiet%20"));
        let long = "x".repeat(NAME_BYTES_MAX + 1);
        for bad in [
            "",
            ".",
            "..",
            ".x",
            "a/b",
            "a\\b",
            "C:x",
            "a\0b",
            "a\nb",
            "\u{85}",
            "a\"b",
            " ",
            "quiet ",
            "\u{a0}x",
            "bidi\u{202e}",
            "a\u{61c}b",
            "a\u{200e}b",
            "a\u{2028}b",
            "a\u{2069}b",
            "a?b",
            "con",
            "NUL.txt",
            "ends.",
            &long,
        ] {
            assert!(!is_plain_name(bad), "{bad:?}");
        }
    }
}
