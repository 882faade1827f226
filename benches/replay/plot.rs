//! Memory over the share of a recording that was played, as a picture.

use std::fmt::Write as _;

use crate::reader::Look;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 50.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 40.0;
const COLOURS: [&str; 3] = ["#0066cc", "#c43c00", "#5b8a00"];
/// Points of a line.
const POINTS: usize = 200;

/// A recording that was played.
pub(crate) struct Curve {
    pub(crate) name: String,
    pub(crate) looks: Vec<Look>,
}

/// A line a recording, from its beginning to its end, and the bar.
pub(crate) fn svg(curves: &[Curve], bar: f64) -> String {
    let top = (bar * 1.25).ceil();
    let x = |share: f64| LEFT + share * (WIDTH - LEFT - RIGHT);
    let y = |mib: f64| HEIGHT - BOTTOM - mib / top * (HEIGHT - TOP - BOTTOM);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<title>Resident memory of a replay at speed max</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    let _ = writeln!(
        svg,
        "<path d=\"M{LEFT} {at:.1}H{right}\" stroke=\"#999999\" stroke-dasharray=\"4 4\"/>\
         <text x=\"{right}\" y=\"{above:.1}\" text-anchor=\"end\" fill=\"#666666\">bar</text>",
        at = y(bar),
        above = y(bar) - 4.0,
        right = WIDTH - RIGHT,
    );
    for (index, (Curve { name, looks }, colour)) in curves.iter().zip(COLOURS).enumerate() {
        let hours = looks.last().map_or(0.0, |look| look.hours);
        let path: Vec<String> = looks
            .iter()
            .step_by(looks.len().div_ceil(POINTS).max(1))
            .chain(looks.last())
            .map(|look| {
                format!("{:.1},{:.1}", x(look.hours / hours.max(f64::MIN_POSITIVE)), y(look.resident_mib))
            })
            .collect();
        let (path, below) = (path.join(" "), HEIGHT - BOTTOM - 12.0 - 16.0 * index as f64);
        let _ = writeln!(
            svg,
            "<polyline points=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>\
             <text x=\"{}\" y=\"{below}\" fill=\"{colour}\">{name}: {hours:.1} h</text>",
            LEFT + 12.0
        );
    }
    for mib in [0.0, bar / 2.0, bar] {
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{mib}</text>",
            LEFT - 8.0,
            y(mib) + 4.0
        );
    }
    let _ = writeln!(
        svg,
        "<path d=\"M{LEFT} {TOP}V{axis}H{right}\" fill=\"none\" stroke=\"black\"/>\n\
         <text x=\"{LEFT}\" y=\"18\">MiB resident</text>\n\
         <text x=\"{middle}\" y=\"{bottom}\" text-anchor=\"middle\">how much of it was played</text>\n</svg>",
        axis = HEIGHT - BOTTOM,
        right = WIDTH - RIGHT,
        middle = WIDTH / 2.0,
        bottom = HEIGHT - 12.0,
    );
    svg
}
