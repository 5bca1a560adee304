//! `dense`, `conv2d`, `batch-norm`, `relu`, `max-pool`, `avg-pool`, `softmax-nll`, `distillation`.

use super::options::Options;
use super::tensors::{Inputs, Outputs, Stored, class};
use crate::arrays::by_channel;
use crate::error::{Error, Result};
use crate::layers::batch_norm::{BatchNorm, Statistics};
use crate::layers::bayes_conv2d::BayesConv2d;
use crate::layers::bayes_dense::BayesDense;
use crate::layers::pool::Pool;
use crate::layers::softmax_nll::Weighting;
use crate::layers::{
    avg_pool as avg, check_shape, distillation as distill, max_pool as max, relu as rectifier, softmax_nll as softmax,
};
use crate::tensor::im2col::Window;
use crate::tensor::statistics::check_count;
use ndarray::{Array1, Array3, Ix1, Ix2, Ix4};

pub(super) fn dense<F: Stored>(inputs: &Inputs<F>, options: &Options) -> Result<Outputs> {
    let (theta, log_sigma2) = (inputs.array::<Ix2>("theta")?, inputs.array::<Ix2>("log_sigma2")?);
    let bias = inputs.get("bias").map(|_| inputs.array::<Ix1>("bias")).transpose()?;
    let layer = BayesDense {
        theta: theta.view(),
        log_sigma2: log_sigma2.view(),
        bias: bias.as_ref().map(|bias| bias.view()),
        way: options.way(),
    };
    let x = inputs.array::<Ix2>("x")?;
    let (mean, variance) = layer.moments(x.view())?;
    let (y, cache) = layer.forward_sampled(x, inputs.array("eps")?)?;
    let d = layer.backward(&cache, inputs.array::<Ix2>("dy")?.view(), true);
    Ok(Outputs::default()
        .with("y", &y)
        .with("mean", &mean)
        .with("variance", &variance)
        .with_some("dx", d.dx.as_ref())
        .with("dtheta", &d.dtheta)
        .with_some("dlog_sigma2", d.dlog_sigma2.as_ref())
        .with("dbias", &d.dbias))
}

pub(super) fn conv2d<F: Stored>(inputs: &Inputs<F>, options: &Options) -> Result<Outputs> {
    let (theta, log_sigma2) = (inputs.array::<Ix4>("theta")?, inputs.array::<Ix4>("log_sigma2")?);
    let bias = inputs.get("bias").map(|_| inputs.array::<Ix1>("bias")).transpose()?;
    let layer = BayesConv2d {
        theta: theta.view(),
        log_sigma2: log_sigma2.view(),
        bias: bias.as_ref().map(|bias| bias.view()),
        window: conv_window(theta.shape(), options)?,
        groups: options.number("groups")?,
        way: options.way(),
    };
    let x = inputs.array::<Ix4>("x")?;
    // The shape of ε is checked before an output is computed, whose size depends on the padding.
    let eps = inputs.array::<Ix4>("eps")?;
    let [output_h, output_w] = layer.window.output_size([x.dim().2, x.dim().3])?;
    check_shape("eps", &[x.dim().0, theta.dim().0, output_h, output_w], eps.shape())?;
    check_padding(&layer.window, x.shape())?;
    let (mean, variance) = layer.moments(x.view())?;
    let (y, cache) = layer.forward_sampled(x, eps)?;
    let d = layer.backward(&cache, inputs.array::<Ix4>("dy")?.view(), true);
    Ok(Outputs::default()
        .with("y", &y)
        .with("mean", &mean)
        .with("variance", &variance)
        .with_some("dx", d.dx.as_ref())
        .with("dtheta", &d.dtheta)
        .with_some("dlog_sigma2", d.dlog_sigma2.as_ref())
        .with("dbias", &d.dbias))
}

/// The geometry of a convolution with θ of shape `theta`.
pub(super) fn conv_window(theta: &[usize], options: &Options) -> Result<Window> {
    Ok(Window {
        kernel: [theta[2], theta[3]],
        stride: options.pair("stride", 1)?,
        padding: options.pair("padding", 0)?,
        dilation: options.pair("dilation", 1)?,
    })
}

