//! A framed plot with its axes, and the legend above plots.

use std::fmt::Write;

use super::axes::Axis;
use super::svg::{Anchor, Font, GREY, GRID, Paint, Svg, number};

/// A plot: the position of its frame in the figure, and its two axes.
#[derive(Clone, Copy, Debug)]
pub struct Panel {
    /// Left edge of the frame.
    pub left: f64,
    /// Upper edge of the frame.
    pub top: f64,
    /// Width of the frame.
    pub width: f64,
    /// Height of the frame.
    pub height: f64,
    /// Horizontal axis.
    pub x: Axis,
    /// Vertical axis.
    pub y: Axis,
}

/// The smallest distance between neighbouring ticks of the horizontal and of the vertical axis, in SVG units.
const BETWEEN_TICKS: (f64, f64) = (38.0, 26.0);
/// The least length, in SVG units, of a power of ten that has nine marks on a logarithmic axis.
const DECADE: f64 = 18.0;
/// The length of a mark of a logarithmic axis, in SVG units.
const MARK: f64 = 3.5;

impl Panel {
    /// Lower edge of the frame.
    pub fn bottom(&self) -> f64 {
        self.top + self.height
    }

    /// Right edge of the frame.
    pub fn right(&self) -> f64 {
        self.left + self.width
    }

    /// The position of `x` in the figure; none for a value off the axis.
    pub fn place_x(&self, x: f64) -> Option<f64> {
        Some(self.left + self.x.place(x)? * self.width)
    }

    /// The position of `y` in the figure; none for a value off the axis.
    pub fn place_y(&self, y: f64) -> Option<f64> {
        Some(self.bottom() - self.y.place(y)? * self.height)
    }

    /// Draws grid, frame, tick labels and, outside the frame, the marks of logarithmic axes. A label that would touch
    /// the label before it is left out. Call this before the data are drawn on top.
    pub fn draw_axes(&self, svg: &mut Svg) {
        let (bottom, right) = (self.bottom(), self.right());
        let mut grid = String::new();
        let ticks = self.x.ticks((self.width / BETWEEN_TICKS.0) as usize);
        let mut free_from = f64::NEG_INFINITY;
        for (tick, text) in ticks.iter().zip(self.x.labels(&ticks)) {
            let Some(x) = self.place_x(*tick) else { continue };
            let _ = write!(grid, "M{} {}V{}", number(x), number(self.top), number(bottom));
            let half = Font::SMALL.width(&text) / 2.0;
            if x - half >= free_from {
                svg.text(x, bottom + 15.0, &text, Font::SMALL);
                free_from = x + half + 4.0;
            }
        }
        let ticks = self.y.ticks((self.height / BETWEEN_TICKS.1) as usize);
        let mut free_to = f64::INFINITY;
        for (tick, text) in ticks.iter().zip(self.y.labels(&ticks)) {
            let Some(y) = self.place_y(*tick) else { continue };
            let _ = write!(grid, "M{} {}H{}", number(self.left), number(y), number(right));
            if y <= free_to {
                svg.text(self.left - 6.0, y + 4.0, &text, Font::SMALL.anchor(Anchor::End));
                free_to = y - Font::SMALL.size - 1.0;
            }
        }
        svg.path(&grid, Paint::Line(GRID, 1.0));
        let across = self.x.marks((self.width / DECADE) as usize).into_iter().filter_map(|x| self.place_x(x));
        let along = self.y.marks((self.height / DECADE) as usize).into_iter().filter_map(|y| self.place_y(y));
        let marks = across.map(|x| format!("M{} {}v{MARK}", number(x), number(bottom)));
        let marks = marks.chain(along.map(|y| format!("M{} {}h-{MARK}", number(self.left), number(y))));
        svg.path(&marks.collect::<String>(), Paint::Line(GREY, 0.8));
        let [left, top, right, bottom] = [self.left, self.top, right, bottom].map(number);
        svg.path(&format!("M{left} {top}V{bottom}H{right}"), Paint::Line(GREY, 1.0));
    }

    /// Names the horizontal axis, below its tick labels.
    pub fn name_x(&self, svg: &mut Svg, name: &str) {
        svg.text(self.left + self.width / 2.0, self.bottom() + 33.0, name, Font::NAME);
    }

    /// Names the vertical axis, `distance` left of the frame.
    pub fn name_y(&self, svg: &mut Svg, name: &str, distance: f64) {
        svg.text_upwards(self.left - distance, self.top + self.height / 2.0, name, Font::NAME);
    }

    /// Writes a remark in the middle of a plot that has nothing to draw.
    pub fn remark(&self, svg: &mut Svg, remark: &str) {
        svg.text(self.left + self.width / 2.0, self.top + self.height / 2.0 + 4.0, remark, Font::SMALL);
    }

    /// A path through the values of epochs 1, 2, …; it is interrupted where a value is off the axis.
    pub fn curve(&self, values: &[f64]) -> String {
        self.path((1..).map(f64::from).zip(values.iter().copied()))
    }

    /// A path through points (x, y); it is interrupted where a point is off an axis.
    pub fn path(&self, points: impl IntoIterator<Item = (f64, f64)>) -> String {
        let mut path = String::new();
        let mut broken = true;
        for (x, y) in points {
            let at = self.place_x(x).zip(self.place_y(y));
            if let Some((x, y)) = at {
                let _ = write!(path, "{}{} {}", if broken { 'M' } else { 'L' }, number(x), number(y));
            }
            broken = at.is_none();
        }
        path
    }

    /// A very short segment at each of the values that [`Panel::curve`] passes through.
    pub fn dots(&self, values: &[f64]) -> String {
        self.scatter((1..).map(f64::from).zip(values.iter().copied()))
    }

    /// A very short segment at each point (x, y) on the axes. Its length is not 0, since renderers differ in how they
    /// draw segments of length 0.
    pub fn scatter(&self, points: impl IntoIterator<Item = (f64, f64)>) -> String {
        let mut path = String::new();
        for (x, y) in points {
            if let Some((x, y)) = self.place_x(x).zip(self.place_y(y)) {
                let _ = write!(path, "M{} {}h.01", number(x), number(y));
            }
        }
        path
    }
}

/// Entries of a legend: the paints of the sample, and the name.
pub type Entries<'a> = [(&'a [Paint], &'a str)];

/// Draws a legend in one row, starting at `left`: for each entry a sample of its paints, and its name.
pub fn legend(svg: &mut Svg, left: f64, baseline: f64, entries: &Entries<'_>) {
    let mut x = left;
    let middle = baseline - 4.0;
    for (i, &(paints, name)) in entries.iter().enumerate() {
        let (from, to) = (number(x), number(x + 22.0));
        for &paint in paints {
            let sample = match paint {
                Paint::Fill(_) => format!("M{from} {}H{to}v10H{from}Z", number(middle - 5.0)),
                Paint::Line(..) | Paint::Dashed(..) => format!("M{from} {}H{to}", number(middle)),
                Paint::Discs(..) | Paint::Squares(..) => {
                    format!("M{} {}h.01", number(x + 11.0), number(middle))
                }
            };
            svg.path(&sample, paint);
        }
        svg.text(x + 29.0, baseline, name, Font::NAME.anchor(Anchor::Start));
        x = left + legend_width(&entries[..=i]);
    }
}

/// The width of a legend, including the space after its last entry.
pub fn legend_width(entries: &Entries<'_>) -> f64 {
    entries.iter().map(|(_, name)| 29.0 + Font::NAME.width(name) + 18.0).sum()
}
