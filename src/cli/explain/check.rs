//! `spikeslab explain check`: runs a student's function on the cases of an exercise.

use crate::cli::output::line;
use crate::cli::{Failure, Outcome};
use crate::course::exercises::{Case, Exercise, exercises};
use crate::error::{Error, Result};
use clap::Args;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

pub(super) const HELP: &str = "\
FILE is a Python file with a function called like the exercise, - written as _ (spike_kl); or any other
program, which reads the arguments of a case from each line of its input, a JSON array, and writes a
number for each. A number may be off by a millionth of the value expected; where 0 is expected, by 1e-9.

Examples:
  spikeslab explain check --list
  spikeslab explain check spike-kl answer.py
  spikeslab explain check spike-kl ./target/debug/answer";

#[derive(Debug, Args)]
pub(super) struct CheckArguments {
    /// Lists the exercises
    #[arg(long)]
    list: bool,
    /// The exercise
    #[arg(required_unless_present = "list")]
    exercise: Option<String>,
    /// The answer: a Python file or a program
    #[arg(required_unless_present = "list")]
    file: Option<PathBuf>,
}

/// Calls the function named by the second argument, of the file that the first names, on each line of the input. What
/// the function prints goes to standard error; an exception is named with the arguments of its case.
const CALL_EACH_LINE: &str = "\
import json, runpy, sys
numbers, sys.stdout = sys.stdout, sys.stderr
function = runpy.run_path(sys.argv[1]).get(sys.argv[2])
if not callable(function):
    sys.exit(f'no function {sys.argv[2]} in {sys.argv[1]}')
for line in sys.stdin:
    case = json.loads(line)
    try:
        print(float(function(*case)), file=numbers, flush=True)
    except Exception as error:
        sys.exit(f'{sys.argv[2]}({str(case)[1:-1]}): {type(error).__name__}: {error}')
";

/// The error allowed, as a share of the value expected.
const RELATIVE: f64 = 1e-6;
/// The error allowed where the value expected is 0.
const AT_ZERO: f64 = 1e-9;

pub(super) fn command(arguments: &CheckArguments) -> Outcome {
    let exercises = exercises()?;
    let (Some(name), Some(file)) = (&arguments.exercise, &arguments.file) else {
        for exercise in &exercises {
            line(&format!("{:<26}{}({})", exercise.chapter, exercise.name, exercise.arguments.join(", ")))?;
        }
        return Ok(ExitCode::SUCCESS);
    };
    let exercise = exercises.iter().find(|exercise| exercise.name == name.replace('_', "-")).ok_or_else(|| {
        let names: Vec<&str> = exercises.iter().map(|exercise| exercise.name.as_str()).collect();
        Error::option("exercise", format!("one of {}", names.join(", ")), name)
    })?;
    let seen = answers(exercise, file)?;
    let wrong: Vec<(&Case, f64)> =
        exercise.cases.iter().zip(seen).filter(|(case, seen)| !agree(*seen, case.value)).collect();
    for (case, seen) in &wrong {
        let arguments = exercise.arguments.iter().zip(&case.arguments).map(|(name, value)| format!("{name} = {value}"));
        let arguments: Vec<String> = arguments.collect();
        line(&format!("{}: expected {} (saw: {seen})", arguments.join(", "), case.value))?;
    }
    let (right, all) = (exercise.cases.len() - wrong.len(), exercise.cases.len());
    line(&format!("{name}: {right} of {all} cases right"))?;
    Ok(if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn agree(seen: f64, expected: f64) -> bool {
    (seen - expected).abs() <= if expected == 0.0 { AT_ZERO } else { RELATIVE * expected.abs() }
}

/// The number that the student's program writes for each case.
fn answers(exercise: &Exercise, file: &Path) -> std::result::Result<Vec<f64>, Failure> {
    if !file.is_file() {
        return Err(Error::file(file, "a Python file or a program", "no file").into());
    }
    let mut command = if file.extension().is_some_and(|extension| extension == "py") {
        let mut python = Command::new("python3");
        python.args(["-c", CALL_EACH_LINE]).arg(file).arg(exercise.name.replace('-', "_"));
        python
    } else {
        // A name without a directory would be looked for on the path.
        Command::new(file.canonicalize().map_err(|source| Error::io(file, source))?)
    };
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.map_err(|source| Error::io(Path::new(command.get_program()), source))?;
    let input: String = exercise.cases.iter().map(|case| format!("{}\n", serde_json::json!(case.arguments))).collect();
    // A program that ends before it has read all cases has written too few numbers, which is told below.
    let _ = child.stdin.take().map(|mut stdin| stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().map_err(|source| Error::io(file, source))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        let last = stderr.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no message").to_string();
        return Err(Error::file(file, "a program that ends with status 0", format!("{}, {last}", output.status)).into());
    }
    Ok(numbers(file, &String::from_utf8_lossy(&output.stdout), exercise.cases.len())?)
}

fn numbers(file: &Path, text: &str, count: usize) -> Result<Vec<f64>> {
    let number = |word: &str| word.parse().map_err(|_| Error::file(file, "a number for each case", word));
    let numbers = text.split_whitespace().map(number).collect::<Result<Vec<f64>>>()?;
    if numbers.len() != count {
        return Err(Error::file(file, format!("{count} numbers, one for each case"), numbers.len()));
    }
    Ok(numbers)
}
