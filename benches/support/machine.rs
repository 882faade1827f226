//! Describes the machine of a measurement, and detects whether it was busy with other programs.

use std::{hint::black_box, io, time::Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};

/// Pieces of a calibration. They are short, so that other load affects only some of them.
const PIECES: u32 = 60;
/// Steps of a piece, which take about a millisecond.
const STEPS: u64 = 700_000;
/// Maximum ratio, on an idle machine, of the mean piece to the best one, and of the best pieces before and
/// after a run.
const CALM: f64 = 1.15;

/// Open files besides the sockets.
const FILES_BESIDE: u64 = 64;

/// Duration of a fixed piece of work, in ms.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Calibration {
    best: f64,
    mean: f64,
}

impl Calibration {
    pub(crate) fn take() -> Self {
        let (mut best, mut sum) = (f64::MAX, 0.0);
        for _ in 0..PIECES {
            let started = now();
            let mut state = 1_u64;
            for _ in 0..STEPS {
                state = black_box(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
            }
            let took = now().duration_since(started).as_secs_f64() * 1e3;
            (best, sum) = (best.min(took), sum + took);
        }
        Self { best, mean: sum / f64::from(PIECES) }
    }

    /// Compares calibrations before and after a run; returns `None` if the machine was idle.
    pub(crate) fn busy(self, after: Self) -> Option<String> {
        let disturbed = (self.mean / self.best).max(after.mean / after.best);
        let changed = (self.best / after.best).max(after.best / self.best);
        (disturbed > CALM || changed > CALM).then(|| {
            format!("a fixed loop took up to {disturbed:.2}× its best, and {changed:.2}× from start to end")
        })
    }

    pub(crate) fn json(self) -> Value {
        json!({ "best_ms": rounded(self.best), "mean_ms": rounded(self.mean) })
    }
}

/// Returns the CPUs and the kernel, but not the name of the machine.
pub(crate) fn describe() -> String {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let info = read("/proc/cpuinfo");
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or(std::env::consts::ARCH, |(_, model)| model);
    let count = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("{count} × {model}, {} {}", std::env::consts::OS, kernel.trim())
}

/// Returns the current time in UTC.
#[expect(clippy::disallowed_methods, reason = "benchmarks are dated")]
pub(crate) fn date() -> String {
    format!("{:.0}", jiff::Timestamp::now())
}

#[expect(clippy::disallowed_methods, reason = "benchmarks measure time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Returns the CPU time of this thread in seconds, which other load does not affect.
pub(crate) fn cpu() -> f64 {
    #[cfg(target_os = "linux")]
    return clock(rustix::time::ClockId::ThreadCPUTime);
    #[cfg(not(target_os = "linux"))]
    wall()
}

/// Returns the CPU time of all threads of this process, in seconds.
pub(crate) fn process_cpu() -> f64 {
    #[cfg(target_os = "linux")]
    return clock(rustix::time::ClockId::ProcessCPUTime);
    #[cfg(not(target_os = "linux"))]
    wall()
}

#[cfg(target_os = "linux")]
fn clock(id: rustix::time::ClockId) -> f64 {
    let time = rustix::time::clock_gettime(id);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

#[cfg(not(target_os = "linux"))]
fn wall() -> f64 {
    static STARTED: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    now().duration_since(*STARTED.get_or_init(now)).as_secs_f64()
}

/// Rounds to four decimal places.
pub(crate) fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

/// Raises the limit of open files to allow `count` sockets, if the system permits it.
pub(crate) fn allow_sockets(count: usize) -> io::Result<()> {
    let wanted = count as u64 + FILES_BESIDE;
    let limit = getrlimit(Resource::Nofile);
    let enough = |limit: Option<u64>| limit.is_none_or(|limit| limit >= wanted);
    if enough(limit.current) {
        return Ok(());
    }
    if !enough(limit.maximum) {
        let most = limit.maximum.unwrap_or(0);
        let message = format!(
            "{count} sockets need {wanted} open files, but the hard limit of this user is {most}: \
             raise it, e.g. with `ulimit -Hn {wanted}` as root or `nofile` in /etc/security/limits.conf"
        );
        return Err(io::Error::other(message));
    }
    setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum })?;
    Ok(())
}
