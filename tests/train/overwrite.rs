use super::config::config;
use crate::common::assert_error;
use spikeslab::train::comparison::Named;
use spikeslab::train::overwrite::check_may_write;
use spikeslab::train::{Comparison, Run};
use std::fs;
use tempfile::TempDir;

#[test]
fn what_a_run_needs_is_known_by_any_name() {
    let dir = TempDir::new().unwrap();
    let [own, other] = ["own", "other"].map(|name| dir.path().join(name));
    for path in [&own, &other] {
        let run = Run::create(path, &config()).unwrap();
        run.write_figure(&[("funnel.svg".into(), b"<svg/>".to_vec())]).unwrap();
        run.write_packed(b"bytes").unwrap();
    }
    let refused = |path: std::path::PathBuf| assert_error(check_may_write(Some(&own), &path), &["no run needs"]);
    for name in [
        "config.json",
        "checkpoint.safetensors",
        "metrics.jsonl",
        "result.json",
        "figures/funnel.svg",
        "figures/new.svg",
    ] {
        refused(own.join(name));
        refused(other.join(name));
        refused(own.join("figures/../../other").join(name));
    }
    refused(other.join("model.packed"));
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(other.join("config.json"), dir.path().join("link")).unwrap();
        refused(dir.path().join("link"));
    }
    // The files of a comparison, in its directory.
    let two = dir.path().join("two");
    fs::create_dir(&two).unwrap();
    for name in ["compare.json", "comparison.svg"] {
        check_may_write(Some(&own), &two.join(name)).unwrap();
    }
    drop(Comparison::create(&two, vec![Named { name: "a".into(), config: config() }]).unwrap());
    for name in ["compare.json", "comparison.svg"] {
        assert_error(check_may_write(Some(&own), &two.join(name)), &["no run needs", name, "of the comparison in"]);
    }
    for free in [own.join("model.packed"), own.join("lenet5.packed"), dir.path().join("checkpoint.safetensors")] {
        check_may_write(Some(&own), &free).unwrap();
    }
    assert_error(check_may_write(None, &own.join("model.packed")), &["no run needs", "model.packed of the run in"]);
}
