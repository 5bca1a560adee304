use ndarray::{Array2, array};
use spikeslab::nets::{Parameter, Role};

const ROLES: [(Role, &str, bool); 8] = [
    (Role::Theta, "theta", true),
    (Role::LogSigma2, "log_sigma2", true),
    (Role::Levels, "levels", true),
    (Role::Bias, "bias", true),
    (Role::Gamma, "gamma", true),
    (Role::Beta, "beta", true),
    (Role::RunningMean, "running_mean", false),
    (Role::RunningVar, "running_var", false),
];

#[test]
fn names_of_the_roles_and_which_are_trained() {
    for (role, suffix, trained) in ROLES {
        assert_eq!((role.suffix(), role.is_trained()), (suffix, trained), "{role:?}");
    }
}

#[test]
fn the_elements_in_order() {
    let mut parameter =
        Parameter { name: "fc.theta".into(), role: Role::Theta, value: array![[1.0, 2.0], [3.0, 4.0]].into_dyn() };
    assert_eq!(parameter.as_slice(), [1.0, 2.0, 3.0, 4.0]);
    parameter.as_slice_mut()[2] = 7.0;
    assert_eq!(parameter.value[[1, 0]], 7.0);
    assert_eq!(parameter.value, Array2::from(vec![[1.0, 2.0], [7.0, 4.0]]).into_dyn());
}
