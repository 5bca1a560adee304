//! The tensors of inputs and outputs: safetensors files. Inputs are checked before anything is computed.

use super::catalogue::{InputTensors, Operation};
use crate::error::{Error, Result};
use crate::files::read::read_tensors;
use crate::reserve::reserve;
use crate::scalar::Real;
use half::{bf16, f16};
use ndarray::{Array, ArrayD, Dimension};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::collections::HashMap;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The type in which an operation is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// 32 bits.
    F32,
    /// 64 bits.
    F64,
}

/// A type of numbers that safetensors can hold.
pub trait Stored: Real {
    /// The name of the type in safetensors.
    const DTYPE: Dtype;
    /// The bytes of a number.
    const BYTES: usize;
    /// The types in safetensors that are read as this type, without rounding.
    const READ: &'static [Dtype];
    /// The number with these little-endian bytes.
    fn from_bytes(bytes: &[u8]) -> Self;
    /// Appends the little-endian bytes of the number.
    fn push_bytes(self, bytes: &mut Vec<u8>);
}

impl Stored for f32 {
    const DTYPE: Dtype = Dtype::F32;
    const BYTES: usize = 4;
    const READ: &'static [Dtype] = &[Dtype::F32, Dtype::F16, Dtype::BF16];
    fn from_bytes(bytes: &[u8]) -> Self {
        Self::from_le_bytes(bytes.try_into().expect("four bytes"))
    }
    fn push_bytes(self, bytes: &mut Vec<u8>) {
        bytes.extend(self.to_le_bytes());
    }
}

impl Stored for f64 {
    const DTYPE: Dtype = Dtype::F64;
    const BYTES: usize = 8;
    const READ: &'static [Dtype] = &[Dtype::F64];
    fn from_bytes(bytes: &[u8]) -> Self {
        Self::from_le_bytes(bytes.try_into().expect("eight bytes"))
    }
    fn push_bytes(self, bytes: &mut Vec<u8>) {
        bytes.extend(self.to_le_bytes());
    }
}

/// The bytes of a safetensors file and its path.
#[derive(Debug)]
pub struct File {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl File {
    /// Reads a safetensors file.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read, [`Error::File`] if it is not a safetensors file.
    pub fn read(path: &Path) -> Result<Self> {
        Self::from_bytes(path, read_tensors(path)?)
    }

    /// The safetensors file with these bytes; errors name it `path`.
    ///
    /// # Errors
    /// [`Error::File`] if the bytes are not a safetensors file.
    pub fn from_bytes(path: &Path, bytes: Vec<u8>) -> Result<Self> {
        let file = Self { path: path.to_path_buf(), bytes };
        file.tensors()?;
        Ok(file)
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn tensors(&self) -> Result<SafeTensors<'_>> {
        SafeTensors::deserialize(&self.bytes).map_err(|error| Error::file(&self.path, "a safetensors file", error))
    }

    /// The type in which the operation is computed: the type of the tensor that is first in the order of the names,
    /// without the tensor `labels` if the operation takes labels; F32 if that tensor has 16 bits.
    ///
    /// # Errors
    /// If the tensor has no such type, or there is no tensor.
    pub fn precision(&self, labels: bool) -> Result<Precision> {
        let tensors = self.tensors()?;
        let mut names = tensors.names();
        names.sort_unstable();
        let Some(name) = names.into_iter().find(|name| !(labels && *name == "labels")) else {
            return Err(Error::file(&self.path, "tensors", "none"));
        };
        match tensors.tensor(name).map(|tensor| tensor.dtype()) {
            Ok(dtype) if f32::READ.contains(&dtype) => Ok(Precision::F32),
            Ok(dtype) if f64::READ.contains(&dtype) => Ok(Precision::F64),
            Ok(other) => Err(Error::tensor(name, "F64, F32, F16 or BF16", format!("{other:?}"))),
            Err(error) => Err(Error::tensor(name, "a tensor", error)),
        }
    }
}

/// The largest number of dimensions of a tensor.
const MOST_DIMENSIONS: usize = 32;

/// The input tensors of an operation, checked: of the right types and shapes, and finite.
#[derive(Debug)]
pub struct Inputs<F> {
    floats: BTreeMap<String, ArrayD<F>>,
    labels: Option<Vec<i64>>,
}

impl<F: Stored> Inputs<F> {
    /// The inputs of an operation without input tensors.
    pub fn none() -> Self {
        Self { floats: BTreeMap::new(), labels: None }
    }

