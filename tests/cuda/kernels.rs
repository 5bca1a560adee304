use spikeslab::cuda::kernels::{Kind, SOURCES, compile, compiler_version, is_compiler_present, signatures};
use std::io::Write;

/// Turing, the oldest that CUDA 13 supports, and Hopper.
const GPUS: [(i32, i32); 2] = [(7, 5), (9, 0)];

#[test]
fn nvrtc_compiles_every_kernel() {
    let say = |text: String| std::io::stderr().write_all(text.as_bytes()).expect("standard error is open");
    if !is_compiler_present() {
        let required = std::env::var("REQUIRE_NVRTC").is_ok_and(|value| value == "1");
        assert!(!required, "REQUIRE_NVRTC=1, but there is no libnvrtc where the system looks for shared libraries");
        say("SKIPPED kernels through NVRTC: no libnvrtc where the system looks for shared libraries\n".to_string());
        return;
    }
    for (path, _) in SOURCES {
        for (real, gpu) in ["f32", "f64"].into_iter().flat_map(|real| GPUS.map(|gpu| (real, gpu))) {
            let compiled = compile(path, real, gpu);
            let image = compiled
                .unwrap_or_else(|(expected, seen)| panic!("{path}, {real}, {gpu:?}: expected {expected}\n{seen}"));
            let text = String::from_utf8_lossy(image.as_bytes().expect("an image")).into_owned();
            for (name, _) in signatures(path, real) {
                // The emulator's output is not PTX.
                assert!(!text.contains(".entry") || text.contains(&name), "{path}, {real}, {gpu:?}: no kernel {name}");
            }
        }
    }
    say(format!("NVRTC {} compiled {} files of kernels\n", compiler_version(), SOURCES.len()));
}

#[test]
fn every_file_has_kernels_with_parameters_of_known_types() {
    for (path, _) in SOURCES {
        for real in ["f32", "f64"] {
            let kernels = signatures(path, real);
            assert!(!kernels.is_empty(), "{path}: no kernel");
            for (name, parameters) in kernels {
                let writes = parameters.iter().any(|parameter| matches!(parameter, Kind::Write(_)));
                assert!(writes, "{path} {name}: writes nothing");
            }
        }
    }
}

#[test]
fn parameters_are_read_as_they_are_written() {
    let relu = signatures("layers/relu", "f64");
    let names: Vec<&str> = relu.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["forward", "backward"]);
    assert_eq!(relu[0].1, [Kind::Write("f64"), Kind::Write("u8"), Kind::Value("u32")]);
    assert_eq!(relu[1].1, [Kind::Write("f64"), Kind::Read("u8"), Kind::Value("u32")]);
    assert!(Kind::Read("u8").takes(Kind::Write("u8")));
    assert!(!Kind::Write("u8").takes(Kind::Read("u8")));
    assert!(!Kind::Read("f32").takes(Kind::Read("f64")));
}
