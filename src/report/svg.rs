//! The few SVG elements that the figures need, and the colours and fonts that they share.

use std::fmt::Write;

/// Colour of names and titles.
pub const INK: &str = "#222222";
/// Colour of tick labels, frames and remarks.
pub const GREY: &str = "#5f5f5f";
/// Colour of grid lines.
pub const GRID: &str = "#e4e4e4";
/// Colour of the levels, in every figure that shows them.
pub const LEVEL: &str = "#d55e00";
/// Colour of the weights, in every figure that shows them.
pub const WEIGHT: &str = "#0072b2";
/// Colours of curves, each with a pale tint: Okabe and Ito's, which differ with any colour vision.
pub const CURVES: [(&str, &str); 5] = [
    ("#d55e00", "#f3cdb0"),
    ("#0072b2", "#a9cfe6"),
    ("#009e73", "#addfd1"),
    ("#b0568a", "#ecd0e0"),
    ("#000000", "#cccccc"),
];

/// The point of a text that is at the text's position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// The left end.
    Start,
    /// The middle.
    Middle,
    /// The right end.
    End,
}

/// Size, weight, colour and anchor of a text.
#[derive(Clone, Copy, Debug)]
pub struct Font {
    /// Height in SVG units.
    pub size: f64,
    /// Whether the text is bold.
    pub bold: bool,
    /// Fill colour.
    pub color: &'static str,
    /// The point of the text that is at the text's position.
    pub anchor: Anchor,
}

impl Font {
    /// Tick labels, level labels and remarks.
    pub const SMALL: Font = Font { size: 11.5, bold: false, color: GREY, anchor: Anchor::Middle };
    /// Axis names and legends.
    pub const NAME: Font = Font { size: 12.5, bold: false, color: INK, anchor: Anchor::Middle };
    /// Titles of panels.
    pub const TITLE: Font = Font { size: 12.5, bold: true, color: INK, anchor: Anchor::Start };
    /// Title of the figure.
    pub const HEADING: Font = Font { size: 15.0, bold: true, color: INK, anchor: Anchor::Start };

    /// The same font in another colour.
    pub const fn color(self, color: &'static str) -> Font {
        Font { color, ..self }
    }

    /// The same font with another anchor.
    pub const fn anchor(self, anchor: Anchor) -> Font {
        Font { anchor, ..self }
    }

    /// `text` where it fits into `width` SVG units by [`width`](Self::width); else its beginning and an ellipsis.
    pub fn cut(self, text: &str, width: f64) -> String {
        if self.width(text) <= width {
            return text.to_string();
        }
        let ends = text.char_indices().map(|(end, _)| format!("{}…", &text[..end]));
        ends.take_while(|cut| self.width(cut) <= width).last().unwrap_or_else(|| "…".to_string())
    }

    /// The width of `text` in SVG units, a high estimate, since the reader's sans-serif font is not known.
    pub fn width(self, text: &str) -> f64 {
        let ems: f64 = text
            .chars()
            .map(|c| match c {
                ' ' | '.' | ',' | ':' | 'i' | 'j' | 'l' => 0.33,
                'm' | '%' | 'M' | 'W' => 0.97,
                'w' | '−' | 'A'..='Z' => 0.84,
                _ => 0.63,
            })
            .sum();
        ems * self.size * if self.bold { 1.1 } else { 1.0 }
    }
}

