//! A network as a text: one operation a line.
//!
//! ```text
//! [name] operation arguments [of values]
//!
//! input CxHxW                                          the shape of an image; the first line
//! conv OUTPUTS KERNEL [stride S] [pad P] [dilation D] [groups G] [bias] [unquantized]
//! dense OUTPUTS [bias] [unquantized]                   of features
//! norm                                                 batch normalization
//! relu
//! max-pool KERNEL [stride S] [pad P] [ceil-mode]
//! avg-pool KERNEL [stride S] [pad P] [ceil-mode] [exclude-pad]
//! global-avg-pool                                      the mean of each channel
//! flatten                                              images to features
//! add of VALUE VALUE …                                 the sum of values of one shape
//! concat of VALUE VALUE …                              values one after another along their channels
//! ```
//!
//! A line reads the output of the line above; with `of` it reads the values named, and `in` is the network's input. KERNEL, S,
//! P and D are a number, or two as in `3x1`, vertical and horizontal. A pooling's stride is its kernel unless given; `ceil-mode`
//! and `exclude-pad` are PyTorch's `ceil_mode` and `count_include_pad=False` (see [`pool`](crate::layers::pool)). OUTPUTS is
//! a number or `classes`, the number of classes of the data. The weights of an `unquantized` layer have no noise, no KL and no
//! levels: they stay numbers, in the packed model too. What follows `#` is a comment. A line without a name is called by
//! its operation and a number, `relu2` for one. The last line's output are the logits; every other line is read by a later one.
//! A text without the line `input` takes the shape of the data's images.

use super::graph::{BayesLayer, Convolution, Graph, Node, NormLayer, Op, ParameterShape, elements};
use super::parameters::Role;
use crate::error::{Error, Result};
use crate::layers::pool::Pool;
use crate::tensor::im2col::Window;
use std::collections::{HashMap, HashSet};
use std::fmt::{self, Display};

/// The operations, as a text writes them.
const OPERATIONS: [&str; 10] =
    ["conv", "dense", "norm", "relu", "max-pool", "avg-pool", "global-avg-pool", "flatten", "add", "concat"];
/// Words that name no line.
const RESERVED: [&str; 4] = ["input", "in", "of", "classes"];
/// What no name begins with: files call other tensors so.
const RESERVED_PREFIXES: [&str; 3] = ["eps.", "d.", "adam."];
const LONGEST_NAME: usize = 64;
/// The longest text, in bytes: far beyond any network's.
pub const LONGEST_TEXT: usize = 1 << 20;
const MOST_LINES: usize = 5000;
/// Far beyond any image or layer, and the products of three sizes stay below 2⁶⁴.
const LARGEST_SIZE: usize = 65_535;
/// Training takes forty bytes a weight; to ask for more memory than there is ends the process without an error.
const MOST_WEIGHTS: usize = 1 << 28;
/// The elements of a value, for one image, its padding included.
const MOST_ELEMENTS: usize = 1 << 28;
/// What an error shows of a word.
const SHOWN: usize = 60;

/// What a text may leave open.
#[derive(Clone, Copy, Debug, Default)]
pub struct Given<'a> {
    /// (C, H, W) of the images. A line `input` must agree with it.
    pub input: Option<[usize; 3]>,
    /// The number of classes, which the last line must have for its number of outputs.
    pub classes: Option<usize>,
    /// The outputs of each Bayesian layer, in order, in place of those in the text.
    pub outputs: Option<&'a [usize]>,
}

impl Graph {
    /// The network that `text` describes; errors call it `source`.
    ///
    /// # Errors
    /// [`Error::Network`] for the first line that is not as the [module](self) says, with its number and the word at fault.
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
        let input = input.ok_or_else(|| first.error("", "`input CxHxW` before the first operation", "none"))?;
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

/// A line that is not empty.
struct Line<'a> {
    place: Place<'a>,
    words: Vec<&'a str>,
}

/// Where in which text.
#[derive(Clone, Copy)]
struct Place<'a> {
    source: &'a str,
    /// Of the line, from 1.
    number: usize,
}

impl Place<'_> {
    fn error(&self, word: &str, expected: impl Into<String>, seen: impl ToString) -> Error {
        let short = |text: String| match text.char_indices().nth(SHOWN) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        };
        Error::Network {
            network: short(self.source.to_string()),
            line: self.number,
            word: short(word.to_string()),
            expected: expected.into(),
            seen: short(seen.to_string()),
        }
    }
}

