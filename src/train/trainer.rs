//! One training step: noise, objective, clip, Adam, projection.

use super::adam::Adam;
use super::data::Dataset;
use super::evaluate::{self, Score, Weights};
use super::objective::{Forward, Loss, Objective, ValueAndGradient};
use super::phase;
use super::projection::{
    check_level_gap, project_levels, project_log_sigma2, project_theta, project_theta_within_gap, scaled_level_gap,
};
use super::recipe::{InitLevels, Recipe};
use super::teacher::Teacher;
use crate::error::{Error, Result};
use crate::layers::batch_norm;
use crate::nets::graph::BayesLayer;
use crate::nets::network::Noise;
use crate::nets::{Gradients, Network, Parameter, Role};
use crate::prior::Prior;
use crate::prior::multi_spike::zero_level;
use crate::scalar::Real;
use crate::team;
use crate::tensor::finite::{are_finite, first_not_finite};
use crate::tensor::noise::{Philox, Purpose};
use ndarray::{Array4, ArrayD, IxDyn};
use rayon::prelude::*;

/// Elements of a parameter that one thread updates at a time.
const ELEMENTS: usize = 1 << 13;

/// A network in training, with all that the next step depends on.
#[derive(Clone, Debug)]
pub struct Trainer<F> {
    /// The network.
    pub network: Network<F>,
    /// Adam's moments (m, v) of each parameter, in the order of the parameters; empty for running statistics.
    pub moments: Vec<[ArrayD<F>; 2]>,
    /// Steps taken.
    pub steps_taken: u64,
    recipe: Recipe,
    pub(crate) objective: Objective,
    /// The position of each layer's zero level, which stays 0; none if it has none, or its levels are fitted to weights.
    pub(crate) zero_levels: Vec<Option<usize>>,
    pub(crate) teacher: Option<Teacher<F>>,
}

/// A network in training, whose steps are computed on the CPU or on another device.
pub trait Training<F: Real> {
    /// The trainer. Its recipe and step are current; its network and moments are those at the last [`Training::fetch`].
    fn trainer(&self) -> &Trainer<F>;

    /// One step: see [`Trainer::step`].
    ///
    /// # Errors
    /// The errors of [`Trainer::step`]; also if the device fails.
    fn step(&mut self, x: Array4<F>, labels: &[usize]) -> Result<Loss>;

    /// The trainer, with its network and moments current too.
    ///
    /// # Errors
    /// If the device fails.
    fn fetch(&mut self) -> Result<&Trainer<F>>;

    /// The score of the network on `data`: see [`evaluate`](evaluate::evaluate).
    ///
    /// # Errors
    /// The errors of [`evaluate`](evaluate::evaluate); also if the device fails.
    fn score(&self, data: &Dataset, weights: Weights) -> Result<Score>;
}

impl<F: Real> Training<F> for Trainer<F> {
    fn trainer(&self) -> &Trainer<F> {
        self
    }

    fn step(&mut self, x: Array4<F>, labels: &[usize]) -> Result<Loss> {
        Trainer::step(self, x, labels)
    }

    fn fetch(&mut self) -> Result<&Trainer<F>> {
        Ok(self)
    }

    fn score(&self, data: &Dataset, weights: Weights) -> Result<Score> {
        evaluate::evaluate(&self.network, data, weights)
    }
}

impl<F: Real> Trainer<F> {
    /// A trainer at step 0, with moments of 0, for `train_size` images.
    ///
    /// # Errors
    /// If a value of the recipe is out of range, its batches are too small for a normalization of the network, its
    /// prior is not defined for a layer's codebook, or two levels are nearer to each other than the recipe's
    /// `level_gap`.
    pub fn new(network: Network<F>, recipe: Recipe, train_size: usize) -> Result<Self> {
        recipe.check::<F>(train_size)?;
        network.graph().check_batch(recipe.batch_size)?;
        keep_freed_memory();
        let levels = |position: usize| network.slice(position);
        let prior = recipe.prior();
        if let Prior::MultiSpike(prior) = &prior {
            network.layers().try_for_each(|layer| prior.check(levels(layer.levels)))?;
        }
        for layer in network.layers() {
            check_level_gap(&network.parameters()[layer.levels].name, levels(layer.levels), recipe.level_gap)?;
        }
        // When levels are fitted to weights, no level is kept at 0.
        let is_given = recipe.init_levels == InitLevels::Given;
        let zero_level = |layer: &BayesLayer| zero_level(levels(layer.levels)).filter(|_| is_given);
        let zero_levels = network.layers().map(zero_level).collect();
        let moments = network
            .parameters()
            .iter()
            .map(|parameter| {
                let shape = if parameter.role.is_trained() { parameter.value.shape() } else { &[0] };
                [ArrayD::zeros(shape), ArrayD::zeros(shape)]
            })
            .collect();
        let objective = Objective { prior, forward: recipe.forward, kl_scale: recipe.kl_scale, train_size };
        Ok(Self { network, moments, steps_taken: 0, recipe, objective, zero_levels, teacher: None })
    }

