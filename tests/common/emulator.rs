//! The stand-in for the CUDA libraries, `tests/cuda/emulator`, built where there is a C++ compiler.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const LIBRARIES: [(&str, &str); 3] =
    [("libcuda.so", "driver.cpp"), ("libnvrtc.so", "compiler.cpp"), ("libcublas.so", "products.cpp")];

/// `program`, to be run with the emulator's libraries; nothing where they cannot be built.
pub fn on_emulator(program: impl AsRef<OsStr>) -> Option<Command> {
    static DIRECTORY: OnceLock<Option<PathBuf>> = OnceLock::new();
    let directory = DIRECTORY.get_or_init(build).as_ref()?;
    let mut command = Command::new(program);
    command.env("LD_LIBRARY_PATH", directory).env("EMULATOR_DIRECTORY", directory);
    Some(command)
}

/// The directory of the libraries, which keeps what kernels are compiled to from one run to the next.
fn build() -> Option<PathBuf> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cuda/emulator");
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cuda-emulator");
    fs::create_dir_all(&directory).expect("a directory");
    let own = |name: &str| directory.join(format!("{name}.{}", std::process::id()));
    for (library, source) in LIBRARIES {
        let output = Command::new("g++")
            .args(["-std=c++17", "-O2", "-fPIC", "-shared", "-o"])
            .args([own(library).as_os_str(), sources.join(source).as_os_str(), OsStr::new("-ldl")])
            .output()
            .ok()?;
        assert!(output.status.success(), "{source}: {}", String::from_utf8_lossy(&output.stderr));
        // Another process may be loading them.
        fs::rename(own(library), directory.join(library)).expect("it is renamed");
    }
    fs::copy(sources.join("device.h"), own("device.h")).expect("a copy");
    fs::rename(own("device.h"), directory.join("device.h")).expect("it is renamed");
    Some(directory)
}
