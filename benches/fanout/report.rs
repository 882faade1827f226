//! The figures: medians, spreads, ratios last.

use serde_json::{Value, json};

use crate::{
    points::Point,
    run::{Kind, Measured},
};

/// How much longer a loop may take on the clock than on the CPU, on a calm machine.
const BUSY_RATIO: f64 = 1.15;
/// Resident memory of an idle connection, in KiB: the bar.
const IDLE_KIB_MAX: f64 = 8.0;

/// All measurements of one point.
pub(crate) struct Row {
    point: Point,
    kinds: Vec<(Kind, Vec<Measured>)>,
}

/// All of them, and how busy the machine was before and after: milliseconds on the clock and on the CPU.
pub(crate) struct Report {
    pub(crate) before: (f64, f64),
    pub(crate) after: (f64, f64),
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

    /// Us by `other`, round by round: what disturbs one of a pair mostly disturbs the other too.
    fn ratios(&self, other: Kind, of: impl Fn(&Measured) -> f64) -> Vec<f64> {
        let (us, other) = (self.values(Kind::Livetape, &of), self.values(other, &of));
        us.iter().zip(&other).map(|(us, other)| us / other).collect()
    }

    /// The floor that writes as we do.
    fn floor(&self) -> Kind {
        if self.point.burst > 1 { Kind::Joined } else { Kind::Floor }
    }

    pub(crate) fn print(&self) {
        println!("{}: µs of CPU a delivery, median (least to most)", self.point.name);
        println!(
            "  {:9} {:>22} {:>9} {:>9} {:>9} {:>9} {:>12}",
            "", "", "p50 ms", "p99 ms", "idle KiB", "busy KiB", "a second"
        );
        for (kind, _) in &self.kinds {
            let middle = |of: fn(&Measured) -> f64| median(&self.values(*kind, of));
            println!(
                "  {:9} {:>22} {:9.2} {:9.2} {:9.1} {:9.1} {:12.0}",
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
        let peer = self.ratios(Kind::Ws, |it| it.cpu_us);
        let met = if median(&ratios) <= self.point.bar { "met" } else { "missed" };
        println!("  livetape by ws {}, p99 by {} {}", spread(&peer), self.floor().name(), spread(&late));
        println!("  livetape by {} {}, bar {} {met}", self.floor().name(), spread(&ratios), self.point.bar);
    }

    fn json(&self) -> Value {
        let list = |kind, of: fn(&Measured) -> f64| {
            json!(self.values(kind, of).iter().map(|it| round(*it)).collect::<Vec<_>>())
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
            "ratio_to_ws": round(median(&self.ratios(Kind::Ws, |it| it.cpu_us))),
            "floor": self.floor().name(),
            "bar": self.point.bar,
            "ratio": round(median(&self.ratios(self.floor(), |it| it.cpu_us))),
        })
    }
}

impl Report {
    /// Whether others used the processor too.
    fn is_busy(&self) -> bool {
        [self.before, self.after].iter().any(|(wall, cpu)| wall / cpu > BUSY_RATIO)
    }

    pub(crate) fn print_end(&self) {
        let idle = self.rows.iter().flat_map(|row| row.values(Kind::Livetape, |it| it.idle_kib));
        let most = idle.fold(0.0, f64::max);
        let met = if most <= IDLE_KIB_MAX { "met" } else { "missed" };
        println!("idle connection: {most:.1} KiB at most, bar {IDLE_KIB_MAX} {met}");
        let share = |(wall, cpu): (f64, f64)| wall / cpu;
        println!(
            "machine: a loop took {:.2} and {:.2} times its CPU time before and after{}",
            share(self.before),
            share(self.after),
            if self.is_busy() { ": BUSY, only the ratios count" } else { "" }
        );
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "bench": "fanout",
            "machine": {
                "busy": self.is_busy(),
                "loop_wall_ms": [round(self.before.0), round(self.after.0)],
                "loop_cpu_ms": [round(self.before.1), round(self.after.1)],
            },
            "points": self.rows.iter().map(Row::json).collect::<Vec<_>>(),
        })
    }
}

pub(crate) fn round(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

fn spread(values: &[f64]) -> String {
    let sorted = sorted(values);
    format!("{:.2} ({:.2} to {:.2})", median(values), sorted[0], sorted[sorted.len() - 1])
}

pub(crate) fn median(values: &[f64]) -> f64 {
    let sorted = sorted(values);
    sorted[sorted.len() / 2]
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values
}
