use crate::common::Dtype;
use crate::common::compare::assert_close;
use crate::common::tolerance::{Check, tolerance};
use spikeslab::course::CHAPTERS;
use spikeslab::course::exercises::{Case, exercises};
use spikeslab::prior::{Codebook, Form, Gaussian, MultiSpike, Prior};
use spikeslab::scalar::spike_kl::{Spike, exact, exact_derivative};

#[test]
fn each_chapter_asks_for_functions_and_gives_cases() {
    let exercises = exercises().unwrap();
    assert!(exercises.len() >= 10, "{}", exercises.len());
    for (i, exercise) in exercises.iter().enumerate() {
        let name = &exercise.name;
        assert!(exercises[..i].iter().all(|other| other.name != *name), "{name} twice");
        assert!(exercise.cases.len() >= 5, "{name}");
        assert!(exercise.python.contains(&format!("def {}(", name.replace('-', "_"))), "{name}");
        let chapter = CHAPTERS.iter().find(|chapter| chapter.name == exercise.chapter).unwrap();
        let asks = chapter.text.contains(&format!("({name})"));
        assert!(asks, "{name} in {}", exercise.chapter);
        for Case { arguments, value } in &exercise.cases {
            assert_eq!(arguments.len(), exercise.arguments.len(), "{name}");
            assert!(value.is_finite(), "{name}");
        }
    }
    for chapter in CHAPTERS {
        assert!(exercises.iter().any(|exercise| exercise.chapter == chapter.name), "{}", chapter.name);
    }
}

/// The crate's own answer to the exercises that ask for functions of its own.
fn own(name: &str, x: &[f64]) -> Option<f64> {
    let multi_spike = |form| {
        let prior = MultiSpike::new(form, Spike::Exact);
        let codebook = Codebook::with_level_weights(vec![x[2], x[3]], vec![x[4], 1.0 - x[4]]).unwrap();
        prior.kl(&[x[0]], &[x[1]], &codebook)
    };
    let t = |level: f64| (x[0] - level).powi(2) / x[1].exp();
    Some(match name {
        "gaussian-kl" => {
            let prior = Prior::Gaussian(Gaussian { mean: x[2], log_sigma2: x[3] });
            prior.kl(&[x[0]], &[x[1]], &Codebook::symmetric(2).unwrap()).unwrap().value
        }
        "spike-kl" => exact(x[0]),
        "spike-kl-derivative" => exact_derivative(x[0]),
        "spike-dlevel" => -2.0 * (x[0] - x[2]) / x[1].exp() * exact_derivative(t(x[2])),
        "mixture" => multi_spike(Form::Mixture).value,
        "mixture-dlevel" => multi_spike(Form::Mixture).dlevels[1],
        "nearest" => multi_spike(Form::Nearest).value,
        _ => return None,
    })
}

#[test]
fn the_crate_answers_its_own_exercises() {
    let mut answered = 0;
    for exercise in exercises().unwrap() {
        for Case { arguments, value } in &exercise.cases {
            let arguments: Vec<f64> = arguments.iter().filter_map(serde_json::Value::as_f64).collect();
            let Some(own) = own(&exercise.name, &arguments) else { continue };
            let tolerance = tolerance("exercises", Dtype::F64, Check::Golden);
            assert_close(&format!("{} of {arguments:?}", exercise.name), &own, value, tolerance);
            answered += 1;
        }
    }
    assert!(answered >= 40, "{answered}");
}
