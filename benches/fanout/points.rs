//! What is measured: loads, with the number of subscribers and the number and timing of messages; servers; figures. And the
//! report on it: medians and spreads, then ratios.

use serde_json::{Value, json};

use crate::support::{median, rounded, spread, verdict};

/// Length of a message as JSON, in bytes.
pub(crate) const MESSAGE_BYTES: usize = 300;
/// Number of messages in a burst of a flood.
pub(crate) const FLOOD_WINDOW: usize = 16;

/// A kind of load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Point {
    pub(crate) name: &'static str,
    pub(crate) subscribers: usize,
    /// Messages per second; 0 for as fast as the clients take them.
    pub(crate) per_second: usize,
    /// Number of messages in a burst.
    pub(crate) burst: usize,
    /// Total number of messages to each subscriber.
    pub(crate) messages: usize,
    /// Number of rooms, each with its own messages, that the subscribers are spread over.
    pub(crate) rooms: usize,
    /// Maximum ratio of our cost to that of the floor with the same kind of writes.
    pub(crate) bar: f64,
}

/// 50,000 deliveries per second, except for the flood.
pub(crate) const POINTS: [Point; 4] = [
    Point {
        name: "1,000 fixed",
        subscribers: 1_000,
        per_second: 50,
        burst: 1,
        messages: 100,
        rooms: 1,
        bar: 1.2,
    },
    Point {
        name: "1,000 in tens",
        subscribers: 1_000,
        per_second: 50,
        burst: 10,
        messages: 100,
        rooms: 1,
        bar: 1.3,
    },
    Point {
        name: "1,000 flood",
        subscribers: 1_000,
        per_second: 0,
        burst: 16,
        messages: 480,
        rooms: 1,
        bar: 1.5,
    },
    Point {
        name: "5,000 fixed",
        subscribers: 5_000,
        per_second: 10,
        burst: 1,
        messages: 20,
        rooms: 1,
        bar: 1.2,
    },
];

impl Point {
    /// Converts to arguments of a server and of the load.
    pub(crate) fn args(&self) -> Vec<String> {
        let named = [
            ("--subscribers", self.subscribers),
            ("--per-second", self.per_second),
            ("--burst", self.burst),
            ("--messages", self.messages),
            ("--rooms", self.rooms),
        ];
        named.iter().flat_map(|(name, value)| [(*name).to_owned(), value.to_string()]).collect()
    }

    pub(crate) fn of(args: &crate::support::Args) -> Self {
        Self {
            name: "",
            subscribers: args.count("--subscribers"),
            per_second: args.count("--per-second"),
            burst: args.count("--burst").max(1),
            messages: args.count("--messages"),
            rooms: args.count("--rooms").max(1),
            bar: 0.0,
        }
    }

    /// Returns the deadline of a burst, in ns from the first one.
    pub(crate) fn due_ns(&self, burst: usize) -> u64 {
        match self.per_second {
            0 => 0,
            per_second => (burst * self.burst) as u64 * 1_000_000_000 / per_second as u64,
        }
    }

    pub(crate) fn deliveries(&self) -> usize {
        self.subscribers * self.messages
    }
}

/// Returns a text of `bytes` bytes with the current time, by a clock shared by all processes.
pub(crate) fn text(now_ns: u64, bytes: usize) -> String {
    let mut text = format!("@{now_ns:020}@");
    text.extend(std::iter::repeat_n('.', bytes.saturating_sub(text.len())));
    text
}

/// A server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServerKind {
    Livetape,
    /// The floor with one write per message.
    Floor,
    /// The floor with one write per burst.
    Joined,
    /// npm `ws`.
    Ws,
}

impl ServerKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Livetape => "livetape",
            Self::Floor => "floor",
            Self::Joined => "joined",
            Self::Ws => "ws",
        }
    }
}

/// The result of a measurement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    /// CPU time of the server per delivery, in µs.
    pub(crate) cpu_us: f64,
    pub(crate) late_p50_ms: f64,
    pub(crate) late_p99_ms: f64,
    /// Resident memory per connection, in KiB, before the first message and at the end.
    pub(crate) idle_kib: f64,
    pub(crate) busy_kib: f64,
    /// Deliveries per second of wall time.
    pub(crate) per_second: f64,
}

/// Maximum resident memory per connection, in KiB.
const KIB_MAX: f64 = 8.0;

/// All measurements of a point.
pub(crate) struct Row {
    point: Point,
    kinds: Vec<(ServerKind, Vec<Measured>)>,
}

/// The measurements of all points.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) rows: Vec<Row>,
}

impl Row {
    pub(crate) fn new(point: Point, kinds: &[ServerKind]) -> Self {
        Self { point, kinds: kinds.iter().map(|kind| (*kind, Vec::new())).collect() }
    }

    pub(crate) fn add(&mut self, kind: ServerKind, measured: Measured) {
        self.kinds.iter_mut().filter(|it| it.0 == kind).for_each(|it| it.1.push(measured));
    }

