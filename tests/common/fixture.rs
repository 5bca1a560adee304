//! Golden values: `fixtures/<path>.safetensors`, with tensors named `<case>.<tensor>`. The manifest names their
//! sources.

use super::Precision;
use super::compare::{Tensor, ToTensor, assert_close};
use super::tolerance::{Check, Tolerance, find, tolerance};
use ndarray::{Array, Dimension, IntoDimension};
use safetensors::{Dtype, SafeTensors};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

/// One case of a fixture file. Its real numbers are rounded to the precision `F` when they are read as inputs.
pub struct Case<F> {
    /// `<path>: <case>`, for messages.
    pub name: String,
    operation: String,
    tensors: BTreeMap<String, Tensor>,
    used: RefCell<BTreeSet<String>>,
    precision: PhantomData<F>,
}

/// Runs `test` on each case of the fixture `path`, of which there must be `count`. The test must use every tensor.
///
/// The tolerance is that of golden values of the operation named by the last part of the path.
#[track_caller]
pub fn for_each_case<F: Precision>(path: &str, count: usize, test: impl Fn(&Case<F>)) {
    for_each_case_of(path, count, |_| true, test);
}

/// Like [`for_each_case`], for the cases whose name `wanted` accepts.
#[track_caller]
pub fn for_each_case_of<F: Precision>(
    path: &str,
    count: usize,
    wanted: impl Fn(&str) -> bool,
    test: impl Fn(&Case<F>),
) {
    let mut cases = load(path);
    cases.retain(|name, _| wanted(name));
    assert_eq!(cases.len(), count, "{path}: number of cases");
    let operation = path.rsplit('/').next().expect("a path").to_string();
    for (name, tensors) in cases {
        let case = Case {
            name: format!("{path}: {name}"),
            operation: operation.clone(),
            tensors,
            used: RefCell::default(),
            precision: PhantomData,
        };
        test(&case);
        let unused: Vec<&String> = case.tensors.keys().filter(|tensor| !case.used.borrow().contains(*tensor)).collect();
        assert!(unused.is_empty(), "{}: {unused:?} not looked at", case.name);
    }
}

impl<F: Precision> Case<F> {
    pub fn has(&self, tensor: &str) -> bool {
        self.tensors.contains_key(tensor)
    }

    /// The names of the tensors that begin with `prefix`, without the prefix.
    pub fn names_after(&self, prefix: &str) -> Vec<String> {
        self.tensors.keys().filter_map(|name| name.strip_prefix(prefix)).map(str::to_string).collect()
    }

    /// The tensor in f64, as it is stored.
    pub fn stored(&self, tensor: &str) -> &Tensor {
        self.used.borrow_mut().insert(tensor.to_string());
        self.tensors.get(tensor).unwrap_or_else(|| panic!("{} has no {tensor}", self.name))
    }

    /// Marks a tensor as used that the test does not need.
    pub fn skip(&self, tensor: &str) {
        self.stored(tensor);
    }

    pub fn array<D: Dimension>(&self, tensor: &str) -> Array<F, D> {
        let stored = self.stored(tensor);
        let values = stored.values.iter().map(|value| F::of(*value)).collect();
        Array::from_shape_vec(stored.shape.as_slice().into_dimension(), values)
            .expect("the shape of the file")
            .into_dimensionality()
            .unwrap_or_else(|_| panic!("{}: {tensor} has shape {:?}", self.name, stored.shape))
    }

    pub fn vec(&self, tensor: &str) -> Vec<F> {
        self.stored(tensor).values.iter().map(|value| F::of(*value)).collect()
    }

    pub fn scalar(&self, tensor: &str) -> F {
        F::of(self.stored_scalar(tensor))
    }

    pub fn stored_scalar(&self, tensor: &str) -> f64 {
        let stored = self.stored(tensor);
        assert_eq!(stored.values.len(), 1, "{}: {tensor} is one number", self.name);
        stored.values[0]
    }

