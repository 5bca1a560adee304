//! [`train::trainer`] on the device: a step copies images and labels from the host, and returns the loss.

use super::objective::{Costs, Evaluation};
use super::projection::{project_levels, project_log_sigma2, project_theta};
use super::{adam, evaluate, objective};
use crate::cuda::nets::{Gradients, Network, Tape};
use crate::cuda::tensor::noise::standard_normal;
use crate::cuda::{Argument, Buffer, Device, Grid, Real};
use crate::error::{Error, Result};
use crate::nets::Role;
use crate::nets::graph::BayesLayer;
use crate::prior::Prior;
use crate::tensor::noise::{Philox, Purpose};
use crate::train::data::Dataset;
use crate::train::evaluate::{Score, Weights};
use crate::train::recipe::{InitLevels, Recipe};
use crate::train::{self, Loss, Training};
use ndarray::Array4;

/// A network in training on a device.
#[derive(Debug)]
pub struct Trainer<F> {
    /// Its recipe and step are current; its network and moments are those after step `fetched_at`.
    host: train::Trainer<F>,
    fetched_at: u64,
    network: Network<F>,
    /// Adam's moments of each parameter; empty for running statistics.
    moments: Vec<[Buffer<F>; 2]>,
    costs: Costs<F>,
}

impl<F: Real> Trainer<F> {
    /// Continues a trainer's training on a device.
    ///
    /// # Errors
    /// If the training needs something that only the CPU computes, or the device fails.
    pub fn new(device: &Device, host: train::Trainer<F>) -> Result<Self> {
        check_supported(host.recipe())?;
        if host.teacher.is_some() {
            return Err(Error::option("teacher", "none on a GPU; --device cpu computes it", "a teacher"));
        }
        let network = Network::from_host(device, &host.network)?;
        let moments = host.moments.iter().map(|[first, second]| {
            Ok([Buffer::from_host(device, first.view())?, Buffer::from_host(device, second.view())?])
        });
        let (moments, costs) = (moments.collect::<Result<_>>()?, Costs::new(device, &host.network)?);
        Ok(Self { fetched_at: host.step, network, moments, costs, host })
    }

    /// The objective of the next step and its gradient, with the noise of the step.
    fn evaluate(&self, x: &Array4<F>, labels: &[usize]) -> Result<Evaluation<F>> {
        let device = self.network.device();
        let (seed, step) = (self.host.recipe().seed, self.host.step as u32);
        let noise = |layer: &BayesLayer, shape: &[usize]| {
            standard_normal(device, &Philox::new(seed, Purpose::Layer(layer.index as u32), step), shape)
        };
        let (objective, kl_weight) = (&self.host.objective, self.host.kl_weight());
        let x = Buffer::from_host(device, x.view())?;
        objective::evaluate(objective, &self.network, &self.costs, x, labels, &noise, kl_weight)
    }

    /// Updates running statistics, clips gradients, applies Adam and projects.
    fn apply(&mut self, gradients: &Gradients<F>, tape: &Tape<F>) -> Result<()> {
        self.network.absorb_statistics(tape)?;
        let recipe = self.host.recipe().clone();
        let rate = recipe.learning_rate_at(self.host.step as f64 / self.host.steps() as f64);
        let (level_rate, level_gap) = (recipe.level_rate, F::of(recipe.level_gap));
        self.host.step += 1;
        for (position, (gradient, moments)) in gradients.iter().zip(&mut self.moments).enumerate() {
            let Some(gradient) = gradient else { continue };
            let role = self.network.role(position);
            let rate = if role == Role::Levels { level_rate * rate } else { rate };
            let adam = recipe.adam(role);
            let parameter = &mut self.network.parameters_mut()[position];
            adam::step(&adam, parameter, gradient, moments, self.host.step, rate)?;
        }
        let layers: Vec<BayesLayer> = self.network.graph().layers().cloned().collect();
        for (layer, zero) in layers.iter().zip(&self.host.zero_levels) {
            let positions = [layer.theta, layer.log_sigma2, layer.levels];
            let [theta, log_sigma2, levels] =
                self.network.parameters_mut().get_disjoint_mut(positions).expect("three parameters");
            project_log_sigma2(log_sigma2)?;
            project_levels(levels, *zero, level_gap)?;
            if let Prior::MultiSpike(_) = self.host.objective.prior {
                project_theta(theta, log_sigma2, levels)?;
            }
        }
        Ok(())
    }

