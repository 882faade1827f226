//! How the cost of a delivery, and memory, scale with subscribers, events per second and rooms, with charts as SVG.

use std::{fmt::Write as _, fs, io};

use serde_json::{Value, json};

use super::{
    points::{Measured, Point, ServerKind},
    run::measure,
};
use crate::support::{Args, Run, allow_sockets, median, rounded};

/// Numbers of subscribers to one room.
const SUBSCRIBERS: [usize; 6] = [100, 300, 1_000, 3_000, 5_000, 10_000];
/// Events per second to 1,000 subscribers, one by one.
const PER_SECOND: [usize; 6] = [10, 30, 100, 200, 400, 1_000];
/// Numbers of rooms for 1,000 subscribers.
const ROOMS: [usize; 5] = [1, 3, 10, 30, 100];
const A_THOUSAND: usize = 1_000;
/// Minimum numbers of events and of deliveries per measurement.
const MESSAGES_MIN: usize = 20;
const DELIVERIES_MIN: usize = 40_000;
/// Minimum duration of a measurement.
const SECONDS_MIN: usize = 2;

/// The series to measure, each with its points.
fn series() -> [(&'static str, Vec<Point>); 3] {
    let point = |subscribers: usize, per_second: usize, rooms: usize| {
        let messages = DELIVERIES_MIN.div_ceil(subscribers).max(MESSAGES_MIN).max(per_second * SECONDS_MIN);
        Point { name: "", subscribers, per_second, burst: 1, messages, rooms, bar: 0.0 }
    };
    // With few subscribers the rate is higher, so that a run ends in time.
    let rate = |subscribers: usize| (DELIVERIES_MIN / 4 / subscribers).max(10);
    [
        ("subscribers", SUBSCRIBERS.map(|subscribers| point(subscribers, rate(subscribers), 1)).to_vec()),
        ("events", PER_SECOND.map(|per_second| point(A_THOUSAND, per_second, 1)).to_vec()),
        ("rooms", ROOMS.map(|rooms| point(A_THOUSAND, 50, rooms)).to_vec()),
    ]
}

pub(crate) fn run(args: &Args) -> io::Result<()> {
    let rounds = args.value("--rounds").unwrap_or(3).max(1);
    allow_sockets(SUBSCRIBERS[SUBSCRIBERS.len() - 1])?;
    let (run, mut rows) = (Run::begin(args, "scale"), Vec::new());
    for (series, points) in series() {
        for point in points {
            let measured: Vec<_> =
                (0..rounds).map(|_| measure(ServerKind::Livetape, &point)).collect::<io::Result<_>>()?;
            let row = row(series, &point, &measured);
            run.say(&row.to_string());
            rows.push(row);
        }
    }
    if let Some(path) = args.value::<String>("--svg") {
        let title = "Costs of a delivery and a connection, by subscribers, events and rooms";
        fs::write(path, svg(title, &charts(&rows)))?;
    }
    run.end(json!({ "points": rows }));
    Ok(())
}

fn row(series: &str, point: &Point, measured: &[Measured]) -> Value {
    let middle = |of: fn(&Measured) -> f64| rounded(median(&measured.iter().map(of).collect::<Vec<_>>()));
    json!({
        "series": series,
        "subscribers": point.subscribers,
        "events": point.per_second,
        "rooms": point.rooms,
        "cpu_us": middle(|it| it.cpu_us),
        "late_p50_ms": middle(|it| it.late_p50_ms),
        "late_p99_ms": middle(|it| it.late_p99_ms),
        "idle_kib": middle(|it| it.idle_kib),
        "busy_kib": middle(|it| it.busy_kib),
    })
}

fn charts(rows: &[Value]) -> [Chart; 4] {
    let chart = |series: &str, what: &str, below, above| {
        let number = |row: &Value, name: &str| row[name].as_f64().unwrap_or(0.0);
        let rows = rows.iter().filter(|row| row["series"] == series);
        Chart { below, above, points: rows.map(|row| (number(row, series), number(row, what))).collect() }
    };
    [
        chart("subscribers", "cpu_us", "subscribers of one room", "µs of CPU per delivery"),
        chart("subscribers", "busy_kib", "subscribers of one room", "KiB per connection"),
        chart("events", "cpu_us", "events per second to 1,000 subscribers", "µs of CPU per delivery"),
        chart("rooms", "cpu_us", "rooms with 1,000 subscribers in total", "µs of CPU per delivery"),
    ]
}

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 50.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 40.0;
const COLUMNS: usize = 2;

/// A chart with a line above a logarithmic axis, which has a tick for each point.
pub(crate) struct Chart {
    pub(crate) below: &'static str,
    pub(crate) above: &'static str,
    pub(crate) points: Vec<(f64, f64)>,
}

/// Draws charts in a grid.
pub(crate) fn svg(title: &str, charts: &[Chart]) -> String {
    let rows = charts.len().div_ceil(COLUMNS);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <title>{title}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
        WIDTH * COLUMNS as f64,
        HEIGHT * rows as f64
    );
    for (place, chart) in charts.iter().enumerate() {
        let (left, top) = (WIDTH * (place % COLUMNS) as f64, HEIGHT * (place / COLUMNS) as f64);
        let _ = writeln!(svg, "<g transform=\"translate({left} {top})\">\n{}</g>", chart.svg());
    }
    svg + "</svg>\n"
}

impl Chart {
    fn svg(&self) -> String {
        let top = (self.points.iter().map(|point| point.1).fold(0.0, f64::max) * 1.2).ceil();
        let places = self.points.iter().map(|point| (self.x(point.0), y(point.1, top)));
        let path: String = places.map(|(x, y)| format!("{x:.1},{y:.1} ")).collect();
        self.axes(top)
            + &format!("<polyline points=\"{path}\" fill=\"none\" stroke=\"#0066cc\" stroke-width=\"2\"/>\n")
    }

    fn axes(&self, top: f64) -> String {
        let (axis, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
        let mut svg = format!(
            "<path d=\"M{LEFT} {TOP}V{axis}H{right}\" fill=\"none\" stroke=\"black\"/>\n\
             <text x=\"8\" y=\"18\">{}</text>\n<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n",
            self.above,
            WIDTH / 2.0,
            HEIGHT - 6.0,
            self.below
        );
        for height in [0.0, top / 2.0, top] {
            let (at, right) = (y(height, top) + 4.0, LEFT - 8.0);
            let _ = writeln!(svg, "<text x=\"{right}\" y=\"{at:.1}\" text-anchor=\"end\">{height}</text>");
        }
        for (tick, _) in &self.points {
            let (at, below) = (self.x(*tick), axis + 18.0);
            let _ = writeln!(
                svg,
                "<path d=\"M{at:.1} {axis}v4\" stroke=\"black\"/>\
                 <text x=\"{at:.1}\" y=\"{below}\" text-anchor=\"middle\">{tick}</text>"
            );
        }
        svg
    }

    fn x(&self, value: f64) -> f64 {
        let (first, last) = (self.points[0].0, self.points[self.points.len() - 1].0);
        LEFT + (value / first).log10() / (last / first).log10() * (WIDTH - LEFT - RIGHT)
    }
}

fn y(value: f64, top: f64) -> f64 {
    HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM)
}
