//! The checks that every network must pass.

use super::Precision;
use super::compare::{Tensor, ToTensor};
use super::fixture::{Case, for_each_case_of, note};
use super::gradient::{assert_gradient, assert_projected_gradient};
use super::random::Random;
use super::threads::assert_same_bits_at_any_thread_count;
use super::tolerance::{Check, tolerance};
use ndarray::{Array2, Array4, ArrayD, IxDyn};
use spikeslab::kernels::Way;
use spikeslab::layers::batch_norm::MOMENTUM;
use spikeslab::layers::softmax_nll;
use spikeslab::nets::graph::BayesLayer;
use spikeslab::nets::{Description, Given, Gradients, Graph, Network, Normalization, Role, WeightMode};
use spikeslab::prior::{Codebook, Form, Kl, MultiSpike, Prior};
use spikeslab::scalar::spike_kl::Spike;
use std::path::{Path, PathBuf};

/// Sets every parameter to the array that `value` returns for its name.
fn set_parameters<F: Precision>(network: &mut Network<F>, value: impl Fn(&str) -> ArrayD<F>) {
    for parameter in network.parameters_mut() {
        let value = value(&parameter.name);
        assert_eq!(value.shape(), parameter.value.shape(), "{}", parameter.name);
        parameter.value = value;
    }
}

/// Networks of every kind whose layers may have any numbers of outputs: the names that [`Description::with_widths`]
/// accepts.
pub const NETWORKS: [&str; 5] = ["mlp", "lenet5", "lenet-caffe", "densenet", "densenet-bottleneck"];

/// The network `name` whose layers have these numbers of outputs.
pub fn with_widths<F: Precision>(name: &str, input: [usize; 3], widths: &[usize]) -> Network<F> {
    let graph = Description::with_widths(name, input, widths).expect("a network");
    Network::new(graph, &Codebook::symmetric(3).expect("three levels"))
}

/// A preset, with its sizes after a colon, with ten classes, for images of shape `input`.
pub fn preset(name: &str, input: [usize; 3]) -> Graph {
    let preset = Description::preset(name).expect("a preset");
    preset.graph(Given { input: Some(input), ..Given::default() }).expect("a network")
}

/// The preset with the published depth for the network of this name.
pub fn preset_of(network: &str) -> &str {
    if network == "densenet-bottleneck" { "densenet:bottleneck=true" } else { network }
}

/// The number of layers of the network of this name with its published depth.
pub fn depth(network: &str) -> usize {
    preset(preset_of(network), [3, 32, 32]).layers().count()
}

/// Whether a golden case is of the network of this name: the names of cases with bottleneck begin with `bottleneck`.
pub fn is_of(network: &str, case: &str) -> bool {
    !network.starts_with("densenet") || (network == "densenet-bottleneck") == case.starts_with("bottleneck")
}

/// The path of a network's text beside its golden values.
pub fn text_path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/nets").join(name).with_extension("net")
}

/// The graph, with `classes` classes, of the network in `fixtures/nets/<name>.net`, if there is such a text.
pub fn text(name: &str, classes: usize) -> Option<Graph> {
    let text = std::fs::read_to_string(text_path(name)).ok()?;
    let given = Given { classes: Some(classes), ..Given::default() };
    Some(Graph::parse(name, &text, given).expect("a network"))
}

/// The graph of a golden case: that of its text, or of a preset with the numbers of outputs of its tensors.
fn golden_graph<F: Precision>(name: &str, case: &Case<F>) -> Graph {
    let shape = |name: &str| case.stored(name).shape.clone();
    if let Some(graph) = text(name, shape("step1.logits")[1]) {
        return graph;
    }
    let x = shape("x");
    let input = if x.len() == 4 { [x[1], x[2], x[3]] } else { [x[1], 1, 1] };
    let depth = case.names_after("init.").iter().filter(|name| name.ends_with(".theta")).count();
    let drawn = match name {
        "densenet" => preset(&format!("densenet:depth={depth}"), input),
        "densenet-bottleneck" => preset(&format!("densenet:depth={depth},bottleneck=true"), input),
        _ => preset(name, input),
    };
    let outputs = |theta: &[usize]| if theta.len() == 4 { theta[0] } else { theta[1] };
    let widths: Vec<usize> =
        drawn.layers().map(|layer| outputs(&shape(&format!("init.{}.theta", layer.name)))).collect();
    Description::with_widths(name, input, &widths).expect("a network")
}

