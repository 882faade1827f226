//! Runs the program under everything at once, and checks that memory, descriptors and threads stay flat.

use std::{fmt, fs, path::PathBuf, process::Command};

use anyhow::{Context as _, Result, ensure};

use crate::programs::{benches, root, status, target};

/// Share of the time that does not count, because buffers and caches still grow, and its minimum in seconds: on
/// a busy machine, the backlog and the allocator's heaps take two minutes.
const WARM_UP: f64 = 0.4;
const WARM_UP_MIN: f64 = 120.0;
/// Minimum number of samples after the warm-up.
const SAMPLES_MIN: usize = 30;
/// Names of columns, the growth after the warm-up that they may show, in less than [`LONG`] seconds and in
/// more, and how much more than at the start may be left at the end, when all clients have gone. The slower a
/// machine is, the longer memory still grows after the warm-up, so a short soak finds small leaks by what is
/// left: memory that was used once stays with the process, 25 MiB and 6 MiB without a leak on two processors.
const LIMITS: [(&str, [f64; 2], f64); 4] = [
    ("replay KiB", [16.0 * 1024.0, 4.0 * 1024.0], 32.0 * 1024.0),
    ("live KiB", [16.0 * 1024.0, 4.0 * 1024.0], 12.0 * 1024.0),
    (" files", [25.0, 25.0], 4.0),
    (" threads", [2.0, 2.0], 4.0),
];
const LONG: f64 = 600.0;

/// Name of the column with the number of connected readers, and the minimum of its median after the warm-up:
/// without readers, everything is flat. Of 500 readers, some nine in ten are connected at a time.
const READERS: &str = "readers";
const READERS_MIN: f64 = 250.0;

/// Arguments of the soak.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Length in minutes
    #[arg(long, value_name = "N", default_value_t = 30.0)]
    minutes: f64,
    /// Write the samples to this file instead of target/soak.csv
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let mut soak = Command::new(benches()?);
    let csv = match &args.csv {
        Some(csv) => std::path::absolute(csv)?,
        None => target()?.join("soak.csv"),
    };
    soak.current_dir(root());
    soak.args(["endure", "--minutes", &args.minutes.to_string(), "--csv"]).arg(&csv);
    status(&mut soak)?;
    let trends = trends(&fs::read_to_string(&csv)?)?;
    trends.iter().for_each(|trend| println!("  {trend}"));
    ensure!(trends.iter().all(Trend::is_flat), "the soak left or used more and more: see {}", csv.display());
    Ok(())
}

/// A column of the samples.
#[derive(Debug)]
struct Trend {
    name: String,
    /// Growth after the warm-up, by its slope.
    growth: f64,
    growth_max: f64,
    /// How much more the last sample has than the first.
    left: f64,
    left_max: f64,
}

impl Trend {
    fn is_flat(&self) -> bool {
        self.growth <= self.growth_max && self.left <= self.left_max
    }
}

impl fmt::Display for Trend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, growth, growth_max, left, left_max } = self;
        let verdict = if self.is_flat() { "flat" } else { "GROWS" };
        write!(f, "{name}: growth {growth:+.0}, maximum {growth_max}; left {left:+.0}, ")?;
        write!(f, "maximum {left_max}: {verdict}")
    }
}

/// Reads the samples: a line of names, then a line for each sample, the first before any client and the last
/// after all.
fn trends(csv: &str) -> Result<Vec<Trend>> {
    let mut lines = csv.lines();
    let names: Vec<_> = lines.next().context("no samples")?.split(',').collect();
    let rows = lines.map(|line| line.split(',').map(str::parse).collect::<Result<Vec<f64>, _>>());
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else { anyhow::bail!("no samples") };
    let during = &rows[1..rows.len() - 1];
    let warm_up = (last[0] * WARM_UP).max(WARM_UP_MIN);
    let counted = &during[during.partition_point(|row| row[0] < warm_up)..];
    ensure!(counted.len() >= SAMPLES_MIN, "only {} samples after the warm-up", counted.len());
    let readers = names.iter().position(|name| *name == READERS).context("no column of readers")?;
    let connected = median(counted.iter().map(|row| row[readers]).collect());
    ensure!(connected >= READERS_MIN, "only {connected} readers were connected");
    let limited: Vec<_> = names
        .iter()
        .enumerate()
        .filter_map(|(column, name)| {
            let limit = LIMITS.iter().find(|(end, ..)| name.ends_with(end))?;
            Some((column, *name, *limit))
        })
        .collect();
    for (end, ..) in LIMITS {
        ensure!(limited.iter().any(|(_, name, _)| name.ends_with(end)), "no column of {}", end.trim_start());
    }
    // A process that runs has memory, descriptors and threads.
    let is_measured = |row: &Vec<f64>| {
        row.len() == names.len()
            && limited.iter().all(|&(column, ..)| row[column].is_finite() && row[column] > 0.0)
    };
    ensure!(rows.iter().all(is_measured), "a sample is missing, zero, negative or not a number");
    let trends = limited.into_iter().map(|(column, name, (_, growths, left_max))| {
        let points: Vec<_> = counted.iter().map(|row| (row[0], row[column])).collect();
        let seconds = counted[counted.len() - 1][0] - counted[0][0];
        let growth_max = growths[usize::from(seconds >= LONG)];
        let left = last[column] - first[column];
        Trend { name: name.to_owned(), growth: slope(&points) * seconds, growth_max, left, left_max }
    });
    Ok(trends.collect())
}

