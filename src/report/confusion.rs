//! The confusion matrix: which label is predicted as which class.

use super::WIDTH;
use super::svg::{Anchor, Font, GREY, Paint, Svg, number};
use std::fmt::Write;

/// What the figure shows for one kind of weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Confusion {
    /// The name of the kind of weights.
    pub name: String,
    /// (K, K), row by row: the number of images of label i that are predicted as class j.
    pub counts: Vec<usize>,
    /// What each of the K classes is called.
    pub class_names: Vec<String>,
}

impl Confusion {
    /// Counts classes predicted beside labels, for classes called `class_names` (K).
    ///
    /// # Panics
    /// If a label or a predicted class is not below K.
    pub fn new(name: impl Into<String>, class_names: &[String], predicted: &[usize], labels: &[usize]) -> Self {
        let classes = class_names.len();
        let mut counts = vec![0; classes * classes];
        labels.iter().zip(predicted).for_each(|(label, class)| counts[label * classes + class] += 1);
        Self { name: name.into(), counts, class_names: class_names.to_vec() }
    }

    /// K.
    fn classes(&self) -> usize {
        self.class_names.len()
    }
}

/// The shades of a cell, from light to dark, each with the smallest share of its row for which it is used.
const SHADES: [(f64, &str); 7] = [
    (f64::MIN_POSITIVE, "#e3eef8"),
    (0.01, "#c3dbee"),
    (0.03, "#9ecae6"),
    (0.1, "#6baed6"),
    (0.3, "#3182bd"),
    (0.6, "#0a5e99"),
    (0.9, "#064477"),
];
/// The first shade on which a number is white.
const DARK: usize = 4;
/// Side of a cell that has room for its number.
const ROOM: f64 = 26.0;
/// Height and width of a class's name in a row or a column of names.
const LINE: f64 = 17.0;
/// The longest name that is written whole, in SVG units.
const LONGEST_NAME: f64 = 82.0;
const TOP: f64 = 88.0;

/// Where the parts of every matrix of a figure stand, so that matrices with equal names have equal sides.
struct Layout {
    /// The names as they are written.
    names: Vec<String>,
    /// Space left of a matrix, for the name of the axis and the names of the rows. It begins at the left edge of the
    /// figure or, for the right one of two matrices, at the middle of the figure.
    left: f64,
    /// Side of a matrix.
    side: f64,
    /// Side of a cell.
    cell: f64,
    /// The names of classes 0, `stride`, 2 · `stride`, … are written; `stride` is 1 if every name has room.
    stride: usize,
    /// Whether the names of columns are wider than their columns, and so read upwards.
    is_upwards: bool,
    /// Height of the names of columns.
    bottom: f64,
}

impl Layout {
    fn new(class_names: &[String]) -> Self {
        let names: Vec<String> = class_names.iter().map(|name| Font::SMALL.cut(name, LONGEST_NAME)).collect();
        let widest = names.iter().map(|name| Font::SMALL.width(name)).fold(0.0, f64::max);
        let left = 28.0 + widest.max(34.0);
        let side = 382.0 - left;
        let cell = side / names.len().max(1) as f64;
        let stride = (LINE / cell).ceil().max(1.0) as usize;
        let is_upwards = widest > LINE.max(cell * stride as f64);
        Self { left, side, cell, stride, is_upwards, bottom: if is_upwards { widest + 8.0 } else { LINE }, names }
    }

    /// Height of a matrix with its heading and its names.
    fn height(&self) -> f64 {
        self.side + self.bottom + 59.0
    }
}

