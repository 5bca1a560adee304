use crate::common::forms::{codebooks, spikes};
use crate::common::{assert_error, assert_panics};
use spikeslab::prior::multi_spike::zero_level;
use spikeslab::prior::quadrature::quadrature;
use spikeslab::prior::{Codebook, Form, MultiSpike};
use spikeslab::scalar::spike_kl::Spike;
use spikeslab::simd::Lane;

const FORMS: [Form; 5] = [Form::Nearest, Form::Mixture, Form::Vnq, Form::Windows, Form::Quadrature];

/// Weights as far from the levels as numbers can represent, with the smallest and the largest σ that training allows.
#[test]
fn the_kl_is_finite_where_t_overflows_in_every_form() {
    for form in FORMS {
        for (levels, spike) in
            codebooks(form).into_iter().flat_map(|levels| spikes(form).iter().map(move |s| (levels, *s)))
        {
            let levels: Vec<f32> = levels.iter().map(|level| *level as f32).collect();
            let prior = MultiSpike::new(form, spike);
            let codebook = Codebook::new(levels.clone()).unwrap();
            let mut theta = Vec::new();
            for far in [0.0, 1e-45, 1e-30, levels[0], 1.0, 1e10, 1e18, 1e19, 1e30, 1e38_f32] {
                theta.extend([far, -far]);
            }
            for log_sigma2 in [-10.0, 0.0, 1.0] {
                let kl = prior.kl(&theta, &vec![log_sigma2; theta.len()], &codebook);
                let gradients = kl.dtheta.iter().chain(&kl.dlog_sigma2).chain(&kl.dlevels);
                assert!(
                    kl.value.is_finite() && gradients.clone().all(|d| d.is_finite()),
                    "{form:?}, {spike:?}, {levels:?}, ln σ² = {log_sigma2}: {kl:?}"
                );
            }
        }
    }
}

#[test]
fn a_level_next_to_zero_has_a_window_that_is_closed() {
    for (form, levels) in [(Form::Vnq, [0.0, 1e-30, 0.2]), (Form::Windows, [-0.2, 1e-30, 0.2])] {
        let codebook = Codebook::new(levels.to_vec()).unwrap();
        let kl = MultiSpike::new(form, Spike::Exact).kl(&[0.1, -0.3, 0.2_f32], &[-4.0; 3], &codebook);
        assert!(kl.value.is_finite() && kl.dtheta.iter().chain(&kl.dlevels).all(|d| d.is_finite()), "{form:?}: {kl:?}");
    }
}

#[test]
fn each_form_has_the_width_it_was_published_with() {
    assert_eq!(MultiSpike::new(Form::Vnq, Spike::Fit).window_ratio, 0.375);
    assert_eq!(MultiSpike::new(Form::Windows, Spike::Fit).window_ratio, 0.15);
    for (form, spike) in FORMS.iter().flat_map(|form| [(*form, Spike::Exact), (*form, Spike::Fit)]) {
        let prior = MultiSpike::new(form, spike);
        assert_eq!((prior.form, prior.spike), (form, spike));
    }
}

#[test]
fn a_form_is_checked_against_the_codebook() {
    let (with_zero, without) = ([-0.2, 0.0, 0.2], [-0.2, 0.1, 0.2]);
    let prior = |form| MultiSpike::new(form, Spike::Fit);
    for form in [Form::Nearest, Form::Mixture, Form::Quadrature] {
        assert!(prior(form).check(&with_zero).is_ok() && prior(form).check(&without).is_ok(), "{form:?}");
    }
    assert!(prior(Form::Vnq).check(&with_zero).is_ok());
    assert!(prior(Form::Windows).check(&without).is_ok());
    assert_error(prior(Form::Vnq).check(&without), &["vnq", "with a zero level", "-0.2, 0.1, 0.2"]);
    assert_error(prior(Form::Windows).check(&with_zero), &["windows", "without a zero level", "-0.2, 0, 0.2"]);
    let codebook = Codebook::new(without.to_vec()).expect("a codebook");
    assert_panics("vnq without a zero level", || prior(Form::Vnq).kl(&[0.1], &[-3.0], &codebook));
}

