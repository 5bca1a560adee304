//! [`train::adam`](crate::train::adam) on the device.

use crate::cuda::{Argument, Buffer, Grid, Real};
use crate::error::Result;
use crate::train::adam::Adam;

/// One step on a parameter and its moments; `step` counts from 1.
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If the lengths differ.
pub fn step<F: Real>(
    adam: &Adam,
    parameter: &mut Buffer<F>,
    gradient: &Buffer<F>,
    moments: &mut [Buffer<F>; 2],
    step: u64,
    learning_rate: f64,
) -> Result<()> {
    let n = parameter.len();
    let [first, second] = moments;
    for length in [gradient.len(), first.len(), second.len()] {
        assert_eq!(length, n, "all are of one length");
    }
    let real = |value: f64| Argument::real(F::of(value));
    let corrections = adam.corrections(step);
    let device = parameter.device().clone();
    let arguments = [
        Argument::from(parameter),
        Argument::from(gradient),
        Argument::from(first),
        Argument::from(second),
        real(adam.clip),
        real(adam.beta1),
        real(adam.beta2),
        real(1.0 - adam.beta1),
        real(1.0 - adam.beta2),
        real(1.0 - learning_rate * adam.weight_decay),
        real(learning_rate / corrections[0]),
        real(corrections[1].sqrt()),
        real(adam.epsilon),
        Argument::size(n),
    ];
    device.launch::<F>("train/adam", "step", Grid::elements(n), &arguments)
}
