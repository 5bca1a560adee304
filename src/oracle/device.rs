//! The operations on a GPU: see [`evaluate_on`](super::evaluate_on).

use super::catalogue::{NETWORK, Operation};
use super::layers::{
    NormOptions, avg_pool_options, check_dy, check_padding, conv_window, norm_options, pool_options, weighting,
};
use super::networks::{Problem, eps, problem};
use super::options::Options;
use super::priors::{codebook, kl_options};
use super::tensors::{Inputs, Outputs, Stored};
use super::training::{adam_options, noise_options, second_moment};
use crate::cuda::layers::batch_norm::{BatchNorm, Statistics, absorb};
use crate::cuda::layers::bayes_conv2d::BayesConv2d;
use crate::cuda::layers::bayes_dense::BayesDense;
use crate::cuda::layers::{avg_pool, distillation, max_pool, relu, softmax_nll};
use crate::cuda::prior::{Codebook, kl, quantizer};
use crate::cuda::train::adam;
use crate::cuda::train::objective::{Costs, Objective};
use crate::cuda::{Buffer, Device, Real, nets, tensor};
use crate::error::{Error, Result};
use crate::layers::check_shape;
use crate::nets::graph::BayesLayer;
use crate::prior::Prior;
use crate::prior::multi_spike::{costs, zero_level};
use ndarray::Ix1;

/// Evaluates an operation on a device.
pub(super) fn compute<F: Stored + Real>(
    device: &Device,
    operation: &Operation,
    inputs: &Inputs<F>,
    options: &Options,
) -> Result<Outputs> {
    let on = On { device, inputs, options };
    match operation.name {
        "kl" => on.kl(),
        "quantize" => on.quantize(),
        "dense" => on.dense(),
        "conv2d" => on.conv2d(),
        "batch-norm" => on.batch_norm(),
        "relu" => on.relu(),
        "max-pool" => on.max_pool(),
        "avg-pool" => on.avg_pool(),
        "softmax-nll" => on.softmax_nll(),
        "distillation" => on.distillation(),
        "adam" => on.adam(),
        "noise" => on.noise(),
        NETWORK => on.network(),
        // Functions of one number, which exist only as parts of kernels, and figures of merit.
        other => Err(Error::device(device.to_string(), "kl, a layer, a network, adam or noise", other)),
    }
}

/// The inputs and options of an operation on a device.
struct On<'a, F> {
    device: &'a Device,
    inputs: &'a Inputs<F>,
    options: &'a Options,
}

