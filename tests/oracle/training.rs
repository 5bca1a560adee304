use super::{assert_case, number, run};
use crate::common::compare::Tensor;
use crate::common::fixture::for_each_case;
use crate::common::{Precision, assert_error};

#[test]
fn adam() {
    for_each_case::<f64>("train/adam", 14, |case| {
        let mut options: Vec<(&str, String)> =
            ["beta1", "beta2", "epsilon", "step"].map(|name| (name, number(case, name))).to_vec();
        options.push(("learning-rate", number(case, "learning_rate")));
        if case.has("weight_decay") {
            options.push(("weight-decay", number(case, "weight_decay")));
        }
        let outputs = ["new_parameter", "new_m", "new_v"].map(|name| (name, name));
        assert_case(case, "adam", &["parameter", "gradient", "m", "v"], &options, &outputs);
    });
}

fn noise<F: Precision>(dtype: &str) {
    for_each_case::<F>("tensor/noise", 9, |case| {
        let [low, high] = [0, 1].map(|word| case.stored("seed").values[word] as i64 as u32);
        let count = case.integers("count")[0];
        let first = case.integers("first")[0];
        let mut options: Vec<(&str, String)> = ["step", "tensor"].map(|name| (name, number(case, name))).to_vec();
        options.push(("seed", (u64::from(low) | u64::from(high) << 32).to_string()));
        options.push(("count", count.to_string()));
        options.push(("dtype", dtype.to_string()));
        // The operation begins at element 0, so cases that begin later are skipped.
        if first > 0 {
            ["bits", "normal"].iter().for_each(|name| case.skip(name));
            return;
        }
        let seen = run("noise", None, &options).unwrap();
        assert_eq!(seen["bits"], *case.stored("bits"), "{}", case.name);
        case.expect("normal", &seen["normal"]);
    });
}

#[test]
fn noise_in_both_precisions() {
    noise::<f64>("F64");
    noise::<f32>("F32");
}

#[test]
fn noise_has_as_many_elements_as_asked_for() {
    for count in [0, 1, 5, 1000] {
        let seen = run("noise", None, &[("count", count.to_string())]).unwrap();
        let longer = run("noise", None, &[("count", "1001".to_string())]).unwrap();
        let expected = Tensor { shape: vec![count], values: longer["normal"].values[..count].to_vec() };
        assert_eq!(seen["normal"], expected);
    }
    assert_error(run("noise", None, &[("count", "268435457".to_string())]), &["count", "2^28", "268435457"]);
}
