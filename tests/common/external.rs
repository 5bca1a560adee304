//! External programs that a test needs. If a program is not found, the test prints that it is skipped, or fails if
//! required.

use std::io::Write;
use std::process::{Command, Output};

/// Whether `program` runs with `arguments`; if not, prints that `test` is skipped, or fails if the variable
/// REQUIRE_`what` is 1.
#[track_caller]
pub fn is_there(test: &str, what: &str, program: &str, arguments: &[&str]) -> bool {
    let reason = match Command::new(program).args(arguments).output() {
        Ok(output) if output.status.success() => return true,
        Ok(output) => String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default().to_string(),
        Err(error) => error.to_string(),
    };
    let required = std::env::var(format!("REQUIRE_{what}")).is_ok_and(|value| value == "1");
    assert!(!required, "REQUIRE_{what}=1, but {program}: {reason}");
    // Not with `eprintln`, whose output is hidden if the test passes.
    let line = format!("SKIPPED {test}: {program}: {reason}\n");
    std::io::stderr().write_all(line.as_bytes()).expect("standard error is open");
    false
}

/// Runs a program that must succeed.
#[track_caller]
pub fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let [stdout, stderr] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    assert!(output.status.success(), "{command:?}: {}\n{stdout}{stderr}", output.status);
    output
}
