//! `spikeslab explain gradients`: an operation's hand-written gradient beside central differences.

use super::example::{FigureOptions, begin, in_range, long_columns, six};
use crate::cli::Outcome;
use crate::cli::output::line;
use crate::error::Result;
use crate::kernels::Way;
use crate::layers::batch_norm::{BatchNorm, EPSILON};
use crate::layers::bayes_conv2d::BayesConv2d;
use crate::layers::bayes_dense::BayesDense;
use crate::layers::softmax_nll;
use crate::prior::{Codebook, Form, MultiSpike};
use crate::report::axes::Axis;
use crate::report::chart::{self, Chart, Plot};
use crate::scalar::spike_kl::Spike;
use crate::tensor::im2col::Window;
use crate::tensor::noise::Philox;
use clap::{Args, ValueEnum};
use ndarray::{Array1, Array2, Array3, Array4, ArrayView, ArrayView1, IntoDimension};
use std::process::ExitCode;

pub(super) const HELP: &str = "\
All inputs are drawn from the seed. Of an argument with more than twelve elements the first three are shown.

Examples:
  spikeslab explain gradients
  spikeslab explain gradients convolution --step 1e-3
  spikeslab explain gradients mixture --seed 7 --out figures";

#[derive(Debug, Args)]
pub(super) struct GradientsArguments {
    /// The operation
    #[arg(value_enum, default_value = "dense")]
    operation: Operation,
    /// The step h of the differences
    #[arg(long, default_value_t = 1e-5, allow_negative_numbers = true)]
    step: f64,
    /// Seed of the inputs
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    figures: FigureOptions,
}

/// An operation with its arguments in one vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Operation {
    /// A dense layer with noise on its outputs
    Dense,
    /// A convolution with noise on its outputs
    Convolution,
    /// Batch normalization with the batch's statistics
    BatchNorm,
    /// Softmax and the negative log-likelihood
    Softmax,
    /// The KL to three levels, soft assignment
    Mixture,
}

const DENSE: &str = "\
Chapter 4 of the course. x (2, 3), theta and ln sigma^2 (3, 2), b (2), fixed noise eps (2, 2):
  m = x theta + b        v = x^2 sigma^2        y = m + sqrt(v + v0) eps
  dm = dy                dv = dy eps/(2 sqrt(v + v0))
  dtheta = x' dm         dln sigma^2 = sigma^2 times (x^2)' dv        db = sum of dm over the images
  dx = dm theta' + 2 x times dv (sigma^2)'
  loss = sum of y^2/2, so that dy = y";
const CONVOLUTION: &str = "\
Chapters 4 and 5 of the course. x (1, 2, 4, 4), theta and ln sigma^2 (2, 2, 3, 3), b (2), fixed noise; * is the convolution:
  m = x * theta + b      v = x^2 * sigma^2      y = m + sqrt(v + v0) eps
  dm = dy                dv = dy eps/(2 sqrt(v + v0))
  dtheta, dln sigma^2: products of dm and dv with the columns of x and x^2
  dx = dm *' theta + 2 x times dv *' sigma^2,   *' the adjoint of the convolution
  loss = sum of y^2/2, so that dy = y";
const BATCH_NORM: &str = "\
Chapter 5 of the course. x (3, 2, 4), gamma and beta (2), each channel over its 12 values:
  h = (x - mean)/sqrt(variance + epsilon)       y = gamma h + beta
  dbeta = sum dy         dgamma = sum dy h
  dx = gamma/sqrt(variance + epsilon) (dy - mean of dy - h times mean of dy h)
  loss = sum of y^2/2 + y^3/3, so that dy = y + y^2";
const SOFTMAX: &str = "\
Chapter 5 of the course. Logits z (3, 4), labels 0, 1, 2:
  p = exp z/sum exp z    loss = -mean of ln p_label        dz = (p - 1 at the label)/3";
const MIXTURE: &str = "\
Chapter 3 of the course. theta and ln sigma^2 (4), levels (3) of weights a = 1/3:
  F = -ln sum_k a_k exp(-D(t_k))        r_k = a_k exp(-D(t_k))/sum_j a_j exp(-D(t_j))
  dtheta = sum_k r_k dD_k/dtheta        dlevel_k = -r_k dD_k/dtheta        dln sigma^2 = -sum_k r_k t_k D'(t_k)
  loss = sum of F over the four weights";

/// The loss and its gradient at the arguments.
type Evaluated = (f64, Vec<f64>);