/// The lines that are not empty, without their comments.
fn lines<'a>(source: &'a str, text: &'a str) -> Result<Vec<Line<'a>>> {
    if text.len() > LONGEST_TEXT {
        let expected = format!("a text of at most {LONGEST_TEXT} bytes");
        return Err(Place { source, number: 1 }.error("", expected, text.len()));
    }
    let mut lines = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        let words: Vec<&str> = line.split('#').next().unwrap_or_default().split_whitespace().collect();
        let place = Place { source, number };
        if lines.len() == MOST_LINES && !words.is_empty() {
            return Err(place.error("", format!("at most {MOST_LINES} operations"), "one more"));
        }
        if !words.is_empty() {
            lines.push(Line { place, words });
        }
    }
    Ok(lines)
}

/// The names that the text gives, each with the number of its line.
fn names<'a>(lines: &[Line<'a>]) -> Result<HashMap<&'a str, usize>> {
    let mut names = HashMap::new();
    for line in lines {
        let (Some(name), _) = line.operation()? else { continue };
        let first_is_letter = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !first_is_letter || !name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c)) {
            let expected = "a name of letters, digits, _, - and ., that begins with a letter";
            return Err(line.place.error(name, expected, name));
        }
        if name.len() > LONGEST_NAME {
            return Err(line.place.error(name, format!("a name of at most {LONGEST_NAME} letters"), name.len()));
        }
        if RESERVED.contains(&name) || RESERVED_PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
            let expected = format!("a name other than {}, {}…", RESERVED.join(", "), RESERVED_PREFIXES.join("…, "));
            return Err(line.place.error(name, expected, name));
        }
        if let Some(before) = names.insert(name, line.place.number) {
            return Err(line.place.error(name, "a name of its own for each line", format!("that of line {before}")));
        }
    }
    Ok(names)
}

impl<'a> Line<'a> {
    /// The name, if there is one, and the words from the operation on.
    fn operation(&self) -> Result<(Option<&'a str>, &[&'a str])> {
        let is_operation = |word: Option<&&str>| word.is_some_and(|word| OPERATIONS.contains(word));
        match &self.words[..] {
            words if is_operation(words.first()) => Ok((None, words)),
            [name, rest @ ..] if is_operation(rest.first()) => Ok((Some(name), rest)),
            words => {
                let expected = format!("an operation, after a name or without one: {}", OPERATIONS.join(", "));
                let seen = words.iter().take(2).copied().collect::<Vec<_>>().join(" ");
                Err(self.place.error(words[0], expected, seen))
            }
        }
    }

    /// The shape in a line `input`, which must be the one given, if one is.
    fn input(&self, given: Option<[usize; 3]>) -> Result<[usize; 3]> {
        let seen = self.words[1..].join(" ");
        let sizes: Option<Vec<usize>> = seen.split('x').map(|size| size.parse().ok()).collect();
        let Some([channels, height, width]) = sizes.as_deref() else {
            return Err(self.place.error("input", "the shape of an image, as in 3x32x32", seen));
        };
        let input = [*channels, *height, *width];
        match given {
            Some(given) if given != input => {
                Err(self.place.error("input", format!("{}, the shape of the images", by_x(&given)), seen))
            }
            _ => Ok(input),
        }
    }
}

/// The arguments of an operation, read one after another.
struct Arguments<'a, 'b> {
    place: Place<'a>,
    operation: &'a str,
    words: std::slice::Iter<'b, &'a str>,
}

impl<'a> Arguments<'a, '_> {
    fn error(&self, word: &str, expected: impl Into<String>, seen: impl ToString) -> Error {
        self.place.error(word, expected, seen)
    }

    /// The next word, which is `what`.
    fn next(&mut self, what: &str) -> Result<&'a str> {
        let operation = self.operation;
        self.words.next().copied().ok_or_else(|| self.error(operation, what, "the end of the line"))
    }

    /// A number from `least` on.
    fn number(&self, word: &str, what: &str, least: usize) -> Result<usize> {
        match word.parse() {
            Ok(number) if (least..=LARGEST_SIZE).contains(&number) => Ok(number),
            _ => Err(self.error(what, format!("a number from {least} to {LARGEST_SIZE}"), word)),
        }
    }

    /// A number, or two with an x between them.
    fn pair(&mut self, what: &str, least: usize) -> Result<[usize; 2]> {
        let word = self.next(&format!("{what}: a number, or two as in 3x1"))?;
        match word.split_once('x') {
            Some((vertical, horizontal)) => {
                Ok([self.number(vertical, what, least)?, self.number(horizontal, what, least)?])
            }
            None => Ok([self.number(word, what, least)?; 2]),
        }
    }
}

