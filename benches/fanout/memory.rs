//! Memory of a server with 1,000 connections, first idle and then receiving events, second by second.

use std::{
    io,
    sync::mpsc::{RecvTimeoutError, Sender, channel},
    thread::{self, JoinHandle},
    time::Duration,
};

use super::{machine::resident_kib, measured::Kind, points::Point, report::KIB_MAX, run::measure_beside};
use crate::support::{Args, Report, allow_sockets};

const SUBSCRIBERS: usize = 1_000;
const EVENTS_PER_SECOND: usize = 50;
const SECS: usize = 10;
/// Maximum growth of resident memory over the last two thirds of the time, in percent.
const GROWTH_PERCENT_MAX: f64 = 5.0;
const EVERY: Duration = Duration::from_secs(1);

/// # Errors
/// Fails if the measurement fails, or if a bar is missed.
pub(crate) fn run(args: &Args) -> io::Result<()> {
    allow_sockets(SUBSCRIBERS)?;
    let messages = EVENTS_PER_SECOND * SECS;
    let point = Point {
        name: "",
        subscribers: SUBSCRIBERS,
        per_second: EVENTS_PER_SECOND,
        burst: 1,
        messages,
        rooms: 1,
        bar: 0.0,
    };
    let mut report = Report::begin(args, "fanout");
    let (measured, watch) = measure_beside(Kind::Livetape, &point, Watch::begin)?;
    let sizes = watch.end();
    let listed: Vec<_> = sizes.iter().map(|kib| format!("{:.1}", kib / 1024.0)).collect();
    report.say(&format!("resident memory of the server, MiB every second: {}", listed.join(" ")));
    let growth = sizes.last().zip(sizes.get(sizes.len() / 3)).map_or(0.0, |(last, third)| last / third - 1.0);
    let met = [
        report.figure("memory of 1,000 idle connections", "KiB each", &[measured.idle_kib], KIB_MAX),
        report.figure("memory of 1,000 busy connections", "KiB each", &[measured.busy_kib], KIB_MAX),
        report.figure("growth in the last two thirds", "%", &[growth * 100.0], GROWTH_PERCENT_MAX),
    ];
    report.end();
    if met.contains(&false) { Err(io::Error::other("memory is above its bar")) } else { Ok(()) }
}

/// Samples the resident memory of a process, in KiB, until told to stop.
struct Watch {
    over: Sender<()>,
    sizes: JoinHandle<Vec<f64>>,
}

impl Watch {
    fn begin(process: u32) -> Self {
        let (over, told) = channel();
        let sizes = thread::spawn(move || {
            let mut sizes = Vec::new();
            while told.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                sizes.extend(resident_kib(process).map(|kib| kib as f64));
            }
            sizes
        });
        Self { over, sizes }
    }

    fn end(self) -> Vec<f64> {
        drop(self.over);
        self.sizes.join().unwrap_or_default()
    }
}
