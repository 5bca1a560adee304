//! The function `predict`: one step for each node.

use super::memory::{Place, Plan};
use super::names::{PIXELS, identifiers};
use crate::nets::Graph;
use crate::nets::graph::{Node, Op, elements};
use crate::packed::PackedModel;

/// The text of the function.
pub(super) fn predict(model: &PackedModel, plan: &Plan) -> String {
    let steps = Steps::of(model, plan);
    let graph = model.graph();
    let mut text = String::new();
    if plan.len > 0 {
        text.push_str(&format!("static float memory[{}];\n\n", plan.len));
    }
    text.push_str("int predict(const float *image, float *logits)\n{\n");
    if model.standardization.is_some() {
        let [channels, height, width] = graph.input;
        let (y, plane) = (&steps.values[0], height * width);
        text.push_str(&format!("    /* the pixels, standardized */\n{}", steps.declaration(0)));
        let figures = format!("{PIXELS}_mean, {PIXELS}_deviation");
        text.push_str(&format!("    standardize(image, {figures}, {channels}, {plane}, {y});\n\n"));
    }
    for (node, value) in graph.nodes.iter().zip(1..) {
        let (from, to) = (by_x(graph.shape(node.inputs[0])), by_x(&node.shape));
        let shape = if from == to { to } else { format!("{from} to {to}") };
        text.push_str(&format!("    /* {}: {shape} */\n{}", node.name, steps.declaration(value)));
        steps.calls(node, value).iter().for_each(|call| text.push_str(&format!("    {call};\n")));
        text.push('\n');
    }
    text.push_str(&format!("    return largest(logits, {});\n}}\n", graph.classes()));
    text
}

/// A network, and the places of its values.
struct Steps<'a> {
    graph: &'a Graph,
    plan: &'a Plan,
    /// The name of each value in C.
    values: Vec<String>,
    /// The name of each node in C.
    nodes: Vec<String>,
}

impl<'a> Steps<'a> {
    fn of(model: &'a PackedModel, plan: &'a Plan) -> Self {
        let graph = model.graph();
        let nodes = identifiers(graph);
        let first = if plan.places[0] == Place::Image { "image".to_string() } else { format!("{PIXELS}_out") };
        let values = std::iter::once(first).chain(nodes.iter().map(|name| format!("{name}_out"))).collect();
        Self { graph, plan, values, nodes }
    }

    /// The line that declares the pointer to a value.
    fn declaration(&self, value: usize) -> String {
        let place = match self.plan.places[value] {
            _ if self.plan.in_place[value] => self.values[self.graph.nodes[value - 1].inputs[0]].clone(),
            Place::At(begin) => format!("memory + {begin}"),
            Place::Logits => "logits".to_string(),
            Place::Image => unreachable!("the image is the caller's"),
        };
        format!("    float *const {} = {place};\n", self.values[value])
    }

    /// The calls that compute a value.
    fn calls(&self, node: &Node, value: usize) -> Vec<String> {
        let (name, x, y) = (&self.nodes[value - 1], &self.values[node.inputs[0]], &self.values[value]);
        let (channels, count) = (node.shape[0], elements(&node.shape));
        match &node.op {
            Op::Conv2d(_) => vec![format!("convolve(&{name}_layer, {x}, {y})")],
            Op::Dense(_) => vec![format!("multiply(&{name}_layer, {x}, {y})")],
            Op::Norm(_) => {
                let plane = count / channels.max(1);
                vec![format!("normalize({x}, {name}_scale, {name}_shift, {channels}, {plane}, {y})")]
            }
            Op::Relu => vec![format!("relu({x}, {count}, {y})")],
            Op::MaxPool(_) => vec![format!("max_pool(&{name}_windows, {x}, {y})")],
            Op::AvgPool(_) => vec![format!("average_pool(&{name}_windows, {x}, {y})")],
            Op::Flatten if self.plan.in_place[value] => vec![],
            Op::Flatten => vec![format!("copy({x}, {count}, {y})")],
            Op::Add => {
                let sum = |(i, input): (usize, &usize)| {
                    let so_far = if i == 0 { x } else { y };
                    format!("add({so_far}, {}, {count}, {y})", self.values[*input])
                };
                node.inputs[1..].iter().enumerate().map(sum).collect()
            }
            Op::Concat => {
                let mut begin = 0;
                let copy = |input: &usize| {
                    let (len, place) = (elements(self.graph.shape(*input)), begin);
                    begin += len;
                    let to = if place == 0 { y.clone() } else { format!("{y} + {place}") };
                    format!("copy({}, {len}, {to})", self.values[*input])
                };
                node.inputs.iter().map(copy).collect()
            }
        }
    }
}

/// The sizes with an x between them.
pub(super) fn by_x(sizes: &[usize]) -> String {
    sizes.iter().map(usize::to_string).collect::<Vec<_>>().join(" x ")
}
