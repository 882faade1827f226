//! The charts of [`scale`](super::scale), as SVG.

use std::fmt::Write as _;

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
