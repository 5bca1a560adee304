//! [`train::projection`](crate::train::projection) on the device.

use crate::cuda::{Argument, Buffer, Grid, Real};
use crate::error::Result;
use crate::train::projection::{LEVEL_GAP_SHARE, LOG_SIGMA2, MARGIN, next_number_factor};

/// Clamps ln σ² to [−10, 1].
///
/// # Errors
/// If the device fails.
pub fn project_log_sigma2<F: Real>(log_sigma2: &mut Buffer<F>) -> Result<()> {
    let (device, n) = (log_sigma2.device().clone(), log_sigma2.len());
    let [lowest, highest] = LOG_SIGMA2.map(|bound| Argument::real(F::of(bound)));
    let arguments = [Argument::from(log_sigma2), lowest, highest, Argument::size(n)];
    device.launch::<F>("train/projection", "log_sigma2", Grid::elements(n), &arguments)
}

/// Sets the zero level, if the codebook has one at position `zero`, to 0, then moves levels that are less than `gap`
/// apart. If `is_scaled`, `gap` is at most a 200th of the mean distance between neighbours.
///
/// # Errors
/// If the device fails.
pub fn project_levels<F: Real>(levels: &mut Buffer<F>, zero: Option<usize>, gap: f64, is_scaled: bool) -> Result<()> {
    let (device, count) = (levels.device().clone(), levels.len());
    let arguments = [
        Argument::from(levels),
        Argument::size(zero.unwrap_or(0)),
        Argument::word(zero.is_some().into()),
        Argument::real(gap),
        Argument::real(if is_scaled { LEVEL_GAP_SHARE } else { 0.0 }),
        Argument::real(next_number_factor::<F>()),
        Argument::real(F::min_positive_value()),
        Argument::size(count),
    ];
    device.launch::<F>("train/projection", "levels", Grid::blocks([1, 1, 1]), &arguments)
}

/// Clamps θ to [ℓ_1 − g, ℓ_M + g], g the smallest gap between levels.
///
/// # Errors
/// If the device fails.
pub fn project_theta_within_gap<F: Real>(theta: &mut Buffer<F>, levels: &Buffer<F>) -> Result<()> {
    let (device, n) = (theta.device().clone(), theta.len());
    let sizes = [levels.len(), n].map(Argument::size);
    let arguments = [Argument::from(theta), Argument::from(levels), sizes[0], sizes[1]];
    device.launch::<F>("train/projection", "theta_within_gap", Grid::elements(n), &arguments)
}

/// Clamps θ to [ℓ_1 − 0.3679 σ, ℓ_M + 0.3679 σ].
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If `theta` and `log_sigma2` differ in length.
pub fn project_theta<F: Real>(theta: &mut Buffer<F>, log_sigma2: &Buffer<F>, levels: &Buffer<F>) -> Result<()> {
    assert_eq!(theta.len(), log_sigma2.len(), "theta and log_sigma2 are of one length");
    let (device, n) = (theta.device().clone(), theta.len());
    let arguments = [
        Argument::from(theta),
        Argument::from(log_sigma2),
        Argument::from(levels),
        Argument::size(levels.len()),
        Argument::real(F::of(MARGIN)),
        Argument::size(n),
    ];
    device.launch::<F>("train/projection", "theta", Grid::elements(n), &arguments)
}
