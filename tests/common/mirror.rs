//! Every numeric source file has its tests at the same path, and every file of tests is compiled.

use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn every_numeric_source_file_has_a_test_file_of_its_name() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seen = 0;
    for folder in ["scalar", "tensor", "prior", "layers", "nets"] {
        for entry in fs::read_dir(root.join("src").join(folder)).expect("a folder of src") {
            let entry = entry.expect("an entry");
            // A folder contains the parts of the file with its name, which are tested through that file.
            if entry.path().is_dir() {
                continue;
            }
            let name = entry.file_name();
            let tests = root.join("tests").join(folder).join(&name);
            assert!(tests.is_file(), "{} has no tests at {}", Path::new(folder).join(&name).display(), tests.display());
            seen += 1;
        }
    }
    assert!(seen >= 30, "only {seen} source files found");
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