impl<F: Stored + Real> On<'_, F> {
    fn buffer(&self, name: &str) -> Result<Buffer<F>> {
        Buffer::from_host(self.device, self.inputs.any(name)?.view())
    }

    fn kl(&self) -> Result<Outputs> {
        let (prior, codebook) = kl_options(self.inputs, self.options)?;
        let count = codebook.levels().len();
        let levels = self.buffer("levels")?;
        let costs = Buffer::from_slice(self.device, &[count], &costs(&codebook))?;
        let on_device = Codebook { levels: &levels, costs: &costs, zero: zero_level(codebook.levels()) };
        let mut sum = Buffer::zeros(self.device, &[1])?;
        let (theta, log_sigma2) = (self.buffer("theta")?, self.buffer("log_sigma2")?);
        let d = kl(&Prior::MultiSpike(prior), &theta, &log_sigma2, &on_device, &mut sum, 0)?.expect("it has a KL");
        Outputs::default()
            .with_scalar::<F>("kl_sum", sum.to_vec()?[0])
            .with_buffer("dtheta", &d.dtheta)?
            .with_buffer("dlog_sigma2", &d.dlog_sigma2)?
            .with_buffer("dlevels", &d.dlevels)
    }

    fn quantize(&self) -> Result<Outputs> {
        codebook(self.inputs, "levels")?;
        let (theta, levels) = (self.buffer("theta")?, self.buffer("levels")?);
        let index: Vec<usize> =
            quantizer::index(&theta, &levels)?.to_vec()?.into_iter().map(|index| index as usize).collect();
        let mut loss = Buffer::zeros(self.device, &[1])?;
        quantizer::loss(&theta, &levels, &mut loss, 0)?;
        Ok(Outputs::default()
            .with_indices("index", theta.shape(), &index)
            .with_buffer("value", &quantizer::value(&theta, &levels)?)?
            .with_scalar::<F>("loss", loss.to_vec()?[0]))
    }

    fn dense(&self) -> Result<Outputs> {
        let (theta, log_sigma2) = (self.buffer("theta")?, self.buffer("log_sigma2")?);
        let bias = self.inputs.get("bias").map(|_| self.buffer("bias")).transpose()?;
        let layer = BayesDense { theta: &theta, log_sigma2: &log_sigma2, bias: bias.as_ref() };
        let (y, cache) = layer.forward_sampled(self.buffer("x")?, self.buffer("eps")?)?;
        let d = layer.backward(&cache, &self.buffer("dy")?, true)?;
        let gradients = [("dx", d.dx), ("dlog_sigma2", d.dlog_sigma2), ("dbias", d.dbias)];
        Outputs::default().with_buffer("y", &y)?.with_buffer("dtheta", &d.dtheta)?.with_some_buffers(&gradients)
    }

    fn conv2d(&self) -> Result<Outputs> {
        let (theta, log_sigma2) = (self.buffer("theta")?, self.buffer("log_sigma2")?);
        let bias = self.inputs.get("bias").map(|_| self.buffer("bias")).transpose()?;
        let layer = BayesConv2d {
            theta: &theta,
            log_sigma2: &log_sigma2,
            bias: bias.as_ref(),
            window: conv_window(theta.shape(), self.options)?,
            groups: self.options.number("groups")?,
        };
        let (x, eps) = (self.buffer("x")?, self.buffer("eps")?);
        let [output_h, output_w] = layer.window.output_size([x.shape()[2], x.shape()[3]])?;
        check_shape("eps", &[x.shape()[0], theta.shape()[0], output_h, output_w], eps.shape())?;
        check_padding(&layer.window, x.shape())?;
        let (y, cache) = layer.forward_sampled(x, eps)?;
        let d = layer.backward(&cache, &self.buffer("dy")?, true)?;
        let gradients = [("dx", d.dx), ("dlog_sigma2", d.dlog_sigma2), ("dbias", d.dbias)];
        Outputs::default().with_buffer("y", &y)?.with_buffer("dtheta", &d.dtheta)?.with_some_buffers(&gradients)
    }

    fn batch_norm(&self) -> Result<Outputs> {
        let NormOptions { epsilon, momentum, batch_statistics, statistics } = norm_options(self.inputs, self.options)?;
        let (gamma, beta) = (self.buffer("gamma")?, self.buffer("beta")?);
        let norm = BatchNorm { gamma: &gamma, beta: &beta, epsilon, rectified: false };
        let mut mean = Buffer::from_host(self.device, statistics.mean.view())?;
        let mut variance = Buffer::from_host(self.device, statistics.variance.view())?;
        let x = self.buffer("x")?;
        let (y, cache) = if batch_statistics {
            norm.forward_batch(x)?
        } else {
            let running = Statistics::running(&mean, &variance, epsilon)?;
            norm.forward_running(x, running)?
        };
        if let Some((batch, count)) = cache.batch_statistics() {
            absorb([&mut mean, &mut variance], batch, count, momentum)?;
        }
        let d = norm.backward(&cache, self.buffer("dy")?)?;
        Outputs::default()
            .with_buffer("y", &y)?
            .with_buffer("dx", &d.dx)?
            .with_buffer("dgamma", &d.dgamma)?
            .with_buffer("dbeta", &d.dbeta)?
            .with_buffer("new_running_mean", &mean)?
            .with_buffer("new_running_var", &variance)
    }

    fn relu(&self) -> Result<Outputs> {
        let (y, cache) = relu::forward(self.buffer("x")?)?;
        let dx = relu::backward(&cache, self.buffer("dy")?)?;
        Outputs::default().with_buffer("y", &y)?.with_buffer("dx", &dx)
    }

    fn max_pool(&self) -> Result<Outputs> {
        let (pool, dy) = (pool_options(self.options)?, self.buffer("dy")?);
        let (y, cache) = max_pool::forward(&self.buffer("x")?, &pool)?;
        check_dy(y.shape(), dy.shape())?;
        Outputs::default().with_buffer("y", &y)?.with_buffer("dx", &max_pool::backward(&cache, &dy)?)
    }

    fn avg_pool(&self) -> Result<Outputs> {
        let (pool, dy) = (avg_pool_options(self.options)?, self.buffer("dy")?);
        let (y, cache) = avg_pool::forward(&self.buffer("x")?, &pool)?;
        check_dy(y.shape(), dy.shape())?;
        Outputs::default().with_buffer("y", &y)?.with_buffer("dx", &avg_pool::backward(&cache, &dy)?)
    }

    fn softmax_nll(&self) -> Result<Outputs> {
        let class_weights =
            self.inputs.get("class_weights").map(|_| self.inputs.array::<Ix1>("class_weights")).transpose()?;
        let (weighting, labels) = weighting(self.inputs, self.options, class_weights.as_ref())?;
        let (nll, cache) = softmax_nll::forward_weighted(&weighting, &self.buffer("logits")?, &labels)?;
        Outputs::default().with_buffer("nll", &nll)?.with_buffer("dlogits", &softmax_nll::backward(&cache)?)
    }

    fn distillation(&self) -> Result<Outputs> {
        let [logits, teacher_logits] = [self.buffer("logits")?, self.buffer("teacher_logits")?];
        let share = self.options.number("teacher-share")?;
        let (values, cache) = distillation::forward(&logits, &teacher_logits, &self.inputs.labels()?, share)?;
        let values = values.to_vec()?;
        Outputs::default()
            .with_scalar::<F>("loss", values[0].as_f64())
            .with_scalar::<F>("nll", values[1].as_f64())
            .with_buffer("dlogits", &distillation::backward(&cache)?)
    }

    fn adam(&self) -> Result<Outputs> {
        let (adam, step, rate) = adam_options::<F>(self.options)?;
        second_moment(self.inputs)?;
        let (mut parameter, gradient) = (self.buffer("parameter")?, self.buffer("gradient")?);
        let mut moments = [self.buffer("m")?, self.buffer("v")?];
        adam::step(&adam, &mut parameter, &gradient, &mut moments, step, rate)?;
        Outputs::default()
            .with_buffer("new_parameter", &parameter)?
            .with_buffer("new_m", &moments[0])?
            .with_buffer("new_v", &moments[1])
    }

    fn noise(&self) -> Result<Outputs> {
        let (stream, count) = noise_options(self.options)?;
        let words = tensor::noise::words(self.device, &stream, &[count])?;
        let normals = tensor::noise::standard_normal::<F>(self.device, &stream, &[count])?;
        Outputs::default().with_words("bits", &words.to_vec()?).with_buffer("normal", &normals)
    }

    fn network(&self) -> Result<Outputs> {
        let Problem { network, objective, kl_weight, x } = problem(self.inputs, self.options)?;
        let noise = |layer: &BayesLayer, shape: &[usize]| {
            Buffer::from_host(self.device, eps(self.inputs, layer, shape)?.view())
        };
        let on_device = nets::Network::from_host(self.device, &network)?;
        let costs = Costs::new(self.device, &network)?;
        let objective = Objective { of: &objective, costs: &costs, teacher: None };
        let (x, labels) = (Buffer::from_host(self.device, x.view())?, self.inputs.labels()?);
        let evaluation = objective.evaluate(&on_device, x, &labels, &noise, kl_weight)?;
        let mut outputs = Outputs::default()
            .with_scalar::<F>("loss", evaluation.loss.loss)
            .with_scalar::<F>("nll", evaluation.loss.nll)
            .with_scalar::<F>("kl", evaluation.loss.kl)
            .with_buffer("logits", &evaluation.logits)?;
        for (parameter, gradient) in network.parameters().iter().zip(&evaluation.gradients) {
            if let Some(gradient) = gradient {
                outputs = outputs.with_buffer(&format!("d.{}", parameter.name), gradient)?;
            }
        }
        Ok(outputs)
    }
}

impl Outputs {
    fn with_buffer<F: Stored + Real>(self, name: &str, value: &Buffer<F>) -> Result<Self> {
        Ok(self.with(name, &value.to_host()?))
    }

    /// Adds the buffers that exist.
    fn with_some_buffers<F: Stored + Real>(self, buffers: &[(&str, Option<Buffer<F>>)]) -> Result<Self> {
        let mut given = buffers.iter().filter_map(|(name, buffer)| Some((name, buffer.as_ref()?)));
        given.try_fold(self, |outputs, (name, buffer)| outputs.with_buffer(name, buffer))
    }
}
