//! How the cost of a delivery, and memory, grow with subscribers.

use std::{fs, io};

use serde_json::json;

use crate::{
    plot,
    points::Point,
    run::{Kind, Measured, measure},
    support::{Args, Run, allow_sockets, median, rounded},
};

/// How many read.
const SUBSCRIBERS: [usize; 6] = [100, 300, 1_000, 3_000, 5_000, 10_000];
/// Messages a second, to all of them.
const PER_SECOND: usize = 10;
/// Messages of one measurement, at least, and deliveries.
const MESSAGES_MIN: usize = 20;
const DELIVERIES_MIN: usize = 40_000;

pub(crate) fn run(args: &Args) -> io::Result<()> {
    let rounds = args.value("--rounds").unwrap_or(3).max(1);
    allow_sockets(SUBSCRIBERS[SUBSCRIBERS.len() - 1])?;
    let (run, mut points) = (Run::begin(args, "scale"), Vec::new());
    for subscribers in SUBSCRIBERS {
        let messages = DELIVERIES_MIN.div_ceil(subscribers).max(MESSAGES_MIN);
        // Few subscribers get more a second: a run has to end.
        let per_second = PER_SECOND.max(messages / 4);
        let point = Point { name: "", subscribers, per_second, burst: 1, messages, bar: 0.0 };
        let measured: Vec<_> =
            (0..rounds).map(|_| measure(Kind::Livetape, &point)).collect::<io::Result<_>>()?;
        let middle = |of: fn(&Measured) -> f64| rounded(median(&measured.iter().map(of).collect::<Vec<_>>()));
        let row = json!({
            "subscribers": subscribers,
            "per_second": per_second,
            "cpu_us": middle(|it| it.cpu_us),
            "late_p50_ms": middle(|it| it.late_p50_ms),
            "late_p99_ms": middle(|it| it.late_p99_ms),
            "idle_kib": middle(|it| it.idle_kib),
            "busy_kib": middle(|it| it.busy_kib),
        });
        run.say(&row.to_string());
        points.push(row);
    }
    if let Some(path) = args.value::<String>("--svg") {
        fs::write(path, plot::svg(&points))?;
    }
    run.end(json!({ "points": points }));
    Ok(())
}