/// Checks that images `x` (B, C, H, W) do not take far more memory with their padding than without. A large stride may
/// skip most of the padding, but the memory for it would be allocated.
pub(super) fn check_padding(window: &Window, x: &[usize]) -> Result<()> {
    let own = x[1] * x[2] * x[3];
    let most = (1 << 22).max(own.saturating_mul(16));
    let padded = |axis: usize| window.padding[axis].saturating_mul(2).saturating_add(x[2 + axis]);
    let pixels = padded(0).saturating_mul(padded(1)).saturating_mul(x[1]);
    if pixels > most {
        return Err(Error::option("padding", format!("at most {most} pixels in an image and its padding"), pixels));
    }
    Ok(())
}

pub(super) fn batch_norm<F: Stored>(inputs: &Inputs<F>, options: &Options) -> Result<Outputs> {
    let (gamma, beta) = (inputs.array::<Ix1>("gamma")?, inputs.array::<Ix1>("beta")?);
    let NormOptions { epsilon, momentum, batch_statistics, mut statistics } = norm_options(inputs, options)?;
    let norm = BatchNorm { gamma: gamma.view(), beta: beta.view(), epsilon, way: options.way() };
    let shape = inputs.any("x")?.raw_dim();
    let (x, dy) = (by_channel(inputs.any("x")?.clone()), by_channel(inputs.any("dy")?.clone()));
    let count = x.dim().0 * x.dim().2;
    let (y, cache) = if batch_statistics {
        check_count(inputs.any("x")?.shape(), count)?;
        let (y, cache, batch) = norm.forward_batch(x)?;
        statistics.absorb(&batch, count, momentum);
        (y, cache)
    } else {
        norm.forward_running(x, &statistics)?
    };
    let d = norm.backward(&cache, dy);
    let back = |x: Array3<F>| x.into_shape_with_order(shape.clone()).expect("as many elements");
    Ok(Outputs::default()
        .with("y", &back(y))
        .with("dx", &back(d.dx))
        .with("dgamma", &d.dgamma)
        .with("dbeta", &d.dbeta)
        .with("new_running_mean", &statistics.mean)
        .with("new_running_var", &statistics.variance))
}

/// The options and the running statistics of a normalization.
pub(super) struct NormOptions<F> {
    pub(super) epsilon: F,
    pub(super) momentum: F,
    pub(super) batch_statistics: bool,
    /// The running statistics before this batch.
    pub(super) statistics: Statistics<F>,
}

pub(super) fn norm_options<F: Stored>(inputs: &Inputs<F>, options: &Options) -> Result<NormOptions<F>> {
    let channels = inputs.any("gamma")?.len();
    let epsilon = options.real("epsilon", |epsilon: F| epsilon > F::zero())?;
    let momentum = options.real("momentum", |momentum: F| (F::zero()..=F::one()).contains(&momentum))?;
    let batch_statistics = options.choice("mode", &[("batch", true), ("running", false)])?;
    let running = |name: &str, value: F| match inputs.get(name) {
        Some(_) => inputs.array::<Ix1>(name),
        None if batch_statistics => Ok(Array1::from_elem(channels, value)),
        None => Err(Error::tensor(name, "(C), in mode running", "none")),
    };
    let statistics =
        Statistics { mean: running("running_mean", F::zero())?, variance: running("running_var", F::one())? };
    if let Some(odd) = statistics.variance.iter().find(|variance| **variance < F::zero()) {
        return Err(Error::tensor("running_var", "numbers of at least 0", odd));
    }
    Ok(NormOptions { epsilon, momentum, batch_statistics, statistics })
}

pub(super) fn relu<F: Stored>(inputs: &Inputs<F>, _: &Options) -> Result<Outputs> {
    let (y, cache) = rectifier::forward(inputs.any("x")?.clone());
    let dx = rectifier::backward(&cache, inputs.any("dy")?.clone());
    Ok(Outputs::default().with("y", &y).with("dx", &dx))
}

