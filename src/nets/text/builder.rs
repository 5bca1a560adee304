//! Builds the graph that lines describe, node by node.

use super::lines::{Arguments, Line, Place};
use super::{Given, LARGEST_SIZE, MOST_ELEMENTS, MOST_INPUTS, MOST_WEIGHTS, by_x};
use crate::error::{Error, Result};
use crate::layers::pool::Pool;
use crate::nets::graph::{BayesLayer, Convolution, Graph, Node, NormLayer, Op, ParameterShape, elements, outputs};
use crate::nets::parameters::Role;
use crate::tensor::im2col::Window;
use std::collections::{HashMap, HashSet};

/// A graph under construction.
pub(super) struct Builder<'a> {
    pub(super) given: Given<'a>,
    pub(super) graph: Graph,
    /// The names in the text, each with the number of its line.
    pub(super) named: HashMap<&'a str, usize>,
    /// The value of each name in the lines read.
    pub(super) values: HashMap<String, usize>,
    /// The last number used in the names of unnamed lines, for each operation.
    pub(super) unnamed: HashMap<&'a str, usize>,
    pub(super) layers: usize,
    pub(super) norms: usize,
}

impl<'a> Builder<'a> {
    pub(super) fn new(input: [usize; 3], given: Given<'a>, named: HashMap<&'a str, usize>) -> Self {
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
    pub(super) fn line(&mut self, line: &Line<'a>) -> Result<()> {
        let (name, words) = line.operation()?;
        let operation = words[0];
        let end = words.iter().position(|word| *word == "of").unwrap_or(words.len());
        let inputs = match words.get(end + 1..) {
            None => vec![self.graph.nodes.len()],
            Some([]) => return Err(line.place.error("of", "the names of values", "the end of the line")),
            Some(names) if names.len() > MOST_INPUTS => {
                return Err(line.place.error(operation, format!("at most {MOST_INPUTS} values"), names.len()));
            }
            Some(names) => names.iter().map(|name| self.value(line, name)).collect::<Result<_>>()?,
        };
        let several = matches!(operation, "add" | "concat");
        if several != (inputs.len() > 1) {
            let expected = if several { "two values or more after `of`" } else { "one value" };
            return Err(line.place.error(operation, expected, inputs.len()));
        }
        let (node_name, is_named) = match name {
            Some(name) => (name.to_string(), true),
            // Global pooling gets a name like other average poolings, since the printed graph writes it as one.
            None if operation == "global-avg-pool" => (self.free_name("avg-pool"), false),
            None => (self.free_name(operation), false),
        };
        let mut arguments = Arguments { place: line.place, operation, words: words[1..end].iter() };
        let (op, shape) = self.operation(&node_name, &mut arguments, &inputs)?;
        if let Some(odd) = arguments.words.next() {
            return Err(line.place.error(odd, format!("the end of the line: `{operation}` takes no more words"), odd));
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

    /// The value named `name`.
    pub(super) fn value(&self, line: &Line<'a>, name: &str) -> Result<usize> {
        if let Some(value) = self.values.get(name) {
            return Ok(*value);
        }
        Err(match self.named.get(name) {
            Some(later) => line.place.error(name, "a line above this one", format!("line {later}")),
            None => line.place.error(name, "the name of a line above, or in", name),
        })
    }

    /// A free name for an unnamed line.
    pub(super) fn free_name(&mut self, operation: &'a str) -> String {
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
    pub(super) fn operation(
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
            "concat" => {
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
            other => unreachable!("{other} is no operation: the line was checked"),
        })
    }

    pub(super) fn convolution(
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
        let [output_h, output_w] = conv_output_size(arguments, &window, [channels, height, width])?;
        // A larger output is refused as every large value is.
        if elements(&[outputs, output_h, output_w]) <= MOST_ELEMENTS {
            let of_group = channels.max(outputs) / groups;
            window.check_layout(of_group, [height, width]).map_err(|error| in_text(arguments, error))?;
        }
        check_image(arguments, [output_h, output_w])?;
        let shape = [outputs, channels / groups, window.kernel[0], window.kernel[1]];
        let layer = self.bayes_layer(name, &shape, elements(&[output_h, output_w]), &words);
        Ok((Op::Conv2d(Convolution { layer, window, groups }), vec![outputs, output_h, output_w]))
    }

    /// Reads the number of outputs of the next Bayesian layer.
    pub(super) fn outputs(&self, arguments: &mut Arguments<'a, '_>) -> Result<usize> {
        let word = arguments.next("outputs: a number, or classes")?;
        let written = if word == "classes" { self.given.classes } else { Some(arguments.number(word, "outputs", 1)?) };
        let outputs = match self.given.outputs {
            None => written.ok_or_else(|| {
                arguments.error("classes", "a number: no data tell the number of classes here", "classes")
            })?,
            // If `outputs` has too few numbers, `finish` returns an error with the right count.
            Some(outputs) => outputs.get(self.layers).copied().unwrap_or(1),
        };
        arguments.number(&outputs.to_string(), "outputs", 1)
    }

    /// Adds the parameters of a Bayesian layer whose θ has the shape `shape`: (I, O), or (O, C/groups, kh, kw).
    pub(super) fn bayes_layer(
        &mut self,
        name: &str,
        shape: &[usize],
        positions: usize,
        words: &LayerWords,
    ) -> BayesLayer {
        self.layers += 1;
        BayesLayer {
            name: name.to_string(),
            index: self.layers - 1,
            theta: self.parameter(name, Role::Theta, shape),
            log_sigma2: self.parameter(name, Role::LogSigma2, shape),
            levels: self.parameter(name, Role::Levels, &[]),
            bias: words.has_bias.then(|| self.parameter(name, Role::Bias, &[outputs(shape)])),
            positions,
            unquantized: words.unquantized,
        }
    }

    pub(super) fn norm_layer(&mut self, name: &str, channels: usize) -> NormLayer {
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

    pub(super) fn parameter(&mut self, node: &str, role: Role, shape: &[usize]) -> usize {
        let name = format!("{node}.{}", role.suffix());
        self.graph.parameters.push(ParameterShape { name, role, shape: shape.to_vec() });
        self.graph.parameters.len() - 1
    }

    /// The graph, after checks that its last node computes the logits and that each node before it is read.
    pub(super) fn finish(self, lines: &[Line<'a>], last: Place<'_>) -> Result<Graph> {
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

/// The optional words that a convolution and a dense layer share.
#[derive(Default)]
pub(super) struct LayerWords {
    pub(super) has_bias: bool,
    pub(super) unquantized: bool,
}

impl LayerWords {
    /// Reads one of these words. An error lists them after `others`, the other words of the operation.
    pub(super) fn take(&mut self, arguments: &Arguments<'_, '_>, word: &str, others: &str) -> Result<()> {
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
pub(super) fn pooling(arguments: &mut Arguments<'_, '_>, image: [usize; 3]) -> Result<(Pool, Vec<usize>)> {
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
    check_image(arguments, [output_h, output_w])?;
    Ok((pool, vec![channels, output_h, output_w]))
}

/// The number of positions of a convolution's window on an image, vertically and horizontally.
fn conv_output_size(
    arguments: &Arguments<'_, '_>,
    window: &Window,
    [channels, height, width]: [usize; 3],
) -> Result<[usize; 2]> {
    let padded = [channels, height + 2 * window.padding[0], width + 2 * window.padding[1]];
    if elements(&padded) > MOST_ELEMENTS {
        let expected = format!("at most {MOST_ELEMENTS} elements of a padded image");
        return Err(arguments.error("pad", expected, by_x(&padded)));
    }
    window.output_size([height, width]).map_err(|error| in_text(arguments, error))
}

/// Checks that an image's sizes can be written in a text: a pooling of a whole image is printed with them.
fn check_image(arguments: &Arguments<'_, '_>, size: [usize; 2]) -> Result<()> {
    if size.into_iter().all(|size| size <= LARGEST_SIZE) {
        return Ok(());
    }
    let expected = format!("images of at most {LARGEST_SIZE} pixels in each direction");
    Err(arguments.error(arguments.operation, expected, by_x(&size)))
}

/// An error of the geometry as an error of the line.
pub(super) fn in_text(arguments: &Arguments<'_, '_>, error: Error) -> Error {
    match error {
        Error::Option { option, expected, seen } => {
            let word = if option == "padding" { "pad" } else { arguments.operation };
            arguments.error(word, expected, seen)
        }
        other => other,
    }
}