    fn values(&self, kind: ServerKind, of: impl Fn(&Measured) -> f64) -> Vec<f64> {
        let all = self.kinds.iter().filter(|it| it.0 == kind).flat_map(|it| &it.1);
        all.map(of).collect()
    }

    /// Ratios of livetape to `other` within each round, because a disturbance usually affects both.
    fn ratios(&self, other: ServerKind, of: impl Fn(&Measured) -> f64) -> Vec<f64> {
        let (us, other) = (self.values(ServerKind::Livetape, &of), self.values(other, &of));
        us.iter().zip(&other).map(|(us, other)| us / other).collect()
    }

    /// The floor with the same kind of writes as livetape.
    fn floor(&self) -> ServerKind {
        if self.point.burst > 1 { ServerKind::Joined } else { ServerKind::Floor }
    }

    pub(crate) fn print(&self) {
        println!("{}: µs of CPU per delivery, median (min to max)", self.point.name);
        println!(
            "  {:9} {:>30} {:>9} {:>9} {:>9} {:>9} {:>12}",
            "", "", "p50 ms", "p99 ms", "idle KiB", "busy KiB", "per second"
        );
        for (kind, _) in &self.kinds {
            let middle = |of: fn(&Measured) -> f64| median(&self.values(*kind, of));
            println!(
                "  {:9} {:>30} {:9.2} {:9.2} {:9.1} {:9.1} {:12.0}",
                kind.name(),
                spread(&self.values(*kind, |it| it.cpu_us)),
                middle(|it| it.late_p50_ms),
                middle(|it| it.late_p99_ms),
                middle(|it| it.idle_kib),
                middle(|it| it.busy_kib),
                middle(|it| it.per_second),
            );
        }
        let ratios = self.ratios(self.floor(), |it| it.cpu_us);
        let late = self.ratios(self.floor(), |it| it.late_p99_ms);
        println!("  {:<24} {}", format!("p99 by {}", self.floor().name()), spread(&late));
        if self.has_peer() {
            println!("  {:<24} {}", "livetape by ws", spread(&self.ratios(ServerKind::Ws, |it| it.cpu_us)));
        }
        let met = verdict(&ratios, self.point.bar);
        let name = format!("livetape by {}", self.floor().name());
        println!("  {name:<24} {}, bar {}: {met}", spread(&ratios), self.point.bar);
    }

    fn has_peer(&self) -> bool {
        self.kinds.iter().any(|(kind, _)| *kind == ServerKind::Ws)
    }

    fn json(&self) -> Value {
        let list = |kind, of: fn(&Measured) -> f64| {
            json!(self.values(kind, of).iter().map(|it| rounded(*it)).collect::<Vec<_>>())
        };
        let kinds: serde_json::Map<String, Value> = self
            .kinds
            .iter()
            .map(|(kind, _)| {
                let all = json!({
                    "cpu_us": list(*kind, |it| it.cpu_us),
                    "late_p50_ms": list(*kind, |it| it.late_p50_ms),
                    "late_p99_ms": list(*kind, |it| it.late_p99_ms),
                    "idle_kib": list(*kind, |it| it.idle_kib),
                    "busy_kib": list(*kind, |it| it.busy_kib),
                    "per_second": list(*kind, |it| it.per_second),
                });
                (kind.name().to_owned(), all)
            })
            .collect();
        json!({
            "point": self.point.name,
            "servers": kinds,
            "ratio_to_ws": self.has_peer().then(|| rounded(median(&self.ratios(ServerKind::Ws, |it| it.cpu_us)))),
            "floor": self.floor().name(),
            "bar": self.point.bar,
            "ratio": rounded(median(&self.ratios(self.floor(), |it| it.cpu_us))),
        })
    }
}

impl Report {
    /// Maximum memory per connection of livetape over all points, idle and busy.
    fn memory(&self) -> [(&'static str, f64); 2] {
        let most = |of: fn(&Measured) -> f64| {
            let medians = self.rows.iter().map(|row| median(&row.values(ServerKind::Livetape, of)));
            medians.fold(0.0, f64::max)
        };
        [("idle", most(|it| it.idle_kib)), ("busy", most(|it| it.busy_kib))]
    }

    pub(crate) fn print_memory(&self) {
        println!("maximum memory per connection, KiB");
        for (name, kib) in self.memory() {
            let met = verdict(&[kib], KIB_MAX);
            println!("  {name:<24} {kib:8.2}, bar {KIB_MAX}: {met}");
        }
    }

    pub(crate) fn json(&self) -> Value {
        let [idle, busy] = self.memory().map(|(_, kib)| rounded(kib));
        json!({
            "points": self.rows.iter().map(Row::json).collect::<Vec<_>>(),
            "memory": { "idle_kib": idle, "busy_kib": busy, "bar_kib": KIB_MAX },
        })
    }
}