pub(super) fn max_pool<F: Stored>(inputs: &Inputs<F>, options: &Options) -> Result<Outputs> {
    let (pool, dy) = (pool_options(options)?, inputs.array::<Ix4>("dy")?);
    let (y, cache) = max::forward(inputs.array::<Ix4>("x")?.view(), &pool)?;
    check_dy(y.shape(), dy.shape())?;
    Ok(Outputs::default().with("y", &y).with("dx", &max::backward(&cache, dy.view())))
}

pub(super) fn avg_pool<F: Stored>(inputs: &Inputs<F>, options: &Options) -> Result<Outputs> {
    let (pool, dy) = (avg_pool_options(options)?, inputs.array::<Ix4>("dy")?);
    let (y, cache) = avg::forward(inputs.array::<Ix4>("x")?.view(), &pool)?;
    check_dy(y.shape(), dy.shape())?;
    Ok(Outputs::default().with("y", &y).with("dx", &avg::backward(&cache, dy.view())))
}

/// The windows of pooling.
pub(super) fn pool_options(options: &Options) -> Result<Pool> {
    let kernel = options.pair("kernel", 1)?;
    let stride = if options.text("stride").is_empty() { kernel } else { options.pair("stride", 1)? };
    let (padding, ceil_mode) = (options.pair("padding", 0)?, options.choice("ceil-mode", YES_OR_NO)?);
    Ok(Pool { padding, ceil_mode, ..Pool::new(kernel, stride) })
}

/// The windows of average pooling, with the option for what an average counts.
pub(super) fn avg_pool_options(options: &Options) -> Result<Pool> {
    let count_include_pad = options.choice("count-include-pad", YES_OR_NO)?;
    Ok(Pool { count_include_pad, ..pool_options(options)? })
}

const YES_OR_NO: &[(&str, bool)] = &[("yes", true), ("no", false)];

pub(super) fn check_dy(y: &[usize], dy: &[usize]) -> Result<()> {
    if y == dy { Ok(()) } else { Err(Error::tensor("dy", format!("shape {y:?}, as y"), format!("{dy:?}"))) }
}

pub(super) fn softmax_nll<F: Stored>(inputs: &Inputs<F>, options: &Options) -> Result<Outputs> {
    let class_weights = inputs.get("class_weights").map(|_| inputs.array::<Ix1>("class_weights")).transpose()?;
    let (weighting, labels) = weighting(inputs, options, class_weights.as_ref())?;
    let (nll, cache) = weighting.forward(inputs.array::<Ix2>("logits")?.view(), &labels)?;
    Ok(Outputs::default().with("nll", &ndarray::arr1(&[nll])).with("dlogits", &softmax::backward(&cache)))
}

pub(super) fn distillation<F: Stored>(inputs: &Inputs<F>, options: &Options) -> Result<Outputs> {
    let [logits, teacher_logits] = [inputs.array::<Ix2>("logits")?, inputs.array::<Ix2>("teacher_logits")?];
    let share = options.number("teacher-share")?;
    let (value, cache) = distill::forward(logits.view(), teacher_logits.view(), &inputs.labels()?, share)?;
    Ok(Outputs::default()
        .with_scalar::<F>("loss", value.loss)
        .with_scalar::<F>("nll", value.nll)
        .with("dlogits", &distill::backward(&cache)))
}

/// The weighting of the labels, and the labels. A label that is ignored need not be a valid class.
pub(super) fn weighting<'a, F: Stored>(
    inputs: &Inputs<F>,
    options: &Options,
    class_weights: Option<&'a Array1<F>>,
) -> Result<(Weighting<'a, F>, Vec<usize>)> {
    const IGNORED: usize = usize::MAX;
    let ignore_index: Option<i64> =
        if options.text("ignore-index").is_empty() { None } else { Some(options.number("ignore-index")?) };
    let weighting = Weighting {
        smoothing: options.real("label-smoothing", |share: f64| (0.0..=1.0).contains(&share))?,
        ignored: ignore_index.map(|_| IGNORED),
        class_weights: class_weights.map(|weights| weights.view()),
    };
    let label = |label: &i64| if Some(*label) == ignore_index { Ok(IGNORED) } else { class(*label) };
    Ok((weighting, inputs.signed_labels().iter().map(label).collect::<Result<_>>()?))
}
