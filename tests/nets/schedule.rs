//! The nodes that [`Schedule::fused`] combines, and that it computes the same as [`Schedule::plain`].

use crate::common::compare::{ToTensor, assert_close};
use crate::common::graphs::{CLASSES, draw};
use crate::common::networks::{Entries, MODES, Problem, assert_gradients};
use crate::common::threads::assert_same_bits_at_any_thread_count;
use crate::common::tolerance::{Check, Tolerance, tolerance};
use crate::common::{Dtype, Precision};
use spikeslab::kernels::Way;
use spikeslab::layers::batch_norm::MOMENTUM;
use spikeslab::layers::softmax_nll;
use spikeslab::nets::graph::BayesLayer;
use spikeslab::nets::schedule::{Chain, Stage, Work};
use spikeslab::nets::{Description, Given, Gradients, Graph, Network, Normalization, Role, Schedule, WeightMode};
use spikeslab::packed::PackedModel;
use spikeslab::prior::Codebook;

/// The number of random networks.
const DRAWN: u64 = 100;
const IMAGES: usize = 3;

fn parse(text: &str) -> Graph {
    let given = Given { classes: Some(CLASSES), ..Given::default() };
    Graph::parse("net", text, given).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn network<F: Precision>(graph: Graph) -> Network<F> {
    Network::new(graph, &Codebook::symmetric(3).expect("three levels"))
}

/// Small presets, each for images of another size.
fn presets() -> Vec<(&'static str, Graph)> {
    [
        ("mlp", [1, 5, 5]),
        ("lenet5", [1, 16, 16]),
        ("lenet-caffe", [2, 16, 17]),
        ("densenet:depth=13,growth=3", [3, 9, 8]),
        ("densenet:depth=16,growth=2,bottleneck=true,compression=0.5", [3, 8, 8]),
        ("resnet20:width=2", [3, 8, 9]),
        ("resnet32:width=1", [1, 8, 8]),
        ("resnet44:width=1", [1, 6, 8]),
        ("resnet56:width=1", [1, 8, 6]),
    ]
    .into_iter()
    .map(|(name, input)| {
        let given = Given { input: Some(input), ..Given::default() };
        (name, Description::preset(name).expect("a preset").graph(given).expect("a network"))
    })
    // The widths of vgg7 are in its text; here they are a sixteenth of these.
    .chain([(
        "vgg7",
        Description::preset("vgg7")
            .expect("a preset")
            .graph(Given { input: Some([3, 8, 8]), outputs: Some(&[8, 8, 16, 16, 32, 32, 64, 10]), classes: None })
            .expect("a network"),
    )])
    .collect()
}

/// Loss, logits, gradients, and the running statistics after the step, each with its name.
fn step<F: Precision>(
    problem: &Problem<F>,
    network: &Network<F>,
    sampled: bool,
    normalization: Normalization,
) -> Vec<(String, crate::common::compare::Tensor)> {
    let noise = |layer: &BayesLayer, _: &[usize]| Ok(problem.eps[layer.index].clone());
    let weights = if sampled { WeightMode::Sample(&noise) } else { WeightMode::Mean };
    let (logits, tape) = network.forward(problem.x.clone(), &weights, normalization).expect("it fits");
    let (nll, cache) = softmax_nll::forward(logits.view(), &problem.labels).expect("it fits");
    let gradients: Gradients<F> = network.backward(&tape, softmax_nll::backward(&cache));
    let mut seen = vec![("nll".to_string(), [nll].to_tensor()), ("logits".to_string(), logits.to_tensor())];
    for (parameter, gradient) in network.parameters().iter().zip(&gradients) {
        let is_unquantized =
            network.layers().any(|layer| layer.unquantized && parameter.name == format!("{}.log_sigma2", layer.name));
        let takes_part = match parameter.role {
            Role::LogSigma2 => sampled && !is_unquantized,
            Role::Levels | Role::RunningMean | Role::RunningVar => false,
            Role::Theta | Role::Bias | Role::Gamma | Role::Beta => true,
        };
        assert_eq!(gradient.is_some(), takes_part, "{}", parameter.name);
        seen.extend(gradient.as_ref().map(|gradient| (format!("d.{}", parameter.name), gradient.to_tensor())));
    }
    let mut after = network.clone();
    after.absorb_statistics(&tape, F::of(MOMENTUM));
    for (parameter, before) in after.parameters().iter().zip(network.parameters()) {
        if !parameter.role.is_trained() {
            let moved = parameter.value != before.value;
            assert_eq!(moved, normalization == Normalization::Batch, "{}", parameter.name);
            seen.push((format!("after.{}", parameter.name), parameter.value.to_tensor()));
        }
    }
    seen
}

/// Asserts that both schedules compute the same, in every mode: one step per node with definitions, and fused with
/// kernels and with definitions. A gradient that is only rounding, such as that of a bias before a normalization, is
/// compared relative to the largest gradient.
fn assert_schedules_agree<F: Precision>(name: &str, graph: &Graph, seed: u64) {
    let fused = Problem::<F>::of(network(graph.clone()), IMAGES, seed);
    let plain = fused.network.clone().plain().by(Way::Definition);
    assert_eq!(*plain.schedule(), Schedule::plain(graph), "{name}");
    assert_eq!(*fused.network.schedule(), Schedule::fused(graph), "{name}");
    let row = tolerance("schedule", F::DTYPE, Check::Reference);
    for (sampled, normalization) in MODES {
        let expected = step(&fused, &plain, sampled, normalization);
        let by_definition = step(&fused, &fused.network.clone().by(Way::Definition), sampled, normalization);
        let seen = step(&fused, &fused.network, sampled, normalization);
        assert_eq!((seen.len(), by_definition.len()), (expected.len(), expected.len()), "{name}");
        let gradients = expected.iter().filter(|(what, _)| what.starts_with("d."));
        let largest = gradients.flat_map(|(_, d)| &d.values).fold(0.0, |largest: f64, d| largest.max(d.abs()));
        let both = seen.iter().zip(&expected).chain(by_definition.iter().zip(&expected));
        for ((what, seen), (_, expected)) in both {
            let scale = if what.starts_with("d.") { largest } else { 1.0 };
            let row = Tolerance { floor: crate::common::tolerance::Floor::At(scale), ..row };
            assert_close(&format!("{name}, sampled: {sampled}, {normalization:?}: {what}"), seen, expected, row);
        }
    }
}

#[test]
fn the_schedules_of_every_preset_agree() {
    for (name, graph) in presets() {
        assert_schedules_agree::<f64>(name, &graph, 1);
        assert_schedules_agree::<f32>(name, &graph, 1);
    }
}

#[test]
fn the_schedules_of_drawn_networks_agree() {
    for seed in 0..DRAWN {
        let text = draw(seed);
        let graph = parse(&text);
        assert_schedules_agree::<f64>(&format!("{seed}\n{text}"), &graph, seed);
        assert_schedules_agree::<f32>(&format!("{seed}\n{text}"), &graph, seed);
    }
}

#[test]
fn drawn_networks_have_the_same_bits_at_any_thread_count() {
    for seed in 0..DRAWN {
        let problem = Problem::<f32>::of(network(parse(&draw(seed))), IMAGES, seed);
        let plain = problem.network.clone().plain();
        for network in [&problem.network, &plain] {
            assert_same_bits_at_any_thread_count(&draw(seed), || {
                step(&problem, network, true, Normalization::Batch).into_iter().map(|(_, tensor)| tensor).collect()
            });
        }
    }
}

/// The random networks have every operation, every kind of step, values that several steps read, and a value that a
/// step reads twice.
#[test]
fn the_drawn_networks_are_of_many_kinds() {
    let texts: Vec<String> = (0..DRAWN).map(draw).collect();
    let all = texts.concat();
    for word in
        ["conv ", "norm", "relu", "max-pool", "avg-pool", "global-avg-pool", "add", "concat", "groups 3", "bias"]
    {
        assert!(all.contains(word), "none has {word}");
    }
    let graphs: Vec<Graph> = texts.iter().map(|text| parse(text)).collect();
    let count = |of: fn(&Graph) -> bool| graphs.iter().filter(|graph| of(graph)).count();
    let blocks = |graph: &Graph, stages: usize, units: usize| {
        Schedule::fused(graph).steps.iter().any(|step| {
            matches!(&step.work, Work::DenseBlock(of) if of.len() >= units && of.iter().any(|u| u.len() == stages))
        })
    };
    let reread = count(|graph| graph.readers().iter().any(|readers| *readers > 1));
    assert!(reread > 40, "{reread} have a value that is read more than once");
    assert!(
        count(|graph| graph.nodes.iter().any(|node| node.inputs.len() == 2 && node.inputs[0] == node.inputs[1])) > 0
    );
    for (stages, units) in [(1, 1), (1, 2), (2, 1), (2, 2)] {
        let found = graphs.iter().filter(|graph| blocks(graph, stages, units)).count();
        assert!(found > 5, "{found} have a dense block of {units} units, one of {stages} stages");
    }
    let shortened = graphs.iter().filter(|graph| Schedule::fused(graph).steps.len() < graph.nodes.len()).count();
    assert!(shortened > 90, "{shortened} have something to put together");
}

/// Gradients of the first twelve except four: in one a ReLU changes within a difference, in one the input of a layer is
/// all zeros, and in two the rounding of the loss, divided by the step, exceeds the tolerance.
#[test]
fn gradients_of_drawn_networks() {
    for seed in [0, 2, 4, 5, 6, 8, 9, 11] {
        assert_gradients(&Problem::of(network(parse(&draw(seed))), IMAGES, seed), &Entries::Projected);
    }
}

/// One image and several, with one thread and with two.
#[test]
fn packed_networks_compute_what_quantized_ones_do() {
    let row = tolerance("packed", Dtype::F32, Check::Reference);
    let drawn = (0..DRAWN).map(|seed| (draw(seed), parse(&draw(seed)), seed));
    let presets = presets().into_iter().map(|(name, graph)| (name.to_string(), graph, 7));
    for (name, graph, seed) in drawn.chain(presets) {
        let problem = Problem::<f32>::of(network(graph), IMAGES, seed);
        let expected = problem.network.predict(problem.x.clone(), &WeightMode::Quantized).expect("it fits");
        let model = PackedModel::new(&name, &problem.network, None);
        let decoded =
            model.decode().by(Way::Definition).predict(problem.x.clone(), &WeightMode::Mean).expect("it fits");
        assert_close(&format!("{name}, decoded"), &decoded, &expected, row);
        for threads in [1, 2] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
            let predict = |x| pool.install(|| model.predict(x)).expect("it fits");
            assert_close(&format!("{name}: {IMAGES} images"), &predict(problem.x.clone()), &expected, row);
            for image in 0..IMAGES {
                let x = problem.x.slice(ndarray::s![image..=image, .., .., ..]).to_owned();
                let expected = expected.slice(ndarray::s![image..=image, ..]);
                assert_close(&format!("{name}: image {image} alone"), &predict(x), &expected, row);
            }
        }
    }
}