    /// The trainer with a teacher, from the next step on.
    ///
    /// # Errors
    /// The errors of [`Teacher::check`].
    pub fn with_teacher(self, teacher: Teacher<F>) -> Result<Self> {
        teacher.check(self.network.graph())?;
        Ok(Self { teacher: Some(teacher), ..self })
    }

    /// The recipe.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// Steps per epoch.
    pub fn steps_per_epoch(&self) -> u64 {
        self.recipe.steps_per_epoch(self.objective.train_size) as u64
    }

    /// Steps of the whole training.
    pub fn total_steps(&self) -> u64 {
        self.steps_per_epoch() * u64::from(self.recipe.epochs)
    }

    /// κ of the next step; 0 in the first phase and without a prior, where there is no KL.
    pub fn kl_weight(&self) -> f64 {
        match self.steps_taken.checked_sub(self.first_phase_steps()) {
            Some(_) if self.objective.prior == Prior::None => 0.0,
            Some(steps) => self.recipe.kl_weight_at(steps as f64 / self.steps_per_epoch() as f64),
            None => 0.0,
        }
    }

    /// One step on images `x` (B, C, H, W) and their labels: [`Trainer::evaluate`] with the step's own noise, then
    /// [`Trainer::apply`]. After the last of [`Trainer::total_steps`] the learning rate is 0.
    ///
    /// # Errors
    /// If a shape does not fit, or the loss or a gradient is not finite; the parameters are then as before the step. If
    /// the step makes a parameter overflow; the network can then no longer be used. If the step ends the first phase
    /// and a layer has fewer distinct weights than levels.
    pub fn step(&mut self, x: Array4<F>, labels: &[usize]) -> Result<Loss> {
        team::lead(self.team_size(labels.len()), || self.step_in_team(x, labels))
    }

    /// The number of threads for a step on `images` images.
    pub(crate) fn team_size(&self, images: usize) -> usize {
        let an_image = self.network.graph().multiplications().fold(0, usize::saturating_add);
        team::size(an_image.saturating_mul(images))
    }

    fn step_in_team(&mut self, x: Array4<F>, labels: &[usize]) -> Result<Loss> {
        let (seed, step) = (self.recipe.seed, self.steps_taken as u32);
        let noise = move |layer: &BayesLayer, shape: &[usize]| {
            let stream = Philox::new(seed, Purpose::Layer(layer.index as u32), step);
            Ok(stream.standard_normal(IxDyn(shape)))
        };
        let of_batch = self.evaluate(x, labels, &noise)?;
        let loss = of_batch.loss;
        self.apply(of_batch)?;
        Ok(loss)
    }

    /// The objective of the next step and its gradient, with the noise `noise`.
    ///
    /// # Errors
    /// The errors of [`Objective::evaluate`].
    pub fn evaluate(&self, x: Array4<F>, labels: &[usize], noise: &Noise<'_, F>) -> Result<ValueAndGradient<F>> {
        self.objective_of_step().evaluate(&self.network, x, labels, noise, self.kl_weight(), self.teacher.as_ref())
    }

    /// The objective of the next step: in the first phase there is no prior, and the layers compute with θ.
    pub(crate) fn objective_of_step(&self) -> Objective {
        if self.in_first_phase() {
            // Without a prior, `Sampled` has no noise: the layers compute with θ.
            Objective { prior: Prior::None, forward: Forward::Sampled, ..self.objective.clone() }
        } else {
            self.objective.clone()
        }
    }

