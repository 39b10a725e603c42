//! A line chart as SVG, drawn by hand: no fonts to find, and colours that follow the reader's light or dark
//! theme.
//!
//! Colours stand in `chart.css` as plain rules without variables, because many programs that show SVG files
//! know no variables.

mod axis;

use std::fmt::Write;

use axis::Axis;

use crate::human;
use crate::xml::escape;

/// The rules that colour a chart, for the head of a page that holds charts.
pub(crate) const STYLE: &str = include_str!("chart.css");
/// How many colours `chart.css` has.
const COLORS: usize = 8;

/// Width of a chart in pixels; it is as high as its legend makes it.
pub(crate) const WIDTH: f64 = 480.0;
/// The left and right ends of the plot, its height, and the room for the labels below it.
const LEFT: f64 = 46.0;
const RIGHT: f64 = WIDTH - 12.0;
const PLOT: f64 = 202.0;
const BELOW: f64 = 30.0;
/// From one line of the legend to the next.
const LINE: f64 = 18.0;

/// Lines over epochs.
pub(crate) struct Chart {
    pub title: String,
    pub series: Vec<Series>,
}

/// One line.
pub(crate) struct Series {
    /// Its entry in the legend; lines of one name share it.
    pub name: String,
    /// Which of the colours.
    pub color: usize,
    /// Drawn thin and dashed, as something beside the point.
    pub faint: bool,
    /// Epoch and value; a value that is not finite leaves a gap.
    pub points: Vec<(f64, f64)>,
}

impl Chart {
    /// True where there is nothing to draw.
    pub(crate) fn is_empty(&self) -> bool {
        self.series.iter().all(|series| series.points.is_empty())
    }

    /// The chart as an `<svg>` element to stand in a page that holds [`STYLE`].
    pub(crate) fn element(&self) -> String {
        format!(
            "<svg class=\"chart\" viewBox=\"0 0 {WIDTH} {}\" role=\"img\" aria-label=\"{}\">\n{}</svg>\n",
            self.height(),
            escape(&self.title),
            self.drawing()
        )
    }

    /// Its height in pixels.
    pub(crate) fn height(&self) -> f64 {
        self.legend().1 + PLOT + BELOW
    }

    /// What stands inside the `<svg>` element.
    pub(crate) fn drawing(&self) -> String {
        let (legend, top) = self.legend();
        let bottom = top + PLOT;
        let x = Axis::counting(self.points().map(|(epoch, _)| epoch));
        let y = Axis::around(self.points().map(|(_, value)| value));
        let across = |epoch: f64| LEFT + x.place(epoch) * (RIGHT - LEFT);
        let up = |value: f64| bottom - y.place(value) * PLOT;

        let mut svg = format!(
            "<text class=\"title\" x=\"4\" y=\"16\">{}</text>\n{legend}",
            escape(&self.title)
        );
        for (value, label) in y.ticks() {
            let height = up(value);
            let _ = writeln!(
                svg,
                "<path class=\"grid\" d=\"M{LEFT} {height:.1}H{RIGHT}\"/>\
                 <text class=\"y\" x=\"{:.1}\" y=\"{:.1}\">{label}</text>",
                LEFT - 7.0,
                height + 4.0
            );
        }
        let _ = writeln!(svg, "<text x=\"4\" y=\"{}\">epoch</text>", bottom + 19.0);
        for (epoch, label) in x.ticks() {
            let _ = writeln!(
                svg,
                "<text class=\"x\" x=\"{:.1}\" y=\"{}\">{label}</text>",
                across(epoch),
                bottom + 19.0
            );
        }
        for series in &self.series {
            series.draw(&mut svg, |(epoch, value)| (across(epoch), up(value)));
        }
        svg
    }

    fn points(&self) -> impl Iterator<Item = (f64, f64)> {
        self.series
            .iter()
            .flat_map(|series| series.points.iter().copied())
    }

    /// The legend's drawing, and how far down the plot begins. A nameless line has no entry, but keeps the
    /// room of one line, so that charts side by side are level.
    fn legend(&self) -> (String, f64) {
        let mut svg = String::new();
        let (mut x, mut y) = (4.0, 16.0 + LINE);
        for (index, series) in self.series.iter().enumerate() {
            let repeated = self.series[..index]
                .iter()
                .any(|earlier| earlier.name == series.name);
            if series.name.is_empty() || repeated {
                continue;
            }
            // No font is at hand to measure the name; 6.3 pixels for a letter is a little more than most
            // fonts need.
            let width = 24.0 + 6.3 * series.name.chars().count() as f64 + 14.0;
            if x > 4.0 && x + width > WIDTH {
                (x, y) = (4.0, y + LINE);
            }
            let _ = writeln!(
                svg,
                "<path class=\"{}\" d=\"M{x:.1} {:.1}h18\"/><text class=\"key\" x=\"{:.1}\" y=\"{y:.1}\">{}</text>",
                series.class(),
                y - 4.0,
                x + 24.0,
                escape(&series.name)
            );
            x += width;
        }
        (svg, y + 14.0)
    }
}

impl Series {
    fn class(&self) -> String {
        let dashes = match self {
            Self { faint: true, .. } => " faint",
            // When the colours come round again, dashes tell the lines apart.
            Self { color: COLORS.., .. } => " again",
            _ => "",
        };
        format!("line c{}{dashes}", self.color % COLORS)
    }

    fn draw(&self, svg: &mut String, place: impl Fn((f64, f64)) -> (f64, f64)) {
        let mut path = String::new();
        let mut dots = String::new();
        let mut pen = 'M';
        for &point in &self.points {
            if !point.1.is_finite() {
                pen = 'M';
                continue;
            }
            let (x, y) = place(point);
            let _ = write!(path, "{pen}{x:.1} {y:.1}");
            pen = 'L';
            // The title is what a browser shows when the pointer rests on the dot.
            let (epoch, value) = (point.0, human::decimals(point.1, 4));
            let name = escape(&self.name);
            let _ = write!(
                dots,
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"><title>{name} epoch {epoch}: {value}</title></circle>"
            );
        }
        // A line of one point is invisible, so that its dot has to show.
        let shown = if self.points.len() == 1 { " shown" } else { "" };
        let class = self.class();
        let color = self.color % COLORS;
        let _ = writeln!(
            svg,
            "<path class=\"{class}\" d=\"{path}\"/>\n<g class=\"dots d{color}{shown}\">{dots}</g>"
        );
    }
}
