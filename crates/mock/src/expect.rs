//! What a test expects of clients. A text says what came instead.

use std::{
    fmt::Debug,
    ops::{Bound, RangeBounds},
    time::Duration,
};

use super::journal::{Entry, Happened};

/// Most entries that a text lists.
const LISTED_MAX: usize = 20;

/// That so many entries are in the log.
pub(super) fn count(
    log: &[Entry],
    what: &str,
    range: &impl RangeBounds<usize>,
    is: impl Fn(&Happened) -> bool,
) -> Result<(), String> {
    let found = log.iter().filter(|entry| is(&entry.what)).count();
    if range.contains(&found) {
        return Ok(());
    }
    Err(format!("expected {} {what}, got {found}\n{}", shown(range), listed(log)))
}

/// That behind each failure nothing was asked for so long.
pub(super) fn no_reconnect_before(log: &[Entry], wait: Duration) -> Result<(), String> {
    let mut ended = None;
    for entry in log {
        let is_request = matches!(entry.what, Happened::Request { .. });
        if let Some(end) = ended.filter(|_| is_request)
            && u128::from(entry.at_ms - end) < wait.as_millis()
        {
            let pause = entry.at_ms - end;
            return Err(format!(
                "expected no request for {} ms after the failure at {end} ms; one came after {pause} ms\n{}",
                wait.as_millis(),
                listed(log)
            ));
        }
        if entry.what.is_end() {
            ended = Some(entry.at_ms);
        }
    }
    Ok(())
}

fn shown(range: &impl RangeBounds<usize>) -> String {
    let (start, end) = (range.start_bound().cloned(), range.end_bound().cloned());
    match (start, end) {
        (Bound::Included(start), Bound::Included(end)) if start == end => format!("{start}"),
        (Bound::Included(start), Bound::Unbounded) => format!("{start} or more"),
        (start, end) => format!("from {} to {}", bound(start), bound(end)),
    }
}

fn bound(bound: Bound<impl Debug>) -> String {
    match bound {
        Bound::Included(number) => format!("{number:?}"),
        Bound::Excluded(number) => format!("{number:?} (excluded)"),
        Bound::Unbounded => "any".into(),
    }
}

fn listed(log: &[Entry]) -> String {
    let skipped = log.len().saturating_sub(LISTED_MAX);
    let lines = log[skipped..].iter().map(|entry| {
        let what = match &entry.what {
            Happened::Request { method, path, status, fault, .. } => {
                let fault = fault.as_ref().map(|fault| format!(" ({fault})")).unwrap_or_default();
                format!("{method} {path} → {status}{fault}")
            }
            other => format!("{other:?}"),
        };
        format!("  {:>8} ms  connection {}: {what}", entry.at_ms, entry.connection)
    });
    let lines: Vec<String> = lines.collect();
    format!("received{}:\n{}", if skipped > 0 { ", at the end" } else { "" }, lines.join("\n"))
}