impl Operation {
    fn equations(self) -> &'static str {
        match self {
            Self::Dense => DENSE,
            Self::Convolution => CONVOLUTION,
            Self::BatchNorm => BATCH_NORM,
            Self::Softmax => SOFTMAX,
            Self::Mixture => MIXTURE,
        }
    }

    /// The names and the sizes of the arguments.
    fn arguments(self) -> &'static [(&'static str, usize)] {
        match self {
            Self::Dense => &[("x", 6), ("theta", 6), ("ln sigma^2", 6), ("b", 2)],
            Self::Convolution => &[("x", 32), ("theta", 36), ("ln sigma^2", 36), ("b", 2)],
            Self::BatchNorm => &[("x", 24), ("gamma", 2), ("beta", 2)],
            Self::Softmax => &[("z", 12)],
            Self::Mixture => &[("theta", 4), ("ln sigma^2", 4), ("level", 3)],
        }
    }

    /// The values of the arguments, from the seed.
    fn values(self, seed: u64) -> Vec<f64> {
        let mut values = Vec::new();
        for (tensor, (name, size)) in (0..).zip(self.arguments()) {
            let drawn: Array1<f64> = Philox::with_tensor_id(seed, tensor, 0).standard_normal(*size);
            let (center, scale) = match *name {
                "ln sigma^2" => (-2.0, 0.5),
                "gamma" => (1.0, 0.3),
                "theta" => (0.0, 0.4),
                "level" => (0.0, 0.0),
                _ => (0.0, 1.0),
            };
            values.extend(drawn.iter().enumerate().map(|(i, drawn)| match *name {
                "level" => 0.25 * (i as f64 - 1.0) + 0.02 * drawn,
                _ => center + scale * drawn,
            }));
        }
        values
    }

    fn evaluate(self, values: &[f64], seed: u64) -> Result<Evaluated> {
        let mut rest = values;
        let mut taken = self.arguments().iter().map(|(_, size)| {
            let (first, later) = rest.split_at(*size);
            rest = later;
            first
        });
        let mut next = || taken.next().unwrap_or_default();
        let noise = |size: usize| -> Vec<f64> {
            let drawn: Array1<f64> = Philox::with_tensor_id(seed, 100, 0).standard_normal(size);
            drawn.to_vec()
        };
        match self {
            Self::Dense => {
                let (x, theta, log_sigma2, bias) = (next(), next(), next(), next());
                let layer = BayesDense {
                    theta: shaped(theta, (3, 2)),
                    log_sigma2: shaped(log_sigma2, (3, 2)),
                    bias: Some(ArrayView1::from(bias)),
                    way: Way::Definition,
                };
                let x: Array2<f64> = shaped(x, (2, 3)).to_owned();
                let (y, cache) = layer.forward_sampled(x, shaped(&noise(4), (2, 2)).to_owned())?;
                let gradient = layer.backward(&cache, y.view(), true);
                let parts = [gradient.dx, Some(gradient.dtheta), gradient.dlog_sigma2];
                Ok((half_squares(y.iter()), parts.into_iter().flatten().flatten().chain(gradient.dbias).collect()))
            }
            Self::Convolution => {
                let (x, theta, log_sigma2, bias) = (next(), next(), next(), next());
                let layer = BayesConv2d {
                    theta: shaped(theta, (2, 2, 3, 3)),
                    log_sigma2: shaped(log_sigma2, (2, 2, 3, 3)),
                    bias: Some(ArrayView1::from(bias)),
                    window: Window { padding: [1, 1], ..Window::new([3, 3], [1, 1]) },
                    groups: 1,
                    way: Way::Definition,
                };
                let x: Array4<f64> = shaped(x, (1, 2, 4, 4)).to_owned();
                let (y, cache) = layer.forward_sampled(x, shaped(&noise(32), (1, 2, 4, 4)).to_owned())?;
                let gradient = layer.backward(&cache, y.view(), true);
                let parts = [gradient.dx, Some(gradient.dtheta), gradient.dlog_sigma2];
                Ok((half_squares(y.iter()), parts.into_iter().flatten().flatten().chain(gradient.dbias).collect()))
            }
            Self::BatchNorm => {
                let (x, gamma, beta) = (next(), next(), next());
                let (gamma, beta) = (ArrayView1::from(gamma), ArrayView1::from(beta));
                let layer = BatchNorm { gamma, beta, epsilon: EPSILON, way: Way::Definition };
                let x: Array3<f64> = shaped(x, (3, 2, 4)).to_owned();
                let (y, cache, _) = layer.forward_batch(x)?;
                // The sum of squares of a normalized channel does not depend on x, so its cubes are summed as well.
                let loss = half_squares(y.iter()) + y.iter().map(|y| y.powi(3)).sum::<f64>() / 3.0;
                let gradient = layer.backward(&cache, y.mapv(|y| y + y * y));
                Ok((loss, gradient.dx.into_iter().chain(gradient.dgamma).chain(gradient.dbeta).collect()))
            }
            Self::Softmax => {
                let (loss, cache) = softmax_nll::forward(shaped(next(), (3, 4)), &[0, 1, 2])?;
                Ok((loss, softmax_nll::backward(&cache).into_iter().collect()))
            }
            Self::Mixture => {
                let (theta, log_sigma2, levels) = (next(), next(), next());
                let codebook = Codebook::new(levels.to_vec())?;
                let kl = MultiSpike::new(Form::Mixture, Spike::Exact).kl(theta, log_sigma2, &codebook);
                Ok((kl.value, [kl.dtheta, kl.dlog_sigma2, kl.dlevels].concat()))
            }
        }
    }
}