    /// Takes the step from the gradient on a batch: updates running statistics, clips gradients, applies Adam and
    /// projects. The last step of a first phase then begins the second phase; the last step of a training whose layers
    /// compute with Q(θ) sets θ to Q(θ).
    ///
    /// # Errors
    /// If the loss or a gradient is not finite, or the moments do not have the shapes of the parameters; the parameters
    /// are then as before. If the step makes a parameter overflow; the network can then no longer be used. If the step
    /// ends the first phase and a layer has fewer distinct weights than levels.
    pub fn apply(&mut self, of_batch: ValueAndGradient<F>) -> Result<()> {
        self.check_moments()?;
        self.check_finite(&of_batch.loss, &of_batch.gradients)?;
        self.network.absorb_statistics(&of_batch.tape, F::of(batch_norm::MOMENTUM));
        let rate = self.recipe.learning_rate_at(self.steps_taken as f64 / self.total_steps() as f64);
        let start = if self.in_first_phase() { 0 } else { self.first_phase_steps() };
        self.steps_taken += 1;
        let (recipe, step_of_phase) = (&self.recipe, self.steps_taken - start);
        let parameters = self.network.parameters_mut().par_iter_mut().zip(&mut self.moments);
        let updates = parameters.zip(of_batch.gradients).map(|((parameter, moments), gradient)| match gradient {
            Some(gradient) => {
                let rate = if parameter.role == Role::Levels { recipe.level_rate * rate } else { rate };
                update(parameter, moments, &gradient, &recipe.adam(parameter.role), step_of_phase, rate)
            }
            None => are_finite(parameter.as_slice()),
        });
        let all_finite = updates.reduce(|| true, |all, these| all & these);
        self.project();
        if !all_finite {
            self.check_parameters()?;
        }
        if self.steps_taken == self.first_phase_steps() {
            self.begin_second_phase()?;
        }
        if self.steps_taken == self.total_steps() && self.recipe.forward != Forward::Sampled {
            phase::quantize(&mut self.network);
        }
        Ok(())
    }

    /// The number of steps of the first phase.
    pub fn first_phase_steps(&self) -> u64 {
        self.recipe.first_phase_steps(self.total_steps())
    }

    /// Whether the next step is one of the first phase.
    pub fn in_first_phase(&self) -> bool {
        self.steps_taken < self.first_phase_steps()
    }

    /// Begins the second phase: see [`phase`]. A training with a first phase calls this itself. For a training without
    /// one, whose network comes from another training, the caller calls it.
    ///
    /// # Errors
    /// If a layer has fewer distinct weights than levels.
    pub fn begin_second_phase(&mut self) -> Result<()> {
        if self.recipe.init_levels == InitLevels::Kmeans {
            phase::fit_levels(&mut self.network)?;
        }
        phase::reset_log_sigma2(&mut self.network);
        self.moments.iter_mut().flatten().for_each(|moment| moment.fill(F::zero()));
        Ok(())
    }

    /// Checks that every trained parameter has two moments of its shape; without them a step would not change it.
    fn check_moments(&self) -> Result<()> {
        for (i, parameter) in self.network.parameters().iter().enumerate().filter(|(_, p)| p.role.is_trained()) {
            let expected = parameter.value.shape();
            let seen = self.moments.get(i).map(|moments| moments.each_ref().map(ArrayD::shape));
            if seen != Some([expected; 2]) {
                let seen = seen.map_or("none".to_string(), |shapes| format!("{shapes:?}"));
                let name = format!("moments of {}", parameter.name);
                return Err(Error::tensor(name, format!("two of shape {expected:?}"), seen));
            }
        }
        Ok(())
    }

    /// For error messages: the step at which a number was not finite, and advice to try a smaller learning rate.
    pub(crate) fn at_step(&self, step: u64) -> String {
        format!("at step {step} {}", self.advice())
    }

    /// Like [`at_step`](Self::at_step), for parameters after the last step.
    pub(crate) fn after_step(&self) -> String {
        format!("after step {} {}", self.steps_taken, self.advice())
    }

    fn advice(&self) -> String {
        format!("(learning-rate {:e}: try a smaller one)", self.recipe.learning_rate)
    }

