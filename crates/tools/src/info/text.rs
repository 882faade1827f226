//! Formats an [`Info`] as text.

use std::{cmp::Reverse, fmt, time::Duration};

use super::{ConnectionInfo, HeaderInfo, Info};
use crate::bars::bars;
use crate::text::{COLUMNS_MAX, clock, count, printable, size, thousands};

const CONNECTIONS_PRINTED_MAX: usize = 10;
/// Maximum numbers of event types and of gifts.
const KINDS_PRINTED_MAX: usize = 10;
const GIFTS_PRINTED_MAX: usize = 3;

/// Text for a terminal, at most 80 columns wide.
impl fmt::Display for Info {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |name: &str, text: &str| {
            writeln!(f, "{name:<13}{}", printable(text.trim_end(), COLUMNS_MAX - 13))
        };
        line("recording", &self.state())?;
        match &self.header {
            Some(header) => header.lines(&mut line)?,
            None => line("header", "missing")?,
        }
        let (received, sent) = (thousands(self.frames_received), thousands(self.frames_sent));
        line("frames", &format!("{received} received, {sent} sent, {}", size(self.frame_bytes)))?;
        for connection in self.connections.iter().take(CONNECTIONS_PRINTED_MAX) {
            line(&format!("connection {}", connection.conn), &connection.to_string())?;
        }
        let more = (self.connections.len() as u64).max(self.connection_count);
        if more > CONNECTIONS_PRINTED_MAX as u64 {
            line("", &format!("and {} more", thousands(more - CONNECTIONS_PRINTED_MAX as u64)))?;
        }
        if self.markers > 0 {
            line("markers", &thousands(self.markers))?;
        }
        line("missing", &self.missing())?;
        self.rates(f)
    }
}

impl Info {
    /// Returns a line for each total of the truth.
    #[must_use]
    pub fn totals(&self) -> String {
        let line =
            |(name, total): &(&str, String)| format!("{name:<13}{}\n", printable(total, COLUMNS_MAX - 13));
        self.truth.totals().iter().map(line).collect()
    }

    /// Writes the activity by event type and over time.
    fn rates(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.events.values().sum();
        if total == 0 {
            return writeln!(f, "events       none");
        }
        writeln!(f, "people       {}", thousands(self.users))?;
        if self.gifts.count > 0 {
            let (gifts, diamonds) = (count(self.gifts.count, "gift"), count(self.gifts.diamonds, "diamond"));
            let line = format!("gifts        {gifts}, {diamonds}: {}", self.gifts.listed(GIFTS_PRINTED_MAX));
            writeln!(f, "{}", printable(&line, COLUMNS_MAX))?;
        }
        let mut row = |kind: &str, number: u64, counts: &[u64]| {
            let row = format!("{:<18} {:>7} {}", printable(kind, 18), thousands(number), bars(counts));
            writeln!(f, "{}", row.trim_end())
        };
        row("events", total, &self.timeline.total)?;
        let mut kinds = Vec::from_iter(&self.timeline.types);
        kinds.sort_by_key(|(kind, counts)| (Reverse(counts.iter().sum::<u64>()), **kind));
        for (kind, counts) in kinds.iter().take(KINDS_PRINTED_MAX) {
            row(kind, counts.iter().sum(), counts)?;
        }
        let others = Vec::from_iter(kinds.iter().skip(KINDS_PRINTED_MAX).flat_map(|(_, counts)| *counts));
        let more = kinds.len().saturating_sub(KINDS_PRINTED_MAX) as u64;
        if more > 0 {
            let others = others.into_iter().sum();
            writeln!(f, "{:<18} {:>7} of {}", "others", thousands(others), count(more, "kind"))?;
        }
        let each = Duration::from_millis(self.timeline.bucket_ms);
        writeln!(f, "{:26} one column is {each:?}; each row has its own scale", "")
    }

    fn state(&self) -> String {
        let records = count(self.records, "record");
        let last = clock(Duration::from_millis(self.duration_ms));
        if self.sealed {
            format!("sealed, {records}, {last} long")
        } else {
            format!("not sealed, {records}, last at {last}")
        }
    }

    fn missing(&self) -> String {
        let damage = &self.damage;
        let mut parts = Vec::new();
        if damage.preamble_damaged {
            parts.push("the preamble is damaged".to_owned());
        }
        if let Some(minor) = damage.newer_minor {
            parts.push(format!("minor version {minor} is newer than this livetape"));
        }
        if damage.stretches > 0 {
            let (records, places) =
                (count(damage.missing_records, "record"), count(damage.stretches, "place"));
            parts.push(format!("{records} at {places}, {}", size(damage.bytes)));
        }
        if damage.tail_bytes > 0 {
            parts.push(format!("truncated at the end: {}", size(damage.tail_bytes)));
        }
        if self.lost_in_gaps > 0 {
            parts.push(format!("{} lost while recording", count(self.lost_in_gaps, "record")));
        }
        if !self.sealed {
            parts.push("not sealed: the end may be missing".into());
        }
        if parts.is_empty() { "nothing".into() } else { parts.join("; ") }
    }
}

impl HeaderInfo {
    fn lines(&self, line: &mut impl FnMut(&str, &str) -> fmt::Result) -> fmt::Result {
        line("started", self.started.as_deref().unwrap_or("unknown"))?;
        line("source", &format!("{}, by {} {}", self.source, self.tool, self.tool_version))?;
        line("timing", self.timing)?;
        line("privacy", &[self.privacy, &self.scrub_profile].join(" "))?;
        for (key, value) in &self.tags {
            line("tag", &format!("{key}: {value}"))?;
        }
        Ok(())
    }
}

impl fmt::Display for ConnectionInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (at, user) = (clock(Duration::from_millis(self.opened_ms)), printable(&self.user, 20));
        write!(f, "{at} @{user}, room {}, {}", self.room_id, count(self.frames, "frame"))
    }
}
