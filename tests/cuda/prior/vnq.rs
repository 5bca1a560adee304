use super::assert_form;
use crate::common::forms::SPIKES;
use spikeslab::prior::Form;

#[test]
fn parity_f32() {
    SPIKES.into_iter().for_each(|spike| assert_form::<f32>(Form::Vnq, "vnq", spike));
}

#[test]
fn parity_f64() {
    SPIKES.into_iter().for_each(|spike| assert_form::<f64>(Form::Vnq, "vnq", spike));
}
