//! `spikeslab oracle`.

use super::device::DeviceName;
use super::output::{json, line};
use super::source::check_other;
use super::threads::Threads;
use super::{Failure, Outcome};
use crate::error::Error;
use crate::files::write::check_replaceable;
use crate::oracle::catalogue::{COMMON, Input, InputTensors};
use crate::oracle::options::OptionSpec;
use crate::oracle::{OPERATIONS, Operation, evaluate, find};
use crate::train::overwrite::check_may_write;
use clap::Args;
use serde_json::Value;
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

#[derive(Debug, Args)]
#[command(
    override_usage = "\
spikeslab oracle OP IN.safetensors OUT.safetensors [--option value ...]
       spikeslab oracle network NETWORK IN.safetensors OUT.safetensors [--option value ...]
       spikeslab oracle noise OUT.safetensors [--option value ...]
       spikeslab oracle [OP] --list [--json]",
    after_help = "\
Evaluates one operation and all its gradients on the tensors in IN, in their own type, F64 or F32;
F16 and BF16 are read as F32. Labels are I64, I32 or U8.
An output that is not finite is an error that names it, unless --allow-non-finite is given.
The definition of the operation computes it, or, with --kernels, the kernels that train; the
metadata entry computed_by of OUT says which.

Without options an operation is its definition: --spike exact, --kl-scale dataset, --kl-weight 1,
under which the loss of a network of dense layers, times --train-size, estimates an upper bound on
-ln evidence, up to a constant (priors nearest and mixture). `train` has other defaults, those that
trained best: per-weight, and a weight that depends on the network, see `train --help`.

Examples:
  spikeslab oracle --list
  spikeslab oracle kl in.safetensors out.safetensors --prior mixture --spike exact
  spikeslab oracle conv2d in.safetensors out.safetensors --stride 2 --padding 1,0
  spikeslab oracle network resnet20 in.safetensors out.safetensors
  spikeslab oracle network vgg.net in.safetensors out.safetensors        a network's text
  spikeslab oracle noise out.safetensors --seed 7 --step 3 --tensor 1 --count 1000
  spikeslab oracle conv2d in.safetensors out.safetensors --kernels       as it is trained
  spikeslab oracle dense in.safetensors out.safetensors --device cuda    on a GPU"
)]
pub(super) struct OracleArguments {
    /// List every operation, or the one named: inputs, shapes, options, outputs, domain
    #[arg(long)]
    list: bool,
    /// With --list: print one JSON array
    #[arg(long, requires = "list")]
    json: bool,
    /// Operation, files, options
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required_unless_present = "list", value_name = "OP")]
    rest: Vec<OsString>,
}

pub(super) fn run(arguments: &OracleArguments) -> Outcome {
    Threads::default().run(|| command(arguments))
}

fn command(arguments: &OracleArguments) -> Outcome {
    const LISTING: [&str; 4] = ["--list", "--help", "-h", "--json"];
    let asks_for = |name: &str| arguments.rest.iter().any(|argument| argument == name);
    if arguments.list || LISTING[..3].iter().any(|name| asks_for(name)) {
        let named: Vec<_> = arguments.rest.iter().filter(|given| !LISTING.iter().any(|name| given == name)).collect();
        let operations: Vec<&Operation> = match named[..] {
            [] => OPERATIONS.iter().collect(),
            [name] => vec![find(&name.to_string_lossy())?],
            [_, more, ..] => {
                return Err(Error::option(
                    "oracle",
                    "at most one operation with --list or --help",
                    more.to_string_lossy(),
                )
                .into());
            }
        };
        if arguments.json || asks_for("--json") {
            json(&Value::from_iter(operations.into_iter().map(in_json)).to_string())?;
        } else {
            list(&operations)?;
        }
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
            // An option that needs no value.
            Some((name, _)) if COMMON.iter().any(|option| option.name == name) => {
                let next = rest.clone().next().and_then(|value| value.to_str());
                let value = next.filter(|value| ["true", "false"].contains(value));
                if value.is_some() {
                    rest.next();
                }
                options.push((name.to_string(), value.unwrap_or("true").to_string()));
            }
            Some((name, _)) => {
                let value = rest.next().map_or_else(String::new, |value| value.to_string_lossy().into_owned());
                options.push((name.to_string(), value));
            }
        }
    }
    let (operation, input, output) = match files.as_slice() {
        [operation, network, input, output] if *operation == "network" => {
            options.push(("network".to_string(), network.to_string_lossy().into_owned()));
            (operation, Some(Path::new(input)), Path::new(output))
        }
        [operation, input, output] => (operation, Some(Path::new(input)), Path::new(output)),
        [operation, output] if *operation == "noise" => (operation, None, Path::new(output)),
        _ => {
            let seen = format!("{} of them", files.len());
            return Err(Error::option("oracle", "OP IN.safetensors OUT.safetensors", seen).into());
        }
    };
    check_replaceable(output)?;
    check_may_write(None, output)?;
    input.map_or(Ok(()), |input| check_other(input, output))?;
    let networks = options.iter().filter(|(name, _)| name == "network");
    networks.map(|(_, network)| Path::new(network)).try_for_each(|network| check_other(network, output))?;
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

