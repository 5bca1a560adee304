//! The only table of tolerances: one row for each operation, type and kind of check, with its reason.
//!
//! In the reasons ε is the distance from 1 to the next number, 2.2e-16 in f64 and 1.2e-7 in f32.

use super::Dtype;

/// The largest allowed error of an element: `relative` times the larger of its expected size and the floor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    pub relative: f64,
    pub floor: Floor,
}

/// The size of an element below which its error is no longer relative to the element.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Floor {
    /// The error of every element is relative to the element; zero must be zero.
    None,
    /// A fixed size.
    At(f64),
    /// The size of the largest expected element, for sums whose terms cancel.
    Largest,
}

impl Tolerance {
    /// The largest allowed error of an element whose expected value is `expected`; `largest` is the size of the largest
    /// element.
    pub fn allowed(&self, expected: f64, largest: f64) -> f64 {
        let floor = match self.floor {
            Floor::None => 0.0,
            Floor::At(size) => size,
            Floor::Largest => largest,
        };
        self.relative * expected.abs().max(floor)
    }
}

/// The values that are compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// Values from an independent source.
    Golden,
    /// Differences of the function whose derivative is checked.
    Difference,
    /// A plain implementation of the definition.
    Reference,
    /// An identity that follows from the mathematics, or a bound that the documentation states.
    Property,
}

struct Row {
    operation: &'static str,
    dtype: Dtype,
    check: Check,
    tolerance: Tolerance,
    reason: &'static str,
}

const fn row(
    operation: &'static str,
    dtype: Dtype,
    check: Check,
    relative: f64,
    floor: Floor,
    reason: &'static str,
) -> Row {
    Row { operation, dtype, check, tolerance: Tolerance { relative, floor }, reason }
}

/// The tolerance of an operation.
///
/// # Panics
/// If the table has no such row.
pub fn tolerance(operation: &str, dtype: Dtype, check: Check) -> Tolerance {
    find(operation, dtype, check).unwrap_or_else(|| panic!("no tolerance for {operation}, {dtype:?}, {check:?}"))
}

/// The tolerance of an operation, if the table has one.
pub fn find(operation: &str, dtype: Dtype, check: Check) -> Option<Tolerance> {
    let row = TABLE.iter().find(|row| (row.operation, row.dtype, row.check) == (operation, dtype, check));
    row.map(|row| row.tolerance)
}

use Check::{Difference, Golden, Property, Reference};
use Dtype::{F32, F64};
use Floor::{At, Largest};

