//! [`train::trainer`](crate::train::trainer) on the device: a step reads images and labels from the host, and gives back
//! its loss.

use super::projection::{project_levels, project_log_sigma2, project_theta};
use super::{adam, evaluate, objective};
use crate::cuda::layers::softmax_nll;
use crate::cuda::nets::{Gradients, Network, Tape, WeightMode};
use crate::cuda::tensor::noise::standard_normal;
use crate::cuda::{Argument, Buffer, Device, Grid, Real};
use crate::error::{Error, Result};
use crate::nets::plan::BayesLayer;
use crate::nets::{Normalization, Role};
use crate::prior::multi_spike::costs;
use crate::prior::{Codebook, Prior};
use crate::tensor::noise::{Philox, Purpose};
use crate::train::adam::Adam;
use crate::train::data::Dataset;
use crate::train::evaluate::{Score, Weights};
use crate::train::{self, Loss, Training};
use ndarray::Array4;

/// A network in training on a device.
#[derive(Debug)]
pub struct Trainer<F> {
    /// Its recipe and step are up to date; its network and moments were those of step `fetched_at`.
    host: train::Trainer<F>,
    fetched_at: u64,
    network: Network<F>,
    /// Adam's moments of each parameter; empty for running statistics.
    moments: Vec<[Buffer<F>; 2]>,
    /// −ln a_k of each layer.
    costs: Vec<Buffer<F>>,
}

impl<F: Real> Trainer<F> {
    /// Goes on with a trainer's network on a device.
    ///
    /// # Errors
    /// If the device fails, or the prior's form is `quadrature`, which there is on the CPU only.
    pub fn new(device: &Device, host: train::Trainer<F>) -> Result<Self> {
        let network = Network::from_host(device, &host.network)?;
        let moments = host.moments.iter().map(|[first, second]| {
            Ok([Buffer::from_host(device, first.view())?, Buffer::from_host(device, second.view())?])
        });
        let costs = host.network.layers().map(|layer| {
            let levels = &host.network.parameters()[layer.levels];
            let codebook = Codebook::new(levels.as_slice().to_vec())
                .map_err(|error| Error::tensor(&levels.name, "a codebook", error))?;
            Buffer::from_slice(device, &[codebook.levels().len()], &costs(&codebook))
        });
        let (moments, costs) = (moments.collect::<Result<_>>()?, costs.collect::<Result<_>>()?);
        Ok(Self { fetched_at: host.step, network, moments, costs, host })
    }

    /// The loss of the next step and its gradient, under the step's own noise.
    fn evaluate(&self, x: &Array4<F>, labels: &[usize]) -> Result<(Loss, Gradients<F>, Tape<F>)> {
        let (device, prior) = (self.network.device(), &self.host.recipe().prior);
        let (seed, step) = (self.host.recipe().seed, self.host.step as u32);
        let noise = |layer: &BayesLayer, shape: &[usize]| {
            standard_normal(device, &Philox::new(seed, Purpose::Layer(layer.index as u32), step), shape)
        };
        let weights = if *prior == Prior::None { WeightMode::Mean } else { WeightMode::Sample(&noise) };
        let x = Buffer::from_host(device, x.view())?;
        let (logits, tape) = self.network.forward(x, &weights, Normalization::Batch)?;
        let (nll, cache) = softmax_nll::forward(&logits, labels)?;
        let mut gradients = self.network.backward(&tape, softmax_nll::backward(&cache)?)?;
        let (kl_weight, objective) = (self.host.kl_weight(), &self.host.objective);
        let zero_levels = &self.host.zero_levels;
        let kl = objective::add_kl(objective, &self.network, &self.costs, zero_levels, kl_weight, &mut gradients)?;
        let nll = nll.to_vec()?[0].as_f64();
        let mut loss = Loss { loss: nll, nll, kl: 0.0 };
        for (layer, kl) in self.network.plan().layers().zip(kl.to_vec()?) {
            loss.kl += kl;
            loss.loss += kl_weight / objective.divisor(self.network.parameters()[layer.theta].len()) * kl;
        }
        Ok((loss, gradients, tape))
    }

    /// Running statistics, clip, Adam, projections.
    fn apply(&mut self, gradients: &Gradients<F>, tape: &Tape<F>) -> Result<()> {
        self.network.absorb_statistics(tape)?;
        let recipe = self.host.recipe();
        let rate = recipe.learning_rate_at(self.host.step as f64 / self.host.steps() as f64);
        let (clip, level_rate) = (recipe.gradient_clip, recipe.level_rate);
        self.host.step += 1;
        for (position, (gradient, moments)) in gradients.iter().zip(&mut self.moments).enumerate() {
            let Some(gradient) = gradient else { continue };
            let rate = if self.network.role(position) == Role::Levels { level_rate * rate } else { rate };
            let parameter = &mut self.network.parameters_mut()[position];
            adam::step(&Adam::default(), parameter, gradient, moments, clip, self.host.step, rate)?;
        }
        let layers: Vec<BayesLayer> = self.network.plan().layers().cloned().collect();
        for (layer, zero) in layers.iter().zip(&self.host.zero_levels) {
            let positions = [layer.theta, layer.log_sigma2, layer.levels];
            let [theta, log_sigma2, levels] =
                self.network.parameters_mut().get_disjoint_mut(positions).expect("three parameters");
            project_log_sigma2(log_sigma2)?;
            project_levels(levels, *zero)?;
            if let Prior::MultiSpike(_) = self.host.recipe().prior {
                project_theta(theta, log_sigma2, levels)?;
            }
        }
        Ok(())
    }

    fn check_finite(&self, loss: &Loss, gradients: &Gradients<F>) -> Result<()> {
        let expected = format!("finite numbers at step {}", self.host.step + 1);
        if let Some((position, odd)) = first_odd(self.network.device(), gradients.iter().map(Option::as_ref))? {
            let name = &self.network.plan().parameters[position].name;
            return Err(Error::tensor(format!("d.{name}"), expected, odd));
        }
        if loss.loss.is_finite() { Ok(()) } else { Err(Error::tensor("loss", expected, loss.loss)) }
    }

    fn check_parameters(&self) -> Result<()> {
        match first_odd(self.network.device(), self.network.parameters().iter().map(Some))? {
            Some((position, odd)) => {
                let expected = format!("finite numbers after step {}", self.host.step);
                Err(Error::tensor(&self.network.plan().parameters[position].name, expected, odd))
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
        let (loss, gradients, tape) = self.evaluate(&x, labels)?;
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

/// The first element that is not finite, and which buffer has it, if there is one.
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
