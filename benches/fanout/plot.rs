//! The curve of `scale` as a picture.

use std::fmt::Write as _;

use serde_json::Value;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 50.0;
const RIGHT: f64 = 50.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 40.0;
const BLUE: &str = "#0066cc";
const RED: &str = "#c43c00";

/// CPU time a delivery to the left, memory a connection to the right, subscribers in powers of ten.
pub(crate) fn svg(points: &[Value]) -> String {
    let number = |point: &Value, name: &str| point[name].as_f64().unwrap_or(0.0);
    let subscribers: Vec<f64> = points.iter().map(|point| number(point, "subscribers").log10()).collect();
    let (least, most) = (subscribers[0], subscribers[subscribers.len() - 1]);
    let x = |value: f64| LEFT + (value - least) / (most - least) * (WIDTH - LEFT - RIGHT);
    let y = |value: f64, top: f64| HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<title>CPU time of a delivery, and memory of a connection, by subscribers</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    let mut line = |name: &str, label: &str, colour: &str, at: f64, anchors: (&str, &str)| {
        let values: Vec<f64> = points.iter().map(|point| number(point, name)).collect();
        let top = (values.iter().copied().fold(0.0, f64::max) * 1.25).ceil();
        let path: Vec<String> = subscribers
            .iter()
            .zip(&values)
            .map(|(count, value)| format!("{:.1},{:.1}", x(*count), y(*value, top)))
            .collect();
        let path = path.join(" ");
        let _ = writeln!(
            svg,
            "<polyline points=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>"
        );
        for share in [0.0, 0.5, 1.0] {
            let (value, height) = (top * share, y(top * share, top) + 4.0);
            let _ = writeln!(
                svg,
                "<text x=\"{at}\" y=\"{height:.1}\" fill=\"{colour}\" text-anchor=\"{}\">{value}</text>",
                anchors.0
            );
        }
        let _ = writeln!(
            svg,
            "<text x=\"{at}\" y=\"18\" fill=\"{colour}\" text-anchor=\"{}\">{label}</text>",
            anchors.1
        );
    };
    line("cpu_us", "µs CPU a delivery", BLUE, LEFT - 8.0, ("end", "start"));
    line("busy_kib", "KiB a connection", RED, WIDTH - RIGHT + 8.0, ("start", "end"));
    for (point, count) in points.iter().zip(&subscribers) {
        let (at, label) = (x(*count), number(point, "subscribers"));
        let (axis, below) = (HEIGHT - BOTTOM, HEIGHT - BOTTOM + 18.0);
        let _ = writeln!(
            svg,
            "<path d=\"M{at:.1} {axis}v4\" stroke=\"black\"/>\
             <text x=\"{at:.1}\" y=\"{below}\" text-anchor=\"middle\">{label}</text>"
        );
    }
    let _ = writeln!(
        svg,
        "<path d=\"M{LEFT} {TOP}V{axis}H{right}V{TOP}\" fill=\"none\" stroke=\"black\"/>\n\
         <text x=\"{middle}\" y=\"{bottom}\" text-anchor=\"middle\">subscribers</text>\n</svg>",
        axis = HEIGHT - BOTTOM,
        right = WIDTH - RIGHT,
        middle = WIDTH / 2.0,
        bottom = HEIGHT - 6.0,
    );
    svg
}
