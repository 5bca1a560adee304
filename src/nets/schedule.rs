//! The steps in which a network is computed. [`Schedule::plain`] has one step for each node, and is the readable
//! definition. [`Schedule::fused`] combines nodes that a kernel computes together. It is the only place where this is
//! decided: networks on the CPU, on a GPU and packed models all follow it. Both compute the same, to rounding.
//!
//! ```text
//! chain         conv or dense → norm → ReLU → max-pool,
//!               any of them in this order,
//!               each read only by the next
//! dense block   x → [x, unit(x)] → …:
//!               units of one or two norm → ReLU → conv,
//!               each unit's outputs appended to what it read
//! ```

use super::graph::{Graph, Node, NormLayer, Op};
use crate::layers::pooled_activation;

/// The steps of a network, in order. A step reads values that earlier steps have computed.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// The steps.
    pub steps: Vec<Step>,
}

/// One or more nodes that are computed together.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The values that it reads.
    pub inputs: Vec<usize>,
    /// The value that it computes.
    pub output: usize,
    /// The nodes that it computes.
    pub work: Work,
}

/// The nodes that a step computes, by their positions in the graph.
#[derive(Clone, Debug, PartialEq)]
pub enum Work {
    /// Average pooling, flattening, a sum or a concatenation.
    Node(usize),
    /// A chain.
    Chain(Chain),
    /// A densely connected block: the stages of each unit.
    DenseBlock(Vec<Vec<Stage>>),
}

/// A product, a normalization, a ReLU and a max pooling, one after another; any of them may be missing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Chain {
    /// The node of the convolution or dense layer.
    pub product: Option<usize>,
    /// The node of the normalization.
    pub norm: Option<usize>,
    /// The node of the ReLU.
    pub relu: Option<usize>,
    /// The node of the max pooling.
    pub pool: Option<usize>,
}

/// Normalization, ReLU and convolution in a densely connected block.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stage {
    /// The node of the normalization.
    pub norm: usize,
    /// The node of the convolution.
    pub conv: usize,
}

impl Schedule {
    /// One step for each node.
    pub fn plain(graph: &Graph) -> Self {
        let step = |(i, node): (usize, &Node)| Step {
            inputs: node.inputs.clone(),
            output: i + 1,
            work: Chain::default().with(graph, i).map_or(Work::Node(i), Work::Chain),
        };
        Self { steps: graph.nodes.iter().enumerate().map(step).collect() }
    }

    /// The longest possible chains and dense blocks.
    pub fn fused(graph: &Graph) -> Self {
        let readers = graph.readers();
        let mut steps = Vec::new();
        let mut next = 0;
        while next < graph.nodes.len() {
            let step =
                dense_block(graph, &readers, next).or_else(|| chain(graph, &readers, next)).unwrap_or_else(|| Step {
                    inputs: graph.nodes[next].inputs.clone(),
                    output: next + 1,
                    work: Work::Node(next),
                });
            next = step.output;
            steps.push(step);
        }
        Self { steps }
    }

    /// For each value of the graph, how often the steps read it; a step that reads it twice counts twice.
    pub fn readers(&self, graph: &Graph) -> Vec<usize> {
        let mut readers = vec![0; graph.value_count()];
        self.steps.iter().flat_map(|step| &step.inputs).for_each(|value| readers[*value] += 1);
        readers
    }
}

impl Chain {
    /// The chain with `node` appended, if the result is a chain.
    fn with(mut self, graph: &Graph, node: usize) -> Option<Self> {
        let Self { product, norm, relu, pool } = &mut self;
        let (place, is_free) = match graph.nodes[node].op {
            Op::Conv2d(_) | Op::Dense(_) => (&mut *product, norm.is_none() && relu.is_none() && pool.is_none()),
            Op::Norm(_) => (&mut *norm, relu.is_none() && pool.is_none()),
            Op::Relu => (&mut *relu, pool.is_none()),
            Op::MaxPool(_) => (&mut *pool, true),
            Op::AvgPool(_) | Op::Flatten | Op::Add | Op::Concat => return None,
        };
        if !is_free || place.is_some() {
            return None;
        }
        *place = Some(node);
        Some(self)
    }

