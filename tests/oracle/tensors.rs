use super::{Stored, run};
use crate::common::assert_error;
use crate::common::compare::Tensor;
use safetensors::Dtype;

fn tensor(shape: &[usize]) -> Tensor {
    let len = shape.iter().product();
    Tensor { shape: shape.to_vec(), values: (0..len).map(|i| 0.1 * i as f64).collect() }
}

/// The inputs of `dense`, with one of them replaced.
fn dense(change: &str, replacement: Option<Stored>) -> Vec<Stored> {
    let shapes =
        [("x", vec![2, 3]), ("theta", vec![3, 4]), ("log_sigma2", vec![3, 4]), ("eps", vec![2, 4]), ("dy", vec![2, 4])];
    let mut tensors: Vec<Stored> = shapes
        .iter()
        .filter(|(name, _)| *name != change)
        .map(|(name, shape)| Stored::floats::<f64>(name, &tensor(shape)))
        .collect();
    tensors.extend(replacement);
    tensors
}

#[test]
fn every_flaw_of_an_input_is_named() {
    assert!(run("dense", Some(&dense("", None)), &[]).is_ok());
    let nan = Tensor { shape: vec![3, 4], values: vec![f64::NAN; 12] };
    let cases: [(&str, Option<Stored>, &[&str]); 7] = [
        ("eps", None, &["eps", "(B, O)", "none"]),
        ("eps", Some(Stored::floats::<f64>("eps", &tensor(&[2, 5]))), &["eps", "(B, O), here (2, 4)", "[2, 5]"]),
        ("eps", Some(Stored::floats::<f64>("noise", &tensor(&[2, 4]))), &["noise", "one of", "eps"]),
        ("theta", Some(Stored::floats::<f64>("theta", &nan)), &["theta", "finite", "NaN"]),
        ("theta", Some(Stored::floats::<f32>("theta", &tensor(&[3, 4]))), &["F32", "F64"]),
        ("dy", Some(Stored::integers("dy", &tensor(&[2, 4]))), &["dy", "F64, F32, F16 or BF16", "I64"]),
        ("x", Some(Stored::floats::<f64>("x", &tensor(&[2, 3, 1]))), &["x", "(B, I)", "[2, 3, 1]"]),
    ];
    for (name, replacement, parts) in cases {
        assert_error(run("dense", Some(&dense(name, replacement)), &[]), parts);
    }
}

#[test]
fn labels_are_checked() {
    let logits = || Stored::floats::<f64>("logits", &tensor(&[2, 3]));
    let labels =
        |values: &[f64]| Stored::integers("labels", &Tensor { shape: vec![values.len()], values: values.to_vec() });
    let cases: [(Option<Stored>, &[&str]); 4] = [
        (None, &["labels", "I64", "none"]),
        (Some(labels(&[0.0, 3.0])), &["labels", "below 3", "3"]),
        (Some(labels(&[0.0, -1.0])), &["labels", "at least 0", "-1"]),
        (Some(labels(&[0.0])), &["logits", "(B, K), here (1", "[2, 3]"]),
    ];
    for (labels, parts) in cases {
        let tensors: Vec<Stored> = std::iter::once(logits()).chain(labels).collect();
        assert_error(run("softmax-nll", Some(&tensors), &[]), parts);
    }
    assert!(run("softmax-nll", Some(&[logits(), labels(&[0.0, 2.0])]), &[]).is_ok());
}

#[test]
fn outputs_have_the_inputs_type() {
    let of = |tensors: &[Stored]| run("relu", Some(tensors), &[]).unwrap()["y"].values[1];
    let pair = |name: &str| (Stored::floats::<f64>(name, &tensor(&[2])), Stored::floats::<f32>(name, &tensor(&[2])));
    let ((x64, x32), (dy64, dy32)) = (pair("x"), pair("dy"));
    assert_eq!(of(&[x64, dy64]), 0.1);
    assert_eq!(of(&[x32, dy32]), f64::from(0.1_f32));
}

/// A tensor of 16-bit numbers, given by their bits.
fn sixteen_bits(name: &str, dtype: Dtype, patterns: &[u16]) -> Stored {
    let bytes = patterns.iter().flat_map(|pattern| pattern.to_le_bytes()).collect();
    Stored { name: name.to_string(), dtype, shape: vec![patterns.len()], bytes }
}