    /// Reads the tensors of `file`, checks each, and checks that the letters in the operation's shapes have the same
    /// sizes throughout.
    ///
    /// # Errors
    /// [`Error::Tensor`] names the first tensor that is missing, unknown, empty, misshapen, of the wrong type or not
    /// finite.
    pub fn new(file: &File, operation: &Operation) -> Result<Self> {
        let tensors = file.tensors()?;
        let mut inputs = Self::none();
        for (name, tensor) in tensors.tensors().into_iter().collect::<BTreeMap<_, _>>() {
            if tensor.shape().len() > MOST_DIMENSIONS {
                let expected = format!("at most {MOST_DIMENSIONS} dimensions");
                return Err(Error::tensor(name, expected, tensor.shape().len()));
            }
            // With a size of 0 the other sizes could be arbitrarily large.
            if tensor.shape().contains(&0) {
                return Err(Error::tensor(name, "sizes of at least 1", format!("{:?}", tensor.shape())));
            }
            if operation.labels && name == "labels" {
                inputs.labels = Some(labels(&tensor)?);
                continue;
            }
            if !F::READ.contains(&tensor.dtype()) {
                let expected: Vec<String> = F::READ.iter().map(|dtype| format!("{dtype:?}")).collect();
                let expected = format!("{}, as the others", expected.join(" or "));
                return Err(Error::tensor(name, expected, format!("{:?}", tensor.dtype())));
            }
            let mut values = reserve(tensor.shape().iter().product(), || format!("tensor {name}"))?;
            let sixteen_bits = || tensor.data().chunks_exact(2).map(|bytes| [bytes[0], bytes[1]]);
            match tensor.dtype() {
                Dtype::F16 => values.extend(sixteen_bits().map(|bytes| F::of(f16::from_le_bytes(bytes).to_f64()))),
                Dtype::BF16 => values.extend(sixteen_bits().map(|bytes| F::of(bf16::from_le_bytes(bytes).to_f64()))),
                _ => values.extend(tensor.data().chunks_exact(F::BYTES).map(F::from_bytes)),
            }
            if let Some(odd) = values.iter().find(|value| !value.is_finite()) {
                return Err(Error::tensor(name, "finite numbers", odd));
            }
            let array = ArrayD::from_shape_vec(tensor.shape(), values)
                .map_err(|error| Error::tensor(&name, "a tensor whose size fits its shape", error))?;
            inputs.floats.insert(name, array);
        }
        if operation.labels && inputs.labels.is_none() {
            return Err(Error::tensor("labels", LABELS, "none"));
        }
        inputs.bind(operation)?;
        Ok(inputs)
    }

    /// Checks names and shapes. An input's shape is a list of sizes; a letter is the same size in all inputs, `…` the
    /// same remaining sizes.
    fn bind(&self, operation: &Operation) -> Result<()> {
        let InputTensors::Listed(listed) = operation.inputs else { return Ok(()) };
        let known: BTreeSet<&str> = listed.iter().map(|input| input.name).collect();
        if let Some(odd) = self.floats.keys().find(|name| !known.contains(name.as_str())) {
            let names: Vec<&str> = listed.iter().map(|input| input.name).collect();
            return Err(Error::tensor(odd, format!("one of {}", names.join(", ")), "an unknown name"));
        }
        let mut sizes: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        if let Some(labels) = &self.labels {
            sizes.insert("B", vec![labels.len()]);
        }
        for input in listed {
            let Some(array) = self.floats.get(input.name) else {
                if input.optional {
                    continue;
                }
                return Err(Error::tensor(input.name, format!("({})", input.shape), "none"));
            };
            let mut rest = array.shape();
            for size in input.shape.split(", ").filter(|size| !size.is_empty()) {
                let len = if size == "…" { rest.len() } else { 1 };
                let bound =
                    rest.split_at_checked(len).filter(|(head, _)| sizes.get(size).is_none_or(|known| known == head));
                let Some((head, tail)) = bound else {
                    return Err(misshapen(input.name, input.shape, &sizes, array.shape()));
                };
                sizes.insert(size, head.to_vec());
                rest = tail;
            }
            if !rest.is_empty() {
                return Err(misshapen(input.name, input.shape, &sizes, array.shape()));
            }
        }
        Ok(())
    }

