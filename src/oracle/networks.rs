//! `network`: the objective of a whole network and its gradient with respect to every parameter.
//!
//! Inputs are `x`, `labels`, every parameter by its name and, except under prior `none`, `eps.<layer>` for each layer
//! that is not `unquantized`. The network is a preset or a text. The numbers of outputs of a preset's layers, and the
//! depth of `densenet`, are taken from the tensors. Running statistics are not read, since those of the batch are used.

use super::options::Options;
use super::priors::{FORMS, SPIKES, check_spike, codebook};
use super::tensors::{Inputs, Outputs, Stored};
use crate::error::{Error, Result};
use crate::layers::check_shape;
use crate::nets::graph::{BayesLayer, ParameterShape};
use crate::nets::presets::names_preset;
use crate::nets::{Description, Given, Graph, Network, Role};
use crate::prior::{Codebook, Gaussian, MultiSpike, Prior, Spike};
use crate::train::config::describe;
use crate::train::objective::{Forward, KlScale, Objective};
use ndarray::{Array4, ArrayD, Ix2, Ix4};
use std::collections::BTreeSet;

const FORWARDS: &[(&str, Forward)] =
    &[("sampled", Forward::Sampled), ("hard", Forward::Hard), ("straight-through", Forward::StraightThrough)];

/// A network, its objective, and the images to evaluate it on.
pub(super) struct Problem<F> {
    pub(super) network: Network<F>,
    pub(super) objective: Objective,
    pub(super) kl_weight: f64,
    /// The images (B, C, H, W).
    pub(super) x: Array4<F>,
}

/// Reads the problem and checks it.
pub(super) fn problem<F: Stored>(inputs: &Inputs<F>, options: &Options) -> Result<Problem<F>> {
    let objective = objective(options)?;
    let kl_weight = options.real_for("kl-weight", |weight: F| weight >= F::zero())?;
    let x = images(inputs)?;
    let graph = graph(options.text("network"), &x, inputs)?;
    if graph.layers().any(|layer| layer.name == "eps") {
        return Err(Error::option("network", "no layer named eps, with which the names of the noise begin", "one"));
    }
    check_names(&graph, inputs)?;
    check_all_there(inputs, tensors(&graph, x.dim().0, objective.prior != Prior::None))?;
    // Every tensor's shape is compared with the graph's before the network takes memory.
    for parameter in graph.parameters.iter().filter(|parameter| parameter.role.is_trained()) {
        let value = inputs.any(&parameter.name)?;
        // Each layer may have another number of levels.
        if parameter.role == Role::Levels {
            codebook(inputs, &parameter.name)?;
        } else if let ([inputs, outputs], true) = (&parameter.shape[..], parameter.role == Role::Theta)
            && value.shape() == [*outputs, *inputs]
            && inputs != outputs
        {
            let expected = format!("shape {:?}, inputs by outputs: the transpose of PyTorch's weight", parameter.shape);
            return Err(Error::tensor(&parameter.name, expected, format!("{:?}", value.shape())));
        } else {
            check_shape(&parameter.name, &parameter.shape, value.shape())?;
        }
    }
    // The loop below replaces these levels by those of the inputs.
    let mut network = Network::new(graph, &Codebook::symmetric(2)?).by(options.way());
    for parameter in network.parameters_mut().iter_mut().filter(|parameter| parameter.role.is_trained()) {
        parameter.value = inputs.any(&parameter.name)?.clone();
    }
    if let Prior::MultiSpike(prior) = &objective.prior {
        for layer in network.quantized_layers() {
            let levels = &network.parameters()[layer.levels];
            prior.check(levels.as_slice()).map_err(|error| match error {
                Error::Option { option, expected, seen } => {
                    Error::tensor(&levels.name, format!("{expected}, for {option}"), seen)
                }
                other => other,
            })?;
        }
    }
    Ok(Problem { network, objective, kl_weight, x })
}

/// ε of a layer, which must have this shape.
pub(super) fn eps<'a, F: Stored>(inputs: &'a Inputs<F>, layer: &BayesLayer, shape: &[usize]) -> Result<&'a ArrayD<F>> {
    let name = format!("eps.{}", layer.name);
    let eps = inputs.any(&name)?;
    check_shape(&name, shape, eps.shape())?;
    Ok(eps)
}