/// Every second layer is unquantized: both schedules agree, the printed text describes the same graph, and the packed
/// model computes the same as the network.
#[test]
fn networks_with_unquantized_layers() {
    let row = tolerance("packed", Dtype::F32, Check::Reference);
    for seed in 0..DRAWN {
        let mut layers = 0;
        let drawn = draw(seed);
        let lines = drawn.lines().map(|line| {
            let is_layer = line.split_whitespace().take(2).any(|word| word == "conv" || word == "dense");
            layers += usize::from(is_layer);
            let (head, of) =
                line.split_once(" of ").map_or((line, String::new()), |(head, of)| (head, format!(" of {of}")));
            let unquantized = if is_layer && layers % 2 == seed as usize % 2 { " unquantized" } else { "" };
            format!("{head}{unquantized}{of}\n")
        });
        let text: String = lines.collect();
        let graph = parse(&text);
        assert_eq!(parse(&graph.to_string()), graph);
        assert!(graph.layers().all(|layer| layer.unquantized == (layer.index % 2 != seed as usize % 2)), "{text}");
        assert_schedules_agree::<f64>(&text, &graph, seed);
        let problem = Problem::<f32>::of(network(graph), IMAGES, seed);
        let expected = problem.network.predict(problem.x.clone(), &WeightMode::Quantized).expect("it fits");
        let model = PackedModel::new("net", &problem.network, None);
        assert_close(&text, &model.predict(problem.x.clone()).expect("it fits"), &expected, row);
    }
}