/// The network of a golden case in its initial state.
pub fn golden_network<F: Precision>(name: &str, case: &Case<F>) -> Network<F> {
    let graph = golden_graph(name, case);
    let first = graph.layers().next().expect("a layer");
    let codebook = Codebook::new(case.vec(&format!("init.{}.levels", first.name))).expect("a codebook");
    let mut network = Network::new(graph, &codebook);
    set_parameters(&mut network, |parameter| case.array(&format!("init.{parameter}")));
    network
}

fn golden_prior(path: &str, case: &str) -> Prior {
    let form = match note(path, case, "prior").as_str() {
        "nearest" => Form::Nearest,
        "mixture" => Form::Mixture,
        "vnq" => Form::Vnq,
        "windows" => Form::Windows,
        other => panic!("no form {other}"),
    };
    let spike = match note(path, case, "spike").as_str() {
        "exact" => Spike::Exact,
        "fit" => Spike::Fit,
        other => panic!("no spike {other}"),
    };
    Prior::MultiSpike(MultiSpike::new(form, spike))
}

/// Checks every step of every case: logits, loss, NLL, KL, the gradient with respect to every parameter, and the
/// running statistics after the step.
pub fn assert_golden<F: Precision>(name: &str, path: &str, count: usize) {
    for_each_case_of::<F>(
        path,
        count,
        |case| is_of(name, case),
        |case| {
            [Way::Definition, Way::Kernel].into_iter().for_each(|way| {
                let mut network = golden_network(name, case).by(way);
                let prior = golden_prior(path, &case.name);
                let per_weight = note(path, &case.name, "kl_scale") == "per-weight";
                case.skip("learning_rate");
                let x: ArrayD<F> = case.array::<IxDyn>("x");
                let [channels, height, width] = network.graph().input;
                let x = x.to_shape((x.shape()[0], channels, height, width)).expect("images").into_owned();
                let tolerance = tolerance("network", F::DTYPE, Check::Golden);
                for step in 1.. {
                    let here = |name: &str| format!("step{step}.{name}");
                    if !case.has(&here("logits")) {
                        assert!(step > 1, "{}: no step", case.name);
                        break;
                    }
                    let before = if step == 1 { "init.".to_string() } else { format!("step{}.after.", step - 1) };
                    set_parameters(&mut network, |name| case.array(&format!("{before}{name}")));
                    let expect = |name: &str, actual: &Tensor| case.expect_within(&here(name), actual, tolerance);

                    let noise = |layer: &BayesLayer, _: &[usize]| Ok(case.array(&here(&format!("eps.{}", layer.name))));
                    let (logits, tape) =
                        network.forward(x.clone(), &WeightMode::Sample(&noise), Normalization::Batch).expect("it fits");
                    let (nll, cache) = softmax_nll::forward(logits.view(), &case.integers("labels")).expect("it fits");
                    let mut gradients = network.backward(&tape, softmax_nll::backward(&cache));
                    let kl_weight = case.stored_scalar("kl_weight");
                    let (mut kl_sum, mut loss) = (0.0, nll.as_f64());
                    for layer in network.layers() {
                        let kl = layer_kl(&network, layer, &prior);
                        let weights = kl.dtheta.len() as f64;
                        let scale = kl_weight / if per_weight { weights } else { case.stored_scalar("train_size") };
                        kl_sum += kl.value;
                        loss += scale * kl.value;
                        add_kl(&mut gradients, layer, &network, &kl, scale);
                    }
                    case.skip("train_size");
                    expect("logits", &logits.to_tensor());
                    expect("nll", &[nll].to_tensor());
                    expect("kl", &kl_sum.to_tensor());
                    expect("loss", &loss.to_tensor());
                    for (parameter, gradient) in network.parameters().iter().zip(&gradients) {
                        assert_eq!(gradient.is_some(), parameter.role.is_trained(), "{}", parameter.name);
                        if let Some(gradient) = gradient {
                            expect(&format!("d.{}", parameter.name), &gradient.to_tensor());
                        }
                    }
                    network.absorb_statistics(&tape, F::of(MOMENTUM));
                    for parameter in network.parameters() {
                        let after = format!("after.{}", parameter.name);
                        if parameter.role.is_trained() {
                            // The optimizer's result is checked by its tests.
                            case.skip(&here(&after));
                        } else {
                            expect(&after, &parameter.value.to_tensor());
                        }
                    }
                }
            });
        },
    );
}

