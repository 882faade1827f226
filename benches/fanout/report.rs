//! The report: medians and spreads, then ratios.

use serde_json::{Value, json};

use super::points::{Kind, Measured, Point};
use crate::support::{median, rounded, spread, verdict};

/// Maximum resident memory per connection, in KiB.
const KIB_MAX: f64 = 8.0;

/// All measurements of a point.
pub(crate) struct Row {
    point: Point,
    kinds: Vec<(Kind, Vec<Measured>)>,
}

/// The measurements of all points.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) rows: Vec<Row>,
}

impl Row {
    pub(crate) fn new(point: Point, kinds: &[Kind]) -> Self {
        Self { point, kinds: kinds.iter().map(|kind| (*kind, Vec::new())).collect() }
    }

    pub(crate) fn add(&mut self, kind: Kind, measured: Measured) {
        self.kinds.iter_mut().filter(|it| it.0 == kind).for_each(|it| it.1.push(measured));
    }

    fn values(&self, kind: Kind, of: impl Fn(&Measured) -> f64) -> Vec<f64> {
        let all = self.kinds.iter().filter(|it| it.0 == kind).flat_map(|it| &it.1);
        all.map(of).collect()
    }

    /// Ratios of livetape to `other` within each round, because a disturbance usually affects both.
    fn ratios(&self, other: Kind, of: impl Fn(&Measured) -> f64) -> Vec<f64> {
        let (us, other) = (self.values(Kind::Livetape, &of), self.values(other, &of));
        us.iter().zip(&other).map(|(us, other)| us / other).collect()
    }

    /// The floor with the same kind of writes as livetape.
    fn floor(&self) -> Kind {
        if self.point.burst > 1 { Kind::Joined } else { Kind::Floor }
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
            println!("  {:<24} {}", "livetape by ws", spread(&self.ratios(Kind::Ws, |it| it.cpu_us)));
        }
        let met = verdict(&ratios, self.point.bar);
        let name = format!("livetape by {}", self.floor().name());
        println!("  {name:<24} {}, bar {}: {met}", spread(&ratios), self.point.bar);
    }

    fn has_peer(&self) -> bool {
        self.kinds.iter().any(|(kind, _)| *kind == Kind::Ws)
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
            "ratio_to_ws": self.has_peer().then(|| rounded(median(&self.ratios(Kind::Ws, |it| it.cpu_us)))),
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
            let medians = self.rows.iter().map(|row| median(&row.values(Kind::Livetape, of)));
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