    fn check_finite(&self, loss: &Loss, gradients: &Gradients<F>) -> Result<()> {
        let expected = format!("finite numbers {}", self.host.at_step(self.host.step + 1));
        if let Some((position, odd)) = first_odd(self.network.device(), gradients.iter().map(Option::as_ref))? {
            let name = &self.network.graph().parameters[position].name;
            return Err(Error::tensor(format!("d.{name}"), expected, odd));
        }
        if loss.loss.is_finite() { Ok(()) } else { Err(Error::tensor("loss", expected, loss.loss)) }
    }

    fn check_parameters(&self) -> Result<()> {
        match first_odd(self.network.device(), self.network.parameters().iter().map(Some))? {
            Some((position, odd)) => {
                let expected = format!("finite numbers {}", self.host.after_step());
                Err(Error::tensor(&self.network.graph().parameters[position].name, expected, odd))
            }
            None => Ok(()),
        }
    }
}

/// Checks that a recipe needs nothing that only the CPU computes; `forward` is checked by the objective.
fn check_supported(recipe: &Recipe) -> Result<()> {
    if recipe.warmup > 0.0 {
        return Err(Error::option("warmup", "0 on a GPU; --device cpu computes it", recipe.warmup));
    }
    if recipe.init_levels == InitLevels::Kmeans {
        return Err(Error::option("init-levels", "given on a GPU; --device cpu computes it", "kmeans"));
    }
    Ok(())
}

impl<F: Real> Training<F> for Trainer<F> {
    fn trainer(&self) -> &train::Trainer<F> {
        &self.host
    }

    fn step(&mut self, x: Array4<F>, labels: &[usize]) -> Result<Loss> {
        let Evaluation { loss, gradients, tape, .. } = self.evaluate(&x, labels)?;
        self.check_finite(&loss, &gradients)?;
        self.apply(&gradients, &tape)?;
        self.check_parameters()?;
        Ok(loss)
    }

    fn fetch(&mut self) -> Result<&train::Trainer<F>> {
        if self.fetched_at != self.host.step {
            self.network.copy_to_host(&mut self.host.network)?;
            for (host, moments) in self.host.moments.iter_mut().zip(&self.moments) {
                *host = [moments[0].to_host()?, moments[1].to_host()?];
            }
            self.fetched_at = self.host.step;
        }
        Ok(&self.host)
    }

    fn score(&self, data: &Dataset, weights: Weights) -> Result<Score> {
        evaluate::evaluate(&self.network, data, weights)
    }
}

/// The first element that is not finite, and the position of its buffer, if there is one.
fn first_odd<'a, F: Real>(
    device: &Device,
    buffers: impl Iterator<Item = Option<&'a Buffer<F>>>,
) -> Result<Option<(usize, F)>> {
    let buffers: Vec<Option<&Buffer<F>>> = buffers.collect();
    let mut first = Buffer::from_slice(device, &[buffers.len()], &vec![u32::MAX; buffers.len()])?;
    for (position, buffer) in buffers.iter().enumerate() {
        let Some(buffer) = buffer else { continue };
        let sizes = [position, buffer.len()].map(Argument::size);
        let arguments = [Argument::from(*buffer), Argument::from(&mut first), sizes[0], sizes[1]];
        device.launch::<F>("train/trainer", "first_odd", Grid::elements(buffer.len()), &arguments)?;
    }
    let first = first.to_vec()?;
    let Some(position) = first.iter().position(|first| *first != u32::MAX) else { return Ok(None) };
    let elements = buffers[position].expect("only what is there was looked at").to_vec()?;
    Ok(Some((position, elements[first[position] as usize])))
}