    fn check_finite(&self, loss: &Loss, gradients: &Gradients<F>) -> Result<()> {
        let expected = format!("finite numbers {}", self.at_step(self.steps_taken + 1));
        let parameters = self.network.parameters().par_iter().zip(gradients);
        let odd = parameters.find_map_first(|(parameter, gradient)| {
            let gradient = gradient.as_ref()?.as_slice().expect("gradients are in standard layout");
            Some((&parameter.name, *first_not_finite(gradient)?))
        });
        if let Some((name, odd)) = odd {
            return Err(Error::tensor(format!("d.{name}"), expected, odd));
        }
        if loss.loss.is_finite() { Ok(()) } else { Err(Error::tensor("loss", expected, loss.loss)) }
    }

    fn check_parameters(&self) -> Result<()> {
        let parameters = self.network.parameters().par_iter();
        let odd =
            parameters.find_map_first(|parameter| Some((&parameter.name, *first_not_finite(parameter.as_slice())?)));
        odd.map_or(Ok(()), |(name, odd)| Err(Error::tensor(name, format!("finite numbers {}", self.after_step()), odd)))
    }

    /// Projects levels and θ in the second phase; [`apply`](Self::apply) has already projected ln σ².
    fn project(&mut self) {
        if self.steps_taken <= self.first_phase_steps() {
            return;
        }
        let (graph, parameters) = self.network.graph_and_parameters_mut();
        for (layer, zero) in graph.layers().zip(&self.zero_levels).filter(|(layer, _)| !layer.unquantized) {
            let indices = [layer.theta, layer.log_sigma2, layer.levels];
            let parameters = parameters.get_disjoint_mut(indices).expect("a layer's parameters are its own");
            let [theta, log_sigma2, levels] = parameters.map(Parameter::as_slice_mut);
            let gap = match self.recipe.init_levels {
                InitLevels::Given => self.recipe.level_gap,
                InitLevels::Kmeans => scaled_level_gap(levels, self.recipe.level_gap),
            };
            project_levels(levels, *zero, F::of(gap));
            if self.recipe.forward != Forward::Sampled {
                project_theta_within_gap(theta, levels);
            } else if let Prior::MultiSpike(_) = self.objective.prior {
                let elements = (theta.par_chunks_mut(ELEMENTS), log_sigma2.par_chunks(ELEMENTS)).into_par_iter();
                elements.for_each(|(theta, log_sigma2)| project_theta(theta, log_sigma2, levels));
            }
        }
    }
}

/// The largest block whose release raises the size up to which glibc keeps freed blocks; the release of a larger block
/// does not. The command itself keeps blocks of any size: see `cli::memory`.
const LARGEST_RAISING: usize = (32 << 20) - (64 << 10);

/// Makes the allocator keep the memory that a step frees for the next step. By default glibc returns blocks of the size
/// of activations to the system, and getting zeroed pages again takes a sixth of a step. After a large block was freed,
/// it keeps blocks up to that size. The block is never written or read; with other allocators this has no effect.
fn keep_freed_memory() {
    drop(std::hint::black_box(Vec::<u8>::with_capacity(LARGEST_RAISING)));
}

/// Takes Adam's step with a parameter and its moments, and projects ln σ². Returns whether all its elements are finite.
fn update<F: Real>(
    parameter: &mut Parameter<F>,
    [first, second]: &mut [ArrayD<F>; 2],
    gradient: &ArrayD<F>,
    adam: &Adam,
    step: u64,
    rate: f64,
) -> bool {
    let role = parameter.role;
    let standard = "parameters, gradients and moments are in standard layout";
    let gradient = gradient.as_slice().expect(standard).par_chunks(ELEMENTS);
    let [first, second] = [first, second].map(|moment| moment.as_slice_mut().expect(standard).par_chunks_mut(ELEMENTS));
    let chunks = (parameter.as_slice_mut().par_chunks_mut(ELEMENTS), gradient, first, second).into_par_iter();
    let updates = chunks.map(|(elements, gradient, first, second)| {
        adam.step(elements, gradient, first, second, step, rate);
        if role == Role::LogSigma2 {
            project_log_sigma2(elements);
        }
        are_finite(elements)
    });
    updates.reduce(|| true, |all, these| all & these)
}