/// One matrix for each kind of weights, as SVG: a row for each label, a column for each class predicted, a cell shaded
/// by its share of its row's images; with few classes the number of images is written into the cell. The classes of all
/// `kinds` have the names of the first.
pub fn confusion(kinds: &[Confusion]) -> String {
    let columns = kinds.len().clamp(1, 2);
    let rows = kinds.len().div_ceil(columns).max(1);
    let layout = Layout::new(kinds.first().map_or(&[], |kind| &kind.class_names));
    let mut svg = Svg::new(WIDTH, TOP + rows as f64 * layout.height() - 16.0, "Confusion matrix");
    svg.text(14.0, 24.0, "Labels and the classes predicted for them", Font::HEADING);
    key(&mut svg);
    if kinds.is_empty() {
        svg.text(WIDTH / 2.0, TOP + layout.side / 2.0, "no weights", Font::SMALL.anchor(Anchor::Middle));
    }
    for (index, kind) in kinds.iter().enumerate() {
        let left = (index % columns) as f64 * WIDTH / columns as f64 + layout.left;
        matrix(&mut svg, kind, &layout, left, TOP + (index / columns) as f64 * layout.height());
    }
    svg.finish()
}

fn matrix(svg: &mut Svg, kind: &Confusion, layout: &Layout, left: f64, top: f64) {
    let (side, cell, classes) = (layout.side, layout.cell, kind.classes());
    let images: usize = kind.counts.iter().sum();
    let right: usize = (0..classes).map(|k| kind.counts[k * classes + k]).sum();
    svg.text(left - layout.left + 16.0, top - 10.0, &kind.name, Font::TITLE);
    let wrong = format!("{} of {} wrong", images - right, images);
    svg.text(left + side, top - 10.0, &wrong, Font::SMALL.anchor(Anchor::End));
    let row_total = |label: usize| kind.counts[label * classes..][..classes].iter().sum::<usize>();
    let mut paths = [const { String::new() }; SHADES.len()];
    let mut numbers = Vec::new();
    for label in 0..classes {
        let total = row_total(label).max(1) as f64;
        for class in 0..classes {
            let count = kind.counts[label * classes + class];
            let Some(shade) = shade(count as f64 / total) else { continue };
            let _ = write!(paths[shade], "M{class} {label}.5h1");
            numbers.push((label, class, count, shade));
        }
    }
    for (path, (_, color)) in paths.iter().zip(SHADES) {
        svg.raster(path, (left, top), (cell, cell), color);
    }
    let frame = format!("M{} {}h{side}v{side}h-{side}Z", number(left), number(top), side = number(side));
    svg.path(&frame, Paint::Line(GREY, 1.0));
    if cell >= ROOM {
        for (label, class, count, shade) in numbers {
            let font = Font::SMALL.color(if shade >= DARK { "#ffffff" } else { "#222222" });
            let text = count.to_string();
            if font.width(&text) <= cell + 4.0 {
                svg.text(left + (class as f64 + 0.5) * cell, top + (label as f64 + 0.5) * cell + 4.0, &text, font);
            }
        }
    }
    let to_the_right = Font::SMALL.anchor(Anchor::End);
    for (class, name) in layout.names.iter().enumerate().step_by(layout.stride) {
        let middle = (class as f64 + 0.5) * cell;
        if layout.is_upwards {
            svg.text_upwards(left + middle + 4.0, top + side + 6.0, name, to_the_right);
        } else {
            svg.text(left + middle, top + side + 15.0, name, Font::SMALL);
        }
        svg.text(left - 6.0, top + middle + 4.0, name, to_the_right);
    }
    svg.text(left + side / 2.0, top + side + layout.bottom + 16.0, "class predicted", Font::NAME);
    svg.text_upwards(left - layout.left + 28.0, top + side / 2.0, "label", Font::NAME);
}

/// The index of the shade for a share of a row; none for a cell without images.
fn shade(share: f64) -> Option<usize> {
    SHADES.iter().rposition(|(from, _)| share >= *from)
}

fn key(svg: &mut Svg) {
    let mut x = 14.0;
    svg.text(x, 47.0, "share of a label's images:", Font::NAME.anchor(Anchor::Start));
    x += Font::NAME.width("share of a label's images:") + 4.0;
    for (from, color) in SHADES {
        let text = if from < 0.01 { "above 0%".to_string() } else { format!("{:.0}%", 100.0 * from) };
        svg.rect(x, 36.0, 14.0, 14.0, color);
        svg.text(x + 19.0, 47.0, &text, Font::SMALL.anchor(Anchor::Start));
        x += 19.0 + Font::SMALL.width(&text) + 12.0;
    }
}
