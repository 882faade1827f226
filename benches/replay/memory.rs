//! Memory of the program while it plays two recordings of 24 hours and a large one, at full speed.

use std::{
    fs,
    path::{Path, PathBuf},
};

use livetape_tools::synth::{Length, Profile};
use tempfile::NamedTempFile;

use super::{
    made_up,
    reader::{Look, Played, play},
};
use crate::support::{Args, Report};

const DAY: Length = Length::Minutes(24 * 60);
const LARGE: Length = Length::Bytes(1_000_000_000);
/// Bytes of events between two samples of memory.
const LOOK_EVERY_BYTES: usize = 1 << 20;
/// Number of printed points per curve.
const POINTS: usize = 12;
/// Maximum resident memory, and its maximum growth in the last three quarters, in MiB.
const RESIDENT_MAX: f64 = 40.0;
const GROWTH_MAX: f64 = 4.0;
/// Minimum share of the recording, by its time, that the samples must cover. The program ends before
/// everything it has sent is read, so the last samples may be missing.
const COVERED_MIN: f64 = 0.9;

/// Returns whether every bar is met.
pub(crate) fn run(args: &Args, report: &mut Report) -> bool {
    let mut all_met = true;
    let days =
        [("a quiet day", Profile::Quiet, DAY, None), ("a day with a battle", Profile::Battle, DAY, None)];
    let large = ("1 GB of a busy room", Profile::Busy, LARGE, args.value::<PathBuf>("--large"));
    for (name, profile, length, given) in days.into_iter().chain((!args.has("--days")).then_some(large)) {
        let name = given.as_ref().map_or_else(|| name.to_owned(), |path| size_label(path));
        let made = given.is_none().then(|| made_up(profile, length).0);
        let path = given.as_deref().or(made.as_ref().map(NamedTempFile::path)).expect("one of both");
        let played = play(path, LOOK_EVERY_BYTES);
        let hours = played.hours;
        report.say(&format!("{name}: {hours:.1} h, {} events in {:.1} s", played.events, played.seconds));
        let points = points(&played.looks);
        for Look { hours, resident_mib } in &points {
            report.say(&format!("  {hours:6.2} h {resident_mib:6.1} MiB"));
        }
        all_met &= judged(&played, &points, |what, values, bar| {
            report.figure(&format!("{name} at speed max, {what}"), "MiB", values, bar)
        });
    }
    all_met
}

/// Returns whether the samples cover the recording, and all figures meet their bars.
fn judged(played: &Played, points: &[Look], mut figure: impl FnMut(&str, &[f64], f64) -> bool) -> bool {
    let resident: Vec<f64> = points.iter().map(|look| look.resident_mib).collect();
    let quarter = resident.get(POINTS / 4).copied().unwrap_or(f64::NAN);
    let covered = points.last().map_or(0.0, |look| look.hours);
    let is_covered = points.len() == POINTS && covered > 0.0 && covered >= COVERED_MIN * played.hours;
    if !is_covered {
        println!(
            "samples are missing: {} points, the last at {covered:.1} of {:.1} h",
            points.len(),
            played.hours
        );
    }
    let met = [
        figure("resident", &resident, RESIDENT_MAX),
        figure("peak", &[played.peak_mib], RESIDENT_MAX),
        figure("resident at the end", &resident[resident.len().saturating_sub(1)..], quarter + GROWTH_MAX),
    ];
    is_covered && met == [true; 3]
}

/// Names an existing recording by its size.
fn size_label(path: &Path) -> String {
    let bytes = fs::metadata(path).map_or(0, |file| file.len());
    format!("{:.1} GB", bytes as f64 / 1e9)
}

/// Selects some of the samples, including the last one.
fn points(looks: &[Look]) -> Vec<Look> {
    (1..=POINTS).filter_map(|n| looks.get((looks.len() * n / POINTS).checked_sub(1)?).copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::is_met;

    /// Judges a day with these samples, of `hours` in all.
    fn is_fine(mib: impl Fn(u32) -> f64, peak_mib: f64, hours: f64) -> bool {
        let looks = (1..=24).map(|hour| Look { hours: f64::from(hour), resident_mib: mib(hour) }).collect();
        let played = Played { seconds: 1.0, events: 1, looks, peak_mib, hours };
        judged(&played, &points(&played.looks), |_, values, bar| is_met(values, bar))
    }

    #[test]
    fn planted_losses_are_found() {
        assert!(is_fine(|_| 28.0, 29.0, 24.0));
        assert!(is_fine(|hour| 28.0 - f64::from(hour) / 10.0, 29.0, 24.0), "less and less is fine");
        assert!(!is_fine(|_| 41.0, 29.0, 24.0), "above the bar");
        assert!(!is_fine(|_| 28.0, 41.0, 24.0), "above the bar for a moment");
        assert!(!is_fine(|hour| 25.0 + f64::from(hour) / 3.0, 35.0, 24.0), "growth");
        assert!(!is_fine(|_| 28.0, 29.0, 48.0), "half of the day has no samples");
        assert!(!is_fine(|_| 28.0, 0.0, 24.0), "no peak");
        assert!(!is_fine(|hour| if hour == 24 { 0.0 } else { 28.0 }, 29.0, 24.0), "sampled after the end");
        let empty = Played { seconds: 1.0, events: 0, looks: vec![], peak_mib: 0.0, hours: 0.0 };
        assert!(!judged(&empty, &[], |_, values, bar| is_met(values, bar)), "nothing was sampled");
    }
}
