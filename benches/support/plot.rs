//! Line charts as SVG.

use std::fmt::Write as _;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 50.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 40.0;
const COLOURS: [&str; 3] = ["#0066cc", "#c43c00", "#5b8a00"];
/// Maximum number of points of a line; longer lines are thinned out.
const POINTS_MAX: usize = 200;

/// A chart with its axes and lines.
pub(crate) struct Chart {
    pub(crate) below: &'static str,
    pub(crate) above: &'static str,
    /// Numbers on the horizontal axis, from start to end.
    pub(crate) ticks: Vec<f64>,
    /// Whether the horizontal axis is logarithmic.
    pub(crate) is_logarithmic: bool,
    /// The limit to draw, if any.
    pub(crate) bar: Option<f64>,
    pub(crate) lines: Vec<Line>,
}

/// A line and its label.
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
}

/// Draws charts in a grid with `columns` columns.
pub(crate) fn svg(title: &str, charts: &[Chart], columns: usize) -> String {
    let rows = charts.len().div_ceil(columns);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <title>{title}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
        WIDTH * columns as f64,
        HEIGHT * rows as f64
    );
    for (place, chart) in charts.iter().enumerate() {
        let (left, top) = (WIDTH * (place % columns) as f64, HEIGHT * (place / columns) as f64);
        let _ = writeln!(svg, "<g transform=\"translate({left} {top})\">\n{}</g>", chart.svg());
    }
    svg + "</svg>\n"
}

impl Chart {
    fn svg(&self) -> String {
        let heights = self.lines.iter().flat_map(|line| &line.points).map(|point| point.1);
        let top = (self.bar.into_iter().chain(heights).fold(0.0, f64::max) * 1.2).ceil();
        let mut svg = self.axes(top);
        if let Some(bar) = self.bar {
            let (at, right) = (y(bar, top), WIDTH - RIGHT);
            let _ = writeln!(
                svg,
                "<path d=\"M{LEFT} {at:.1}H{right}\" stroke=\"#999999\" stroke-dasharray=\"4 4\"/>\
                 <text x=\"{right}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#666666\">bar</text>",
                at - 4.0
            );
        }
        for (line, (colour, below)) in self.lines.iter().zip(COLOURS.iter().zip(0..)) {
            let (path, name) = (self.path(&line.points, top), &line.name);
            let beside = HEIGHT - BOTTOM - 12.0 - 16.0 * f64::from(below);
            let _ = writeln!(
                svg,
                "<polyline points=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>\
                 <text x=\"{}\" y=\"{beside}\" fill=\"{colour}\" \
                 stroke=\"white\" stroke-width=\"4\" paint-order=\"stroke\">{name}</text>",
                LEFT + 12.0
            );
        }
        svg
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
        for tick in &self.ticks {
            let (at, below) = (self.x(*tick), axis + 18.0);
            let _ = writeln!(
                svg,
                "<path d=\"M{at:.1} {axis}v4\" stroke=\"black\"/>\
                 <text x=\"{at:.1}\" y=\"{below}\" text-anchor=\"middle\">{tick}</text>"
            );
        }
        svg
    }

    fn path(&self, points: &[(f64, f64)], top: f64) -> String {
        let some = points.iter().step_by(points.len().div_ceil(POINTS_MAX).max(1));
        let places = some.chain(points.last());
        places.map(|point| format!("{:.1},{:.1} ", self.x(point.0), y(point.1, top))).collect()
    }

    fn x(&self, value: f64) -> f64 {
        let scaled = |value: f64| if self.is_logarithmic { value.log10() } else { value };
        let (first, last) = (scaled(self.ticks[0]), scaled(self.ticks[self.ticks.len() - 1]));
        LEFT + (scaled(value) - first) / (last - first) * (WIDTH - LEFT - RIGHT)
    }
}

fn y(value: f64, top: f64) -> f64 {
    HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM)
}
