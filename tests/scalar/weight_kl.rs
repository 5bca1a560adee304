use spikeslab::scalar::WeightKl;

#[test]
fn zero_is_zero_in_value_and_derivatives() {
    assert_eq!(WeightKl::<f64>::zero(), WeightKl { value: 0.0, dtheta: 0.0, dlog_sigma2: 0.0 });
}

#[test]
fn adding_scales_value_and_derivatives_alike() {
    let mut sum = WeightKl { value: 1.0, dtheta: 2.0, dlog_sigma2: 3.0 };
    sum.add_scaled(-0.5, &WeightKl { value: 8.0, dtheta: 16.0, dlog_sigma2: 32.0 });
    assert_eq!(sum, WeightKl { value: -3.0, dtheta: -6.0, dlog_sigma2: -13.0 });
}