#[rustfmt::skip]
const TABLE: &[Row] = &[
    row("checker", F64, Difference, 1e-9, Largest, "smooth functions of size 1: truncation and rounding stay below 1e-11"),
    row("dawson", F64, Golden, 5e-15, Floor::None, "the bound its documentation states; seen: 1.2e-15"),
    row("dawson derivative", F64, Golden, 1e-14, Floor::None, "the bound its documentation states; seen: 1.5e-15"),
    row("dawson derivative near its zero", F64, Golden, 1e-14, At(0.05), "the bound its documentation states, |x| from 0.85 to 1"),
    row("dawson", F64, Difference, 1e-10, At(1.0), "rounding, ε/h with h = 2e-3; the derivative passes through zero"),
    row("circle", F64, Property, 6e-16, At(1.0), "twice the bound its documentation states, 3e-16: both sides round"),
    row("circle", F64, Difference, 1e-8, At(1.0), "truncation, (2πh)⁴ with h = 1e-3, and rounding, ε/h"),
    row("gaussian_kl", F64, Golden, 2e-15, Floor::None, "a few roundings of positive terms; seen: 3e-16"),
    row("gaussian_kl", F32, Golden, 5e-7, Floor::None, "as in f64; seen: 1.2e-7"),
    row("gaussian_kl", F64, Difference, 1e-8, At(1.0), "truncation, h⁴ with h = 1e-2, of an exponential"),
    row("spike_kl exact", F64, Golden, 1e-14, Floor::None, "the bound its documentation states; seen: 1.5e-15"),
    row("spike_kl exact", F32, Golden, 1.3e-7, Floor::None, "t and D each rounded once; t D′/D is at most 1"),
    row("spike_kl fit", F64, Golden, 1e-14, Floor::None, "the bound its documentation states; seen: 3e-16"),
    row("spike_kl fit", F32, Golden, 5e-7, Floor::None, "a few roundings; seen: 1.6e-7"),
    row("spike_pieces", F64, Golden, 5e-16, Floor::None, "the bound its documentation states; seen: 4.4e-16"),
    row("spike_pieces", F64, Reference, 1.1e-14, Floor::None, "the bounds of the sums and of the pieces; seen: 2.3e-15"),
    row("spike_pieces", F32, Reference, 4e-7, Floor::None, "polynomials of degrees 5 and 6 in f32; seen: 1.7e-7"),
    row("spike_kl table", F64, Golden, 1e-14, Floor::None, "the table has 15 digits"),
    row("spike_kl exact", F64, Property, 1e-14, Floor::None, "both sides are within 1e-14 of the same number; seen: 4e-15"),
    row("spike_kl", F64, Difference, 1e-9, Floor::None, "truncation, (h/t)⁴ with h = 3e-3 t, and rounding, ε D/h D′"),
    row("matmul", F64, Reference, 2e-15, Largest, "√k roundings of terms as large as the largest sum; seen: 3e-16"),
    row("matmul", F32, Reference, 1e-6, Largest, "as in f64; seen: 1.8e-7"),
    row("sum", F64, Property, 2e-12, Floor::None, "the bound its documentation states, of a million terms; seen: 2.1e-13"),
    row("sum", F32, Property, 4e-6, Floor::None, "the bound its documentation states, 32 ε"),
    row("matmul long", F32, Property, 2e-5, Floor::None, "512 additions of one number, each half a unit off at most, and as many blocks"),
    row("noise", F64, Golden, 2e-15, At(1.0),
        "2πu is rounded before its cosine is taken, which may be near 0; seen: 1e-15"),
    row("noise", F32, Golden, 6e-8, Floor::None, "rounded once from f64"),
    row("spike", F64, Difference, 1e-8, At(1.0),
        "truncation, (h/d)⁴ with d the shorter of σ and the distance, and rounding"),
    row("spike far", F64, Golden, 1e-15, Floor::None, "a logarithm, a difference and a sum, each rounded"),
    row("spike far", F32, Golden, 5e-7, Floor::None, "a logarithm, a difference and a sum, each rounded"),
    row("spike of a tiny sigma", F64, Property, 1e-12, Floor::None, "ln|θ − ℓ| and ln σ of 700, each rounded"),
    row("codebook", F64, Reference, 4e-16, Floor::None, "one rounding of a quotient"),
    row("codebook", F32, Reference, 6e-8, Floor::None, "one rounding of a quotient"),
    row("sum of kl", F64, Reference, 5e-14, Largest, "thousands of terms in another order; seen: 4e-15"),
    row("gaussian", F64, Golden, 2e-15, Floor::None, "a few roundings of positive terms; seen: 2e-16"),
    row("gaussian", F32, Golden, 5e-7, Floor::None, "as in f64; seen: 1.1e-7"),
    row("quantizer", F64, Golden, 1e-15, Floor::None, "a sum of squares; seen: 4e-16"),
    row("quantizer", F32, Golden, 2e-7, Floor::None, "θ − Q(θ) rounded before it is squared; seen: 4e-8"),
    row("kmeans", F64, Golden, 1e-15, At(0.1), "means of weights of size 0.1, and a sum of squares"),
    row("kmeans", F32, Golden, 2e-7, Floor::None, "the levels, rounded once from f64"),
    row("kmeans", F64, Reference, 1e-14, At(1.0), "means of thousands of weights of size 1, summed in another order"),
    row("limit", F64, Property, 1e-8, At(1.0), "reached like 1/θ, at θ = 1e9"),
    row("quadrature of one level", F64, Property, 1e-14, At(1.0), "the integrand is constant; seen: 0"),
    row("weight_form exact", F64, Reference, 2e-13, Largest, "responsibilities of D of up to 10, within 1e-14 by its sums; summed in another order"),
    row("weight_form exact", F32, Reference, 6e-6, Largest, "as in f64, D within 2e-7; 64 terms of one sum after another"),
    row("nearest", F64, Golden, 1e-14, At(1.0), "terms of size 1 and more, which cancel in places; seen: 3.4e-15"),
    row("nearest", F32, Golden, 2e-6, At(1.0), "as in f64; 1/σ² carries ln σ² times ε; seen: 7.8e-7"),
    row("nearest", F64, Difference, 1e-8, At(1.0),
        "truncation, (h/d)⁴, h = d/250, d the shortest length, and rounding, ε F/h"),
    row("nearest", F64, Property, 1e-13, At(1.0), "1/σ² rounded twice, amplified where terms cancel"),
    row("mixture", F64, Golden, 3e-14, At(1.0), "terms of size 1 and more, which cancel in places; seen: 7.3e-15"),
    row("mixture", F32, Golden, 6e-6, At(1.0), "as in f64; 1/σ² carries ln σ² times ε; seen: 3.1e-6"),
    row("mixture, tiny-sigma", F32, Golden, 4e-5, At(1.0), "differences of D of up to 75, each rounded"),
    row("mixture, tinier-sigma", F64, Golden, 1e-12, At(1.0), "differences of D of up to 750, each rounded"),
    row("mixture, tinier-sigma", F32, Golden, 4e-4, At(1.0), "differences of D of up to 750, each rounded"),
    row("mixture", F64, Difference, 1e-8, At(1.0),
        "truncation, (h/d)⁴, h = d/250, d the shortest length, and rounding, ε F/h"),
    row("mixture", F64, Property, 1e-13, At(1.0), "1/σ² rounded twice, amplified where terms cancel"),
    row("vnq", F64, Golden, 1e-14, At(1.0), "terms of size 1 and more, which cancel in places; seen: 2.6e-15"),
    row("vnq", F32, Golden, 4e-6, At(1.0), "as in f64; 1/σ² carries ln σ² times ε; seen: 1.8e-6"),
    row("vnq, tiny-sigma", F32, Golden, 4e-5, At(1.0), "differences of D of up to 75, each rounded"),
    row("vnq, tinier-sigma", F64, Golden, 1e-12, At(1.0), "differences of D of up to 750, each rounded"),
    row("vnq, tinier-sigma", F32, Golden, 4e-4, At(1.0), "differences of D of up to 750, each rounded"),
    row("vnq", F64, Difference, 1e-8, At(1.0),
        "truncation, (h/d)⁴, h = d/250, d the shortest length, and rounding, ε F/h"),
    row("vnq", F64, Property, 1e-13, At(1.0), "1/σ² rounded twice, amplified where terms cancel"),
    row("windows", F64, Golden, 2e-14, At(1.0), "terms of size 1 and more, which cancel in places; seen: 5e-15"),
    row("windows", F32, Golden, 3e-6, At(1.0), "as in f64; 1/σ² carries ln σ² times ε; seen: 1.1e-6"),
    row("windows", F64, Difference, 1e-8, At(1.0),
        "truncation, (h/d)⁴, h = d/250, d the shortest length, and rounding, ε F/h"),
    row("windows", F64, Property, 1e-13, At(1.0), "1/σ² rounded twice, amplified where terms cancel"),
    row("windows scaled", F64, Property, 1e-11, At(1.0), "σ from ln σ² of ±900, which carries 1e-13 of rounding"),
    row("quadrature", F64, Golden, 2e-13, At(1.0), "the bound its documentation states; seen: 9.3e-14, for masses of 2⁻⁶⁰"),
    row("quadrature", F32, Golden, 1.3e-7, At(1.0), "levels, masses and result rounded once; seen: 1.1e-7"),
    row("quadrature", F64, Difference, 1e-8, At(1.0),
        "truncation as the other forms; the quadrature's error 1e-13 over h"),
    row("quadrature", F64, Property, 2e-12, At(1.0), "two quadratures whose nodes fall elsewhere; seen: 6.2e-13"),
    row("quadrature of a tiny sigma", F64, Property, 3e-13, At(1.0), "terms of 700 a level, which cancel"),
    row("nearest on the device", F64, Reference, 1e-13, Largest, "exp and ln two units off, in D and in 1/σ², whose size the gradient has"),
    row("nearest on the device", F32, Reference, 1e-6, Largest, "D exact, from f64, rounded the other way"),
    row("mixture on the device", F64, Reference, 1e-13, Largest, "as for nearest; responsibilities from differences of D of up to 14"),
    row("mixture on the device", F32, Reference, 2e-5, Largest, "as in f64, with the rounding of f32"),
    row("vnq on the device", F64, Reference, 1e-13, Largest, "as for nearest; windows from squares of up to 50 in the exponent"),
    row("vnq on the device", F32, Reference, 2e-5, Largest, "as in f64, with the rounding of f32"),
    row("windows on the device", F64, Reference, 1e-13, Largest, "as for vnq: squares in the exponent of a window"),
    row("windows on the device", F32, Reference, 2e-5, Largest, "as for vnq: squares in the exponent of a window"),
    row("gaussian on the device", F64, Reference, 2e-15, At(1.0), "exp and its neighbour two units off"),
    row("gaussian on the device", F32, Reference, 1e-6, At(1.0), "exp and its neighbour two units off"),
    row("sum on the device", F64, Reference, 1e-13, Largest, "terms as their rows above say, and a tree of sums"),
    row("sum on the device", F32, Reference, 2e-5, Largest, "terms as their rows above say, and a tree of sums"),
    row("trainer on the device", F64, Reference, 1e-11, At(1.0), "sums in another order, carried through 50 steps; seen, on the emulator: 4e-16"),
    row("trainer on the device", F32, Reference, 1e-4, At(1.0), "as in f64; seen, on the emulator: 2e-7"),
    row("project_theta on the device", F64, Reference, 1e-15, Floor::None, "exp two units off, times 0.37, beside a level"),
    row("project_theta on the device", F32, Reference, 5e-7, Floor::None, "exp two units off, times 0.37, beside a level"),
    row("relu", F64, Golden, 0.0, Floor::None, "numbers are copied or replaced by zero"),
    row("relu", F32, Golden, 6e-8, Floor::None, "numbers are copied, once rounded"),
    row("relu", F64, Difference, 1e-11, Largest, "linear between its corners: rounding alone, ε y/h"),
    row("max_pool", F64, Golden, 0.0, Floor::None, "numbers are copied; where windows overlap few are added, exactly"),
    row("max_pool", F32, Golden, 2e-7, Largest, "numbers are copied, once rounded, and few added; seen: 5e-8"),
    row("max_pool", F64, Difference, 1e-11, Largest, "linear between its ties: rounding alone, ε y/h"),
    row("avg_pool", F64, Golden, 1e-15, Largest, "a sum of 64 terms at most; seen: 2.1e-16"),
    row("avg_pool", F32, Golden, 5e-7, Largest, "as in f64; seen: 1.1e-7"),
    row("avg_pool", F64, Difference, 1e-11, Largest, "linear: rounding alone, ε y/h"),
    row("add", F64, Difference, 1e-11, Largest, "linear: rounding alone, ε y/h"),
    row("concat", F64, Difference, 1e-11, Largest, "linear: rounding alone, ε y/h"),
    row("distillation", F64, Golden, 1e-15, At(1.0), "differences of probabilities, and sums of up to 100 of them"),
    row("distillation", F32, Golden, 1e-6, At(1.0), "as in f64, with the rounding of f32"),
    row("distillation", F64, Difference, 1e-10, Largest, "truncation, h⁴ with h = 1e-3, and rounding, ε loss/h"),
    row("distillation", F64, Property, 1e-15, At(1.0), "two probabilities, each rounded"),
    row("softmax_nll", F64, Golden, 1e-15, At(0.1), "shares of up to 1 from differences of logits; seen: 1.7e-16"),
    row("softmax_nll", F32, Golden, 1e-6, At(0.1), "as in f64; e^−100 is no normal number of f32"),
    row("softmax_nll certain", F64, Golden, 3e-15, Floor::None, "an exponential of up to 80, which carries its argument's rounding, and a sum"),
    row("softmax_nll certain", F32, Golden, 1e-6, Floor::None, "as in f64, with the rounding of f32"),
    row("softmax_nll", F64, Reference, 1e-15, At(0.1), "two libraries' exponentials and logarithms"),
    row("softmax_nll", F32, Reference, 1e-6, At(0.1), "as in f64, with the rounding of f32"),
    row("softmax_nll", F64, Difference, 1e-10, Largest, "truncation, h⁴ with h = 1e-3, and rounding, ε nll/h"),
    row("softmax_nll", F64, Property, 1e-12, At(1.0), "logits of 1000 carry 1e-13 of rounding; seen: 1e-14"),
    row("batch_norm", F64, Golden, 3e-15, At(1.0), "sums over a channel, which cancel; seen: 5e-16"),
    row("batch_norm", F32, Golden, 4e-6, At(1.0), "as in f64; seen: 8e-7"),
    row("batch_norm large mean", F64, Golden, 5e-14, At(1.0), "a mean of 64 is rounded by 7e-15, and x̂ with it; seen: 9e-15"),
    row("batch_norm large mean", F32, Golden, 5e-5, At(1.0), "a mean of 64 is rounded by 4e-6, and x̂ with it; seen: 1.1e-5"),
    row("batch_norm", F64, Reference, 5e-14, At(1.0), "sums of up to 4,704 terms, which cancel, in another order"),
    row("batch_norm", F32, Reference, 2e-5, At(1.0), "as in f64, with the rounding of f32"),
    row("batch_norm", F64, Difference, 1e-9, Largest, "truncation, (h/s)⁴ with h = 2e-4 and s² + ε ≥ 1e-2, and rounding"),
    row("batch_norm", F64, Property, 1e-13, At(1.0), "x of mean 100 carries 1e-14 of rounding; seen: 3e-15"),
    row("bayes_dense", F64, Golden, 2e-15, Largest, "sums of 33 terms at most, which cancel; seen: 2.9e-16"),
    row("bayes_dense", F32, Golden, 1e-6, Largest, "as in f64; seen: 2.1e-7"),
    row("bayes_dense", F64, Reference, 2e-15, Largest, "the same sum in another order"),
    row("bayes_dense", F32, Reference, 1e-6, Largest, "the same sum in another order; seen: 1.3e-7"),
    row("bayes_dense kernels", F64, Reference, 2e-15, Largest, "sums of 130 terms at most, in another order"),
    row("bayes_dense kernels", F32, Reference, 1e-6, Largest, "as in f64, with the rounding of f32"),
    row("bayes_dense", F64, Difference, 1e-9, Largest, "truncation, (h/x)⁴ with h = 1e-3 and |x| ≥ 0.3, and rounding, ε y/h"),
    row("bayes_conv2d", F64, Golden, 2e-15, Largest, "sums of 90 terms at most, which cancel; seen: 5.1e-16"),
    row("bayes_conv2d", F32, Golden, 1e-6, Largest, "as in f64; seen: 2.3e-7"),
    row("bayes_conv2d", F64, Reference, 2e-15, Largest, "the same sum in another order"),
    row("bayes_conv2d", F32, Reference, 1e-6, Largest, "the same sum in another order; seen: 1.8e-7"),
    row("bayes_conv2d", F64, Difference, 1e-9, Largest, "as for bayes_dense, whose sums it forms at each position"),
    row("bayes_conv2d kernels", F64, Reference, 1e-14, Largest, "sums of up to 5,184 terms, in another order"),
    row("bayes_conv2d kernels", F32, Reference, 5e-6, Largest, "sums of up to 5,184 terms, in another order"),
    row("pooled_activation", F64, Reference, 1e-14, Largest, "the sums of batch_norm, in another order"),
    row("pooled_activation", F32, Reference, 5e-6, Largest, "as in f64, with batches of 3 to 2,000 values a channel"),
    row("pooled_activation", F64, Difference, 1e-9, Largest, "truncation, (h/s)⁴ with h = 1e-4, and rounding, ε y/h"),
    row("pre_activation", F64, Reference, 1e-14, Largest, "the sums of batch_norm and bayes_conv2d, in another order"),
    row("pre_activation", F32, Reference, 5e-6, Largest, "as in f64, with batches of 100 to 500 values a channel"),
    row("dense_block", F64, Reference, 1e-14, At(1.0), "the same operations on the same numbers, three stages deep"),
    row("dense_block", F32, Reference, 5e-6, At(1.0), "as in f64, with batches of 60 values a channel"),
    row("dense_block", F64, Difference, 1e-7, Largest, "rounding, ε y/h with h = 1e-6, of a sum of 150 terms"),
    row("dense_block on the device", F64, Reference, 2e-14, Largest, "sums of up to 500 terms in another order, three stages deep"),
    row("dense_block on the device", F32, Reference, 1e-5, Largest, "as in f64, with the rounding of f32"),
    row("network on the device", F64, Reference, 2e-13, At(0.1), "a chain of layers, whose sums are in another order"),
    row("network on the device", F32, Reference, 1e-4, At(0.1), "as in f64, with the rounding of f32"),
    row("network", F64, Golden, 2e-14, At(0.1), "a chain of layers, each with its own rounding; seen: 1.1e-15 of 1"),
    row("network", F32, Golden, 2e-5, At(0.1), "as in f64; seen: 1e-6 of 1"),
    row("network", F64, Difference, 1e-7, At(0.01), "rounding, ε nll/h with h = 1e-6; some gradients are zero, as batches are centred"),
    row("schedule", F64, Reference, 1e-12, At(1.0), "the same operations, sums in another order, through up to 57 layers; seen: below 1e-13"),
    row("schedule", F32, Reference, 1e-4, At(1.0), "as in f64; seen: 1.6e-5"),
    row(
        "adam",
        F64,
        Golden,
        5e-15,
        Floor::None,
        "a dozen roundings, and what cancels between moment and gradient; seen: 7e-16",
    ),
    row("adam", F32, Golden, 1.5e-6, Floor::None, "as in f64; seen: 3.4e-7"),
    row(
        "objective",
        F64,
        Difference,
        1e-9,
        Largest,
        "truncation, (h/σ)⁴ with h = 2e-4 and σ above 0.13, and rounding, ε L/h",
    ),
    row("objective", F64, Property, 2e-15, Floor::None, "a product and a sum over three layers; seen: 2e-16"),
    row("trainer", F64, Golden, 1e-14, At(1.0), "two steps of sums over batches and pixels; seen: 1.2e-15"),
    row("recalibrate", F64, Reference, 1e-13, At(1.0), "sums of four images and means of three batches, in another order"),
    row("versions", F32, Reference, 1e-5, At(0.1), "sums in the order of other vectors, through five layers or twelve"),
    row("sampled", F32, Reference, 2e-7, Floor::None, "logarithms of f32 where the reference has f64; seen: 7e-9"),
    row("draw", F64, Reference, 1e-15, At(1.0), "e^(½ ln σ²) where the reference has √e^(ln σ²), and a sum"),
    row("uncertainty", F64, Golden, 3e-14, At(1.0), "logarithms of sums over up to 40 draws, and sums over 75 images"),
    row("unfold", F32, Reference, 1e-5, Floor::Largest, "other roundings of scale and shift, through five layers"),
    row("exercises", F64, Golden, 1e-11, At(1e-3), "values of up to 12 digits in the exercises"),
    row("uncertainty", F32, Golden, 6e-8, At(1e-6), "rounded once from f64, whose own error is up to 1e-16"),
    row("uncertainty", F64, Property, 1e-14, At(1.0), "sums over 60 images, in another order"),
    row("uncertainty of the certain", F64, Property, 1e-14, Floor::None, "an exponential of −40, which carries its argument's rounding; e⁻⁴⁰ squared"),
    row("calibration", F64, Golden, 2e-15, At(1.0), "means of up to 150 numbers from 0 to 1, with and without a rounding each"),
    row("selective", F64, Golden, 2e-15, At(1.0), "means of up to 100 quotients"),
    row("detection", F64, Golden, 2e-15, At(1.0), "means of up to 200 quotients"),
    row(
        "quantized loss",
        F64,
        Reference,
        5e-15,
        Floor::None,
        "squares of differences that lost two digits; seen: 6e-16",
    ),
    row(
        "standardization",
        F32,
        Reference,
        1e-6,
        Largest,
        "a pixel and a mean, rounded, whose difference is divided by a deviation of 0.05; seen: 3.8e-7",
    ),
    row(
        "packed",
        F32,
        Reference,
        2e-6,
        Largest,
        "scale and shift are rounded once more than mean and variance; seen: 3.4e-7",
    ),
    row("export", F32, Reference, 5e-6, Largest, "sums in another order, by programs of others; seen: 2e-6"),
];

#[test]
fn every_row_has_a_reason_and_no_twin() {
    for (i, row) in TABLE.iter().enumerate() {
        assert!(row.reason.len() > 20, "{} {:?} {:?}: why?", row.operation, row.dtype, row.check);
        let twin = TABLE[..i]
            .iter()
            .any(|other| (other.operation, other.dtype, other.check) == (row.operation, row.dtype, row.check));
        assert!(!twin, "{} {:?} {:?} twice", row.operation, row.dtype, row.check);
    }
}

#[test]
fn a_tolerance_is_tight_enough_to_notice_a_wrong_digit() {
    for row in TABLE {
        let digits = if row.dtype == F64 { 1e-6 } else { 1e-3 };
        assert!(row.tolerance.relative <= digits, "{} {:?} {:?}", row.operation, row.dtype, row.check);
    }
}
