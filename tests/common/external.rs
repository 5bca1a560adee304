//! Programs and fonts of the system that a test needs. If one is missing, the test prints that it is skipped, or fails
//! if a variable such as REQUIRE_FONTS is 1.

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
    skip(test, what, &format!("{program}: {reason}"));
    false
}

/// Whether this system has a font, which figures as PNG and PDF need; if not, prints that `test` is skipped, or fails
/// if the variable REQUIRE_FONTS is 1.
#[cfg(feature = "figures")]
#[track_caller]
pub fn has_fonts(test: &str) -> bool {
    use spikeslab::report::formats::{Format, Formats};
    let fonts = Formats::new(&[Format::Png]);
    fonts.inspect_err(|error| skip(test, "FONTS", &error.to_string())).is_ok()
}

/// Prints that `test` is skipped, or fails if the variable REQUIRE_`what` is 1.
#[track_caller]
pub fn skip(test: &str, what: &str, reason: &str) {
    let required = std::env::var(format!("REQUIRE_{what}")).is_ok_and(|value| value == "1");
    assert!(!required, "REQUIRE_{what}=1, but {reason}");
    // Not with `eprintln`, whose output is hidden if the test passes.
    let line = format!("SKIPPED {test}: {reason}\n");
    std::io::stderr().write_all(line.as_bytes()).expect("standard error is open");
}

/// Runs a program that must succeed.
#[track_caller]
pub fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let [stdout, stderr] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    assert!(output.status.success(), "{command:?}: {}\n{stdout}{stderr}", output.status);
    output
}
