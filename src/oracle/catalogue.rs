//! Every operation: its inputs, their shapes, its options, its outputs.

use super::options::{OptionSpec, Options};
use super::tensors::{Inputs, Outputs};
use super::{layers, networks, priors, training, uncertainty};
use crate::error::Result;
use InputTensors::Listed;

/// An input tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Input {
    /// Its name.
    pub name: &'static str,
    /// Its sizes. The same letter is the same size in all inputs of the operation; `…` is the same remaining sizes.
    pub shape: &'static str,
    /// Whether it may be missing.
    pub optional: bool,
}

/// The tensors that an operation reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputTensors {
    /// None.
    None,
    /// These, with the names and shapes given.
    Listed(&'static [Input]),
    /// Images, and the parameters and the noise of a network, whose names and shapes are those of its text.
    OfNetwork,
}

impl InputTensors {
    /// The tensors whose names and shapes are given.
    pub fn listed(&self) -> &'static [Input] {
        match self {
            Self::Listed(inputs) => inputs,
            Self::None | Self::OfNetwork => &[],
        }
    }
}

/// One operation.
#[derive(Debug)]
pub struct Operation {
    /// Its name.
    pub name: &'static str,
    /// The module that documents its mathematics.
    pub module: &'static str,
    /// The tensors that it reads from a file, besides labels.
    pub inputs: InputTensors,
    /// Whether it takes `labels` (B), whole numbers.
    pub labels: bool,
    /// Its options.
    pub options: &'static [OptionSpec],
    /// Its outputs.
    pub outputs: &'static str,
    /// The conditions on its finite inputs under which its outputs are finite and right.
    pub domain: &'static str,
    pub(super) f32: fn(&Inputs<f32>, &Options) -> Result<Outputs>,
    pub(super) f64: fn(&Inputs<f64>, &Options) -> Result<Outputs>,
}

impl Operation {
    /// Whether it reads tensors from a file.
    pub fn takes_input(&self) -> bool {
        self.inputs != InputTensors::None
    }
}

const fn input(name: &'static str, shape: &'static str) -> Input {
    Input { name, shape, optional: false }
}

const fn optional(name: &'static str, shape: &'static str) -> Input {
    Input { name, shape, optional: true }
}

const fn option(name: &'static str, values: &'static str, default: &'static str) -> OptionSpec {
    OptionSpec { name, values, default }
}

const SPIKE: OptionSpec = option("spike", "exact or fit", "exact");
const SIZE: &str = "N or H,W, of at least 1";
const KERNEL: OptionSpec = option("kernel", SIZE, "2");
const POOL_STRIDE: OptionSpec = option("stride", "N or H,W, of at least 1; the kernel's unless given", "");
const POOL_PADDING: OptionSpec = option("padding", "N or H,W, at most half of the kernel", "0");
const CEIL_MODE: OptionSpec = option("ceil-mode", "yes or no", "no");
const X_DY: &[Input] = &[input("x", "B, C, H, W"), input("dy", "B, C, OH, OW")];
/// The operation of whole networks; a preset's name means this operation too.
pub(super) const NETWORK: &str = "network";
const NETWORK_OPTIONS: &[OptionSpec] = &[
    option(NETWORK, "a preset, or the file of a network's text; the command takes it after the operation", ""),
    option("prior", "nearest, mixture, vnq, windows, quadrature, gaussian or none", "nearest"),
    option(
        "forward",
        "sampled, hard or straight-through; in the last two d.<layer>.theta is the straight-through estimate",
        "sampled",
    ),
    SPIKE,
    option("kl-scale", "dataset or per-weight", "dataset"),
    option("train-size", "a whole number of at least 1", "60000"),
    option("kl-weight", "a number of at least 0", "1"),
];

/// The option that allows outputs that are not finite.
pub(super) const ALLOW_NON_FINITE: &str = "allow-non-finite";

/// The option with which kernels compute the operation, as in training, and not its definition.
pub(super) const KERNELS: &str = "kernels";

/// The options that every operation takes; on the command line they need no value.
pub const COMMON: &[OptionSpec] = &[option(ALLOW_NON_FINITE, FLAG, "false"), option(KERNELS, FLAG, "false")];
const FLAG: &str = "true or false; on the command line also without a value";