    /// The chain's normalization, if the chain has a normalization, a ReLU and a max pooling that one
    /// [`pooled_activation`] computes together.
    pub fn pooled_activation<'a>(&self, graph: &'a Graph) -> Option<&'a NormLayer> {
        let (Some(norm), Some(_), Some(pool)) = (self.norm, self.relu, self.pool) else { return None };
        match &graph.nodes[pool].op {
            Op::MaxPool(pool) if *pool == pooled_activation::pool() => graph.nodes[norm].norm(),
            _ => None,
        }
    }
}

/// Whether node `i` reads only the output of the node before it, and no other node reads that output.
fn follows(graph: &Graph, readers: &[usize], i: usize) -> bool {
    graph.nodes.get(i).is_some_and(|node| node.inputs == [i]) && readers[i] == 1
}

/// The longest chain that begins at a node.
fn chain(graph: &Graph, readers: &[usize], first: usize) -> Option<Step> {
    let mut chain = Chain::default().with(graph, first)?;
    let mut output = first + 1;
    while follows(graph, readers, output)
        && let Some(longer) = chain.with(graph, output)
    {
        (chain, output) = (longer, output + 1);
    }
    Some(Step { inputs: graph.nodes[first].inputs.clone(), output, work: Work::Chain(chain) })
}

/// The longest dense block that begins at a node.
fn dense_block(graph: &Graph, readers: &[usize], first: usize) -> Option<Step> {
    let input = *graph.nodes[first].inputs.first()?;
    let (mut units, mut value, mut next) = (Vec::new(), input, first);
    while (value == input || readers[value] == 2)
        && let Some((unit, after)) = unit(graph, readers, value, next)
    {
        units.push(unit);
        // The output of the unit's last node, a concatenation: the unit's input with its outputs appended.
        (value, next) = (after, after);
    }
    (!units.is_empty()).then(|| Step { inputs: vec![input], output: next, work: Work::DenseBlock(units) })
}

/// The unit of a dense block that reads value `value` and begins at node `first`, and the position of the node after
/// it.
fn unit(graph: &Graph, readers: &[usize], value: usize, first: usize) -> Option<(Vec<Stage>, usize)> {
    let mut stages = vec![stage(graph, readers, first).filter(|_| graph.nodes[first].inputs == [value])?];
    let mut next = first + 3;
    if follows(graph, readers, next)
        && let Some(second) = stage(graph, readers, next)
    {
        stages.push(second);
        next += 3;
    }
    // Node `next` - 1 is the last convolution; its output is value `next`.
    let concat = graph.nodes.get(next)?;
    let appends = concat.op == Op::Concat && concat.inputs == [value, next] && readers[next] == 1;
    appends.then_some((stages, next + 1))
}

/// The stage that begins at node `first`: normalization, ReLU, and a convolution of one group that keeps the size of
/// the image.
fn stage(graph: &Graph, readers: &[usize], first: usize) -> Option<Stage> {
    let [norm, relu, conv] = graph.nodes.get(first..first + 3)? else { return None };
    let (Op::Norm(_), Op::Relu, Op::Conv2d(convolution)) = (&norm.op, &relu.op, &conv.op) else { return None };
    let in_a_row = follows(graph, readers, first + 1) && follows(graph, readers, first + 2);
    let keeps_size = conv.shape[1..] == relu.shape[1..] && convolution.window.stride == [1, 1];
    let layer = &convolution.layer;
    let is_plain = convolution.groups == 1 && layer.bias.is_none() && !layer.unquantized;
    (in_a_row && keeps_size && is_plain).then_some(Stage { norm: first, conv: first + 2 })
}
