use super::config::config;
use crate::common::assert_error;
use spikeslab::train::{Run, RunResult};
use std::fs;
use tempfile::TempDir;

#[test]
fn what_was_written_is_read_again_and_anything_else_refused() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("run");
    let run = Run::create(&path, &config()).unwrap();
    assert_eq!(Run::result(&path).unwrap(), None, "before the end of the run");
    let mut result = RunResult {
        epoch: 3,
        n: 7,
        accuracy_mean: 1.0 / 3.0,
        nll_mean: 5e-324,
        samples: Some(10),
        accuracy_sample: Some(0.1),
        nll_sample: Some(1e300),
        accuracy_quantized: 0.7,
        nll_quantized: 2.0 / 3.0,
        quantized_loss: 0.0,
        packed_bytes: 1 << 40,
    };
    for without_noise in [false, true] {
        if without_noise {
            (result.samples, result.accuracy_sample, result.nll_sample) = (None, None, None);
        }
        run.write_result(&result).unwrap();
        assert_eq!(Run::result(&path).unwrap().as_ref(), Some(&result));
    }
    let file = path.join("result.json");
    let text = fs::read_to_string(&file).unwrap();
    for (odd, seen) in [
        (text.replace("\"n\"", "\"m\""), "unknown field"),
        (text.replace("7,", "-7,"), "invalid value"),
        (text[..text.len() / 2].to_string(), "EOF"),
    ] {
        assert_ne!(odd, text);
        fs::write(&file, odd).unwrap();
        assert_error(Run::result(&path), &["result.json", "the result of a run", seen]);
    }
}
