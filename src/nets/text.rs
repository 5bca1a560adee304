//! A network as a text: one operation per line.
//!
//! ```text
//! [name] operation arguments [of values]
//!
//! input CxHxW               the shape of an image; the first line
//! conv OUTPUTS KERNEL [stride S] [pad P] [dilation D] [groups G]
//!                     [bias] [unquantized]
//! dense OUTPUTS [bias] [unquantized]                  of features
//! norm                      batch normalization
//! relu
//! max-pool KERNEL [stride S] [pad P] [ceil-mode]
//! avg-pool KERNEL [stride S] [pad P] [ceil-mode] [exclude-pad]
//! global-avg-pool           the mean of each channel
//! flatten                   images to features
//! add of VALUE VALUE …      the sum of values of one shape
//! concat of VALUE VALUE …   values one after another along channels
//! ```
//!
//! A line reads the output of the line above; with `of` it reads the values named, and `in` is the network's input.
//! KERNEL, S, P and D are a number, or two as in `3x1`, vertical and horizontal. A pooling's stride is its kernel
//! unless given; `ceil-mode` and `exclude-pad` are PyTorch's `ceil_mode` and `count_include_pad=False` (see
//! [`pool`](crate::layers::pool)). OUTPUTS is a number or `classes`, the number of classes of the data. The weights of
//! an `unquantized` layer have no noise, no KL and no levels: they stay numbers, in the packed model too. Text after
//! `#` is a comment. A line without a name gets its operation and a number as its name, for example `relu2`;
//! `global-avg-pool` counts as an `avg-pool`. The output of the last line is the logits; every line before it must be
//! read by a later one. A text without the line `input` has the shape of the data's images.

mod builder;
mod lines;
mod print;

use super::graph::{Graph, elements};
use crate::error::Result;
use builder::Builder;
use lines::{Place, lines, names};

/// The operations, as a text writes them.
pub(crate) const OPERATIONS: [&str; 10] =
    ["conv", "dense", "norm", "relu", "max-pool", "avg-pool", "global-avg-pool", "flatten", "add", "concat"];
/// Words that cannot be the name of a line.
const RESERVED: [&str; 4] = ["input", "in", "of", "classes"];
/// Prefixes that no name may have: files use them for other tensors.
const RESERVED_PREFIXES: [&str; 3] = ["eps.", "d.", "adam."];
const LONGEST_NAME: usize = 64;
/// The longest text, in bytes: far beyond any network's.
pub const LONGEST_TEXT: usize = 1 << 20;
const MOST_LINES: usize = 5000;
/// The largest number of values that one line may read: each of them takes memory while the line is computed.
const MOST_INPUTS: usize = MOST_LINES;
/// The largest size: far beyond any image or layer, and products of three sizes stay below 2⁶⁴.
const LARGEST_SIZE: usize = 65_535;
/// The largest number of weights. Training takes forty bytes per weight, and an allocation that fails ends the process
/// without an error.
const MOST_WEIGHTS: usize = 1 << 28;
/// The largest number of elements of a value for one image, including its padding.
const MOST_ELEMENTS: usize = 1 << 28;
/// The largest number of characters of a word that an error shows.
const SHOWN: usize = 60;

/// The sizes that a text may leave open.
#[derive(Clone, Copy, Debug, Default)]
pub struct Given<'a> {
    /// The shape (C, H, W) of the images. A line `input` must agree with it.
    pub input: Option<[usize; 3]>,
    /// The number of classes, which must be the last line's number of outputs.
    pub classes: Option<usize>,
    /// The outputs of each Bayesian layer, in order, in place of those in the text.
    pub outputs: Option<&'a [usize]>,
}

impl Graph {
    /// The graph of the network that `text` describes; errors name the text `source`.
    ///
    /// # Errors
    /// [`Error::Network`](crate::Error::Network) for the first line that is not as the [module](self) says, with its
    /// number and the word at fault.
    pub fn parse(source: &str, text: &str, given: Given<'_>) -> Result<Self> {
        let lines = lines(source, text)?;
        let mut lines = &lines[..];
        let mut input = given.input;
        let first = lines.first().map(|line| line.place);
        if let [first, rest @ ..] = lines
            && first.words[0] == "input"
        {
            input = Some(first.input(given.input)?);
            lines = rest;
        }
        let (Some(first), Some(last)) = (first, lines.last()) else {
            return Err(Place { source, number: 1 }.error("", "a network of one operation a line", "none"));
        };
        let input = input.ok_or_else(|| {
            let expected = "`input CxHxW` as the first line, where the shape of the images is not given elsewhere";
            first.error("", expected, lines[0].words[0])
        })?;
        if let Some(odd) = input.iter().find(|size| !(1..=LARGEST_SIZE).contains(*size)) {
            return Err(first.error("input", format!("images with sizes from 1 to {LARGEST_SIZE}"), odd));
        }
        if elements(&input) > MOST_ELEMENTS {
            return Err(first.error("input", format!("at most {MOST_ELEMENTS} elements of an image"), by_x(&input)));
        }
        let mut builder = Builder::new(input, given, names(lines)?);
        lines.iter().try_for_each(|line| builder.line(line))?;
        builder.finish(lines, last.place)
    }
}

/// The sizes with an x between them.
fn by_x(sizes: &[usize]) -> String {
    sizes.iter().map(usize::to_string).collect::<Vec<_>>().join("x")
}
