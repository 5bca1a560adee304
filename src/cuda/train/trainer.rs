//! [`train::trainer`] on the device: a step copies images and labels from the host, and returns the loss.

use super::objective::{Costs, Objective, ValueAndGradient};
use super::projection::{project_levels, project_log_sigma2, project_theta, project_theta_within_gap};
use super::teacher::Teacher;
use super::{adam, evaluate, phase};
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
use crate::train::recipe::InitLevels;
use crate::train::{self, Forward, Loss, Training};
use ndarray::{Array4, ArrayD};

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
    teacher: Option<Teacher<F>>,
}

impl<F: Real> Trainer<F> {
    /// Continues a trainer's training on a device.
    ///
    /// # Errors
    /// If the device fails.
    pub fn new(device: &Device, host: train::Trainer<F>) -> Result<Self> {
        let network = Network::from_host(device, &host.network)?;
        let (moments, costs) = (moments(device, &host)?, Costs::new(device, &host.network)?);
        let teacher = host.teacher.as_ref().map(|teacher| Teacher::from_host(device, teacher)).transpose()?;
        Ok(Self { fetched_at: host.steps_taken, network, moments, costs, teacher, host })
    }

    /// The objective of the next step and its gradient, with the noise of the step.
    fn evaluate(&self, x: &Array4<F>, labels: &[usize]) -> Result<ValueAndGradient<F>> {
        let device = self.network.device();
        let (seed, step) = (self.host.recipe().seed, self.host.steps_taken as u32);
        let noise = |layer: &BayesLayer, shape: &[usize]| {
            standard_normal(device, &Philox::new(seed, Purpose::Layer(layer.index as u32), step), shape)
        };
        let x = Buffer::from_host(device, x.view())?;
        let of = self.host.objective_of_step();
        let objective = Objective { of: &of, costs: &self.costs, teacher: self.teacher.as_ref() };
        objective.evaluate(&self.network, x, labels, &noise, self.host.kl_weight())
    }

    /// Updates running statistics, clips gradients, applies Adam and projects. Begins the second phase after the first,
    /// and ends with quantized weights where training computes with them.
    fn apply(&mut self, gradients: &Gradients<F>, tape: &Tape<F>) -> Result<()> {
        self.network.absorb_statistics(tape)?;
        let recipe = self.host.recipe().clone();
        let rate = recipe.learning_rate_at(self.host.steps_taken as f64 / self.host.total_steps() as f64);
        let start = if self.host.in_first_phase() { 0 } else { self.host.first_phase_steps() };
        self.host.steps_taken += 1;
        for (position, (gradient, moments)) in gradients.iter().zip(&mut self.moments).enumerate() {
            let Some(gradient) = gradient else { continue };
            let role = self.network.role(position);
            let rate = if role == Role::Levels { recipe.level_rate * rate } else { rate };
            let adam = recipe.adam(role);
            let parameter = &mut self.network.parameters_mut()[position];
            adam::step(&adam, parameter, gradient, moments, self.host.steps_taken - start, rate)?;
            if role == Role::LogSigma2 {
                project_log_sigma2(parameter)?;
            }
        }
        self.project()?;
        if self.host.steps_taken == self.host.first_phase_steps() {
            // k-means needs finite weights.
            self.check_parameters()?;
            self.begin_second_phase()?;
        }
        if self.host.steps_taken == self.host.total_steps() && recipe.forward != Forward::Sampled {
            phase::quantize(&mut self.network)?;
        }
        Ok(())
    }

    /// Projects levels and θ in the second phase.
    fn project(&mut self) -> Result<()> {
        if self.host.steps_taken <= self.host.first_phase_steps() {
            return Ok(());
        }
        let recipe = self.host.recipe();
        let is_scaled = recipe.init_levels == InitLevels::Kmeans;
        let layers: Vec<BayesLayer> = self.network.graph().layers().cloned().collect();
        for (layer, zero) in layers.iter().zip(&self.host.zero_levels).filter(|(layer, _)| !layer.unquantized) {
            let positions = [layer.theta, layer.log_sigma2, layer.levels];
            let [theta, log_sigma2, levels] =
                self.network.parameters_mut().get_disjoint_mut(positions).expect("three parameters");
            project_levels(levels, *zero, recipe.level_gap, is_scaled)?;
            if recipe.forward != Forward::Sampled {
                project_theta_within_gap(theta, levels)?;
            } else if let Prior::MultiSpike(_) = self.host.objective.prior {
                project_theta(theta, log_sigma2, levels)?;
            }
        }
        Ok(())
    }