/// A graph under construction.
struct Builder<'a> {
    given: Given<'a>,
    graph: Graph,
    /// The names that the text gives, each with the number of its line.
    named: HashMap<&'a str, usize>,
    /// The value of each name so far.
    values: HashMap<String, usize>,
    /// Unnamed lines of each operation so far.
    unnamed: HashMap<&'a str, usize>,
    layers: usize,
    norms: usize,
}

impl<'a> Builder<'a> {
    fn new(input: [usize; 3], given: Given<'a>, named: HashMap<&'a str, usize>) -> Self {
        Self {
            given,
            graph: Graph { input, nodes: Vec::new(), parameters: Vec::new() },
            named,
            values: HashMap::from([("in".to_string(), 0)]),
            unnamed: HashMap::new(),
            layers: 0,
            norms: 0,
        }
    }

    /// Appends the node of a line.
    fn line(&mut self, line: &Line<'a>) -> Result<()> {
        let (name, words) = line.operation()?;
        let operation = words[0];
        let end = words.iter().position(|word| *word == "of").unwrap_or(words.len());
        let inputs = match words.get(end + 1..) {
            None => vec![self.graph.nodes.len()],
            Some([]) => return Err(line.place.error("of", "the names of values", "the end of the line")),
            Some(names) => names.iter().map(|name| self.value(line, name)).collect::<Result<_>>()?,
        };
        let several = matches!(operation, "add" | "concat");
        if several != (inputs.len() > 1) {
            let expected = if several { "two values or more after `of`" } else { "one value" };
            return Err(line.place.error(operation, expected, inputs.len()));
        }
        let (node_name, is_named) = match name {
            Some(name) => (name.to_string(), true),
            // A pooling over all of the image is one pooling like another: its text gives the same name.
            None if operation == "global-avg-pool" => (self.free_name("avg-pool"), false),
            None => (self.free_name(operation), false),
        };
        let mut arguments = Arguments { place: line.place, operation, words: words[1..end].iter() };
        let (op, shape) = self.operation(&node_name, &mut arguments, &inputs)?;
        if let Some(odd) = arguments.words.next() {
            return Err(line.place.error(odd, format!("no more of `{operation}`"), odd));
        }
        if elements(&shape) > MOST_ELEMENTS {
            let expected = format!("at most {MOST_ELEMENTS} elements of an image");
            return Err(line.place.error(operation, expected, by_x(&shape)));
        }
        self.graph.nodes.push(Node { name: node_name.clone(), is_named, op, inputs, shape });
        if self.graph.weights() > MOST_WEIGHTS {
            let expected = format!("at most {MOST_WEIGHTS} weights up to here");
            return Err(line.place.error(operation, expected, self.graph.weights()));
        }
        self.values.insert(node_name, self.graph.nodes.len());
        Ok(())
    }

    /// The value of that name.
    fn value(&self, line: &Line<'a>, name: &str) -> Result<usize> {
        if let Some(value) = self.values.get(name) {
            return Ok(*value);
        }
        Err(match self.named.get(name) {
            Some(later) => line.place.error(name, "a line above this one", format!("line {later}")),
            None => line.place.error(name, "the name of a line above, or in", name),
        })
    }

    /// The name of an unnamed line.
    fn free_name(&mut self, operation: &'a str) -> String {
        let count = self.unnamed.entry(operation).or_default();
        loop {
            *count += 1;
            let name = format!("{operation}{count}");
            if !self.named.contains_key(&name[..]) {
                return name;
            }
        }
    }

