//! A network's parameters: a flat list of named tensors. The names are those of checkpoints, fixtures, oracle files and
//! errors: `<layer>.theta`, `.log_sigma2`, `.levels`, `.bias`; `<norm>.gamma`, `.beta`, `.running_mean`, `.running_var`.

use ndarray::ArrayD;

/// What a parameter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// θ, posterior means.
    Theta,
    /// ln σ², log posterior variances.
    LogSigma2,
    /// ℓ, a layer's codebook.
    Levels,
    /// b of the last layer.
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
    /// What follows the layer's name and a dot.
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

    /// Whether the optimizer moves it.
    pub fn is_trained(self) -> bool {
        !matches!(self, Self::RunningMean | Self::RunningVar)
    }
}

/// A named tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter<F> {
    /// `<layer>.<suffix>`.
    pub name: String,
    /// What it is.
    pub role: Role,
    /// Its value, in standard layout.
    pub value: ArrayD<F>,
}

impl<F> Parameter<F> {
    /// The elements in order.
    pub fn as_slice(&self) -> &[F] {
        self.value.as_slice().expect("parameters are in standard layout")
    }

    /// The elements in order.
    pub fn as_slice_mut(&mut self) -> &mut [F] {
        self.value.as_slice_mut().expect("parameters are in standard layout")
    }
}

/// The gradient of the loss in each parameter, in the order of [`Network::parameters`](super::Network::parameters);
/// none where a parameter did not take part.
pub type Gradients<F> = Vec<Option<ArrayD<F>>>;