    /// Begins the second phase on the CPU, where k-means runs.
    fn begin_second_phase(&mut self) -> Result<()> {
        self.fetch()?;
        self.host.begin_second_phase()?;
        let device = self.network.device().clone();
        self.network = Network::from_host(&device, &self.host.network)?;
        self.moments = moments(&device, &self.host)?;
        Ok(())
    }

    fn check_finite(&self, loss: &Loss, gradients: &Gradients<F>) -> Result<()> {
        let expected = format!("finite numbers {}", self.host.at_step(self.host.steps_taken + 1));
        if let Some((position, odd)) = first_not_finite(self.network.device(), gradients.iter().map(Option::as_ref))? {
            let name = &self.network.graph().parameters[position].name;
            return Err(Error::tensor(format!("d.{name}"), expected, odd));
        }
        if loss.loss.is_finite() { Ok(()) } else { Err(Error::tensor("loss", expected, loss.loss)) }
    }

    fn check_parameters(&self) -> Result<()> {
        match first_not_finite(self.network.device(), self.network.parameters().iter().map(Some))? {
            Some((position, odd)) => {
                let expected = format!("finite numbers {}", self.host.after_step());
                Err(Error::tensor(&self.network.graph().parameters[position].name, expected, odd))
            }
            None => Ok(()),
        }
    }
}

impl<F: Real> Training<F> for Trainer<F> {
    fn trainer(&self) -> &train::Trainer<F> {
        &self.host
    }

    fn step(&mut self, x: Array4<F>, labels: &[usize]) -> Result<Loss> {
        let ValueAndGradient { loss, gradients, tape, .. } = self.evaluate(&x, labels)?;
        self.check_finite(&loss, &gradients)?;
        self.apply(&gradients, &tape)?;
        self.check_parameters()?;
        Ok(loss)
    }

    fn fetch(&mut self) -> Result<&train::Trainer<F>> {
        if self.fetched_at != self.host.steps_taken {
            self.network.copy_to_host(&mut self.host.network)?;
            for (host, moments) in self.host.moments.iter_mut().zip(&self.moments) {
                *host = [moments[0].to_host()?, moments[1].to_host()?];
            }
            self.fetched_at = self.host.steps_taken;
        }
        Ok(&self.host)
    }

    fn score(&self, data: &Dataset, weights: Weights) -> Result<Score> {
        evaluate::evaluate(&self.network, data, weights)
    }
}

/// Copies of Adam's moments on the device.
fn moments<F: Real>(device: &Device, host: &train::Trainer<F>) -> Result<Vec<[Buffer<F>; 2]>> {
    let of = |[first, second]: &[ArrayD<F>; 2]| {
        Ok([Buffer::from_host(device, first.view())?, Buffer::from_host(device, second.view())?])
    };
    host.moments.iter().map(of).collect()
}

/// The first element that is not finite, and the position of its buffer, if there is one.
fn first_not_finite<'a, F: Real>(
    device: &Device,
    buffers: impl Iterator<Item = Option<&'a Buffer<F>>>,
) -> Result<Option<(usize, F)>> {
    let buffers: Vec<Option<&Buffer<F>>> = buffers.collect();
    let mut first = Buffer::from_slice(device, &[buffers.len()], &vec![u32::MAX; buffers.len()])?;
    for (position, buffer) in buffers.iter().enumerate() {
        let Some(buffer) = buffer else { continue };
        let sizes = [position, buffer.len()].map(Argument::size);
        let arguments = [Argument::from(*buffer), Argument::from(&mut first), sizes[0], sizes[1]];
        device.launch::<F>("train/trainer", "first_not_finite", Grid::elements(buffer.len()), &arguments)?;
    }
    let first = first.to_vec()?;
    let Some(position) = first.iter().position(|first| *first != u32::MAX) else { return Ok(None) };
    let elements = buffers[position].expect("only buffers that exist were searched").to_vec()?;
    Ok(Some((position, elements[first[position] as usize])))
}
