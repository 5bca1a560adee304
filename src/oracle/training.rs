//! `adam`, `noise`.

use super::options::Options;
use super::tensors::{Inputs, Outputs, Stored};
use crate::error::{Error, Result};
use crate::reserve::reserve;
use crate::tensor::noise::Philox;
use crate::train::adam::Adam;
use ndarray::{Array1, ArrayD};

/// Adam's constants, the number of the step and the learning rate.
pub(super) fn adam_options<F: Stored>(options: &Options) -> Result<(Adam, u64, f64)> {
    let decay = |name: &str| options.real_for(name, |beta: F| (F::zero()..F::one()).contains(&beta));
    let adam = Adam {
        beta1: decay("beta1")?,
        beta2: decay("beta2")?,
        epsilon: options.real_for("epsilon", |epsilon: F| epsilon > F::zero())?,
        weight_decay: options.real_for("weight-decay", |decay: F| decay >= F::zero())?,
        ..Adam::default()
    };
    let step: u64 = options.number("step")?;
    if step == 0 {
        return Err(Error::option("step", "a whole number of at least 1", step));
    }
    let rate = options.real_for("learning-rate", |_: F| true)?;
    let [first, _] = adam.corrections(step);
    if !F::of(rate / first).is_finite() {
        let expected = format!("a number that stays finite when it is divided by 1 - beta1^{step}");
        return Err(Error::option("learning-rate", expected, rate));
    }
    if !F::of(1.0 - rate * adam.weight_decay).is_finite() {
        let expected = "a number that stays finite when it is multiplied with the learning rate";
        return Err(Error::option("weight-decay", expected, adam.weight_decay));
    }
    Ok((adam, step, rate))
}

/// The second moment v, after a check that no element is below 0.
pub(super) fn second_moment<F: Stored>(inputs: &Inputs<F>) -> Result<&ArrayD<F>> {
    let second = inputs.any("v")?;
    match second.iter().find(|v| **v < F::zero()) {
        Some(odd) => Err(Error::tensor("v", "numbers of at least 0", odd)),
        None => Ok(second),
    }
}

pub(super) fn adam<F: Stored>(inputs: &Inputs<F>, options: &Options) -> Result<Outputs> {
    let (adam, step, rate) = adam_options::<F>(options)?;
    let [mut parameter, gradient, mut first, mut second] =
        [inputs.any("parameter")?, inputs.any("gradient")?, inputs.any("m")?, second_moment(inputs)?].map(Clone::clone);
    let standard = "a tensor as it was read";
    adam.step(
        parameter.as_slice_mut().expect(standard),
        gradient.as_slice().expect(standard),
        first.as_slice_mut().expect(standard),
        second.as_slice_mut().expect(standard),
        step,
        rate,
    );
    Ok(Outputs::default().with("new_parameter", &parameter).with("new_m", &first).with("new_v", &second))
}

/// The stream, and the number of elements to draw from it.
pub(super) fn noise_options(options: &Options) -> Result<(Philox, usize)> {
    options.choice("dtype", &[("F64", ()), ("F32", ())])?;
    let count: usize = options.number("count")?;
    if count > 1 << 28 {
        return Err(Error::option("count", "a whole number up to 2^28", count));
    }
    // Memory for the words, the numbers, and the bytes of both in the file: if there is too little, an error says so
    // here.
    reserve::<[u64; 6]>(count, || format!("{count} numbers"))?;
    let stream = Philox::with_tensor_id(options.number("seed")?, options.number("tensor")?, options.number("step")?);
    Ok((stream, count))
}

pub(super) fn noise<F: Stored>(_: &Inputs<F>, options: &Options) -> Result<Outputs> {
    let (stream, count) = noise_options(options)?;
    let words: Vec<u32> = (0..count.div_ceil(4) as u64).flat_map(|block| stream.words(block)).take(count).collect();
    let normal: Array1<F> = stream.standard_normal(count);
    Ok(Outputs::default().with_words("bits", &words).with("normal", &normal))
}