fn layer_kl<F: Precision>(network: &Network<F>, layer: &BayesLayer, prior: &Prior) -> Kl<F> {
    let slice = |position: usize| network.slice(position);
    let codebook = Codebook::new(slice(layer.levels).to_vec()).expect("a codebook");
    prior.kl(slice(layer.theta), slice(layer.log_sigma2), &codebook).expect("a KL")
}

fn add_kl<F: Precision>(
    gradients: &mut Gradients<F>,
    layer: &BayesLayer,
    network: &Network<F>,
    kl: &Kl<F>,
    scale: f64,
) {
    for (position, part) in
        [(layer.theta, &kl.dtheta), (layer.log_sigma2, &kl.dlog_sigma2), (layer.levels, &kl.dlevels)]
    {
        let shape = network.parameters()[position].value.raw_dim();
        let gradient = gradients[position].get_or_insert_with(|| ArrayD::zeros(shape));
        gradient.iter_mut().zip(part).for_each(|(sum, part)| *sum += F::of(scale) * *part);
    }
}

/// A network with random parameters, an input and noise.
pub struct Problem<F> {
    pub network: Network<F>,
    pub x: Array4<F>,
    pub labels: Vec<usize>,
    pub eps: Vec<ArrayD<F>>,
}

/// The modes of a pass: sampled or mean weights, batch or running statistics.
pub const MODES: [(bool, Normalization); 4] = [
    (true, Normalization::Batch),
    (false, Normalization::Batch),
    (true, Normalization::Running),
    (false, Normalization::Running),
];

impl<F: Precision> Problem<F> {
    pub fn new(name: &str, input: [usize; 3], widths: &[usize], batch: usize, seed: u64) -> Self {
        Self::of(with_widths(name, input, widths), batch, seed)
    }

    /// A problem with the network, whose parameters are replaced by random ones.
    pub fn of(mut network: Network<F>, batch: usize, seed: u64) -> Self {
        let mut random = Random::new(seed);
        for parameter in network.parameters_mut() {
            let shape = IxDyn(parameter.value.shape());
            parameter.value = match parameter.role {
                Role::Theta => random.uniforms(-0.5, 0.5, shape),
                Role::LogSigma2 => random.uniforms(-7.0, -2.0, shape),
                Role::Levels => continue,
                Role::Gamma | Role::RunningVar => random.uniforms(0.5, 1.5, shape),
                // Positive, so that enough units are above 0 before ReLU even if running statistics are far from the
                // batch's.
                Role::Beta => random.uniforms(0.2, 1.0, shape),
                Role::Bias | Role::RunningMean => random.uniforms(-0.5, 0.5, shape),
            };
        }
        let [channels, height, width] = network.graph().input;
        let x = random.uniforms(0.0, 1.0, (batch, channels, height, width));
        let classes = network.graph().classes();
        let labels = (0..batch).map(|image| image * 7 % classes).collect();
        let mut problem = Self { network, x, labels, eps: Vec::new() };
        let mut shapes = problem.noise_shapes().into_iter();
        // A layer without noise has an empty array.
        let eps = problem
            .network
            .layers()
            .map(|layer| if layer.unquantized { vec![0] } else { shapes.next().expect("its noise") });
        problem.eps = eps.map(|shape| random.bells(IxDyn(&shape))).collect();
        problem
    }