/// Removes --device from the options and returns its value; if it is given several times, the last value.
fn device(options: &mut Vec<(String, String)>) -> crate::error::Result<DeviceName> {
    let mut device = DeviceName::Cpu;
    for (_, name) in options.extract_if(.., |(option, _)| option == "device") {
        device = name.parse().map_err(|expected: String| Error::option("device", expected, &name))?;
    }
    Ok(device)
}

fn list(operations: &[&Operation]) -> Result<(), Failure> {
    for operation in operations {
        line(&format!("{}  (spikeslab::{})", operation.name, operation.module))?;
        let tensor = |input: &Input| {
            let shown = format!("{} ({})", input.name, input.shape);
            if input.optional { format!("[{shown}]") } else { shown }
        };
        let mut inputs: Vec<String> = operation.inputs.listed().iter().map(tensor).collect();
        if operation.labels {
            inputs.push("labels (B) I64, I32 or U8".to_string());
        }
        if operation.inputs == InputTensors::OfNetwork {
            inputs.insert(0, OF_NETWORKS.to_string());
        }
        if operation.takes_input() {
            line(&format!("    inputs   {}", inputs.join(", ")))?;
        }
        if operation.inputs == InputTensors::OfNetwork {
            line(&format!("    note     {ON_NETWORKS}"))?;
        }
        operation.options.iter().try_for_each(option)?;
        line(&format!("    outputs  {}", operation.outputs))?;
        line(&format!("    domain   {}", operation.domain))?;
    }
    line("every operation")?;
    COMMON.iter().try_for_each(option)?;
    line("    inputs are finite; the largest number is 3.4e38 in F32, 1.8e308 in F64")
}

/// The inputs of a network as `--list` prints them: their names depend on the network.
const OF_NETWORKS: &str = "x (B, C, H, W), or (B, I) for an input of 1x1xI; every trained parameter by its name, also \
                           those that the prior does not read; unless the prior is none, eps.<layer> of the shape of \
                           the output of each layer that is not unquantized";
/// What every network in the oracle has in common.
const ON_NETWORKS: &str = "normalizations take the batch's statistics; every level has the mass 1/M";

fn option(option: &OptionSpec) -> Result<(), Failure> {
    let default = if option.default.is_empty() { String::new() } else { format!(" [{}]", option.default) };
    line(&format!("    --{:<18}{}{default}", option.name, option.values))
}

/// An operation as `--list --json` prints it. The inputs of networks are null; the default of an option without one is
/// empty.
fn in_json(operation: &Operation) -> Value {
    let input =
        |input: &Input| serde_json::json!({"name": input.name, "shape": input.shape, "optional": input.optional});
    let option = |option: &OptionSpec| serde_json::json!({"name": option.name, "values": option.values, "default": option.default});
    let by_name = operation.inputs == InputTensors::OfNetwork;
    let inputs = (!by_name).then(|| operation.inputs.listed().iter().map(input).collect::<Vec<_>>());
    serde_json::json!({
        "name": operation.name,
        "module": operation.module,
        "inputs": inputs,
        "labels": operation.labels,
        "options": operation.options.iter().chain(COMMON).map(option).collect::<Vec<_>>(),
        "outputs": operation.outputs,
        "domain": operation.domain,
    })
}
