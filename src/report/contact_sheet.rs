//! The images that a network is least and most certain of, with their probabilities.

use super::WIDTH;
use super::layers::percent;
use super::svg::{Anchor, Font, INK, LEVEL, Svg};

/// An image and the prediction for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// The URI of the image, for example a `data:` URI that contains it.
    pub address: String,
    /// (C, H, W).
    pub shape: [usize; 3],
    /// Its label.
    pub label: usize,
    /// The probability of each class (K).
    pub probabilities: Vec<f64>,
    /// Predictive entropy, nats.
    pub entropy: f64,
}

const COLUMNS: usize = 8;
const PITCH: (f64, f64) = (97.0, 152.0);
const SIDE: f64 = 66.0;
/// Width of a text under an image, at most.
const WIDEST_TEXT: f64 = 93.0;
/// The largest number of classes named under an image.
const NAMED: usize = 3;

/// Two blocks of images under a heading that names the `weights`, as SVG. Under each image are its label and its most
/// probable classes in percent, by their `class_names` (K). If the most probable class is not the label, it has the
/// colour of levels.
pub fn contact_sheet(
    weights: &str,
    class_names: &[String],
    least_certain: &[Picture],
    most_certain: &[Picture],
) -> String {
    let rows = |pictures: &[Picture]| pictures.len().div_ceil(COLUMNS).max(1) as f64;
    let height = 40.0 + (rows(least_certain) + rows(most_certain)) * PITCH.1 + 2.0 * 30.0;
    let mut svg = Svg::new(WIDTH, height, "The least and the most certain images");
    svg.text(14.0, 24.0, &format!("The least and the most certain images, {weights} weights"), Font::HEADING);
    let mut top = 40.0;
    for (name, pictures) in [("least certain", least_certain), ("most certain", most_certain)] {
        let range = match pictures {
            [] => String::new(),
            [first, .., last] => format!(": entropy {} to {} nats", nats(first.entropy), nats(last.entropy)),
            [one] => format!(": entropy {} nats", nats(one.entropy)),
        };
        svg.text(14.0, top + 16.0, &format!("{name}{range}"), Font::TITLE);
        top += 30.0;
        if pictures.is_empty() {
            svg.text(WIDTH / 2.0, top + PITCH.1 / 2.0, "no images", Font::SMALL);
        }
        for (i, picture) in pictures.iter().enumerate() {
            let left = 14.0 + (i % COLUMNS) as f64 * PITCH.0;
            draw(&mut svg, picture, class_names, left, top + (i / COLUMNS) as f64 * PITCH.1);
        }
        top += rows(pictures) * PITCH.1;
    }
    svg.finish()
}

fn draw(svg: &mut Svg, picture: &Picture, class_names: &[String], left: f64, top: f64) {
    let [_, height, width] = picture.shape.map(|size| size as f64);
    let scale = SIDE / height.max(width);
    svg.image(left, top, scale * width, scale * height, &picture.address);
    let mut classes: Vec<usize> = (0..picture.probabilities.len()).collect();
    classes.sort_by(|one, other| picture.probabilities[*other].total_cmp(&picture.probabilities[*one]));
    let is_right = classes.first() == Some(&picture.label);
    let font = Font::SMALL.anchor(Anchor::Start);
    let label = format!("label {}", class_names[picture.label]);
    svg.text(left, top + SIDE + 15.0, &font.cut(&label, WIDEST_TEXT), font.color(INK));
    for (line, class) in classes.into_iter().take(NAMED).enumerate() {
        let share = format!(": {}", percent(picture.probabilities[class]));
        let text = font.cut(&class_names[class], WIDEST_TEXT - font.width(&share)) + &share;
        let font = if line == 0 && !is_right { font.color(LEVEL) } else { font };
        svg.text(left, top + SIDE + 30.0 + 15.0 * line as f64, &text, font);
    }
}

fn nats(entropy: f64) -> String {
    super::axes::label(entropy, 2)
}
