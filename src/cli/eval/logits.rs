//! `--save-logits`: a safetensors file, to which each batch of logits is written when it is computed.

use super::kinds::{Evaluation, Task};
use crate::cli::source::check_other;
use crate::error::{Error, Result};
use crate::files::read::TENSORS;
use crate::files::write::{check_replaceable, write_with};
use crate::train::evaluate::Sink;
use crate::train::overwrite::check_may_write;
use ndarray::Array2;
use std::io::Write;
use std::path::Path;

/// Checks, before anything is computed, that the file may be written: that it is none of `inputs`, for one.
pub(super) fn check_place(path: &Path, inputs: &[&Path]) -> Result<()> {
    check_replaceable(path)?;
    check_may_write(None, path)?;
    inputs.iter().try_for_each(|input| check_other(input, path))
}

/// Writes the labels, and the logits in the order in which `evaluate` computes them.
pub(super) fn save(
    path: &Path,
    task: &Task<'_>,
    evaluate: impl FnOnce(&mut Sink<'_, f32>) -> Result<Evaluation>,
) -> Result<Evaluation> {
    let header = header(task)?;
    let mut evaluation = None;
    write_with(path, |file| {
        let io = |source| Error::io(path, source);
        file.write_all(&header).map_err(io)?;
        let labels: Vec<u8> = task.test.labels().iter().flat_map(|label| i64::from(*label).to_le_bytes()).collect();
        file.write_all(&labels).map_err(io)?;
        evaluation = Some(evaluate(&mut |logits: &Array2<f32>| {
            let bytes: Vec<u8> = logits.iter().flat_map(|logit| logit.to_le_bytes()).collect();
            file.write_all(&bytes).map_err(io)
        })?);
        Ok(())
    })?;
    Ok(evaluation.expect("the file was filled"))
}

/// The header of the file: every tensor in the order it is written.
fn header(task: &Task<'_>) -> Result<Vec<u8>> {
    let images = task.test.len();
    let mut tensors = vec![("labels".to_string(), "I64", vec![images], 8 * images as u128)];
    for kind in task.kinds {
        for (prefix, data) in task.data() {
            let shape = vec![task.draws(*kind) as usize, data.len(), task.test.classes()];
            let bytes = shape.iter().map(|size| *size as u128).product::<u128>() * 4;
            tensors.push((format!("{prefix}{}", kind.key()), "F32", shape, bytes));
        }
    }
    let mut end = 0;
    let entry = |(name, dtype, shape, bytes): &(String, &str, Vec<usize>, u128)| {
        let begin = end;
        end += bytes;
        format!(r#""{name}":{{"dtype":"{dtype}","shape":{shape:?},"data_offsets":[{begin},{end}]}}"#)
    };
    let mut text = format!("{{{}}}", tensors.iter().map(entry).collect::<Vec<_>>().join(","));
    // The tensors begin at a multiple of 8.
    text.extend(std::iter::repeat_n(' ', text.len().next_multiple_of(8) - text.len()));
    let whole = 8 + text.len() as u128 + end;
    if whole > u128::from(TENSORS) {
        let expected = format!("logits of at most {TENSORS} bytes, the most that a file of tensors may have");
        return Err(Error::option("save-logits", expected, whole));
    }
    Ok([&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat())
}
