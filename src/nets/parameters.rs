//! A network's parameters: a flat list of named tensors. The names are those of checkpoints, fixtures, oracle files and
//! errors: `<layer>.theta`, `.log_sigma2`, `.levels`, `.bias`; `<norm>.gamma`, `.beta`, `.running_mean`,
//! `.running_var`.

use ndarray::ArrayD;

/// The role of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// θ, posterior means.
    Theta,
    /// ln σ², log posterior variances.
    LogSigma2,
    /// ℓ, a layer's codebook.
    Levels,
    /// b, a layer's bias.
    Bias,
    /// γ of a normalization.
    Gamma,
    /// β of a normalization.
    Beta,
    /// Running mean of a normalization; no gradient.
    RunningMean,
    /// Running variance of a normalization; no gradient.
    RunningVar,
}

impl Role {
    /// The part of the parameter's name after the layer's name and a dot.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Theta => "theta",
            Self::LogSigma2 => "log_sigma2",
            Self::Levels => "levels",
            Self::Bias => "bias",
            Self::Gamma => "gamma",
            Self::Beta => "beta",
            Self::RunningMean => "running_mean",
            Self::RunningVar => "running_var",
        }
    }

    /// Whether the optimizer changes the parameter.
    pub fn is_trained(self) -> bool {
        !matches!(self, Self::RunningMean | Self::RunningVar)
    }
}

/// A named tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter<F> {
    /// `<layer>.<suffix>`.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// Its value, in standard layout.
    pub value: ArrayD<F>,
}

impl<F> Parameter<F> {
    /// The name of the line of the network's text that the parameter belongs to.
    pub fn line(&self) -> &str {
        self.name.rsplit_once('.').map_or(&self.name, |(line, _)| line)
    }

    /// The elements in order.
    ///
    /// # Panics
    /// If `value` is not in standard layout.
    pub fn as_slice(&self) -> &[F] {
        self.value.as_slice().expect("parameters are in standard layout")
    }

    /// The elements in order.
    ///
    /// # Panics
    /// If `value` is not in standard layout.
    pub fn as_slice_mut(&mut self) -> &mut [F] {
        self.value.as_slice_mut().expect("parameters are in standard layout")
    }
}

/// The gradient of the loss with respect to each parameter, in the order of
/// [`Network::parameters`](super::Network::parameters); none for a parameter that the loss does not depend on.
pub type Gradients<F> = Vec<Option<ArrayD<F>>>;
