use super::run;
use spikeslab::oracle::OPERATIONS;
use std::collections::BTreeSet;
use std::path::Path;

#[test]
fn names_are_distinct_and_modules_exist() {
    let names: BTreeSet<&str> = OPERATIONS.iter().map(|operation| operation.name).collect();
    assert_eq!(names.len(), OPERATIONS.len());
    for operation in OPERATIONS {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(operation.module.replace("::", "/"));
        assert!(path.with_extension("rs").is_file() || path.join("mod.rs").is_file(), "{}", operation.module);
    }
}

#[test]
fn every_operation_has_a_domain() {
    assert!(OPERATIONS.iter().all(|operation| !operation.domain.is_empty()));
}

/// The operation without input needs only its options.
#[test]
fn noise_takes_its_defaults() {
    let seen = run("noise", None, &[]).unwrap();
    assert_eq!(seen["normal"].shape, [16]);
}