    /// The operation of a line and the shape of its output.
    fn operation(
        &mut self,
        name: &str,
        arguments: &mut Arguments<'a, '_>,
        inputs: &[usize],
    ) -> Result<(Op, Vec<usize>)> {
        let shape = self.graph.shape(inputs[0]).to_vec();
        let images = |arguments: &Arguments<'_, '_>| match shape[..] {
            [channels, height, width] => Ok([channels, height, width]),
            _ => Err(arguments.error(arguments.operation, "images", format!("{} features", by_x(&shape)))),
        };
        Ok(match arguments.operation {
            "conv" => {
                let image = images(arguments)?;
                self.convolution(name, arguments, image)?
            }
            "dense" => {
                let [features] = shape[..] else {
                    let seen = format!("images of {}", by_x(&shape));
                    return Err(arguments.error("dense", "features: `flatten` before it", seen));
                };
                let outputs = self.outputs(arguments)?;
                let mut words = LayerWords::default();
                while let Some(word) = arguments.words.next() {
                    words.take(arguments, word, "")?;
                }
                (Op::Dense(self.bayes_layer(name, &[features, outputs], 1, &words)), vec![outputs])
            }
            "norm" => (Op::Norm(self.norm_layer(name, shape[0])), shape),
            "relu" => (Op::Relu, shape),
            "max-pool" => {
                let (pool, shape) = pooling(arguments, images(arguments)?)?;
                (Op::MaxPool(pool), shape)
            }
            "avg-pool" => {
                let (pool, shape) = pooling(arguments, images(arguments)?)?;
                (Op::AvgPool(pool), shape)
            }
            "global-avg-pool" => {
                let [channels, height, width] = images(arguments)?;
                (Op::AvgPool(Pool::new([height, width], [height, width])), vec![channels, 1, 1])
            }
            "flatten" => (Op::Flatten, vec![images(arguments)?.iter().product()]),
            "add" => match inputs.iter().find(|input| self.graph.shape(**input) != shape) {
                Some(odd) => {
                    let seen = by_x(self.graph.shape(*odd));
                    return Err(arguments.error("add", format!("values of one shape, {}", by_x(&shape)), seen));
                }
                None => (Op::Add, shape),
            },
            _ => {
                let mut channels = 0;
                for input in inputs {
                    let other = self.graph.shape(*input);
                    if other.len() != shape.len() || other[1..] != shape[1..] {
                        let expected = format!("values of the size of {}, whatever their channels", by_x(&shape));
                        return Err(arguments.error("concat", expected, by_x(other)));
                    }
                    channels += other[0];
                }
                (Op::Concat, [&[channels], &shape[1..]].concat())
            }
        })
    }

    fn convolution(
        &mut self,
        name: &str,
        arguments: &mut Arguments<'a, '_>,
        [channels, height, width]: [usize; 3],
    ) -> Result<(Op, Vec<usize>)> {
        let outputs = self.outputs(arguments)?;
        let mut window = Window::new(arguments.pair("kernel", 1)?, [1, 1]);
        let (mut groups, mut words) = (1, LayerWords::default());
        let mut seen = HashSet::new();
        while let Some(word) = arguments.words.next() {
            match *word {
                "stride" => window.stride = arguments.pair("stride", 1)?,
                "pad" => window.padding = arguments.pair("pad", 0)?,
                "dilation" => window.dilation = arguments.pair("dilation", 1)?,
                "groups" => {
                    let word = arguments.next("groups: a number")?;
                    groups = arguments.number(word, "groups", 1)?;
                }
                word => words.take(arguments, word, "stride, pad, dilation, groups, ")?,
            }
            if !seen.insert(*word) {
                return Err(arguments.error(word, format!("{word} once"), "twice"));
            }
        }
        if channels % groups != 0 || outputs % groups != 0 {
            let expected = format!("a divisor of the {channels} channels and of the {outputs} outputs");
            return Err(arguments.error("groups", expected, groups));
        }
        let [output_h, output_w] = fit(arguments, &window, [channels, height, width])?;
        let shape = [outputs, channels / groups, window.kernel[0], window.kernel[1]];
        let layer = self.bayes_layer(name, &shape, elements(&[output_h, output_w]), &words);
        Ok((Op::Conv2d(Convolution { layer, window, groups }), vec![outputs, output_h, output_w]))
    }

    /// The outputs of the next Bayesian layer.
    fn outputs(&self, arguments: &mut Arguments<'a, '_>) -> Result<usize> {
        let word = arguments.next("outputs: a number, or classes")?;
        let written = if word == "classes" { self.given.classes } else { Some(arguments.number(word, "outputs", 1)?) };
        let outputs = match self.given.outputs {
            None => written.ok_or_else(|| {
                arguments.error("classes", "a number: no data tell the number of classes here", "classes")
            })?,
            // If there are too few, `finish` says how many there should be.
            Some(outputs) => outputs.get(self.layers).copied().unwrap_or(1),
        };
        arguments.number(&outputs.to_string(), "outputs", 1)
    }