/// The steps of a text, each as the names of the nodes that it computes.
fn steps(text: &str) -> Vec<String> {
    let graph = parse(text);
    let name = |node: usize| graph.nodes[node].name.clone();
    let schedule = Schedule::fused(&graph);
    let mut computed = 0;
    let shown = schedule.steps.iter().map(|step| {
        let nodes: Vec<usize> = match &step.work {
            Work::Node(node) => vec![*node],
            Work::Chain(Chain { product, norm, relu, pool }) => {
                [product, norm, relu, pool].into_iter().copied().flatten().collect()
            }
            Work::DenseBlock(units) => {
                let stages = |unit: &Vec<Stage>| {
                    unit.iter().map(|stage| format!("{} {}", name(stage.norm), name(stage.conv))).collect::<Vec<_>>()
                };
                let units: Vec<String> = units.iter().map(|unit| stages(unit).join(" > ")).collect();
                computed = step.output;
                return format!("block({})", units.join(", "));
            }
        };
        assert_eq!(step.inputs, graph.nodes[nodes[0]].inputs, "a step reads what its first node reads");
        assert_eq!(step.output, computed + nodes.len(), "a step gives what its last node gives");
        computed = step.output;
        nodes.into_iter().map(name).collect::<Vec<_>>().join(" ")
    });
    let shown = shown.collect();
    assert_eq!(computed, graph.nodes.len(), "every node is computed");
    shown
}