fn shaped<Sh: IntoDimension>(values: &[f64], shape: Sh) -> ArrayView<'_, f64, Sh::Dim> {
    ArrayView::from_shape(shape.into_dimension(), values).expect("a slice of the shape's size")
}

fn half_squares<'a>(y: impl Iterator<Item = &'a f64>) -> f64 {
    0.5 * y.map(|y| y * y).sum::<f64>()
}

/// An argument of at most this number of elements is shown whole in the table.
const SHOWN_WHOLE: usize = 12;
/// The number of elements that the table shows of a longer argument.
const SHOWN: usize = 3;

pub(super) fn command(arguments: &GradientsArguments) -> Outcome {
    let GradientsArguments { operation, step, seed, figures } = arguments;
    in_range("step", "a number from 1e-12 to 0.1", *step, |step| (1e-12..=0.1).contains(&step))?;
    let values = operation.values(*seed);
    let (loss, gradient) = operation.evaluate(&values, *seed)?;
    let difference = |i: usize, step: f64| -> Result<f64> {
        let at = |shift: f64| {
            let mut moved = values.clone();
            moved[i] += shift;
            operation.evaluate(&moved, *seed).map(|(loss, _)| loss)
        };
        Ok((at(step)? - at(-step)?) / (2.0 * step))
    };
    let figures = begin(operation.equations(), figures)?;
    line(&format!("loss {}; central difference: [loss(v + h) - loss(v - h)]/(2h), h = {step:e}", six(loss)))?;
    line("")?;
    line(&format!("{:<20}{:>13}{:>13}{:>13}{:>13}", "", "value", "by hand", "difference", "they differ"))?;
    let mut first = 0;
    for (name, size) in operation.arguments() {
        let mut worst = 0.0f64;
        let scale = gradient[first..first + size].iter().fold(0.0f64, |most, d| most.max(d.abs()));
        for i in 0..*size {
            let (by_hand, measured) = (gradient[first + i], difference(first + i, *step)?);
            worst = worst.max((by_hand - measured).abs());
            if i < SHOWN || *size <= SHOWN_WHOLE {
                let row = long_columns([values[first + i], by_hand, measured]);
                line(&format!("{:<20}{row}{:>13.1e}", format!("{name} {}", i + 1), by_hand - measured))?;
            }
        }
        line(&format!(
            "  all {size} of {name}: they differ by at most {:.1e} of the largest, {}",
            worst / scale,
            six(scale)
        ))?;
        first += size;
    }
    figures.save(|| Ok([("gradients", figure(&gradient, difference)?)]))?;
    Ok(ExitCode::SUCCESS)
}

/// The error of the differences by their step.
fn figure(gradient: &[f64], difference: impl Fn(usize, f64) -> Result<f64>) -> Result<String> {
    let steps: Vec<f64> = (0..=38).map(|i| 10f64.powf(-11.0 + f64::from(i) / 4.0)).collect();
    let scale = gradient.iter().fold(0.0f64, |most, d| most.max(d.abs()));
    let mut errors = Vec::new();
    for step in &steps {
        let mut worst = 0.0f64;
        for (i, by_hand) in gradient.iter().enumerate() {
            worst = worst.max((difference(i, *step)? - by_hand).abs());
        }
        errors.push((*step, worst / scale));
    }
    let best = errors.iter().fold(f64::INFINITY, |least, (_, error)| least.min(*error));
    let through = |power: f64, at: (f64, f64)| {
        let points = errors.iter().map(|(step, _)| (*step, at.1 * (step / at.0).powf(power)));
        points.filter(|(_, error)| *error > 0.3 * best && *error < 10.0).collect::<Vec<_>>()
    };
    // Of the two causes, the truncated series rules at the largest steps, rounding at the smallest.
    let (truncation, rounding) = (through(2.0, errors[36]), through(-1.0, errors[4]));
    let plot = Plot {
        title: String::new(),
        x: ("step h, logarithmic", Axis::log10(steps.iter().copied())),
        y: ("largest error/largest element, logarithmic", Axis::log10(errors.iter().map(|(_, error)| *error))),
        curves: vec![(chart::line(2), truncation), (chart::line(4), rounding), (chart::points(1), errors)],
        levels: Vec::new(),
    };
    let entries = vec![
        (chart::points(1), "measured"),
        (chart::line(2), "∝ h², the series that is cut off"),
        (chart::line(4), "∝ 1/h, rounding"),
    ];
    Ok(chart::chart(&Chart {
        heading: "Error of central differences against the gradient",
        entries,
        plots: vec![plot],
    }))
}
