//! Every parity test of this folder without a GPU: in a process whose libcuda, libnvrtc and libcublas are those of
//! `emulator/`, which run the very kernels, compiled by g++, on the CPU. The host's side is what runs on a GPU, unchanged.
//!
//! The emulator is stricter than a GPU: memory that was not written holds NaN, an address outside every buffer ends the
//! process, and a barrier that only some threads of a block reach is an error. Everything is run once more with the blocks,
//! and the threads of each, taken in the opposite order: what depends on the order then differs from the CPU.

use std::io::Write;
use std::path::Path;
use std::process::Command;

/// Builds a library of the emulator, if there is a compiler.
fn build(directory: &Path, library: &str, source: &str) -> Option<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cuda/emulator");
    let output = Command::new("g++")
        .args(["-std=c++17", "-O2", "-fPIC", "-shared", "-o"])
        .arg(directory.join(library))
        .arg(folder.join(source))
        .arg("-ldl")
        .output()
        .ok()?;
    assert!(output.status.success(), "{source}: {}", String::from_utf8_lossy(&output.stderr));
    std::fs::copy(folder.join("device.h"), directory.join("device.h")).expect("a copy");
    Some(())
}

#[test]
#[cfg(target_os = "linux")]
fn every_operation_agrees_with_the_cpu_on_the_emulator() {
    let directory = tempfile::tempdir().expect("a directory");
    let libraries = [("libcuda.so", "driver.cpp"), ("libnvrtc.so", "compiler.cpp"), ("libcublas.so", "products.cpp")];
    if libraries.iter().any(|(library, source)| build(directory.path(), library, source).is_none()) {
        let skipped = b"SKIPPED cuda::emulator: no g++\n";
        std::io::stderr().write_all(skipped).expect("standard error is open");
        return;
    }
    for backwards in ["0", "1"] {
        let output = Command::new(std::env::current_exe().expect("this program"))
            .args(["cuda::", "--skip", "cuda::emulator", "--skip", "cuda::kernels"])
            .env("LD_LIBRARY_PATH", directory.path())
            .env("EMULATOR_DIRECTORY", directory.path())
            .env("EMULATOR_BACKWARDS", backwards)
            .env("REQUIRE_CUDA", "1")
            .output()
            .expect("it starts");
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "threads backwards: {backwards}\n{out}\n{err}");
        let ran = err.lines().filter(|line| line.starts_with("parity test")).count();
        assert!(ran > 0, "no parity test ran\n{out}\n{err}");
    }
}