    /// A layer whose θ has that shape: (I, O), or (O, C/groups, kh, kw).
    fn bayes_layer(&mut self, name: &str, shape: &[usize], positions: usize, words: &LayerWords) -> BayesLayer {
        self.layers += 1;
        let outputs = if let [_, outputs] = *shape { outputs } else { shape[0] };
        BayesLayer {
            name: name.to_string(),
            index: self.layers - 1,
            theta: self.parameter(name, Role::Theta, shape),
            log_sigma2: self.parameter(name, Role::LogSigma2, shape),
            levels: self.parameter(name, Role::Levels, &[]),
            bias: words.has_bias.then(|| self.parameter(name, Role::Bias, &[outputs])),
            positions,
            unquantized: words.unquantized,
        }
    }

    fn norm_layer(&mut self, name: &str, channels: usize) -> NormLayer {
        self.norms += 1;
        let index = self.norms - 1;
        let mut of_channels = |role| self.parameter(name, role, &[channels]);
        NormLayer {
            index,
            gamma: of_channels(Role::Gamma),
            beta: of_channels(Role::Beta),
            running_mean: of_channels(Role::RunningMean),
            running_var: of_channels(Role::RunningVar),
        }
    }

    fn parameter(&mut self, node: &str, role: Role, shape: &[usize]) -> usize {
        let name = format!("{node}.{}", role.suffix());
        self.graph.parameters.push(ParameterShape { name, role, shape: shape.to_vec() });
        self.graph.parameters.len() - 1
    }