/// The names and shapes of the tensors that a network needs beside `x` and `labels` for `batch` images: its parameters
/// and, with noise, ε of each layer that has noise.
fn tensors(graph: &Graph, batch: usize, has_noise: bool) -> Vec<(String, String)> {
    let of_parameter = |parameter: &ParameterShape| {
        let shape = if parameter.role == Role::Levels { "[M]".to_string() } else { format!("{:?}", parameter.shape) };
        (parameter.name.clone(), shape)
    };
    let trained = graph.parameters.iter().filter(|parameter| parameter.role.is_trained()).map(of_parameter);
    let eps = graph.nodes.iter().filter_map(|node| {
        let layer = node.layer().filter(|layer| has_noise && !layer.unquantized)?;
        Some((format!("eps.{}", layer.name), format!("{:?}", [&[batch][..], &node.shape].concat())))
    });
    trained.chain(eps).collect()
}

/// Checks that the tensors of these names and shapes are there. The error names all that are missing.
fn check_all_there<F: Stored>(inputs: &Inputs<F>, tensors: Vec<(String, String)>) -> Result<()> {
    let mut missing = tensors.into_iter().filter(|(name, _)| inputs.get(name).is_none());
    let Some((first, shape)) = missing.next() else { return Ok(()) };
    let others: Vec<String> = missing.map(|(name, shape)| format!("{name} {shape}")).collect();
    let seen = if others.is_empty() { "none".to_string() } else { format!("none, nor {}", others.join(", ")) };
    Err(Error::tensor(first, format!("shape {shape}"), seen))
}

pub(super) fn network<F: Stored>(inputs: &Inputs<F>, options: &Options) -> Result<Outputs> {
    let Problem { network, objective, kl_weight, x } = problem(inputs, options)?;
    let noise = |layer: &BayesLayer, shape: &[usize]| eps(inputs, layer, shape).cloned();
    let evaluation = objective.evaluate(&network, x, &inputs.labels()?, &noise, kl_weight, None)?;
    let mut outputs = Outputs::default()
        .with_scalar::<F>("loss", evaluation.loss.loss)
        .with_scalar::<F>("nll", evaluation.loss.nll)
        .with_scalar::<F>("kl", evaluation.loss.kl)
        .with("logits", &evaluation.logits);
    for (parameter, gradient) in network.parameters().iter().zip(&evaluation.gradients) {
        outputs = outputs.with_some(&format!("d.{}", parameter.name), gradient.as_ref());
    }
    Ok(outputs)
}