    /// The names of all tensors but the labels.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.floats.keys().map(String::as_str)
    }

    /// A tensor that may be missing.
    pub fn get(&self, name: &str) -> Option<&ArrayD<F>> {
        self.floats.get(name)
    }

    /// A tensor of any shape.
    ///
    /// # Errors
    /// If it is missing.
    pub fn any(&self, name: &str) -> Result<&ArrayD<F>> {
        self.get(name).ok_or_else(|| Error::tensor(name, "a tensor of that name", "none"))
    }

    /// A tensor of known rank.
    ///
    /// # Errors
    /// If it is missing or of another rank.
    pub fn array<D: Dimension>(&self, name: &str) -> Result<Array<F, D>> {
        let array = self.any(name)?;
        array.clone().into_dimensionality().map_err(|_| {
            let expected = format!("{} dimensions", D::NDIM.unwrap_or_default());
            Error::tensor(name, expected, format!("shape {:?}", array.shape()))
        })
    }

    /// In words, the elements at position `i` of the inputs of shape `shape`, the input `first` before the others.
    fn there(&self, shape: &[usize], i: usize, first: &str) -> String {
        const MOST: usize = 4;
        /// The most characters of a number without an exponent: 1e303 would have 304.
        const LONGEST: usize = 24;
        let mut alike: Vec<_> = self.floats.iter().filter(|(_, array)| array.shape() == shape).collect();
        alike.sort_by_key(|(name, _)| name.as_str() != first);
        let value = |(name, array): &(&String, &ArrayD<F>)| {
            let value = array.iter().nth(i)?;
            let text = value.to_string();
            Some(format!("{name} is {}", if text.len() > LONGEST { format!("{value:e}") } else { text }))
        };
        let values: Vec<String> = alike.iter().take(MOST).filter_map(value).collect();
        if values.is_empty() { String::new() } else { format!(", where {}", values.join(", ")) }
    }

    /// The labels (B).
    ///
    /// # Errors
    /// If a label is below 0.
    pub fn labels(&self) -> Result<Vec<usize>> {
        self.signed_labels().iter().map(|label| class(*label)).collect()
    }

    /// The labels (B) as they were read.
    pub(super) fn signed_labels(&self) -> &[i64] {
        self.labels.as_deref().unwrap_or_default()
    }
}

fn misshapen(name: &str, shape: &str, sizes: &BTreeMap<&str, Vec<usize>>, seen: &[usize]) -> Error {
    let size = |size: &str| match sizes.get(size) {
        Some(known) => known.iter().map(usize::to_string).collect::<Vec<_>>().join(", "),
        None => size.to_string(),
    };
    let expected: Vec<String> = shape.split(", ").map(size).collect();
    Error::tensor(name, format!("shape ({shape}), here ({})", expected.join(", ")), format!("{seen:?}"))
}

/// The class of a label.
///
/// # Errors
/// If the label is below 0.
pub(super) fn class(label: i64) -> Result<usize> {
    usize::try_from(label).map_err(|_| Error::tensor("labels", "numbers of at least 0", label))
}

/// The shape and the types of labels, in words.
const LABELS: &str = "(B), I64, I32 or U8";

