//! `mlp`, `lenet5`, `lenet-caffe`, `densenet`: the objective of a whole network and its gradient in every parameter.
//!
//! Inputs are `x`, `labels`, every parameter by its name and `eps.<layer>` for each Bayesian layer, none of it under prior
//! `none`. The widths are those of the tensors; running statistics are not read, since the batch's own are used.

use super::options::Options;
use super::priors::{FORMS, SPIKES, codebook};
use super::tensors::{Inputs, Outputs, Stored};
use crate::error::{Error, Result};
use crate::layers::check_shape;
use crate::nets::plan::BayesLayer;
use crate::nets::{Architecture, Network, Plan, Role};
use crate::prior::{Codebook, Gaussian, MultiSpike, Prior};
use crate::train::objective::{KlScale, Objective};
use ndarray::{Array4, ArrayD, Ix2, Ix4};
use std::collections::BTreeSet;

pub(super) fn mlp<F: Stored>(inputs: &Inputs<F>, options: &Options) -> Result<Outputs> {
    network(Architecture::Mlp, inputs, options)
}

pub(super) fn lenet5<F: Stored>(inputs: &Inputs<F>, options: &Options) -> Result<Outputs> {
    network(Architecture::Lenet5, inputs, options)
}

pub(super) fn lenet_caffe<F: Stored>(inputs: &Inputs<F>, options: &Options) -> Result<Outputs> {
    network(Architecture::LenetCaffe, inputs, options)
}

pub(super) fn densenet<F: Stored>(inputs: &Inputs<F>, options: &Options) -> Result<Outputs> {
    network(densenet_of(inputs), inputs, options)
}

/// With bottleneck, if there are tensors of one.
pub(super) fn densenet_of<F: Stored>(inputs: &Inputs<F>) -> Architecture {
    Architecture::Densenet { bottleneck: inputs.names().any(|name| name == "block1.layer1.conv1.theta") }
}

/// A network, and what its objective is evaluated on.
pub(super) struct Problem<F> {
    pub(super) network: Network<F>,
    pub(super) objective: Objective,
    pub(super) kl_weight: f64,
    /// (B, C, H, W).
    pub(super) x: Array4<F>,
}

/// Reads the problem and checks it.
pub(super) fn problem<F: Stored>(
    architecture: Architecture,
    inputs: &Inputs<F>,
    options: &Options,
) -> Result<Problem<F>> {
    let objective = objective(options)?;
    let kl_weight = options.real_for("kl-weight", |weight: F| weight >= F::zero())?;
    let x = images(inputs)?;
    let plan = wire(architecture, &x, inputs)?;
    check_names(&plan, inputs)?;
    // Every tensor's shape is compared with the plan's before the network takes memory.
    for parameter in plan.parameters.iter().filter(|parameter| parameter.role.is_trained()) {
        let value = inputs.any(&parameter.name)?;
        // Each layer may have a number of levels of its own.
        if parameter.role == Role::Levels {
            codebook(inputs, &parameter.name)?;
        } else {
            check_shape(&parameter.name, &parameter.shape, value.shape())?;
        }
    }
    // Every layer's levels are replaced by its own.
    let mut network = Network::new(plan, &Codebook::symmetric(2)?);
    for parameter in network.parameters_mut().iter_mut().filter(|parameter| parameter.role.is_trained()) {
        parameter.value = inputs.any(&parameter.name)?.clone();
    }
    if let Prior::MultiSpike(prior) = &objective.prior {
        for layer in network.layers() {
            let levels = &network.parameters()[layer.levels];
            prior.check(levels.as_slice())?;
        }
    }
    Ok(Problem { network, objective, kl_weight, x })
}

/// ε of a layer, of the shape asked for.
pub(super) fn eps<'a, F: Stored>(inputs: &'a Inputs<F>, layer: &BayesLayer, shape: &[usize]) -> Result<&'a ArrayD<F>> {
    let name = format!("eps.{}", layer.name);
    let eps = inputs.any(&name)?;
    check_shape(&name, shape, eps.shape())?;
    Ok(eps)
}

fn network<F: Stored>(architecture: Architecture, inputs: &Inputs<F>, options: &Options) -> Result<Outputs> {
    let Problem { network, objective, kl_weight, x } = problem(architecture, inputs, options)?;
    let noise = |layer: &BayesLayer, shape: &[usize]| eps(inputs, layer, shape).cloned();
    let evaluation = objective.evaluate(&network, x, &inputs.labels()?, &noise, kl_weight)?;
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
    let train_size = options.number("train-size")?;
    if train_size == 0 {
        return Err(Error::option("train-size", "a whole number of at least 1", train_size));
    }
    let kl_scale = options.choice("kl-scale", &[("dataset", KlScale::Dataset), ("per-weight", KlScale::PerWeight)])?;
    Ok(Objective { prior, kl_scale, train_size })
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

/// The wiring of the network whose widths are those of the tensors.
fn wire<F: Stored>(architecture: Architecture, x: &Array4<F>, inputs: &Inputs<F>) -> Result<Plan> {
    let mut widths = Vec::new();
    // Only a DenseNet's depth depends on the tensors.
    let depth = match architecture {
        Architecture::Densenet { .. } => inputs.names().filter(|name| name.ends_with(".theta")).count(),
        fixed => fixed.hidden_widths().len() + 1,
    };
    let layers = architecture
        .layer_names(depth)
        .map_err(|error| Error::tensor("*.theta", "one for each layer of a network", error))?;
    for layer in layers {
        let name = format!("{layer}.theta");
        let theta = inputs.any(&name)?;
        widths.push(match theta.shape() {
            [_, outputs] => *outputs,
            [outputs, _, _, _] => *outputs,
            other => return Err(Error::tensor(name, "shape (I, O) or (O, C, kh, kw)", format!("{other:?}"))),
        });
    }
    let input = [x.dim().1, x.dim().2, x.dim().3];
    architecture.plan(input, &widths).map_err(|error| match error {
        Error::Option { expected, seen, .. } => {
            Error::tensor("x", format!("{expected}, in the shapes of x and theta"), seen)
        }
        other => other,
    })
}

fn check_names<F: Stored>(plan: &Plan, inputs: &Inputs<F>) -> Result<()> {
    let mut known: BTreeSet<String> = plan.parameters.iter().map(|parameter| parameter.name.clone()).collect();
    known.extend(plan.layers().map(|layer| format!("eps.{}", layer.name)));
    known.insert("x".to_string());
    match inputs.names().find(|name| !known.contains(*name)) {
        Some(odd) => {
            let known: Vec<String> = known.into_iter().collect();
            Err(Error::tensor(odd, format!("one of {}, labels", known.join(", ")), "an unknown name"))
        }
        None => Ok(()),
    }
}