    /// The graph, if its last node gives logits and every other is read.
    fn finish(self, lines: &[Line<'a>], last: Place<'_>) -> Result<Graph> {
        let Self { graph, given, layers, .. } = self;
        let readers = graph.readers();
        let unread = lines.iter().zip(&graph.nodes).zip(&readers[1..]).find(|(_, readers)| **readers == 0);
        if let Some(((line, node), _)) = unread
            && line.place.number != last.number
        {
            let expected = "one output: every line but the last is read by another";
            return Err(line.place.error(&node.name, expected, "a line that nothing reads"));
        }
        let shape = graph.shape(graph.nodes.len());
        let [outputs] = *shape else {
            return Err(last.error("", "logits in the end: `flatten` before", format!("images of {}", by_x(shape))));
        };
        if given.classes.is_some_and(|classes| classes != outputs) {
            let expected = format!("{} logits, one a class of the data", given.classes.unwrap_or_default());
            return Err(last.error("", expected, outputs));
        }
        if layers == 0 {
            return Err(last.error("", "a network with a conv or a dense", "neither"));
        }
        if let Some(outputs) = given.outputs.filter(|outputs| outputs.len() != layers) {
            return Err(last.error("", format!("{layers} layers with weights"), outputs.len()));
        }
        Ok(graph)
    }
}

/// The words that a convolution and a dense layer share.
#[derive(Default)]
struct LayerWords {
    has_bias: bool,
    unquantized: bool,
}

impl LayerWords {
    /// Takes one of the words; an error names them after those of the operation, `others`.
    fn take(&mut self, arguments: &Arguments<'_, '_>, word: &str, others: &str) -> Result<()> {
        let is_there = match word {
            "bias" => &mut self.has_bias,
            "unquantized" => &mut self.unquantized,
            odd => return Err(arguments.error(odd, format!("{others}bias or unquantized"), odd)),
        };
        if std::mem::replace(is_there, true) {
            return Err(arguments.error(word, format!("{word} once"), "twice"));
        }
        Ok(())
    }
}

/// The geometry of a pooling and the shape of its output.
fn pooling(arguments: &mut Arguments<'_, '_>, image: [usize; 3]) -> Result<(Pool, Vec<usize>)> {
    let kernel = arguments.pair("kernel", 1)?;
    let mut pool = Pool::new(kernel, kernel);
    let averages = arguments.operation == "avg-pool";
    let mut seen = HashSet::new();
    while let Some(word) = arguments.words.next() {
        match *word {
            "stride" => pool.stride = arguments.pair("stride", 1)?,
            "pad" => pool.padding = arguments.pair("pad", 0)?,
            "ceil-mode" => pool.ceil_mode = true,
            "exclude-pad" if averages => pool.count_include_pad = false,
            odd if averages => return Err(arguments.error(odd, "stride, pad, ceil-mode or exclude-pad", odd)),
            odd => return Err(arguments.error(odd, "stride, pad or ceil-mode", odd)),
        }
        if !seen.insert(*word) {
            return Err(arguments.error(word, format!("{word} once"), "twice"));
        }
    }
    let [channels, height, width] = image;
    let output = pool.output_size([height, width]);
    let [output_h, output_w] = output.map_err(|error| in_text(arguments, error))?;
    Ok((pool, vec![channels, output_h, output_w]))
}

/// The positions of a convolution's window on an image.
fn fit(arguments: &Arguments<'_, '_>, window: &Window, [channels, height, width]: [usize; 3]) -> Result<[usize; 2]> {
    let padded = [channels, height + 2 * window.padding[0], width + 2 * window.padding[1]];
    if elements(&padded) > MOST_ELEMENTS {
        let expected = format!("at most {MOST_ELEMENTS} elements of a padded image");
        return Err(arguments.error("pad", expected, by_x(&padded)));
    }
    window.output_size([height, width]).map_err(|error| in_text(arguments, error))
}

/// An error of the geometry as one of the line.
fn in_text(arguments: &Arguments<'_, '_>, error: Error) -> Error {
    match error {
        Error::Option { option, expected, seen } => {
            let word = if option == "padding" { "pad" } else { arguments.operation };
            arguments.error(word, expected, seen)
        }
        other => other,
    }
}

/// The sizes with an x between them.
fn by_x(sizes: &[usize]) -> String {
    sizes.iter().map(usize::to_string).collect::<Vec<_>>().join("x")
}

/// The text of the graph: to parse it gives the same graph.
impl Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "input {}", by_x(&self.input))?;
        let named = self.nodes.iter().filter(|node| node.is_named);
        let width = named.map(|node| node.name.len()).max().unwrap_or(0);
        for (i, node) in self.nodes.iter().enumerate() {
            let name = if node.is_named { &node.name } else { "" };
            if width > 0 {
                write!(f, "{name:<width$}  ")?;
            }
            write!(f, "{}", OfParameters { op: &node.op, shape: &node.shape })?;
            if node.inputs != [i] {
                write!(f, " of")?;
                for value in &node.inputs {
                    write!(f, " {}", if *value == 0 { "in" } else { &self.nodes[value - 1].name })?;
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// An operation as a text writes it; `shape` is that of its output.
struct OfParameters<'a> {
    op: &'a Op,
    shape: &'a [usize],
}

impl Display for OfParameters<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let option = |f: &mut fmt::Formatter<'_>, name: &str, value: [usize; 2], default: [usize; 2]| {
            if value == default {
                return Ok(());
            }
            let value = if value[0] == value[1] { value[0].to_string() } else { by_x(&value) };
            write!(f, " {name} {value}")
        };
        match self.op {
            Op::Conv2d(Convolution { layer, window, groups }) => {
                write!(f, "conv {} {}", self.shape[0], by_x(&window.kernel))?;
                option(f, "stride", window.stride, [1, 1])?;
                option(f, "pad", window.padding, [0, 0])?;
                option(f, "dilation", window.dilation, [1, 1])?;
                option(f, "groups", [*groups; 2], [1, 1])?;
                f.write_str(if layer.bias.is_some() { " bias" } else { "" })?;
                f.write_str(if layer.unquantized { " unquantized" } else { "" })
            }
            Op::Dense(layer) => {
                write!(f, "dense {}", self.shape[0])?;
                f.write_str(if layer.bias.is_some() { " bias" } else { "" })?;
                f.write_str(if layer.unquantized { " unquantized" } else { "" })
            }
            Op::MaxPool(pool) | Op::AvgPool(pool) => {
                let name = if matches!(self.op, Op::MaxPool(_)) { "max-pool" } else { "avg-pool" };
                write!(f, "{name} {}", by_x(&pool.kernel))?;
                option(f, "stride", pool.stride, pool.kernel)?;
                option(f, "pad", pool.padding, [0, 0])?;
                f.write_str(if pool.ceil_mode { " ceil-mode" } else { "" })?;
                f.write_str(if pool.count_include_pad { "" } else { " exclude-pad" })
            }
            Op::Norm(_) => f.write_str("norm"),
            Op::Relu => f.write_str("relu"),
            Op::Flatten => f.write_str("flatten"),
            Op::Add => f.write_str("add"),
            Op::Concat => f.write_str("concat"),
        }
    }
}
