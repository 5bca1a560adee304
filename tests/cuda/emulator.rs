//! Runs every parity test of this folder without a GPU: in a process whose libcuda and libnvrtc are those of
//! `emulator/`, which compile the kernels with g++ and run them on the CPU. The host side is the same code as with a
//! GPU.
//!
//! The emulator is stricter than a GPU: memory that was not written contains NaN, an access outside every buffer ends
//! the process, and a barrier that only some threads of a block reach is an error. All tests run a second time with the
//! blocks, and the threads of each block, in the opposite order: a result that depends on the order then differs from
//! the CPU's.

use crate::common::emulator::on_emulator;
use std::io::Write;

#[test]
fn every_operation_agrees_with_the_cpu_on_the_emulator() {
    for backwards in ["0", "1"] {
        let Some(mut command) = on_emulator(std::env::current_exe().expect("this program")) else {
            let skipped = b"SKIPPED cuda::emulator: no g++ on Linux\n";
            std::io::stderr().write_all(skipped).expect("standard error is open");
            return;
        };
        let output = command
            .args(["cuda::", "--skip", "cuda::emulator", "--skip", "cuda::kernels", "--skip", "cuda::scalar"])
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
