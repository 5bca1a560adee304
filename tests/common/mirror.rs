//! Every source file has its tests at the same path, and every file of tests is compiled.

use std::fs;
use std::path::{Path, PathBuf};

/// Source files whose tests have another path than theirs, and that path. The files of the command are tested through its
/// subcommands, those for the GPU by the comparisons in `tests/cuda`.
const TESTED_AT: [(&str, &str); 24] = [
    ("arrays.rs", "tensor/im2col.rs"),
    ("course/build.rs", "course/page.rs"),
    ("error.rs", "cli/options.rs"),
    ("escape.rs", "cli/output.rs"),
    ("files/npy.rs", "files/image/npy.rs"),
    ("kernels/activation.rs", "layers/pooled_activation.rs"),
    ("kernels/dense_block.rs", "layers/dense_block.rs"),
    ("kernels/norm.rs", "layers/batch_norm.rs"),
    ("oracle/device.rs", "cuda/oracle.rs"),
    ("reserve.rs", "cli/limits.rs"),
    ("simd/avx2.rs", "simd/mod.rs"),
    ("simd/avx512.rs", "simd/mod.rs"),
    ("simd/one.rs", "simd/mod.rs"),
    ("simd/pair.rs", "simd/mod.rs"),
    ("simd/portable.rs", "simd/mod.rs"),
    ("simd/split.rs", "simd/mod.rs"),
    ("simd/vector.rs", "simd/mod.rs"),
    ("simd/x86.rs", "simd/mod.rs"),
    ("spares.rs", "packed/executor.rs"),
    ("team.rs", "train/trainer.rs"),
    ("train/data/files.rs", "train/data/load.rs"),
    ("train/data/known.rs", "train/data/mnist.rs"),
    ("train/data/trained_on.rs", "train/config.rs"),
    ("way.rs", "kernels/way.rs"),
];

/// A file of tests has the path of a source file or, for a part of it in the folder of its name, of that file.
#[test]
fn every_source_file_has_its_tests_at_its_path() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (src, tests) = (root.join("src"), root.join("tests"));
    let mut elsewhere = TESTED_AT.to_vec();
    for path in files(&src) {
        let name = path.strip_prefix(&src).expect("a file of src");
        let is_module = name.ends_with("mod.rs") || name == Path::new("lib.rs");
        if name.extension().is_none_or(|ending| ending != "rs") || is_module {
            continue;
        }
        if name.starts_with("cli") || name.starts_with("cuda") {
            continue;
        }
        let mut places = name.ancestors().map(|above| tests.join(above.with_extension("rs")));
        let known =
            elsewhere.iter().position(|(known, _)| name == Path::new(known)).map(|at| elsewhere.swap_remove(at));
        match known {
            Some((_, at)) => assert!(tests.join(at).is_file(), "{} has no tests at {at}", name.display()),
            None => assert!(places.any(|place| place.is_file()), "{} has no tests at its path", name.display()),
        }
    }
    assert!(elsewhere.is_empty(), "no source files: {elsewhere:?}");
}

/// All files below a folder, without the files of the fuzzer, which is a crate of its own.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let below = entries.filter(|path| !path.ends_with("tests/fuzz"));
    below.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn every_file_of_tests_is_a_module_of_the_file_above() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let modules: Vec<PathBuf> =
        files(&tests).into_iter().filter(|path| path.extension().is_some_and(|e| e == "rs")).collect();
    assert!(modules.len() >= 100, "only {} files found", modules.len());
    for path in modules.iter().filter(|path| path.parent() != Some(&tests)) {
        let module = if path.ends_with("mod.rs") {
            path.parent().expect("a folder").to_path_buf()
        } else {
            path.with_extension("")
        };
        let (folder, name) =
            (module.parent().expect("a folder"), module.file_name().expect("a name").to_string_lossy());
        let above = [folder.join("mod.rs"), folder.with_extension("rs"), folder.join("main.rs")];
        let above =
            above.iter().find(|path| path.is_file()).unwrap_or_else(|| panic!("no file above {}", path.display()));
        let text = fs::read_to_string(above).expect("a file of Rust");
        let declares = |line: &str| line.trim_end().strip_suffix(&format!("mod {name};")).is_some();
        assert!(text.lines().any(declares), "{} does not declare mod {name}", above.display());
    }
}