/// F16 is IEEE 754's half precision, BF16 the upper half of an f32; both are converted without rounding.
#[test]
fn sixteen_bits_are_read_as_f32() {
    let half =
        [(0x3c00, 1.0), (0xc200, -3.0), (0x7bff, 65504.0), (0x0001, f64::powi(2.0, -24)), (0x3555, 1365.0 / 4096.0)];
    let bfloat = [(0x3f80, 1.0), (0xc040, -3.0), (0x7f7f, 255.0 * f64::powi(2.0, 120)), (0x0001, f64::powi(2.0, -133))];
    for (dtype, numbers) in [(Dtype::F16, &half[..]), (Dtype::BF16, &bfloat[..])] {
        let patterns: Vec<u16> = numbers.iter().map(|(pattern, _)| *pattern).collect();
        let tensors = ["x", "dy"].map(|name| sixteen_bits(name, dtype, &patterns));
        let expected: Vec<f64> = numbers.iter().map(|(_, number)| number.max(0.0)).collect();
        assert_eq!(run("relu", Some(&tensors), &[]).unwrap()["y"].values, expected, "{dtype:?}");
    }
    // They may be combined with F32 and with each other, but not with F64.
    let one = |name: &str, dtype| sixteen_bits(name, dtype, &[0x3c00]);
    let single = |name: &str| Stored::floats::<f32>(name, &tensor(&[1]));
    let double = |name: &str| Stored::floats::<f64>(name, &tensor(&[1]));
    for tensors in [[one("x", Dtype::F16), single("dy")], [single("x"), one("dy", Dtype::BF16)]] {
        assert!(run("relu", Some(&tensors), &[]).is_ok());
    }
    assert!(run("relu", Some(&[one("x", Dtype::F16), one("dy", Dtype::BF16)]), &[]).is_ok());
    assert_error(run("relu", Some(&[one("x", Dtype::F16), double("dy")]), &[]), &["x", "F64, as the others", "F16"]);
    assert_error(run("relu", Some(&[double("x"), one("dy", Dtype::F16)]), &[]), &["x", "F32 or F16 or BF16", "F64"]);
    let infinite = [sixteen_bits("x", Dtype::F16, &[0x7c00]), one("dy", Dtype::F16)];
    assert_error(run("relu", Some(&infinite), &[]), &["x", "finite numbers", "inf"]);
}

#[test]
fn labels_are_of_any_of_three_types() {
    let of = |dtype, bytes: &[u8]| {
        let labels = Stored { name: "labels".to_string(), dtype, shape: vec![2], bytes: bytes.to_vec() };
        run("softmax-nll", Some(&[Stored::floats::<f64>("logits", &tensor(&[2, 3])), labels]), &[])
    };
    let expected = of(Dtype::I64, &[2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]).unwrap();
    assert_eq!(of(Dtype::I32, &[2, 0, 0, 0, 1, 0, 0, 0]).unwrap(), expected);
    assert_eq!(of(Dtype::U8, &[2, 1]).unwrap(), expected);
    assert_error(of(Dtype::I32, &[2, 0, 0, 0, 255, 255, 255, 255]), &["labels", "at least 0", "-1"]);
    assert_error(of(Dtype::I16, &[2, 0, 1, 0]), &["labels", "(B), I64, I32 or U8", "I16"]);
}

#[test]
fn a_window_that_does_not_fit_is_an_error() {
    let tensors =
        [Stored::floats::<f64>("x", &tensor(&[1, 1, 2, 2])), Stored::floats::<f64>("dy", &tensor(&[1, 1, 1, 1]))];
    assert_error(run("max-pool", Some(&tensors), &[("kernel", "3".to_string())]), &["window", "2 pixels", "kernel 3"]);
    assert_error(
        run("avg-pool", Some(&tensors), &[("stride", "1".to_string()), ("kernel", "1".to_string())]),
        &["dy", "[1, 1, 2, 2]", "[1, 1, 1, 1]"],
    );
}

#[test]
fn an_output_that_is_not_finite_is_named_with_what_led_to_it() {
    let with = |name: &str, position: usize, value: f64| {
        let mut tensors = dense("", None);
        let tensor = tensors.iter_mut().find(|tensor| tensor.name == name).unwrap();
        tensor.bytes[8 * position..8 * (position + 1)].copy_from_slice(&value.to_le_bytes());
        tensors
    };
    let tensors = with("log_sigma2", 5, 1000.0);
    assert_error(run("dense", Some(&tensors), &[]), &["tensor y: expected finite numbers", " at [0, 1], where "]);
    let allow = |value: &str| [("allow-non-finite", value.to_string())];
    assert!(!run("dense", Some(&tensors), &allow("true")).unwrap()["y"].values[1].is_finite());
    assert_error(run("dense", Some(&tensors), &allow("false")), &["tensor y"]);
    assert_error(run("dense", Some(&tensors), &allow("1")), &["allow-non-finite", "true or false"]);
    // Finite outputs are the same with and without the option.
    let tensors = dense("", None);
    assert_eq!(run("dense", Some(&tensors), &[]).unwrap(), run("dense", Some(&tensors), &allow("true")).unwrap());
}

#[test]
fn a_tensor_of_more_dimensions_than_any_is_refused() {
    let many = |count: usize| {
        let tensor = Tensor { shape: vec![1; count], values: vec![0.5] };
        run("relu", Some(&[Stored::floats::<f64>("x", &tensor), Stored::floats::<f64>("dy", &tensor)]), &[])
    };
    assert_eq!(many(32).unwrap()["y"].values, [0.5]);
    assert_error(many(33), &["tensor dy: expected at most 32 dimensions (saw: 33)"]);
}