    /// The shape of each layer's noise.
    pub fn noise_shapes(&self) -> Vec<Vec<usize>> {
        let asked = std::cell::RefCell::new(Vec::new());
        let noise = |_: &BayesLayer, shape: &[usize]| {
            asked.borrow_mut().push(shape.to_vec());
            Ok(ArrayD::zeros(shape))
        };
        self.network.predict(self.x.clone(), &WeightMode::Sample(&noise)).expect("it fits");
        asked.into_inner()
    }

    /// The mean NLL, the logits and the gradient with respect to every parameter.
    pub fn run(
        &self,
        network: &Network<F>,
        sampled: bool,
        normalization: Normalization,
    ) -> (F, Array2<F>, Gradients<F>) {
        let noise = |layer: &BayesLayer, _: &[usize]| Ok(self.eps[layer.index].clone());
        let weights = if sampled { WeightMode::Sample(&noise) } else { WeightMode::Mean };
        let (logits, tape) = network.forward(self.x.clone(), &weights, normalization).expect("it fits");
        let (nll, cache) = softmax_nll::forward(logits.view(), &self.labels).expect("it fits");
        let gradients = network.backward(&tape, softmax_nll::backward(&cache));
        (nll, logits, gradients)
    }
}

/// The entries of the gradient that are checked.
pub enum Entries {
    All,
    Projected,
}

/// Checks the gradient of the NLL with respect to every trained parameter, in every mode, with definitions and with
/// kernels.
pub fn assert_gradients(problem: &Problem<f64>, entries: &Entries) {
    let ways = [Way::Definition, Way::Kernel].into_iter().flat_map(|way| MODES.map(|mode| (way, mode)));
    for (way, (sampled, normalization)) in ways {
        let start = problem.network.clone().by(way);
        let (_, _, gradients) = problem.run(&start, sampled, normalization);
        for (position, parameter) in problem.network.parameters().iter().enumerate() {
            let takes_part = match parameter.role {
                Role::LogSigma2 => sampled,
                Role::Levels | Role::RunningMean | Role::RunningVar => false,
                Role::Theta | Role::Bias | Role::Gamma | Role::Beta => true,
            };
            assert_eq!(gradients[position].is_some(), takes_part, "{}", parameter.name);
            let Some(gradient) = &gradients[position] else { continue };
            assert_eq!(gradient.shape(), parameter.value.shape(), "{}", parameter.name);
            let what = format!("{}, {way:?}, sampled: {sampled}, {normalization:?}", parameter.name);
            let gradient = gradient.to_tensor().values;
            if parameter.role == Role::Theta {
                assert!(gradient.iter().any(|d| d.abs() > 1e-4), "{what}: a network without a pulse");
            }
            let loss = |values: &[f64]| {
                let mut network = start.clone();
                network.parameters_mut()[position].as_slice_mut().copy_from_slice(values);
                problem.run(&network, sampled, normalization).0
            };
            // The step is so small that no ReLU or maximum changes within a difference, and so large that the rounding
            // of the loss, which is up to 33, stays within the tolerance.
            let step = 2e-6;
            match entries {
                Entries::All => assert_gradient("network", &what, step, parameter.as_slice(), &gradient, loss),
                Entries::Projected => {
                    assert_projected_gradient("network", &what, step, parameter.as_slice(), &gradient, loss);
                }
            }
        }
    }
}

/// Asserts that logits, loss and gradients have the same bits with any number of threads, in every mode.
pub fn assert_same_bits(name: &str, input: [usize; 3], widths: &[usize]) {
    assert_same_bits_of(name, Description::with_widths(name, input, widths).expect("a network"));
}

/// Like [`assert_same_bits`].
pub fn assert_same_bits_of(name: &str, graph: Graph) {
    let network = Network::new(graph, &Codebook::symmetric(3).expect("three levels"));
    // More images than one thread sums.
    let problem = Problem::<f32>::of(network, 35, 5);
    for (sampled, normalization) in MODES {
        assert_same_bits_at_any_thread_count(name, || {
            let (nll, logits, gradients) = problem.run(&problem.network, sampled, normalization);
            let gradients = gradients.iter().flatten().map(ToTensor::to_tensor);
            [nll.to_tensor(), logits.to_tensor()].into_iter().chain(gradients).collect()
        });
    }
}