    /// Whole numbers.
    pub fn integers(&self, tensor: &str) -> Vec<usize> {
        self.stored(tensor).values.iter().map(|value| *value as usize).collect()
    }

    /// Two whole numbers.
    pub fn pair(&self, tensor: &str) -> [usize; 2] {
        self.integers(tensor).try_into().expect("two numbers")
    }

    /// The tolerance of golden values of this operation in this precision, or of this case if the table has one for it.
    pub fn tolerance(&self) -> Tolerance {
        let case = self.name.rsplit(": ").next().expect("a name");
        let case = case.trim_start_matches("exact-").trim_start_matches("fit-");
        let operation = format!("{}, {case}", self.operation);
        find(&operation, F::DTYPE, Check::Golden).unwrap_or_else(|| tolerance(&self.operation, F::DTYPE, Check::Golden))
    }

    /// Asserts that `actual` agrees with the golden `tensor`.
    #[track_caller]
    pub fn expect<T: ToTensor + ?Sized>(&self, tensor: &str, actual: &T) {
        self.expect_within(tensor, actual, self.tolerance());
    }

    /// Like [`Case::expect`], with another tolerance.
    #[track_caller]
    pub fn expect_within<T: ToTensor + ?Sized>(&self, tensor: &str, actual: &T, tolerance: Tolerance) {
        assert_close(&format!("{}.{tensor}", self.name), actual, self.stored(tensor), tolerance);
    }
}

/// A note of the manifest about a case, such as the prior of a network.
pub fn note(path: &str, case: &str, key: &str) -> String {
    noted(path, case, key).unwrap_or_else(|| panic!("the manifest notes no {key} of {path}: {case}"))
}

/// Like [`note`], or `default` if the manifest has no such note.
pub fn note_or(path: &str, case: &str, key: &str, default: &str) -> String {
    noted(path, case, key).unwrap_or_else(|| default.to_string())
}

fn noted(path: &str, case: &str, key: &str) -> Option<String> {
    let manifest: serde_json::Value =
        serde_json::from_slice(&read(&folder().join("manifest.json"))).expect("the manifest is JSON");
    let case = case.rsplit(": ").next().expect("a name");
    let note = &manifest["files"][format!("{path}.safetensors")]["cases"][case][key];
    note.as_str().map(str::to_string)
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn load(path: &str) -> BTreeMap<String, BTreeMap<String, Tensor>> {
    let bytes = read(&folder().join(format!("{path}.safetensors")));
    let file = SafeTensors::deserialize(&bytes).expect("a safetensors file");
    let mut cases: BTreeMap<String, BTreeMap<String, Tensor>> = BTreeMap::new();
    for (key, view) in file.tensors() {
        let (case, tensor) = key.split_once('.').expect("<case>.<tensor>");
        let words = view.data().chunks_exact(8).map(|word| word.try_into().expect("eight bytes"));
        let values = match view.dtype() {
            Dtype::F64 => words.map(f64::from_le_bytes).collect(),
            Dtype::I64 => words.map(exact).collect(),
            other => panic!("{path}: {key} is {other:?}, not F64 or I64"),
        };
        let tensor_value = Tensor { shape: view.shape().to_vec(), values };
        cases.entry(case.to_string()).or_default().insert(tensor.to_string(), tensor_value);
    }
    cases
}

/// A whole number, which f64 must represent exactly.
fn exact(word: [u8; 8]) -> f64 {
    let number = i64::from_le_bytes(word);
    assert!(number.unsigned_abs() <= 1 << 53, "{number} is not exact in f64");
    number as f64
}

#[test]
#[should_panic(expected = "number of cases")]
fn a_missing_case_is_noticed() {
    for_each_case::<f64>("layers/relu", 5, |case| {
        case.names_after("").iter().for_each(|name| case.skip(name));
    });
}

#[test]
#[should_panic(expected = "not looked at")]
fn a_tensor_nobody_compares_is_noticed() {
    for_each_case::<f64>("layers/relu", 4, |case| case.skip("x"));
}
