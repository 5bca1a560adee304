use crate::common::Precision;
use crate::common::fixture::for_each_case;
use ndarray::{ArrayD, IxDyn};
use spikeslab::train::adam::Adam;

fn golden<F: Precision>() {
    for_each_case::<F>("train/adam", 14, |case| {
        let adam = Adam {
            beta1: case.stored_scalar("beta1"),
            beta2: case.stored_scalar("beta2"),
            epsilon: case.stored_scalar("epsilon"),
            weight_decay: if case.has("weight_decay") { case.stored_scalar("weight_decay") } else { 0.0 },
            ..Adam::default()
        };
        let [mut parameter, gradient, mut m, mut v] =
            ["parameter", "gradient", "m", "v"].map(|name| -> ArrayD<F> { case.array::<IxDyn>(name) });
        adam.step(
            parameter.as_slice_mut().unwrap(),
            gradient.as_slice().unwrap(),
            m.as_slice_mut().unwrap(),
            v.as_slice_mut().unwrap(),
            case.integers("step")[0] as u64,
            case.stored_scalar("learning_rate"),
        );
        case.expect("new_parameter", &parameter);
        case.expect("new_m", &m);
        case.expect("new_v", &v);
    });
}

both_precisions!(golden);

#[test]
fn the_constants_are_those_of_the_paper() {
    let constants = Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, clip: f64::INFINITY, weight_decay: 0.0 };
    assert_eq!(Adam::default(), constants);
}

#[test]
fn a_late_step_needs_no_correction() {
    // 0.9ⁿ and 0.999ⁿ are 0 in f64 at this step: the change is rate · m/(√v + ε), with m = v = 1 after the update.
    let (mut parameter, mut m, mut v) = ([1.0_f64], [1.0], [1.0]);
    Adam { epsilon: 1.0, ..Adam::default() }.step(&mut parameter, &[1.0], &mut m, &mut v, u64::from(u32::MAX), 0.25);
    assert_eq!((parameter, m, v), ([0.875], [1.0], [1.0]));
}

#[test]
fn entries_beyond_the_clip_are_the_clip_and_nan_stays() {
    let clipped = Adam { clip: 0.5, ..Adam::default() };
    let of = |adam: &Adam, gradient: &[f64]| {
        let [mut parameter, mut m, mut v] = [0; 3].map(|_| vec![0.0; gradient.len()]);
        adam.step(&mut parameter, gradient, &mut m, &mut v, 1, 0.25);
        (parameter, m, v)
    };
    let seen = of(&clipped, &[0.4, 0.6, -0.5, -7.0, f64::INFINITY]);
    assert_eq!(seen, of(&Adam::default(), &[0.4, 0.5, -0.5, -0.5, 0.5]));
    assert!(of(&clipped, &[f64::NAN]).0[0].is_nan());
}
