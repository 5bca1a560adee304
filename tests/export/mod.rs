mod c;
mod onnx;
mod safetensors;

use crate::common::networks::text;
use crate::common::random::Random;
use ndarray::Array4;
use spikeslab::nets::{Description, Given, Graph, Network};
use spikeslab::packed::PackedModel;
use spikeslab::prior::Codebook;
use spikeslab::train::data::Standardization;

/// The numbers of levels with which models are tested: every width of a field, fully used and not.
const LEVELS: [usize; 5] = [2, 3, 4, 8, 20];

/// A network with what no preset has: names that are not identifiers or have a meaning in C, values that several nodes
/// read, poolings whose last window reaches beyond the padding, unquantized layers.
const ODD: &str = "
input 2x8x7
int     relu
pixels  concat of in int
a.b     max-pool 3x2 stride 2 pad 1 ceil-mode of pixels
a_b     avg-pool 3x2 stride 2 pad 1 ceil-mode of pixels
a-b     avg-pool 3x2 stride 2 pad 1 ceil-mode exclude-pad of pixels
memory  add of a.b a_b a-b a.b
_c      conv 6 3x3 pad 2 dilation 2 groups 2 bias unquantized
_n      norm
logits  add of _n _n
flat    flatten of logits
again   flatten of logits
both    concat of flat again
d1      dense 10 bias
r       relu
d2      dense 5 unquantized
        norm
d3      dense 5 bias of r
        add of norm1 d3
";

/// A network whose first node flattens the image, and whose logits are not the output of a dense layer.
const BARE: &str = "
input 3x2x2
      flatten
      dense 4
      relu
      dense 3
";

/// Networks of every kind, small enough for every test.
fn graphs() -> Vec<Graph> {
    let preset = |name: &str, input: [usize; 3], outputs: Option<&[usize]>| {
        let given = Given { input: Some(input), classes: outputs.is_none().then_some(10), outputs };
        Description::preset(name).unwrap().graph(given).unwrap()
    };
    let of_text = |text: &str| Graph::parse("text", text, Given::default()).unwrap();
    vec![
        preset("mlp", [1, 12, 12], None),
        preset("lenet5", [1, 28, 28], None),
        preset("lenet-caffe", [1, 28, 28], Some(&[9, 14, 60, 10])),
        preset("vgg7", [3, 32, 32], Some(&[12, 10, 16, 20, 24, 28, 40, 10])),
        preset("densenet:depth=10,growth=5", [3, 32, 32], None),
        preset("densenet:depth=16,growth=4,bottleneck=true,compression=0.5", [3, 32, 32], None),
        preset("resnet20:width=5", [3, 32, 32], None),
        text("grouped", 4).unwrap(),
        of_text(ODD),
        of_text(BARE),
    ]
}

/// A network with `levels` levels per layer, and parameters and statistics like those of a trained network.
fn network(graph: Graph, levels: usize) -> Network<f32> {
    let mut random = Random::new(levels as u64);
    let mut level = -0.5;
    let steps = (0..levels).map(|_| {
        level += random.uniform(0.5, 1.0) / levels as f64;
        level as f32
    });
    let mut network = Network::new(graph, &Codebook::new(steps.collect()).unwrap());
    network.initialize(7);
    for parameter in network.parameters_mut() {
        let (low, high) = match parameter.name.rsplit('.').next().unwrap() {
            "theta" => (-0.5, 0.5),
            "gamma" => (0.5, 1.5),
            "running_var" => (0.5, 2.0),
            "beta" | "bias" | "running_mean" => (-0.3, 0.3),
            _ => continue,
        };
        parameter.as_slice_mut().iter_mut().for_each(|value| *value = random.uniform(low, high) as f32);
    }
    network
}

/// The standardization of a model of these images: that of colour images.
fn standardization(graph: &Graph) -> Option<Standardization> {
    let figures = Standardization { mean: vec![0.5, 0.4, 0.3], deviation: vec![0.2, 0.25, 0.3] };
    (graph.input[0] == 3).then_some(figures)
}

/// The packed model of a network.
fn model(graph: Graph, levels: usize) -> PackedModel {
    let figures = standardization(&graph);
    PackedModel::new("model", &network(graph, levels), figures)
}

/// Every network with every number of levels, and with its mean weights: its description, its model, and some images.
fn models() -> impl Iterator<Item = (String, PackedModel, Array4<f32>)> {
    graphs().into_iter().enumerate().flat_map(|(i, graph)| {
        let [channels, height, width] = graph.input;
        let x = Random::new(i as u64).uniforms(0.0, 1.0, (3, channels, height, width));
        let of_means = PackedModel::of_means("model", &network(graph.clone(), 3), standardization(&graph));
        let quantized = LEVELS.map(|levels| (format!("{levels} levels"), model(graph.clone(), levels)));
        quantized.into_iter().chain([("mean weights".to_string(), of_means)]).map(move |(weights, mut model)| {
            model.name = format!("network {i}, {weights}");
            (model.name.clone(), model, x.clone())
        })
    })
}

/// The bytes of floats, little-endian.
fn bytes<'a>(floats: impl IntoIterator<Item = &'a f32>) -> Vec<u8> {
    floats.into_iter().flat_map(|float| float.to_le_bytes()).collect()
}
