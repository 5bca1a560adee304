//! Every numeric source file has its tests at the same path.

use std::path::Path;

#[test]
fn every_numeric_source_file_has_a_test_file_of_its_name() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seen = 0;
    for folder in ["scalar", "tensor", "prior", "layers", "nets"] {
        for entry in std::fs::read_dir(root.join("src").join(folder)).expect("a folder of src") {
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