/// All operations.
pub const OPERATIONS: &[Operation] = &[
    Operation {
        name: "spike-kl",
        module: "scalar::spike_kl",
        inputs: Listed(&[input("t", "…")]),
        labels: false,
        options: &[SPIKE],
        outputs: "kl (…), dkl_dt (…)",
        domain: "t of at least 0",
        f32: priors::spike_kl,
        f64: priors::spike_kl,
    },
    Operation {
        name: "kl",
        module: "prior",
        inputs: Listed(&[
            input("theta", "…"),
            input("log_sigma2", "…"),
            input("levels", "M"),
            optional("level_weights", "M"),
        ]),
        labels: false,
        options: &[
            option("prior", "nearest, mixture, vnq, windows or quadrature", "nearest"),
            SPIKE,
            option("window-ratio", "a positive number; the form's own unless given", ""),
        ],
        outputs: "kl (…), one a weight; of their sum: dtheta (…), dlog_sigma2 (…), dlevels (M)",
        domain: "levels: 2 to 256, strictly ascending, for vnq with 0 among them, for windows without; \
                 level_weights: positive, of sum 1 to within 1e-4; for quadrature log_sigma2 below 1415",
        f32: priors::kl,
        f64: priors::kl,
    },
    Operation {
        name: "gaussian-kl",
        module: "scalar::gaussian_kl",
        inputs: Listed(&[input("theta", "…"), input("log_sigma2", "…")]),
        labels: false,
        options: &[option("prior-mean", "a number", "0"), option("prior-log-sigma2", "a number", "-4")],
        outputs: "kl (…), dtheta (…), dlog_sigma2 (…)",
        domain: "e^(log_sigma2 - prior-log-sigma2), (theta - prior-mean)^2 e^(-prior-log-sigma2) and \
                 (theta - prior-mean) e^(-prior-log-sigma2) below the largest number",
        f32: priors::gaussian_kl,
        f64: priors::gaussian_kl,
    },
    Operation {
        name: "quantize",
        module: "prior::quantizer",
        inputs: Listed(&[input("theta", "…"), input("levels", "M")]),
        labels: false,
        options: &[],
        outputs: "index (…) I64, value (…), loss (1)",
        domain: "levels: 2 to 256, strictly ascending; the sum of (theta - value)^2 below the largest number",
        f32: priors::quantize,
        f64: priors::quantize,
    },
    Operation {
        name: "dense",
        module: "layers::bayes_dense",
        inputs: Listed(&[
            input("x", "B, I"),
            input("theta", "I, O"),
            input("log_sigma2", "I, O"),
            optional("bias", "O"),
            input("eps", "B, O"),
            input("dy", "B, O"),
        ]),
        labels: false,
        options: &[],
        outputs: "y, mean, variance (B, O), dx (B, I), dtheta, dlog_sigma2 (I, O), dbias (O)",
        domain: "x^2, e^log_sigma2 and every sum of products below the largest number",
        f32: layers::dense,
        f64: layers::dense,
    },
    Operation {
        name: "conv2d",
        module: "layers::bayes_conv2d",
        inputs: Listed(&[
            input("x", "B, C, H, W"),
            input("theta", "O, C/groups, kh, kw"),
            input("log_sigma2", "O, C/groups, kh, kw"),
            optional("bias", "O"),
            input("eps", "B, O, OH, OW"),
            input("dy", "B, O, OH, OW"),
        ]),
        labels: false,
        options: &[
            option("stride", SIZE, "1"),
            option("padding", "N or H,W", "0"),
            option("dilation", SIZE, "1"),
            option("groups", "a whole number of at least 1", "1"),
        ],
        outputs: "y, mean, variance (B, O, OH, OW), dx (B, C, H, W), dtheta, dlog_sigma2 (O, C/groups, kh, kw), dbias (O)",
        domain: "x^2, e^log_sigma2 and every sum of products below the largest number",
        f32: layers::conv2d,
        f64: layers::conv2d,
    },
    Operation {
        name: "batch-norm",
        module: "layers::batch_norm",
        inputs: Listed(&[
            input("x", "B, C, …"),
            input("gamma", "C"),
            input("beta", "C"),
            optional("running_mean", "C"),
            optional("running_var", "C"),
            input("dy", "B, C, …"),
        ]),
        labels: false,
        options: &[
            option("mode", "batch or running", "batch"),
            option("momentum", "a number from 0 to 1", "0.1"),
            option("epsilon", "a positive number", "1e-5"),
        ],
        outputs: "y, dx (B, C, …), dgamma, dbeta, new_running_mean, new_running_var (C)",
        domain: "x^2 summed over a channel, gamma (x - mean) / sqrt(variance + epsilon) and gamma dy / sqrt(variance + epsilon) below the \
                 largest number; \
                 running_var of at least 0",
        f32: layers::batch_norm,
        f64: layers::batch_norm,
    },
    Operation {
        name: "relu",
        module: "layers::relu",
        inputs: Listed(&[input("x", "…"), input("dy", "…")]),
        labels: false,
        options: &[],
        outputs: "y (…), dx (…)",
        domain: "any",
        f32: layers::relu,
        f64: layers::relu,
    },
    Operation {
        name: "max-pool",
        module: "layers::max_pool",
        inputs: Listed(X_DY),
        labels: false,
        options: &[KERNEL, POOL_STRIDE, POOL_PADDING, CEIL_MODE],
        outputs: "y (B, C, OH, OW), dx (B, C, H, W)",
        domain: "the sum of the dy of all windows with the same maximum below the largest number",
        f32: layers::max_pool,
        f64: layers::max_pool,
    },
    Operation {
        name: "avg-pool",
        module: "layers::avg_pool",
        inputs: Listed(X_DY),
        labels: false,
        options: &[KERNEL, POOL_STRIDE, POOL_PADDING, CEIL_MODE, option("count-include-pad", "yes or no", "yes")],
        outputs: "y (B, C, OH, OW), dx (B, C, H, W)",
        domain: "the sum of a window below the largest number",
        f32: layers::avg_pool,
        f64: layers::avg_pool,
    },
    Operation {
        name: "softmax-nll",
        module: "layers::softmax_nll",
        inputs: Listed(&[input("logits", "B, K"), optional("class_weights", "K")]),
        labels: true,
        options: &[
            option("label-smoothing", "a number from 0 to 1", "0"),
            option("ignore-index", "a whole number, the label of images that do not count; none unless given", ""),
        ],
        outputs: "nll (1), the mean; dlogits (B, K)",
        domain: "labels from 0 to K - 1, or the ignored one; class_weights of at least 0; a label that is not ignored, of a \
                 class whose weight is not 0; the sum of the NLL over the batch below the largest number",
        f32: layers::softmax_nll,
        f64: layers::softmax_nll,
    },
    Operation {
        name: "distillation",
        module: "layers::distillation",
        inputs: Listed(&[input("logits", "B, K"), input("teacher_logits", "B, K")]),
        labels: true,
        options: &[option(
            "teacher-share",
            "a number from 0 to 1, the share of the labels that the teacher gives",
            "1",
        )],
        outputs: "loss (1) and nll (1), means; dlogits (B, K)",
        domain: "labels from 0 to K - 1; loss and NLL, summed over the batch, below the largest number",
        f32: layers::distillation,
        f64: layers::distillation,
    },
    Operation {
        name: "adam",
        module: "train::adam",
        inputs: Listed(&[input("parameter", "…"), input("gradient", "…"), input("m", "…"), input("v", "…")]),
        labels: false,
        options: &[
            option("step", "a whole number of at least 1, this step's", "1"),
            option("learning-rate", "a number", "0.005"),
            option("beta1", "a number from 0 to below 1", "0.9"),
            option("beta2", "a number from 0 to below 1", "0.999"),
            option("epsilon", "a positive number", "1e-8"),
            option("weight-decay", "a number of at least 0, decoupled as in AdamW", "0"),
        ],
        outputs: "new_parameter, new_m, new_v (…)",
        domain: "gradient^2 and the step, learning-rate m / (sqrt(v) + epsilon), below the largest number; v of at least 0",
        f32: training::adam,
        f64: training::adam,
    },
    Operation {
        name: "uncertainty",
        module: "train::uncertainty",
        inputs: Listed(&[input("logits", "S, B, K"), optional("other_logits", "S, N, K")]),
        labels: true,
        options: &[],
        outputs: "probabilities (B, K), the mean over S draws; entropy, expected_entropy, mutual_information (B); accuracy, nll, \
                  brier, ece, ece_equal_mass, mce, aurc (1); accuracy_at_coverage (3) of 80, 90, 95 %; with other_logits \
                  other_entropy (N), and auroc, aupr_other, aupr_own, fpr_at_95_tpr (3) by maximum probability, entropy, \
                  mutual information",
        domain: "labels from 0 to K - 1; differences of an image's logits below 1.8e308",
        f32: uncertainty::uncertainty,
        f64: uncertainty::uncertainty,
    },
    Operation {
        name: "noise",
        module: "tensor::noise",
        inputs: InputTensors::None,
        labels: false,
        options: &[
            option("seed", "a whole number below 2^64", "0"),
            option("step", "a whole number below 2^32", "0"),
            option("tensor", "a whole number below 2^32", "0"),
            option("count", "a whole number up to 2^28", "16"),
            option("dtype", "F64 or F32", "F64"),
        ],
        outputs: "bits (count) U32, normal (count)",
        domain: "any",
        f32: training::noise,
        f64: training::noise,
    },
    Operation {
        name: NETWORK,
        module: "nets",
        inputs: InputTensors::OfNetwork,
        labels: true,
        options: NETWORK_OPTIONS,
        outputs: "loss, nll, kl (sum, unscaled), logits (B, classes), d.<parameter> of each that the loss depends on",
        domain: "labels from 0 to classes - 1; every sum on the way below the largest number",
        f32: networks::network,
        f64: networks::network,
    },
];
