//! The libraries that replace those of CUDA, `tests/cuda/emulator`, built if there is a C++ compiler.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const LIBRARIES: [(&str, &str); 2] = [("libcuda.so", "driver.cpp"), ("libnvrtc.so", "compiler.cpp")];

/// A command that runs `program` with the emulator's libraries; none if they cannot be built.
pub fn on_emulator(program: impl AsRef<OsStr>) -> Option<Command> {
    static DIRECTORY: OnceLock<Option<PathBuf>> = OnceLock::new();
    let directory = DIRECTORY.get_or_init(build).as_ref()?;
    let mut command = Command::new(program);
    command.env("LD_LIBRARY_PATH", directory).env("EMULATOR_DIRECTORY", directory);
    Some(command)
}

/// The directory of the libraries, which also keeps the compiled kernels for later runs.
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
        // Renamed from a name of this process, since another process may be loading the libraries.
        fs::rename(own(library), directory.join(library)).expect("it is renamed");
    }
    fs::copy(sources.join("device.h"), own("device.h")).expect("a copy");
    fs::rename(own("device.h"), directory.join("device.h")).expect("it is renamed");
    Some(directory)
}
