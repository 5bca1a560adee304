//! The networks that come with the crate, as texts. A function writes the text of a network that has sizes, such as
//! depth or width.

mod densenet;
mod resnet;

use super::graph::Graph;
use super::text::Given;
use crate::error::{Error, Result};
use std::fmt::Display;
use std::str::FromStr;

/// The description of a network: a text that may leave the shape of the images and the number of classes open.
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    name: String,
    text: String,
    is_preset: bool,
}

/// The names of the presets, as options accept them.
pub const PRESETS: [&str; 9] =
    ["mlp", "lenet5", "lenet-caffe", "vgg7", "densenet", "resnet20", "resnet32", "resnet44", "resnet56"];

/// Whether `name`, without the sizes after a colon, is the name of a preset.
pub fn names_preset(name: &str) -> bool {
    PRESETS.contains(&name.split(':').next().unwrap_or_default())
}

impl Description {
    /// The preset `name`, which may have sizes after a colon: `densenet:depth=22,growth=12,bottleneck=true`.
    ///
    /// | preset                                         | sizes and their defaults                                        |
    /// |------------------------------------------------|-----------------------------------------------------------------|
    /// | `mlp`, `lenet5`, `lenet-caffe`, `vgg7`         | none                                                            |
    /// | `densenet`                                     | `depth=40`, `growth=12`, `bottleneck=false`, `compression=1`    |
    /// | `resnet20`, `resnet32`, `resnet44`, `resnet56` | `width=16`, the channels of the first stage                     |
    ///
    /// # Errors
    /// [`Error::Option`] if there is no such preset, or it has no such size, or the value of a size is out of range.
    pub fn preset(name: &str) -> Result<Self> {
        let (kind, sizes) = name.split_once(':').unwrap_or((name, ""));
        let mut sizes = Sizes::new(kind, sizes)?;
        let text = match kind {
            "mlp" => include_str!("mlp.net").to_string(),
            "lenet5" => include_str!("lenet5.net").to_string(),
            "lenet-caffe" => include_str!("lenet-caffe.net").to_string(),
            "vgg7" => include_str!("vgg7.net").to_string(),
            "densenet" => densenet::text(&mut sizes)?,
            "resnet20" => resnet::text(20, &mut sizes)?,
            "resnet32" => resnet::text(32, &mut sizes)?,
            "resnet44" => resnet::text(44, &mut sizes)?,
            "resnet56" => resnet::text(56, &mut sizes)?,
            _ => return Err(Error::option("network", PRESETS.join(", "), name)),
        };
        sizes.finish()?;
        Ok(Self { name: name.to_string(), text, is_preset: true })
    }

    /// The graph of `mlp`, `lenet5`, `lenet-caffe`, `densenet` or `densenet-bottleneck` whose layers have the outputs
    /// `widths`, in order. Checkpoints of version 1, packed models before version 3, and the oracle's tensors describe
    /// a network in this way.
    ///
    /// # Errors
    /// [`Error::Option`] if no network has this name, or the network of this name never has `widths.len()` layers; as
    /// [`Graph::parse`].
    pub fn with_widths(name: &str, input: [usize; 3], widths: &[usize]) -> Result<Graph> {
        let depth = widths.len();
        let description = match name {
            "mlp" | "lenet5" | "lenet-caffe" => Self::preset(name)?,
            "densenet" => Self::preset(&format!("densenet:depth={depth}"))?,
            "densenet-bottleneck" => Self::preset(&format!("densenet:depth={depth},bottleneck=true"))?,
            _ => {
                let expected = "mlp, lenet5, lenet-caffe, densenet, densenet-bottleneck";
                return Err(Error::option("network", expected, name));
            }
        };
        description.graph(Given { input: Some(input), classes: None, outputs: Some(widths) })
    }

    /// The description in `text`; errors name it `name`.
    pub fn new(name: &str, text: &str) -> Self {
        Self { name: name.to_string(), text: text.to_string(), is_preset: false }
    }

    /// The name: that of a preset with its sizes, or the name given with the text.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name without folder, extension and sizes: `vgg` for `nets/vgg.net`, `densenet` for `densenet:depth=22`.
    pub fn short_name(&self) -> &str {
        if self.is_preset {
            return self.name.split(':').next().unwrap_or_default();
        }
        let stem = std::path::Path::new(&self.name).file_stem();
        stem.and_then(|stem| stem.to_str()).filter(|stem| !stem.is_empty()).unwrap_or("network")
    }

    /// Whether it is a preset.
    pub fn is_preset(&self) -> bool {
        self.is_preset
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The graph for the images and classes in `given`. Without them, the text must name them; a preset then has 10
    /// classes. A preset accepts images of any size into which its kernels fit: its line `input` is only a default.
    ///
    /// # Errors
    /// The errors of [`Graph::parse`].
    pub fn graph(&self, given: Given<'_>) -> Result<Graph> {
        if !self.is_preset {
            return Graph::parse(&self.name, &self.text, given);
        }
        const CLASSES: usize = 10;
        let given = Given { classes: given.classes.or(given.outputs.is_none().then_some(CLASSES)), ..given };
        match given.input {
            None => Graph::parse(&self.name, &self.text, given),
            Some(_) => {
                // The line is made empty, not removed, so that the other lines keep their numbers.
                let of_any_size = |line| if str::starts_with(line, "input ") { "" } else { line };
                let text: Vec<&str> = self.text.lines().map(of_any_size).collect();
                Graph::parse(&self.name, &text.join("\n"), given)
            }
        }
    }
}

/// The sizes in a preset's name, which are removed one by one.
struct Sizes<'a> {
    preset: &'a str,
    given: Vec<(&'a str, &'a str)>,
    /// The names of the sizes for which [`take`](Self::take) was called.
    known: Vec<&'static str>,
}

impl<'a> Sizes<'a> {
    fn new(preset: &'a str, sizes: &'a str) -> Result<Self> {
        let mut given: Vec<(&str, &str)> = Vec::new();
        for size in sizes.split(',').filter(|_| !sizes.is_empty()) {
            match size.split_once('=') {
                Some((name, value)) if given.iter().all(|(other, _)| *other != name) => given.push((name, value)),
                _ => return Err(Error::option(preset, "sizes as in densenet:depth=22,growth=12, each once", size)),
            }
        }
        Ok(Self { preset, given, known: Vec::new() })
    }

    /// Removes and returns the size `name`, or its default. `is_valid` is true for a value in range; `expected` names
    /// the range.
    fn take<T: FromStr + Display>(
        &mut self,
        name: &'static str,
        default: T,
        expected: &str,
        is_valid: impl Fn(&T) -> bool,
    ) -> Result<T> {
        self.known.push(name);
        let Some(at) = self.given.iter().position(|(given, _)| *given == name) else { return Ok(default) };
        let (_, value) = self.given.remove(at);
        match value.parse() {
            Ok(size) if is_valid(&size) => Ok(size),
            _ => Err(Error::option(format!("{name} of {}", self.preset), expected, value)),
        }
    }

    /// Checks that all sizes that were given have been removed.
    fn finish(self) -> Result<()> {
        match self.given.first() {
            None => Ok(()),
            Some((odd, _)) if self.known.is_empty() => {
                Err(Error::option(self.preset, "no sizes: they are in its text", *odd))
            }
            Some((odd, _)) => Err(Error::option(self.preset, format!("sizes {}", self.known.join(", ")), *odd)),
        }
    }
}
