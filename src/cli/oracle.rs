//! `spikeslab oracle`.

use super::device::DeviceName;
use super::output::line;
use super::{Failure, Outcome};
use crate::error::Error;
use crate::oracle::{OPERATIONS, evaluate};
use crate::train::write::check_replaceable;
use clap::Args;
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

#[derive(Debug, Args)]
#[command(
    override_usage = "spikeslab oracle OP IN.safetensors OUT.safetensors [--option value ...]\n       spikeslab oracle noise OUT.safetensors [--option value ...]\n       spikeslab oracle --list",
    after_help = "\
Evaluates one operation and all its gradients on the tensors in IN, in their own type, F64 or F32.

Examples:
  spikeslab oracle --list
  spikeslab oracle kl in.safetensors out.safetensors --prior mixture --spike exact
  spikeslab oracle conv2d in.safetensors out.safetensors --stride 2 --padding 1,0
  spikeslab oracle noise out.safetensors --seed 7 --step 3 --tensor 1 --count 1000
  spikeslab oracle dense in.safetensors out.safetensors --device cuda    on a GPU"
)]
pub(super) struct OracleArguments {
    /// List every operation: inputs, shapes, options, outputs
    #[arg(long)]
    list: bool,
    /// Operation, files, options
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required_unless_present = "list", value_name = "OP")]
    rest: Vec<OsString>,
}

pub(super) fn run(arguments: &OracleArguments) -> Outcome {
    let asks_for = |name: &str| arguments.rest.iter().any(|argument| argument == name);
    if arguments.list || ["--list", "--help", "-h"].into_iter().any(asks_for) {
        list()?;
        return Ok(ExitCode::SUCCESS);
    }
    let (mut files, mut options) = (Vec::new(), Vec::new());
    let mut rest = arguments.rest.iter();
    while let Some(argument) = rest.next() {
        let option = argument.to_str().and_then(|text| text.strip_prefix("--"));
        match option.map(|option| option.split_once('=').unwrap_or((option, ""))) {
            None if argument.as_encoded_bytes().starts_with(b"-") => {
                return Err(Error::option("oracle", "options that begin with --", argument.to_string_lossy()).into());
            }
            None => files.push(argument),
            Some((name, value)) if option.is_some_and(|option| option.contains('=')) => {
                options.push((name.to_string(), value.to_string()));
            }
            Some((name, _)) => {
                let value = rest.next().ok_or_else(|| Error::option(name, "a value", "none"))?;
                options.push((name.to_string(), value.to_string_lossy().into_owned()));
            }
        }
    }
    let (operation, input, output) = match files.as_slice() {
        [operation, input, output] => (operation, Some(Path::new(input)), Path::new(output)),
        [operation, output] => (operation, None, Path::new(output)),
        _ => {
            let seen = format!("{} of them", files.len());
            return Err(Error::option("oracle", "OP IN.safetensors OUT.safetensors", seen).into());
        }
    };
    check_replaceable(output)?;
    if input.is_some_and(|input| is_same(input, output)) {
        return Err(Error::file(output, "another file than the input", "the input").into());
    }
    let name = operation.to_string_lossy();
    match device(&mut options)?.open()? {
        None => evaluate(&name, input, output, &options)?,
        #[cfg(feature = "cuda")]
        Some(device) => crate::oracle::evaluate_on(&device, &name, input, output, &options)?,
        #[cfg(not(feature = "cuda"))]
        Some(never) => match never {},
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether both are there, and one file.
fn is_same(one: &Path, other: &Path) -> bool {
    one.canonicalize().is_ok_and(|one| other.canonicalize().is_ok_and(|other| one == other))
}

/// Takes --device out of the options; the last one given holds.
fn device(options: &mut Vec<(String, String)>) -> crate::error::Result<DeviceName> {
    let mut device = DeviceName::Cpu;
    for (_, name) in options.extract_if(.., |(option, _)| option == "device") {
        device = name.parse().map_err(|expected: String| Error::option("device", expected, &name))?;
    }
    Ok(device)
}

fn list() -> Result<(), Failure> {
    for operation in OPERATIONS {
        line(&format!("{}  (spikeslab::{})", operation.name, operation.module))?;
        let tensor = |input: &crate::oracle::catalogue::Input| {
            let shown = format!("{} ({})", input.name, input.shape);
            if input.optional { format!("[{shown}]") } else { shown }
        };
        let mut inputs: Vec<String> = operation.inputs.iter().map(tensor).collect();
        if operation.labels {
            inputs.push("labels (B) I64".to_string());
        }
        if operation.inputs.is_empty() && operation.takes_input() {
            inputs.insert(0, "x (B, C, H, W), every parameter by its name, eps.<layer>".to_string());
        }
        if operation.takes_input() {
            line(&format!("    inputs   {}", inputs.join(", ")))?;
        }
        for option in operation.options {
            let default = if option.default.is_empty() { String::new() } else { format!(" [{}]", option.default) };
            line(&format!("    --{:<17}{}{default}", option.name, option.values))?;
        }
        line(&format!("    outputs  {}", operation.outputs))?;
    }
    Ok(())
}