#[test]
fn chains_are_as_long_as_can_be() {
    let whole = "input 1x6x6\na conv 2 3x3\nb norm\nc relu\nd max-pool 2x2\ne flatten\nf dense 3\ng norm\nh relu\ni dense classes";
    assert_eq!(steps(whole), ["a b c d", "e", "f g h", "i"]);
    let parts = "input 1x6x6\na relu\nb max-pool 2x2\nc conv 2 2x2\nd max-pool 2x2\ne norm\nf flatten\ng dense classes";
    assert_eq!(steps(parts), ["a b", "c d", "e", "f", "g"]);
    // An operation that a chain already has, or that comes earlier in the order of a chain, begins the next chain.
    let again = "input 1x6x6\na norm\nb norm\nc relu\nd norm\ne relu\nf relu\ng conv 2 3x3\nh conv 2 3x3\ni flatten\nj dense classes";
    assert_eq!(steps(again), ["a", "b c", "d e", "f", "g", "h", "i", "j"]);
    let average = "input 1x6x6\na conv 2 3x3\nb norm\nc relu\nd avg-pool 2x2\ne relu\nf flatten\ng dense classes";
    assert_eq!(steps(average), ["a b c", "d", "e", "f", "g"]);
}

#[test]
fn a_chain_ends_where_another_step_reads_its_value() {
    let residual = "input 2x6x6\na conv 2 3x3 pad 1\nb norm\nc add of b a\nd relu\ne flatten\nf dense classes";
    assert_eq!(steps(residual), ["a", "b", "c", "d", "e", "f"]);
    // Here a line does not read the value of the line above.
    let apart = "input 2x6x6\na conv 2 3x3 pad 1\nb conv 2 3x3 pad 1 of in\nc norm of a\nd add of b c\ne flatten\nf dense classes";
    assert_eq!(steps(apart), ["a", "b", "c", "d", "e", "f"]);
}

#[test]
fn dense_blocks_of_one_stage_and_two() {
    let one = "input 2x6x6\na norm\nb relu\nc conv 3 3x3 pad 1\nd concat of in c\ne norm\nf relu\ng conv 3 3x3 pad 1\n\
               h concat of d g\ni flatten\nj dense classes";
    assert_eq!(steps(one), ["block(a c, e g)", "i", "j"]);
    let two = "input 2x6x6\ns conv 2 1x1\na norm\nb relu\nc conv 5 1x1\nd norm\ne relu\nf conv 3 3x3 pad 1\n\
               g concat of s f\nh norm\ni relu\nj conv 2 3x3 pad 1\nk concat of g j\nl norm\nm relu\nn flatten\no dense classes";
    assert_eq!(steps(two), ["s", "block(a c > d f, h j)", "l m", "n", "o"]);
    // Any number of steps may read the block's last value.
    let read = "input 2x6x6\na norm\nb relu\nc conv 3 3x3 pad 1\nd concat of in c\ne conv 5 1x1\nf add of d e\ng flatten\nh dense classes";
    assert_eq!(steps(read), ["block(a c)", "e", "f", "g", "h"]);
    // Any kernel and dilation with which the image keeps its size.
    let options =
        "input 2x6x6\na norm\nb relu\nc conv 4 3x5 pad 2x4 dilation 2\nd concat of in c\ne flatten\nf dense classes";
    assert_eq!(steps(options), ["block(a c)", "e", "f"]);
}

