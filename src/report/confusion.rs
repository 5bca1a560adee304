//! The confusion matrix: which label is predicted as which class.

use super::WIDTH;
use super::svg::{Anchor, Font, GREY, Paint, Svg, number};
use std::fmt::Write;

/// What the figure shows of one kind of weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Confusion {
    /// Its name.
    pub name: String,
    /// (K, K): the images of label i that are predicted as class j, row by row.
    pub counts: Vec<usize>,
    /// K.
    pub classes: usize,
}

impl Confusion {
    /// Counts classes predicted beside labels.
    ///
    /// # Panics
    /// If one is not below `classes`.
    pub fn new(name: impl Into<String>, classes: usize, predicted: &[usize], labels: &[usize]) -> Self {
        let mut counts = vec![0; classes * classes];
        labels.iter().zip(predicted).for_each(|(label, class)| counts[label * classes + class] += 1);
        Self { name: name.into(), counts, classes }
    }
}

/// Shades of a cell, light to dark, and the share of its row from which each holds.
const SHADES: [(f64, &str); 7] = [
    (f64::MIN_POSITIVE, "#e3eef8"),
    (0.01, "#c3dbee"),
    (0.03, "#9ecae6"),
    (0.1, "#6baed6"),
    (0.3, "#3182bd"),
    (0.6, "#0a5e99"),
    (0.9, "#064477"),
];
/// From this shade on a number is white.
const DARK: usize = 4;
/// Side of a matrix.
const SIDE: f64 = 320.0;
/// Side of a cell that has room for its number.
const ROOM: f64 = 26.0;
const TOP: f64 = 88.0;

/// One matrix a kind of weights, as SVG: a row a label, a column a class predicted, shaded by the share of the row; with few
/// classes the images of each cell are written into it.
pub fn confusion(kinds: &[Confusion]) -> String {
    let columns = kinds.len().clamp(1, 2);
    let rows = kinds.len().div_ceil(columns).max(1);
    let pitch = SIDE + 76.0;
    let mut svg = Svg::new(WIDTH, TOP + rows as f64 * pitch - 16.0, "Confusion matrix");
    svg.text(14.0, 24.0, "Labels and the classes predicted for them", Font::HEADING);
    key(&mut svg);
    if kinds.is_empty() {
        svg.text(WIDTH / 2.0, TOP + SIDE / 2.0, "no weights", Font::SMALL.anchor(Anchor::Middle));
    }
    for (index, kind) in kinds.iter().enumerate() {
        let left = (index % columns) as f64 * WIDTH / columns as f64 + 62.0;
        matrix(&mut svg, kind, left, TOP + (index / columns) as f64 * pitch);
    }
    svg.finish()
}

fn matrix(svg: &mut Svg, kind: &Confusion, left: f64, top: f64) {
    let cell = SIDE / kind.classes.max(1) as f64;
    let images: usize = kind.counts.iter().sum();
    let right: usize = (0..kind.classes).map(|k| kind.counts[k * kind.classes + k]).sum();
    svg.text(left - 46.0, top - 10.0, &kind.name, Font::TITLE);
    let wrong = format!("{} of {} wrong", images - right, images);
    svg.text(left + SIDE, top - 10.0, &wrong, Font::SMALL.anchor(Anchor::End));
    let row_total = |label: usize| kind.counts[label * kind.classes..][..kind.classes].iter().sum::<usize>();
    let mut paths = [const { String::new() }; SHADES.len()];
    let mut numbers = Vec::new();
    for label in 0..kind.classes {
        let total = row_total(label).max(1) as f64;
        for class in 0..kind.classes {
            let count = kind.counts[label * kind.classes + class];
            let Some(shade) = shade(count as f64 / total) else { continue };
            let _ = write!(paths[shade], "M{class} {label}.5h1");
            numbers.push((label, class, count, shade));
        }
    }
    for (path, (_, color)) in paths.iter().zip(SHADES) {
        svg.raster(path, (left, top), (cell, cell), color);
    }
    let frame = format!("M{} {}h{SIDE}v{SIDE}h-{SIDE}Z", number(left), number(top));
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
    // As many classes as have room, the first always.
    let stride = (1..).find(|stride| *stride as f64 * cell >= 17.0).unwrap_or(1);
    for class in (0..kind.classes).step_by(stride) {
        let middle = (class as f64 + 0.5) * cell;
        svg.text(left + middle, top + SIDE + 15.0, &class.to_string(), Font::SMALL);
        svg.text(left - 6.0, top + middle + 4.0, &class.to_string(), Font::SMALL.anchor(Anchor::End));
    }
    svg.text(left + SIDE / 2.0, top + SIDE + 33.0, "class predicted", Font::NAME);
    svg.text_upwards(left - 34.0, top + SIDE / 2.0, "label", Font::NAME);
}

/// Which shade has a share of a row; none without images.
fn shade(share: f64) -> Option<usize> {
    SHADES.iter().rposition(|(from, _)| share >= *from)
}

fn key(svg: &mut Svg) {
    let mut x = 14.0;
    svg.text(x, 47.0, "share of a label's images:", Font::NAME.anchor(Anchor::Start));
    x += Font::NAME.width("share of a label's images:") + 4.0;
    for (from, color) in SHADES {
        let text = if from < 0.01 { "one and more".to_string() } else { format!("{:.0}%", 100.0 * from) };
        svg.rect(x, 36.0, 14.0, 14.0, color);
        svg.text(x + 19.0, 47.0, &text, Font::SMALL.anchor(Anchor::Start));
        x += 19.0 + Font::SMALL.width(&text) + 12.0;
    }
}