fn labels(tensor: &TensorView<'_>) -> Result<Vec<i64>> {
    let bytes = tensor.data();
    let of_64_bits = |bytes: &[u8]| i64::from_le_bytes(bytes.try_into().expect("eight bytes"));
    let of_32_bits = |bytes: &[u8]| i32::from_le_bytes(bytes.try_into().expect("four bytes")).into();
    match (tensor.dtype(), tensor.shape()) {
        (Dtype::I64, [_]) => Ok(bytes.chunks_exact(8).map(of_64_bits).collect()),
        (Dtype::I32, [_]) => Ok(bytes.chunks_exact(4).map(of_32_bits).collect()),
        (Dtype::U8, [_]) => Ok(bytes.iter().map(|label| i64::from(*label)).collect()),
        (dtype, shape) => Err(Error::tensor("labels", LABELS, format!("{dtype:?}, shape {shape:?}"))),
    }
}

/// The outputs of an operation, in the operation's order.
#[derive(Debug, Default)]
pub struct Outputs(Vec<(String, Dtype, Vec<usize>, Vec<u8>)>);

impl Outputs {
    /// Adds a tensor.
    #[must_use]
    pub fn with<F: Stored, D: Dimension>(mut self, name: impl Into<String>, value: &Array<F, D>) -> Self {
        let mut bytes = Vec::with_capacity(value.len() * F::BYTES);
        value.iter().for_each(|element| element.push_bytes(&mut bytes));
        self.0.push((name.into(), F::DTYPE, value.shape().to_vec(), bytes));
        self
    }

    /// Adds a tensor if there is one.
    #[must_use]
    pub fn with_some<F: Stored, D: Dimension>(self, name: &str, value: Option<&Array<F, D>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Adds a scalar, as a tensor of shape (1).
    #[must_use]
    pub fn with_scalar<F: Stored>(self, name: &str, value: f64) -> Self {
        self.with(name, &ndarray::arr1(&[F::of(value)]))
    }

    /// Adds indices, as I64.
    #[must_use]
    pub fn with_indices(mut self, name: &str, shape: &[usize], indices: &[usize]) -> Self {
        let bytes = indices.iter().flat_map(|index| (*index as i64).to_le_bytes()).collect();
        self.0.push((name.into(), Dtype::I64, shape.to_vec(), bytes));
        self
    }

    /// Adds words, as U32.
    #[must_use]
    pub fn with_words(mut self, name: &str, words: &[u32]) -> Self {
        let bytes = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.0.push((name.into(), Dtype::U32, vec![words.len()], bytes));
        self
    }

    /// Checks that every number is finite.
    ///
    /// # Errors
    /// [`Error::Tensor`] names the first output with a number that is not finite, the number's position, and the
    /// numbers at that position of the inputs of the same shape.
    pub fn check_finite<F: Stored>(&self, inputs: &Inputs<F>) -> Result<()> {
        for (name, _, shape, bytes) in self.0.iter().filter(|(_, dtype, ..)| *dtype == F::DTYPE) {
            let mut values = bytes.chunks_exact(F::BYTES).map(F::from_bytes);
            if let Some(i) = values.clone().position(|value| !value.is_finite()) {
                let odd = values.nth(i).unwrap_or_else(F::nan);
                let of = name.strip_prefix("d.").or_else(|| name.strip_prefix('d')).unwrap_or(name);
                let seen = format!("{odd} at {:?}{}", index(shape, i), inputs.there(shape, i, of));
                return Err(Error::tensor(name, "finite numbers, unless --allow-non-finite is given", seen));
            }
        }
        Ok(())
    }

    /// The bytes of the safetensors file, with the metadata entry `computed_by`.
    pub fn to_bytes(&self, computed_by: &str) -> Vec<u8> {
        let views = self.0.iter().map(|(name, dtype, shape, bytes)| {
            (name.as_str(), TensorView::new(*dtype, shape.clone(), bytes).expect("as many bytes as elements"))
        });
        let metadata = HashMap::from([("computed_by".to_string(), computed_by.to_string())]);
        safetensors::serialize(views, Some(metadata)).expect("views of known size")
    }
}

/// The index of element `i` of a tensor in row-major order.
fn index(shape: &[usize], mut i: usize) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    for (place, size) in index.iter_mut().zip(shape).rev() {
        *place = i % size;
        i /= size;
    }
    index
}