/// Each of these texts differs from a dense block in one respect.
#[test]
fn what_is_nearly_a_dense_block_is_none() {
    let tail = "\ne flatten\nf dense classes";
    let unfused = ["a b", "c", "d", "e", "f"];
    for (what, text) in [
        ("another order", "input 2x6x6\na norm\nb relu\nc conv 3 3x3 pad 1\nd concat of c in"),
        ("groups", "input 2x6x6\na norm\nb relu\nc conv 4 3x3 pad 1 groups 2\nd concat of in c"),
        ("a bias", "input 2x6x6\na norm\nb relu\nc conv 3 3x3 pad 1 bias\nd concat of in c"),
        ("three values", "input 2x6x6\na norm\nb relu\nc conv 3 3x3 pad 1\nd concat of in c c"),
        ("a sum", "input 2x6x6\na norm\nb relu\nc conv 2 3x3 pad 1\nd add of in c"),
    ] {
        assert_eq!(steps(&(text.to_string() + tail)), unfused, "{what}");
    }
    // A first stage that shrinks the image, and a second that restores its size.
    let another_size =
        "input 2x6x6\na norm\nb relu\nc conv 3 3x3\ng norm\nh relu\ni conv 3 3x3 pad 2\nd concat of in i";
    assert_eq!(steps(&(another_size.to_string() + tail)), ["a b", "c g h", "i", "d", "e", "f"]);
    // Stride 2 with so much padding that the image keeps its size.
    let strided = "input 2x1x1\na norm\nb relu\nc conv 3 1x1 stride 2\nd concat of in c\ne flatten\nf dense classes";
    assert_eq!(steps(strided), unfused);
    let no_relu = "input 2x6x6\na norm\nc conv 3 3x3 pad 1\nd concat of in c\ne flatten\nf dense classes";
    assert_eq!(steps(no_relu), ["a", "c", "d", "e", "f"]);
    // The sum reads the output of a stage too.
    let read_twice = "input 3x6x6\na norm\nb relu\nc conv 3 3x3 pad 1\nd concat of in c\ne conv 3 1x1\ng add of c e\nh flatten\ni dense classes";
    assert_eq!(steps(read_twice), ["a b", "c", "d", "e", "g", "h", "i"]);
    // The value between two units is read by a third step: two blocks.
    let between = "input 2x6x6\na norm\nb relu\nc conv 3 3x3 pad 1\nd concat of in c\ne norm\nf relu\ng conv 3 3x3 pad 1\n\
                   h concat of d g\ni conv 8 1x1 of d\nj add of h i\nk flatten\nl dense classes";
    assert_eq!(steps(between), ["block(a c)", "block(e g)", "i", "j", "k", "l"]);
}

#[test]
fn the_blocks_of_densenet_and_the_chains_of_resnet() {
    let graph = |name: &str| Description::preset(name).expect("a preset").graph(Given::default()).expect("a network");
    let of_blocks = |graph: &Graph| -> Vec<usize> {
        let steps = Schedule::fused(graph).steps.into_iter();
        steps
            .filter_map(|step| if let Work::DenseBlock(units) = step.work { Some(units.len()) } else { None })
            .collect()
    };
    assert_eq!(of_blocks(&graph("densenet")), [12, 12, 12]);
    assert_eq!(of_blocks(&graph("densenet:depth=100,bottleneck=true")), [16, 16, 16]);
    let resnet = graph("resnet20");
    assert_eq!(of_blocks(&resnet), [0; 0]);
    // The stem; a unit takes conv-norm-relu, conv-norm, add, relu, and where it halves the image conv-norm; pooling,
    // flatten, fc.
    assert_eq!(Schedule::fused(&resnet).steps.len(), 1 + 9 * 4 + 2 + 3);
}