#[test]
fn the_zero_level_is_the_one_that_is_exactly_zero() {
    assert_eq!(zero_level(&[-0.2, 0.0, 0.2]), Some(1));
    assert_eq!(zero_level(&[-0.2, -0.0]), Some(1));
    assert_eq!(zero_level(&[0.0_f32, 0.2]), Some(0));
    assert_eq!(zero_level(&[-0.2, 1e-300, 0.2]), None);
}

#[test]
fn weight_kl_adds_onto_the_levels_gradient() {
    for form in FORMS {
        let levels = if form == Form::Windows { vec![-0.2, 0.1] } else { vec![-0.2, 0.0] };
        let codebook = Codebook::new(levels).expect("a codebook");
        let prior = MultiSpike::new(form, Spike::Exact);
        let weight_kl = prior.weight_kl(&codebook);
        let (mut alone, mut onto) = ([0.0; 2], [10.0, -20.0]);
        weight_kl(-0.13, -4.0, &mut alone);
        weight_kl(-0.13, -4.0, &mut onto);
        assert_ne!(alone, [0.0; 2], "{form:?}");
        assert_eq!(onto.map(|d| d as f32), [alone[0] + 10.0, alone[1] - 20.0].map(|d| d as f32), "{form:?}");
    }
}

#[test]
fn the_masses_of_the_levels_reach_the_form() {
    let levels = vec![-0.2, 0.0, 0.2];
    let weighted = Codebook::with_level_weights(levels.clone(), vec![0.2, 0.7, 0.1]).expect("a codebook");
    let equal = Codebook::new(levels).expect("a codebook");
    for form in [Form::Nearest, Form::Mixture, Form::Quadrature] {
        let prior = MultiSpike::new(form, Spike::Exact);
        let value = |codebook| prior.kl(&[0.15], &[-4.0], codebook).value;
        assert_ne!(value(&weighted), value(&equal), "{form:?}");
    }
}

#[test]
fn in_f32_the_quadrature_is_the_f64_one_rounded() {
    let codebook = Codebook::new(vec![-0.25_f32, 0.1, 0.25]).expect("a codebook");
    let levels: Vec<f64> = codebook.levels().iter().map(|level| level.as_f64()).collect();
    let weights: Vec<f64> = codebook.level_weights().iter().map(|mass| mass.as_f64()).collect();
    let (theta, log_sigma2) = (0.17_f32, -3.3_f32);
    let mut dlevels = vec![0.0; 3];
    let expected = quadrature(theta.into(), log_sigma2.into(), &levels, &weights, &mut dlevels);
    let kl = MultiSpike::new(Form::Quadrature, Spike::Fit).kl(&[theta], &[log_sigma2], &codebook);
    assert_eq!(kl.value as f32, expected.value as f32);
    assert_eq!((kl.dtheta[0], kl.dlog_sigma2[0]), (expected.dtheta as f32, expected.dlog_sigma2 as f32));
    assert_eq!(kl.dlevels, dlevels.iter().map(|d| *d as f32).collect::<Vec<f32>>());
}

#[test]
fn each_form_has_a_name_that_names_it() {
    assert_eq!(FORMS.map(|form| form.to_string()), ["nearest", "mixture", "vnq", "windows", "quadrature"]);
    for form in FORMS {
        assert_eq!(form.name().parse::<Form>().expect("its name"), form);
    }
    assert_error("Nearest".parse::<Form>(), &["prior", "nearest, mixture, vnq, windows, quadrature", "\"Nearest\""]);
    assert_error("".parse::<Form>(), &["prior", "nearest", "\"\""]);
}
