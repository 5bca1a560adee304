//! The sources of the kernels, the types of their parameters, and their compilation.

use crate::layers::V0;
use cudarc::nvrtc::{CompileError, CompileOptions, Ptx, compile_ptx_with_opts};

/// The functions that all kernels share, which can be compiled as C++ too.
pub const HEADER: &str = include_str!("scalar.cuh");

macro_rules! sources {
    ($($path:literal $(after $header:literal)*),* $(,)?) => {
        &[$(($path, concat!($(include_str!($header), "\n",)* include_str!(concat!($path, ".cu"))))),*]
    };
}

/// The path of each file of kernels, relative to `src/cuda` and without its extension, and its contents.
pub const SOURCES: &[(&str, &str)] = sources![
    "layers/add",
    "layers/avg_pool" after "layers/pool.cuh",
    "layers/batch_norm" after "layers/lanes.cuh",
    "layers/bayes_conv2d/forward" after "layers/images.cuh",
    "layers/bayes_conv2d/input_gradient" after "layers/images.cuh",
    "layers/bayes_conv2d/weight_gradient" after "layers/images.cuh" after "layers/lanes.cuh",
    "layers/bayes_dense",
    "layers/concat",
    "layers/distillation" after "layers/log_softmax.cuh",
    "layers/max_pool" after "layers/pool.cuh",
    "layers/pre_activation" after "layers/lanes.cuh",
    "layers/relu",
    "layers/softmax_nll" after "layers/log_softmax.cuh",
    "layers/straight_through",
    "prior/gaussian" after "prior/sum_over_weights.cuh",
    "prior/mixture" after "prior/sum_over_weights.cuh",
    "prior/nearest" after "prior/sum_over_weights.cuh",
    "prior/quantizer",
    "prior/vnq" after "prior/sum_over_weights.cuh" after "prior/window.cuh",
    "prior/windows" after "prior/sum_over_weights.cuh" after "prior/window.cuh",
    "tensor/noise",
    "tensor/sum",
    "train/adam",
    "train/objective",
    "train/projection",
    "train/trainer",
];

/// The kind of a kernel's parameter, or of an argument for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A number.
    Value(&'static str),
    /// A buffer that is read.
    Read(&'static str),
    /// A buffer that is written.
    Write(&'static str),
}

impl Kind {
    /// Whether a parameter of this kind accepts the argument: they have the same type, and a buffer that is written was
    /// passed as writable.
    pub fn takes(self, argument: Self) -> bool {
        self == argument || matches!((self, argument), (Self::Read(of), Self::Write(given)) if of == given)
    }
}

/// The types of the kernels' parameters.
const TYPES: [&str; 4] = ["u8", "u32", "f32", "f64"];

/// The name and the parameters of each kernel of a file; the type that the kernels call `real` is `real`, f32 or f64.
///
/// # Panics
/// If there is no such file, or a parameter has a type that no argument has.
pub fn signatures(path: &str, real: &'static str) -> Vec<(String, Vec<Kind>)> {
    const START: &str = "__global__ void ";
    let source = source(path);
    let of = |(start, _): (usize, &str)| {
        let (name, rest) = source[start + START.len()..].split_once('(').expect("a kernel has parameters");
        let (parameters, _) = rest.split_once(')').expect("the parameters end");
        (name.to_string(), expand(source, parameters).into_iter().map(|parameter| kind(parameter, real)).collect())
    };
    source.match_indices(START).map(of).collect()
}

/// The parameters in a list, with each macro of the file replaced by its parameters.
fn expand<'a>(source: &'a str, parameters: &'a str) -> Vec<&'a str> {
    let of = |parameter: &'a str| {
        // A macro's lines end in backslashes.
        let parameter = parameter.trim_matches(|c: char| c.is_whitespace() || c == '\\');
        if parameter.contains(' ') {
            return vec![parameter];
        }
        let (_, rest) = source.split_once(&format!("#define {parameter} ")).expect("a macro stands for parameters");
        let mut after = ' ';
        let end = rest.find(|c: char| std::mem::replace(&mut after, c) != '\\' && c == '\n').unwrap_or(rest.len());
        expand(source, &rest[..end])
    };
    parameters.split(',').flat_map(of).collect()
}

/// The kind of a parameter such as `const real *x`, `u32 *index` or `u32 n`.
fn kind(parameter: &str, real: &'static str) -> Kind {
    let (is_const, rest) = match parameter.strip_prefix("const ") {
        Some(rest) => (true, rest),
        None => (false, parameter),
    };
    let (name, _) = rest.split_once(' ').unwrap_or_else(|| panic!("{parameter:?}: expected a type and a name"));
    let of = match name {
        "real" => real,
        name => TYPES.into_iter().find(|of| *of == name).unwrap_or_else(|| panic!("{parameter:?}: of what type?")),
    };
    match (rest.contains('*'), is_const) {
        (true, true) => Kind::Read(of),
        (true, false) => Kind::Write(of),
        (false, _) => Kind::Value(of),
    }
}

/// Compiles a file for GPUs of a compute capability, with `real` as the working precision. Compiling needs no GPU.
///
/// # Errors
/// What was expected, and the compiler's message.
///
/// # Panics
/// If there is no such file, or no compiler: see [`is_compiler_present`].
pub fn compile(path: &str, real: &str, (major, minor): (i32, i32)) -> Result<Ptx, (String, String)> {
    let constants = format!("#define REAL {real}\n#define V0 {V0:e}");
    let source = format!("{constants}\n{HEADER}\n#line 1 \"{path}.cu\"\n{}", source(path));
    let options = CompileOptions {
        fmad: Some(false),
        options: vec![format!("--gpu-architecture=compute_{major}{minor}"), "--std=c++17".to_string()],
        name: Some(format!("{path}.cu")),
        ..CompileOptions::default()
    };
    compile_ptx_with_opts(source, options).map_err(|error| {
        let log = match &error {
            CompileError::CompileError { log, .. } => log.to_string_lossy().into_owned(),
            other => format!("{other:?}"),
        };
        if log.contains("gpu-architecture") {
            let older = if major < 7 || (major, minor) == (7, 0) { "this GPU needs CUDA 12" } else { "a newer CUDA" };
            let seen = format!("NVRTC {}, compute capability {major}.{minor}", compiler_version());
            return (format!("an NVRTC that knows the GPU: {older}"), seen);
        }
        (format!("kernels {path} that NVRTC {} compiles", compiler_version()), log)
    })
}

/// Whether NVRTC is found where the system searches for shared libraries.
pub fn is_compiler_present() -> bool {
    // SAFETY: opening the library runs its initialization, which has no preconditions.
    unsafe { cudarc::nvrtc::sys::is_culib_present() }
}

/// NVRTC's version, for example 13.0.
pub fn compiler_version() -> String {
    let (mut major, mut minor) = (0, 0);
    // SAFETY: both pointers are valid for the call.
    unsafe { cudarc::nvrtc::sys::nvrtcVersion(&mut major, &mut minor) };
    format!("{major}.{minor}")
}

fn source(path: &str) -> &'static str {
    SOURCES.iter().find(|(name, _)| *name == path).unwrap_or_else(|| panic!("no kernels {path}")).1
}