fn objective(options: &Options) -> Result<Objective> {
    let spike = options.choice("spike", SPIKES)?;
    let form = |(name, form): &(&'static str, _)| (*name, Prior::MultiSpike(MultiSpike::new(*form, spike)));
    let mut priors: Vec<(&str, Prior)> = FORMS.iter().map(form).collect();
    priors.extend([("gaussian", Prior::Gaussian(Gaussian::default())), ("none", Prior::None)]);
    let names: Vec<(&str, usize)> = priors.iter().enumerate().map(|(i, (name, _))| (*name, i)).collect();
    let prior = priors.swap_remove(options.choice("prior", &names)?).1;
    if spike == Spike::Fit {
        match &prior {
            Prior::MultiSpike(prior) => check_spike(prior)?,
            Prior::Gaussian(_) | Prior::None => {
                let expected = format!("exact for --prior {}, which has no spikes", options.text("prior"));
                return Err(Error::option("spike", expected, "fit"));
            }
        }
    }
    let train_size = options.number("train-size")?;
    if train_size == 0 {
        return Err(Error::option("train-size", "a whole number of at least 1", train_size));
    }
    let kl_scale = options.choice("kl-scale", &[("dataset", KlScale::Dataset), ("per-weight", KlScale::PerWeight)])?;
    let forward = options.choice("forward", FORWARDS)?;
    match forward {
        Forward::Hard if prior == Prior::None => {
            Err(Error::option("prior", "one with noise for --forward hard", "none"))
        }
        Forward::StraightThrough if prior != Prior::None => {
            Err(Error::option("prior", "none for --forward straight-through", options.text("prior")))
        }
        _ => Ok(Objective { prior, forward, kl_scale, train_size }),
    }
}

/// `x` as images (B, C, H, W); rows (B, I) are images of one row.
fn images<F: Stored>(inputs: &Inputs<F>) -> Result<Array4<F>> {
    if inputs.any("x")?.ndim() == 2 {
        let rows = inputs.array::<Ix2>("x")?;
        let (batch, features) = rows.dim();
        return Ok(rows.into_shape_with_order((batch, 1, 1, features)).expect("as many elements"));
    }
    inputs.array::<Ix4>("x")
}

/// The graph of the network `name`. The number of classes is that of the last layer's tensors; the layers of a preset
/// have the numbers of outputs of their tensors.
fn graph<F: Stored>(name: &str, x: &Array4<F>, inputs: &Inputs<F>) -> Result<Graph> {
    if name.is_empty() {
        return Err(Error::option("network", "a preset, or the file of a network's text", "none"));
    }
    let input = Some([x.dim().1, x.dim().2, x.dim().3]);
    let of_tensors = |error: Error| match error {
        Error::Network { line, expected, seen, .. } if names_preset(name) => {
            Error::tensor("x", format!("{expected}, in line {line} of {name}, in the shapes of x and theta"), seen)
        }
        other => other,
    };
    let description = match name {
        "densenet" => densenet(inputs)?,
        other => describe(other)?,
    };
    let drawn = description.graph(Given { input, classes: Some(1), outputs: None });
    let drawn = match drawn {
        // Whether the text fixes its number of classes is not known. So 1 is tried first, then no number at all, which
        // is right for a text that fixes it. If both fail, the error of the first attempt is reported.
        Err(error) if !description.is_preset() => {
            description.graph(Given { input, classes: None, outputs: None }).map_err(|_| error)
        }
        drawn => drawn,
    };
    let outputs = |layer: &BayesLayer| {
        let name = format!("{}.theta", layer.name);
        // ε (B, O) tells a weight that was not transposed.
        let eps = inputs.get(&format!("eps.{}", layer.name)).and_then(|eps| eps.shape().last());
        match *inputs.any(&name)?.shape() {
            [first, second] if first != second && eps == Some(&first) => Ok(first),
            [_, outputs] | [outputs, _, _, _] => Ok(outputs),
            ref other => Err(Error::tensor(name, "shape (I, O) or (O, C, kh, kw)", format!("{other:?}"))),
        }
    };
    let drawn = drawn.map_err(of_tensors)?;
    let theta = |layer: &BayesLayer| (format!("{}.theta", layer.name), "(I, O) or (O, C, kh, kw)".to_string());
    check_all_there(inputs, drawn.layers().map(theta).collect())?;
    let outputs: Vec<usize> = drawn.layers().map(outputs).collect::<Result<_>>()?;
    let given = if description.is_preset() {
        Given { input, classes: None, outputs: Some(&outputs) }
    } else {
        Given { input, classes: outputs.last().copied(), outputs: None }
    };
    description.graph(given).map_err(of_tensors)
}

/// The DenseNet with one layer for each tensor θ, and with bottlenecks if there is a θ of a bottleneck.
fn densenet<F: Stored>(inputs: &Inputs<F>) -> Result<Description> {
    let depth = inputs.names().filter(|name| name.ends_with(".theta")).count();
    let bottleneck = inputs.names().any(|name| name == "block1.layer1.conv1.theta");
    Description::preset(&format!("densenet:depth={depth},bottleneck={bottleneck}"))
        .map_err(|error| Error::tensor("*.theta", "one for each layer of a densenet", error))
}

fn check_names<F: Stored>(graph: &Graph, inputs: &Inputs<F>) -> Result<()> {
    let mut known: BTreeSet<String> = graph.parameters.iter().map(|parameter| parameter.name.clone()).collect();
    known.extend(graph.layers().map(|layer| format!("eps.{}", layer.name)));
    known.insert("x".to_string());
    match inputs.names().find(|name| !known.contains(*name)) {
        Some(odd) => {
            let known: Vec<String> = known.into_iter().collect();
            Err(Error::tensor(odd, format!("one of {}, labels", known.join(", ")), "an unknown name"))
        }
        None => Ok(()),
    }
}
