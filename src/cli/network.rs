//! `spikeslab network`.

use super::Outcome;
use super::output::{count, line};
use crate::error::Error;
use crate::nets::graph::Op;
use crate::nets::text::OPERATIONS;
use crate::nets::{Given, Graph};
use crate::train::config::describe;
use clap::Args;
use std::process::ExitCode;

#[derive(Debug, Args)]
#[command(after_help = "\
Prints the text of a network, with --input or --classes with these filled in, and, as comments of that text, a table \
of what each line costs for one image: all of it is a text again. A text has one operation a line, `[name] operation \
arguments [of values]`:

  input CxHxW                         an image's shape; unless given, that of the data,
                                      here of --input
  conv OUTPUTS KERNEL [WORDS]         WORDS: stride S, pad P, dilation D, groups G,
                                      bias, unquantized
  dense OUTPUTS [bias] [unquantized]  OUTPUTS may be `classes`, those of the data
  norm                                batch normalization
  relu
  max-pool KERNEL [stride S] [pad P] [ceil-mode]
  avg-pool KERNEL [stride S] [pad P] [ceil-mode] [exclude-pad]
  global-avg-pool
  flatten                             images to features: before dense
  add of VALUE VALUE ...
  concat of VALUE VALUE ...

KERNEL, S, P and D are a number, or two as in 3x1, vertical and horizontal. A line reads the output of the line above, \
with `of` the values named; `in` is the network's input. The last line gives the logits. The weights of an \
`unquantized` layer have no noise, no prior and no levels. What follows # is a comment.

Presets: mlp, lenet5, lenet-caffe, vgg7, \
densenet:depth=40,growth=12,bottleneck=false,compression=1, resnet20:width=16, resnet32, resnet44, \
resnet56; the sizes given here are the defaults.

Examples:
  spikeslab network lenet5
  spikeslab network densenet:depth=22,growth=8
  spikeslab network resnet20 > mine.net
  spikeslab network resnet20 --input 3x64x64 --classes 100")]
pub(super) struct NetworkArguments {
    /// A preset, with its sizes after a colon, or the file of a network's text
    network: String,
    /// Shape of the images [default: that of the text]
    #[arg(long, value_name = "CxHxW", value_parser = shape)]
    input: Option<[usize; 3]>,
    /// Number of classes [default: that of the text; 10]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    classes: Option<usize>,
}

fn shape(text: &str) -> Result<[usize; 3], String> {
    let sizes: Result<Vec<usize>, _> = text.split('x').map(str::parse).collect();
    let sizes = sizes.ok().and_then(|sizes| <[usize; 3]>::try_from(sizes).ok());
    sizes.ok_or_else(|| "expected channels, height and width, as in 3x32x32".to_string())
}

pub(super) fn run(arguments: &NetworkArguments) -> Outcome {
    let description = describe(&arguments.network)?;
    let given = Given { input: arguments.input, classes: arguments.classes, outputs: None };
    let graph = match description.graph(given) {
        // The text does not set the number of classes.
        Err(Error::Network { word, .. }) if word == "classes" && arguments.classes.is_none() => {
            description.graph(Given { classes: Some(10), ..given })
        }
        graph => graph,
    }?;
    let lines = filled(description.text(), given);
    let lines = if description.is_preset() { aligned(&lines) } else { lines };
    lines.iter().try_for_each(|text| line(text))?;
    table(&graph)?;
    Ok(ExitCode::SUCCESS)
}

/// The lines of a text without their comments, with the shape and the number of classes that are given.
fn filled(text: &str, given: Given<'_>) -> Vec<String> {
    // A tab would be printed escaped.
    let text = text.replace('\t', " ");
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim_end());
    let (inputs, operations): (Vec<&str>, Vec<&str>) =
        lines.filter(|line| !line.is_empty()).partition(|line| line.split_whitespace().next() == Some("input"));
    let input = match given.input {
        Some([channels, height, width]) => Some(format!("input {channels}x{height}x{width}")),
        None => inputs.first().map(|line| (*line).to_string()),
    };
    // No line has the name `classes`, which is reserved.
    let with_classes = |line: &str| match given.classes {
        Some(classes) => {
            let words = line.split_inclusive(char::is_whitespace);
            let number = classes.to_string();
            words
                .map(|word| if word.trim_end() == "classes" { word.replace("classes", &number) } else { word.into() })
                .collect()
        }
        None => line.to_string(),
    };
    input.into_iter().chain(operations.into_iter().map(with_classes)).collect()
}

/// The lines of a text with their operations in one column.
fn aligned(lines: &[String]) -> Vec<String> {
    let cut = |line: &str| -> (String, String) {
        let line = line.trim_start();
        match line.split_once(' ') {
            Some((name, operation)) if !OPERATIONS.contains(&name) => {
                (name.to_string(), operation.trim_start().to_string())
            }
            _ => (String::new(), line.to_string()),
        }
    };
    let (input, operations): (Vec<&String>, Vec<&String>) = lines.iter().partition(|line| line.starts_with("input "));
    let operations: Vec<(String, String)> = operations.into_iter().map(|line| cut(line)).collect();
    let width = operations.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let operations = operations.iter().map(|(name, operation)| format!("{name:<width$}  {operation}"));
    input.into_iter().cloned().chain(operations).collect()
}

/// Prints, as comments of the text, the output shape, the weights and the multiplications of each node for one image.
fn table(graph: &Graph) -> Result<(), super::Failure> {
    let line = |text: &str| line(format!("# {text}").trim_end());
    let width = graph.nodes.iter().map(|node| node.name.len()).max().unwrap_or(0).max(5);
    line("")?;
    line(&format!("{:<width$}{:>14}{:>14}{:>18}", "line", "output", "weights", "multiplications"))?;
    let multiplications: Vec<usize> = graph.multiplications().collect();
    for node in &graph.nodes {
        let shape: Vec<String> = node.shape.iter().map(usize::to_string).collect();
        let costs = node.layer().map_or([String::new(), String::new()], |layer| {
            [graph.layer_weights(layer), multiplications[layer.index]].map(|count| count.to_string())
        });
        line(&format!("{:<width$}{:>14}{:>14}{:>18}", node.name, shape.join(" x "), costs[0], costs[1]))?;
    }
    let sum = multiplications.iter().fold(0, |sum: usize, count| sum.saturating_add(*count));
    line(&format!("{:<width$}{:>14}{:>14}{:>18}", "sum", "", graph.weights(), sum))?;
    let norms: usize = graph.nodes.iter().filter(|node| matches!(node.op, Op::Norm(_))).map(|node| node.shape[0]).sum();
    line("")?;
    let layers = count(graph.layers().count() as u64, "layer");
    line(&format!("{layers} with weights, {}", count(norms as u64, "normalized channel")))
}
