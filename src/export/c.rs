//! The model as one file of C99: constants, a function for each kind of operation, and `int predict(const float *image,
//! float *logits)`.
//!
//! The file needs only `<stddef.h>` and `<stdint.h>`: no heap, no library. Weights stay fields of one, two, four or
//! eight bits, and a weight's level is looked up when it is used; a convolution looks each weight up once, for all
//! positions. The values between the steps are in one static array, whose parts are reused as soon as no later step
//! reads them.
//!
//! The C text of each operation is a file in the directory `c`; a model's file contains the operations that it needs.

mod constants;
mod memory;
mod names;
mod steps;

use super::check_finite;
use crate::error::Result;
use crate::kernels::packed::fields::field_bits;
use crate::packed::PackedModel;
use crate::packed::model::PackedLayer;
use constants::Constants;
use memory::Plan;
use names::in_comment;
use steps::by_x;

/// A file of C, and the memory that it adds to a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The text of the file.
    pub text: String,
    /// The bytes of weights and other constants.
    pub constant_bytes: usize,
    /// The bytes of the static array for the values between the steps.
    pub memory_bytes: usize,
}

/// The model as a file of C.
///
/// # Errors
/// [`Error::Tensor`](crate::Error::Tensor) if a number of the model is not finite.
pub fn source(model: &PackedModel) -> Result<Source> {
    check_finite(model)?;
    let plan = Plan::of(model.graph(), model.standardization.is_some());
    let Constants { text: constants, bytes: constant_bytes } = Constants::of(model);
    let memory_bytes = plan.len * size_of::<f32>();
    let predict = steps::predict(model, &plan);
    let text = [
        &heading(model, constant_bytes, memory_bytes),
        "#include <stddef.h>\n#include <stdint.h>\n\nint predict(const float *image, float *logits);\n",
        &section("Operations"),
        &operations(&predict).join("\n"),
        &section("Constants"),
        constants.trim_end(),
        "\n",
        &section("The network"),
        &predict,
    ];
    Ok(Source { text: text.concat(), constant_bytes, memory_bytes })
}

/// The comment that the file begins with.
fn heading(model: &PackedModel, constant_bytes: usize, memory_bytes: usize) -> String {
    let graph = model.graph();
    let (input, classes) = (by_x(&graph.input), graph.classes());
    let weights = if model.layers().iter().any(PackedLayer::is_quantized) { "quantized" } else { "unquantized" };
    let mut lines = vec![
        format!("{}: a network of {weights} weights, written by spikeslab {}.", model.name, env!("CARGO_PKG_VERSION")),
        String::new(),
        "    int predict(const float *image, float *logits);".to_string(),
        String::new(),
        format!("image    {input} floats in [0, 1]: channel by channel, row by row"),
        format!("logits   {classes} floats, written: one a class"),
        "returns  the class of the largest logit, from 0".to_string(),
        String::new(),
        format!("constants  {constant_bytes} bytes, most of them weights"),
        format!("memory     {memory_bytes} bytes, static: one call at a time"),
        String::new(),
    ];
    if let Some(data) = &model.trained_on {
        lines.push(format!("The classes of {}:", data.name));
        lines.push(String::new());
        let numbered = data.classes.iter().enumerate().map(|(class, name)| format!("    {class:>4}  {name}"));
        lines.extend(numbered);
        lines.push(String::new());
    }
    let width = model.layers().iter().map(|layer| layer.name.len()).max().unwrap_or(0).max(5);
    lines.push(format!("{:<width$}  {:>24}  {:>6}  {:>4}", "layer", "weights", "levels", "bits"));
    for layer in model.layers() {
        let (levels, bits) = match layer.is_quantized() {
            true => (layer.levels().len().to_string(), field_bits(layer.levels().len())),
            false => (String::new(), 32),
        };
        lines.push(format!("{:<width$}  {:>24}  {levels:>6}  {bits:>4}", layer.name, by_x(&layer.shape)));
    }
    lines.push(String::new());
    lines.push("The network, a step a line:".to_string());
    lines.push(String::new());
    lines.extend(graph.to_string().lines().map(|line| format!("    {line}")));
    let line = |line: &String| format!(" * {}", in_comment(line)).trim_end().to_string() + "\n";
    format!("/*\n{} */\n", lines.iter().map(line).collect::<String>())
}

/// The heading of a part of the file.
fn section(name: &str) -> String {
    format!("\n/* ---- {name} {} */\n\n", "-".repeat(100 - name.len()))
}

/// The texts of the operations that the function `predict` calls, and before them the texts that these need.
fn operations(predict: &str) -> Vec<&'static str> {
    let calls = |name: &str| predict.contains(&format!("    {name}("));
    let convolves = calls("convolve");
    let pools = calls("max_pool") || calls("average_pool");
    let of = [
        (calls("standardize"), include_str!("c/standardize.c")),
        (convolves || calls("multiply"), include_str!("c/weights.c")),
        (convolves || pools, include_str!("c/size.c")),
        (convolves, include_str!("c/convolve.c")),
        (calls("multiply"), include_str!("c/multiply.c")),
        (calls("normalize"), include_str!("c/normalize.c")),
        (calls("relu"), include_str!("c/relu.c")),
        (pools, include_str!("c/pooling.c")),
        (calls("max_pool"), include_str!("c/max_pool.c")),
        (calls("average_pool"), include_str!("c/average_pool.c")),
        (calls("add"), include_str!("c/add.c")),
        (calls("copy"), include_str!("c/copy.c")),
        (true, include_str!("c/largest.c")),
    ];
    of.into_iter().filter(|(is_called, _)| *is_called).map(|(_, text)| text).collect()
}
