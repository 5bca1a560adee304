//! `--device`.

use crate::error::Result;
use crate::nets::Network;
use crate::train::data::Dataset;
use crate::train::evaluate::{self, Sink, Weights};
use crate::train::uncertainty::Predictions;
use crate::train::{Trainer, Training};
use clap::Args;
use std::str::FromStr;

/// An open GPU; without the feature `cuda` there is none.
#[cfg(feature = "cuda")]
pub(super) type Gpu = crate::cuda::Device;
#[cfg(not(feature = "cuda"))]
pub(super) type Gpu = std::convert::Infallible;

/// The device that a command computes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DeviceName {
    Cpu,
    /// The GPU with this number.
    Cuda(usize),
}

/// The option of the commands that can compute on a GPU.
#[derive(Debug, Args)]
pub(super) struct DeviceOption {
    /// Where to compute: cpu, cuda or cuda:N, the GPU of that number
    #[arg(long, value_name = "DEVICE", default_value = "cpu", value_parser = parse)]
    pub(super) device: DeviceName,
}

impl FromStr for DeviceName {
    type Err = String;

    fn from_str(name: &str) -> std::result::Result<Self, String> {
        let device = match name.split_once(':') {
            None if name == "cpu" => Self::Cpu,
            None if name == "cuda" => Self::Cuda(0),
            Some(("cuda", ordinal)) if ordinal.bytes().all(|byte| byte.is_ascii_digit()) => {
                Self::Cuda(ordinal.parse().map_err(|_| EXPECTED.to_string())?)
            }
            _ => return Err(EXPECTED.to_string()),
        };
        if device != Self::Cpu && !cfg!(feature = "cuda") {
            return Err("cpu; a build with --features cuda takes cuda and cuda:N too".to_string());
        }
        Ok(device)
    }
}

/// [`DeviceName::from_str`], as an option's value.
fn parse(name: &str) -> std::result::Result<DeviceName, String> {
    name.parse().map_err(|expected: String| format!("expected {expected}"))
}

const EXPECTED: &str = "cpu, cuda or cuda:N";

impl DeviceName {
    /// Opens the GPU; `None` for the CPU.
    pub(super) fn open(self) -> Result<Option<Gpu>> {
        match self {
            Self::Cpu => Ok(None),
            #[cfg(feature = "cuda")]
            Self::Cuda(ordinal) => Gpu::open(ordinal).map(Some),
            #[cfg(not(feature = "cuda"))]
            Self::Cuda(_) => unreachable!("no such name is read"),
        }
    }

    /// The option as it is typed after a command; empty for the CPU.
    pub(super) fn argument(self) -> String {
        match self {
            Self::Cpu => String::new(),
            Self::Cuda(ordinal) => format!(" --device cuda:{ordinal}"),
        }
    }
}

/// The training whose steps run on the GPU, if one is given, else on the CPU.
pub(super) fn on(gpu: Option<&Gpu>, trainer: Trainer<f32>) -> Result<Box<dyn Training<f32>>> {
    match gpu {
        None => Ok(Box::new(trainer)),
        #[cfg(feature = "cuda")]
        Some(device) => Ok(Box::new(crate::cuda::train::Trainer::new(device, trainer)?)),
        #[cfg(not(feature = "cuda"))]
        Some(never) => match *never {},
    }
}

/// A network's predictions on a data set, computed on the GPU if one is given.
pub(super) fn predictions(
    gpu: Option<&Gpu>,
    network: &Network<f32>,
    data: &Dataset,
    weights: Weights,
    sink: &mut Sink<'_, f32>,
) -> Result<Predictions> {
    match gpu {
        None => evaluate::predictions(network, data, weights, sink),
        #[cfg(feature = "cuda")]
        Some(device) => {
            let network = crate::cuda::nets::Network::from_host(device, network)?;
            crate::cuda::train::evaluate::predictions(&network, data, weights, sink)
        }
        #[cfg(not(feature = "cuda"))]
        Some(never) => match *never {},
    }
}
