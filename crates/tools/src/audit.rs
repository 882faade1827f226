//! Checks whether a recording can be shared: finds private data and its location.

use std::{collections::BTreeMap, fmt, io::Read};

use livetape_core::{
    error::exit,
    recording::{Error, ReadReport as Damage, Reader},
};
use serde::Serialize;

use super::text::{clock, count, thousands};
use crate::scrub::{Auditor, Finding, FindingKind};

/// Maximum number of listed findings. All are counted.
pub const FINDINGS_LISTED_MAX: usize = 1000;
const FINDINGS_PRINTED_MAX: usize = 40;

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Found {
    /// Position of the record in the file.
    pub position: u64,
    pub record: u32,
    pub offset_ms: u64,
    #[serde(flatten)]
    pub finding: Finding,
}

#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditReport {
    pub counts: BTreeMap<FindingKind, u64>,
    /// The first [`FINDINGS_LISTED_MAX`] findings.
    pub findings: Vec<Found>,
    pub records: u64,
    /// Damage of the file, which cannot be inspected.
    pub damage: Damage,
}

/// Audits a recording, in bounded memory.
///
/// # Errors
/// Any error of [`Reader::open`] or [`Reader::next`].
pub fn audit(input: impl Read, mut auditor: Auditor) -> Result<AuditReport, Error> {
    let mut reader = Reader::open(input)?;
    let mut report = AuditReport::default();
    while let Some(head) = reader.next_head()? {
        let Some(body) = reader.body() else { continue };
        report.records += 1;
        for finding in auditor.audit(&body.item(), body.payload()) {
            *report.counts.entry(finding.kind).or_default() += 1;
            if report.findings.len() < FINDINGS_LISTED_MAX {
                let offset_ms = u64::try_from(head.offset.as_millis()).unwrap_or(u64::MAX);
                let (position, record) = (head.position, head.rec_no);
                report.findings.push(Found { position, record, offset_ms, finding });
            }
        }
    }
    report.damage = reader.report().clone();
    Ok(report)
}

impl AuditReport {
    /// Whether nothing was found, and every byte was searched: also if the recording says that records are missing.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let unread = self.damage.loss().bytes + self.damage.missing;
        self.counts.is_empty() && self.records > 0 && unread == 0
    }

    /// Returns 1 if there are findings, 3 if part of the recording could not be inspected, and otherwise 0.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match (self.counts.is_empty(), !self.damage.loss().is_some() && self.records > 0) {
            (false, _) => exit::FAILED,
            (true, false) => exit::LOST,
            (true, true) => exit::DONE,
        }
    }
}

impl fmt::Display for AuditReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for found in self.findings.iter().take(FINDINGS_PRINTED_MAX) {
            let (position, time) =
                (thousands(found.position), clock(std::time::Duration::from_millis(found.offset_ms)));
            let Finding { kind, place, shown } = &found.finding;
            write!(f, "at byte {position}, record {}, {time}: {kind}", found.record)?;
            if !place.is_empty() {
                write!(f, " in {place}")?;
            }
            if !shown.is_empty() {
                write!(f, ": {}", livetape_core::terminal::printable(shown))?;
            }
            writeln!(f)?;
        }
        let all: u64 = self.counts.values().sum();
        if all > FINDINGS_PRINTED_MAX as u64 {
            let (more, most) = (all - FINDINGS_PRINTED_MAX as u64, FINDINGS_LISTED_MAX as u64);
            writeln!(f, "and {} more; --json lists up to {}", thousands(more), thousands(most))?;
        }
        for (kind, number) in &self.counts {
            writeln!(f, "  {kind}: {}", thousands(*number))?;
        }
        if self.damage.loss().is_some() {
            writeln!(f, "⚠️ A part is unreadable and was not searched: {}", self.damage.loss())?;
        }
        match self.exit_code() {
            exit::FAILED => writeln!(f, "do not share this recording"),
            exit::DONE => writeln!(f, "nothing found in {}", count(self.records, "record")),
            _ => writeln!(f, "nothing found in the readable part"),
        }
    }
}