/// How a path is drawn.
#[derive(Clone, Copy, Debug)]
pub enum Paint {
    /// Filled.
    Fill(&'static str),
    /// Stroked with a colour and a width.
    Line(&'static str, f64),
    /// Stroked with dashes.
    Dashed(&'static str, f64),
    /// For [`Panel::dots`](super::panel::Panel::dots): discs of a colour and a width.
    Discs(&'static str, f64),
    /// For [`Panel::dots`](super::panel::Panel::dots): squares of a colour and a width.
    Squares(&'static str, f64),
}

impl Paint {
    fn attributes(self) -> String {
        let (color, width, ends) = match self {
            Paint::Fill(color) => return format!("fill=\"{color}\""),
            Paint::Line(color, width) => (color, width, "stroke-linejoin=\"round\""),
            Paint::Dashed(color, width) => (color, width, "stroke-dasharray=\"4 3\""),
            Paint::Discs(color, width) => (color, width, "stroke-linecap=\"round\""),
            Paint::Squares(color, width) => (color, width, "stroke-linecap=\"square\""),
        };
        format!("fill=\"none\" stroke=\"{color}\" stroke-width=\"{}\" {ends}", number(width))
    }
}

/// A drawing on a white background.
#[derive(Debug)]
pub struct Svg {
    text: String,
}

impl Svg {
    /// An empty drawing; `title` is the text that a screen reader reads.
    pub fn new(width: f64, height: f64, title: &str) -> Svg {
        let (width, height) = (number(width), number(height));
        // The background is drawn, since the text of a transparent figure would not be visible on a dark page.
        let text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" role=\"img\" font-family=\"Helvetica, Arial, sans-serif\">\n\
             <title>{}</title>\n<rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n",
            escape(title)
        );
        Svg { text }
    }

    /// Draws a path, `d` in SVG's path language; nothing if `d` is empty.
    pub fn path(&mut self, d: &str, paint: Paint) {
        if !d.is_empty() {
            let _ = writeln!(self.text, "<path d=\"{d}\" {}/>", paint.attributes());
        }
    }

    /// Draws cells of a raster whose corner is at `origin`. The path `d` is in columns and rows of size `cell` (width,
    /// height); the middle of row r is at r + ½.
    pub fn raster(&mut self, d: &str, origin: (f64, f64), cell: (f64, f64), color: &str) {
        if !d.is_empty() {
            let _ = writeln!(
                self.text,
                "<path d=\"{d}\" transform=\"translate({} {})scale({} {})\" stroke=\"{color}\" \
                 shape-rendering=\"crispEdges\"/>",
                number(origin.0),
                number(origin.1),
                cell.0,
                cell.1,
            );
        }
    }

    /// Draws a filled rectangle.
    pub fn rect(&mut self, left: f64, top: f64, width: f64, height: f64, color: &str) {
        let [left, top, width, height] = [left, top, width, height].map(number);
        let _ = writeln!(
            self.text,
            "<rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" fill=\"{color}\"/>"
        );
    }

    /// Draws the image at the URI `address`, without smoothing its pixels.
    pub fn image(&mut self, left: f64, top: f64, width: f64, height: f64, address: &str) {
        let [left, top, width, height] = [left, top, width, height].map(number);
        let _ = writeln!(
            self.text,
            "<image x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" \
             style=\"image-rendering:pixelated\" href=\"{}\"/>",
            escape(address)
        );
    }

    /// Writes a text with its baseline at (x, y).
    pub fn text(&mut self, x: f64, y: f64, text: &str, font: Font) {
        self.write_text(&format!("x=\"{}\" y=\"{}\"", number(x), number(y)), text, font);
    }

    /// Writes a text that reads upwards, its baseline through (x, y).
    pub fn text_upwards(&mut self, x: f64, y: f64, text: &str, font: Font) {
        self.write_text(&format!("transform=\"translate({} {})rotate(-90)\"", number(x), number(y)), text, font);
    }

    fn write_text(&mut self, place: &str, text: &str, font: Font) {
        let anchor = match font.anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let bold = if font.bold { " font-weight=\"bold\"" } else { "" };
        let _ = writeln!(
            self.text,
            "<text {place} font-size=\"{}\" fill=\"{}\"{anchor}{bold}>{}</text>",
            number(font.size),
            font.color,
            escape(text)
        );
    }

    /// The finished document.
    pub fn finish(mut self) -> String {
        self.text.push_str("</svg>\n");
        self.text
    }
}

/// A length or coordinate, to a hundredth, without trailing zeros. Callers pass finite values only; any other value is
/// written as 0, so that the document stays valid.
pub fn number(x: f64) -> String {
    let rounded = (x * 100.0).round() / 100.0;
    // Adding 0 turns −0 into 0.
    if rounded.is_finite() { (rounded + 0.0).to_string() } else { "0".to_string() }
}

/// `text` as XML character data; characters that XML 1.0 does not allow become U+FFFD.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'.. => out.push(c),
            _ => out.push('\u{fffd}'),
        }
    }
    out
}