/// Returns the median slope of all pairs of points (Theil–Sen), which single peaks do not move.
fn slope(points: &[(f64, f64)]) -> f64 {
    let pairs = points
        .iter()
        .enumerate()
        .flat_map(|(at, one)| points[at + 1..].iter().map(move |other| (one, other)));
    median(pairs.map(|(one, other)| (other.1 - one.1) / (other.0 - one.0)).collect())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: &str = "readers,replay KiB,live KiB,a files,a threads";

    /// Returns whether a soak of this length is flat, with these numbers at each second and a peak, and with
    /// `left` descriptors after it.
    fn soak(minutes: u32, kib: impl Fn(u32) -> [u32; 2], files: impl Fn(u32) -> u32, left: u32) -> bool {
        let mut csv = format!("seconds,{NAMES}\n0.0,0,9000,3000,12,4\n");
        for second in 1..60 * minutes {
            let noise = second * 7919 % 13;
            let peak = if second == 180 { 500 } else { 0 };
            let [replay, live] = kib(second).map(|kib| kib + noise * 100);
            csv += &format!("{second},500,{replay},{live},{},4\n", files(second) + noise + peak);
        }
        let end = 60 * minutes + 1;
        let [replay, live] = kib(end);
        csv += &format!("{end},0,{replay},{live},{left},4\n");
        trends(&csv).unwrap().iter().all(Trend::is_flat)
    }

    #[test]
    fn a_leak_is_found_and_noise_is_not() {
        let warm = |second: u32| [9_000 + 180 * second.min(125), 3_000 + 24 * second.min(125)];
        for (minutes, leak) in [(4, 60), (30, 5)] {
            assert!(soak(minutes, warm, |_| 512, 14));
            for leaks in [[leak, 0], [0, leak]] {
                let leaking = |second| [0, 1].map(|of| warm(second)[of] + leaks[of] * second);
                assert!(!soak(minutes, leaking, |_| 512, 14), "{leaks:?} KiB per second");
            }
            assert!(!soak(minutes, warm, |second| 512 + second / 2, 14), "a descriptor every two seconds");
            assert!(!soak(minutes, warm, |_| 512, 20), "descriptors that nobody closes");
        }
    }

    /// As seen on a busy machine: 4,340 KiB in two minutes.
    #[test]
    fn memory_may_still_grow_in_a_short_soak() {
        let slow = |second: u32| [20_000 + 37 * second.min(240), 6_000];
        assert!(soak(4, slow, |_| 512, 14) && soak(30, slow, |_| 512, 14));
    }

    #[test]
    fn threads_that_nobody_ends_are_found() {
        let mut csv = format!("seconds,{NAMES}\n");
        (0..240).for_each(|second| csv += &format!("{second},500,9000,3000,12,{}\n", 4 + second / 20));
        assert!(!trends(&csv).unwrap().iter().all(Trend::is_flat));
    }

    /// Judges a soak without growth, after a change to its text.
    fn changed(names: &str, row: &str) -> Result<Vec<Trend>> {
        let row = |second: u32| format!("{second},{row}\n");
        trends(&(format!("seconds,{names}\n") + &(0..240).map(row).collect::<String>()))
    }

    #[test]
    fn what_was_not_measured_proves_nothing() {
        assert!(changed(NAMES, "450,9000,3000,12,4").unwrap().iter().all(Trend::is_flat));
        for (names, row, why) in [
            (NAMES, "0,9000,3000,12,4", "no readers"),
            (NAMES, "450,0,3000,12,4", "no memory: the process has ended"),
            (NAMES, "450,9000,-1,12,4", "negative"),
            (NAMES, "450,NaN,3000,12,4", "not a number"),
            (NAMES, "450,9000,3000,12", "a missing value"),
            (NAMES, "450,9000,,12,4", "an empty value"),
            ("readers,replay KiB,a bytes,a files,a threads", "450,9000,3000,12,4", "no column of memory"),
            ("replay KiB,live KiB,a files,a threads", "9000,3000,12,4", "no column of readers"),
        ] {
            assert!(changed(names, row).is_err(), "{why}");
        }
        let short = format!("seconds,{NAMES}\n0,9,1,1,1,1\n1,9,1,1,1,1\n2,9,1,1,1,1\n");
        assert!(trends(&short).is_err());
        assert!(trends("").is_err());
    }
}
