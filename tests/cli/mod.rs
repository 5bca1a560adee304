//! The command as a process: its output, its files, its exit code.

mod bench;
mod changes;
mod cifar;
mod compare;
mod data;
mod densenet;
mod device;
#[cfg(feature = "download")]
mod download;
mod eval;
mod explain;
mod export;
mod extremes;
#[cfg(target_os = "linux")]
mod faults;
mod figures;
mod init;
mod inspect;
mod intervals;
#[cfg(target_os = "linux")]
mod limits;
mod network;
mod options;
mod oracle;
mod output;
mod phases;
mod predict;
mod quantize;
mod source;
mod summarize;
mod surroundings;
mod teacher;
mod train;
mod training;

use crate::train::blobs;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// Options that make a run short.
const SHORT: [&str; 6] = ["--epochs", "2", "--batch-size", "32", "--learning-rate", "0.01"];

/// A directory in which commands run, with images of blobs in `data`.
struct Workplace {
    dir: TempDir,
}

/// Writes a directory with the four files of a data set.
fn write_data(dir: &Path, train: usize, test: usize, size: usize) {
    fs::create_dir_all(dir).unwrap();
    for (name, count, seed) in [("train", train, 1), ("t10k", test, 2)] {
        let (pixels, labels) = blobs(count, size, seed);
        let sizes = [count, size, size].map(|size| (size as u32).to_be_bytes()).concat();
        let images = [&0x803_u32.to_be_bytes()[..], &sizes, &pixels].concat();
        let labels = [&0x801_u32.to_be_bytes()[..], &(count as u32).to_be_bytes(), &labels].concat();
        fs::write(dir.join(format!("{name}-images-idx3-ubyte")), images).unwrap();
        fs::write(dir.join(format!("{name}-labels-idx1-ubyte")), labels).unwrap();
    }
}

impl Workplace {
    fn new() -> Self {
        Self::with_images(12)
    }

    fn with_images(size: usize) -> Self {
        let dir = TempDir::new().unwrap();
        write_data(&dir.path().join("data"), 256, 64, size);
        Self { dir }
    }

    /// Like `new`, with a run of `mlp` in `run`.
    fn with_run() -> Self {
        let place = Self::new();
        place.train("run", &[]);
        place
    }

    fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.dir.path().join(name)
    }

    fn read(&self, name: impl AsRef<Path>) -> Vec<u8> {
        let path = self.path(name);
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The command in the workplace. It does not see variables of this process that change its output.
    fn command<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_spikeslab"));
        command.current_dir(self.dir.path()).args(arguments).stdin(Stdio::null());
        for name in ["COLUMNS", "LINES", "SPIKESLAB_KERNELS"] {
            command.env_remove(name);
        }
        command
    }

    fn run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs a command that succeeds, and returns what it prints.
    #[track_caller]
    fn succeed<S: AsRef<OsStr>>(&self, arguments: &[S]) -> String {
        let output = self.run(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), &*stderr), (Some(0), ""), "{}", shown(arguments));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Trains `mlp` for a short time into `out`.
    #[track_caller]
    fn train(&self, out: &str, options: &[&str]) -> String {
        let arguments = [&["train", "mlp", "--data", "data", "--out", out], &SHORT[..], options].concat();
        self.succeed(&arguments)
    }

    /// Runs a command that must be refused: checks its exit code, that stderr is one line that contains each of
    /// `parts`, that stdout is empty, and that every file is as before. Returns the line.
    #[track_caller]
    fn refuse<S: AsRef<OsStr>>(&self, arguments: &[S], code: i32, parts: &[&str]) -> String {
        let before = self.files();
        let output = self.run(arguments);
        let line = one_line(&output, &shown(arguments));
        assert_eq!(output.status.code(), Some(code), "{}: {line}", shown(arguments));
        assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{}", shown(arguments));
        for part in parts {
            assert!(line.contains(part), "{}: expected {part:?} in {line:?}", shown(arguments));
        }
        let after = self.files();
        let changed: Vec<_> = after.keys().chain(before.keys()).filter(|k| before.get(*k) != after.get(*k)).collect();
        assert!(changed.is_empty(), "{}: {changed:?} changed", shown(arguments));
        line
    }

    /// Every directory (without bytes) and file (with its bytes) in the workplace.
    fn files(&self) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.dir.path().to_path_buf()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let entry = entry.unwrap();
                let is_file = entry.file_type().unwrap().is_file();
                files.insert(entry.path(), is_file.then(|| fs::read(entry.path()).unwrap()));
                if entry.file_type().unwrap().is_dir() {
                    folders.push(entry.path());
                }
            }
        }
        files
    }

    fn copy(&self, from: &str, to: &str) {
        fs::create_dir(self.path(to)).unwrap();
        for entry in fs::read_dir(self.path(from)).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                fs::copy(entry.path(), self.path(to).join(entry.file_name())).unwrap();
            }
        }
    }

    /// All files of a run, without the seconds in its metrics. Only a run with noise has a funnel.
    fn results(&self, run: &str) -> BTreeMap<String, Vec<u8>> {
        let names = [
            "checkpoint.safetensors",
            "model.packed",
            "result.json",
            "figures/accuracy.svg",
            "figures/funnel.svg",
            "figures/histogram.svg",
            "figures/quantized-loss.svg",
        ];
        let is_there = |name: &&&str| **name != "figures/funnel.svg" || self.path(run).join(name).exists();
        let mut results: BTreeMap<String, Vec<u8>> = names
            .iter()
            .filter(is_there)
            .map(|name| (name.to_string(), self.read(Path::new(run).join(name))))
            .collect();
        let metrics = self.metrics(run).into_iter().map(|mut epoch| {
            epoch["seconds"] = 0.into();
            epoch.to_string()
        });
        results.insert("metrics.jsonl".into(), metrics.collect::<Vec<_>>().join("\n").into_bytes());
        results
    }

    fn metrics(&self, run: &str) -> Vec<serde_json::Value> {
        let text = String::from_utf8(self.read(Path::new(run).join("metrics.jsonl"))).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'), "{text:?}");
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// The bytes of a safetensors file whose metadata entry `spikeslab`, a JSON object, is changed by `change`.
fn with_entry(bytes: &[u8], change: &dyn Fn(&mut serde_json::Value)) -> Vec<u8> {
    let length = u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
    let mut header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let mut entry = serde_json::from_str(header["__metadata__"]["spikeslab"].as_str().unwrap()).unwrap();
    change(&mut entry);
    header["__metadata__"]["spikeslab"] = entry.to_string().into();
    let header = serde_json::to_vec(&header).unwrap();
    [&(header.len() as u64).to_le_bytes()[..], &header, &bytes[8 + length..]].concat()
}

#[track_caller]
fn assert_same_results(place: &Workplace, run: &str, other: &str) {
    let (run_results, other_results) = (place.results(run), place.results(other));
    assert!(run_results.keys().eq(other_results.keys()), "the files of {run} and {other}");
    for (name, bytes) in &run_results {
        assert!(*bytes == other_results[name], "{name} of {run} and {other} differ");
    }
}

fn shown<S: AsRef<OsStr>>(arguments: &[S]) -> String {
    arguments.iter().map(|argument| format!("{:?} ", argument.as_ref())).collect()
}

/// The line on stderr, which must be the only one.
#[track_caller]
fn one_line(output: &Output, what: &str) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(stderr.starts_with("error: ") && stderr.ends_with('\n'), "{what}: {stderr:?}");
    assert_eq!(stderr.lines().count(), 1, "{what}: {stderr:?}");
    stderr
}
