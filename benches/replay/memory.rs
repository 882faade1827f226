//! Memory of the program while it plays two recordings of 24 hours and a large one, at full speed.

use std::{
    fs,
    path::{Path, PathBuf},
};

use livetape::tools::synth::{Length, Profile};
use tempfile::NamedTempFile;

use super::{
    made_up,
    reader::{Look, play},
};
use crate::support::{
    Args, Report,
    plot::{self, Chart, Line},
};

const DAY: Length = Length::Minutes(24 * 60);
const LARGE: Length = Length::Bytes(1_000_000_000);
/// Bytes of events between two samples of memory.
const LOOK_EVERY_BYTES: usize = 1 << 20;
/// Number of printed points per curve.
const POINTS: usize = 12;
/// Maximum resident memory, and its maximum growth in the last three quarters, in MiB.
const RESIDENT_MAX: f64 = 40.0;
const GROWTH_MAX: f64 = 4.0;

/// Returns whether every bar is met.
pub(crate) fn run(args: &Args, report: &mut Report) -> bool {
    let (mut lines, mut all_met) = (Vec::new(), true);
    let days =
        [("a quiet day", Profile::Quiet, DAY, None), ("a day with a battle", Profile::Battle, DAY, None)];
    let large = ("1 GB of a busy room", Profile::Busy, LARGE, args.value::<PathBuf>("--large"));
    for (name, profile, length, given) in days.into_iter().chain((!args.has("--days")).then_some(large)) {
        let name = given.as_ref().map_or_else(|| name.to_owned(), |path| size_label(path));
        let made = given.is_none().then(|| made_up(profile, length).0);
        let path = given.as_deref().or(made.as_ref().map(NamedTempFile::path)).expect("one of both");
        let played = play(path, LOOK_EVERY_BYTES);
        let hours = played.looks.last().map_or(0.0, |look| look.hours);
        report.say(&format!("{name}: {hours:.1} h, {} events in {:.1} s", played.events, played.seconds));
        let points = points(&played.looks);
        for Look { hours, resident_mib } in &points {
            report.say(&format!("  {hours:6.2} h {resident_mib:6.1} MiB"));
        }
        let resident: Vec<f64> = points.iter().map(|look| look.resident_mib).collect();
        let mut check = |what: &str, values: &[f64], bar: f64| {
            all_met &= report.figure(&format!("{name} at speed max, {what}"), "MiB", values, bar);
        };
        check("resident", &resident, RESIDENT_MAX);
        check("peak", &[played.peak_mib], RESIDENT_MAX);
        let growth = resident.last().unwrap_or(&0.0) - resident.get(POINTS / 4).unwrap_or(&0.0);
        check("growth in the last three quarters", &[growth], GROWTH_MAX);
        let points =
            played.looks.iter().map(|look| (look.hours / hours.max(f64::MIN_POSITIVE), look.resident_mib));
        lines.push(Line { name: format!("{name}: {hours:.1} h"), points: points.collect() });
    }
    if let Some(path) = args.value::<String>("--svg") {
        let chart = Chart {
            below: "share of the recording played",
            above: "resident memory, MiB",
            ticks: vec![0.0, 0.5, 1.0],
            is_logarithmic: false,
            bar: Some(RESIDENT_MAX),
            lines,
        };
        let svg = plot::svg("Resident memory of a replay at speed max", &[chart], 1);
        fs::write(path, svg).expect("the chart can be written");
    }
    all_met
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
