//! The command line. An error is printed as one line.
//!
//! Exit codes: 0 for success, 1 for an error, 2 for wrong arguments, and 128 plus the signal's number after a signal
//! that asks the process to end (130 for Ctrl-C). If standard output is closed, the command ends without a message, but
//! for `train` and `compare`, which print how to go on.

mod bench;
mod compare;
mod device;
mod download;
mod eval;
mod explain;
mod export;
mod figures;
mod init;
mod inspect;
mod intervals;
mod memory;
mod network;
mod options;
mod oracle;
mod output;
mod predict;
mod progress;
mod quantize;
mod requantize;
mod signals;
mod source;
mod summarize;
mod table;
mod teacher;
mod threads;
mod train;
mod training;

use crate::error::Error;
use crate::files::notice;
use crate::kernels;
use crate::simd;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Parser, Subcommand};
use std::process::ExitCode;

pub use memory::Allocator;

/// What a command returns: its exit code, or why it stopped.
type Outcome = std::result::Result<ExitCode, Failure>;

/// Why a command stopped.
#[derive(Debug)]
enum Failure {
    /// An error.
    Error(Error),
    /// An error, and a second line that tells what to do.
    Advised(Error, &'static str),
    /// Standard output is closed.
    OutputClosed,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

#[derive(Debug, Parser)]
#[command(version, about, after_help = EXAMPLES, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  spikeslab train lenet5                          on embedded images, in a minute
  spikeslab train lenet5 --data mnist --levels 4  on the four MNIST files in mnist/
  spikeslab train lenet5 --codebook=-0.1,0,0.3    levels of your own to begin with
  spikeslab train --resume runs/lenet5-1          go on with a run that was stopped
  spikeslab eval runs/lenet5-1 --ood fashion      calibration, and detection of other images
  spikeslab compare lenet5                        Gaussian against multi-spike prior
  spikeslab quantize runs/lenet5-1 --out l.packed the packed model
  spikeslab inspect l.packed                      layers, levels, occupancy, bytes
  spikeslab predict l.packed seven.png            the class of an image
  spikeslab export l.packed --to c --out lenet.c  as C, ONNX or safetensors
  spikeslab network resnet20                      its text: edit it, and train it
  spikeslab explain spike --theta 0.19            a topic of the course
  spikeslab summarize runs/*                      one table of many runs
  spikeslab bench lenet5                          a training step by its phases
  spikeslab oracle kl in.st out.st                an operation on your own tensors";

#[derive(Debug, Subcommand)]
enum Command {
    /// Train a network whose weights gather at M learned levels
    Train(train::TrainArguments),
    /// Accuracy, calibration and uncertainty with each kind of weights
    Eval(eval::EvalArguments),
    /// Train under a Gaussian and under a multi-spike prior, side by side
    Compare(compare::CompareArguments),
    /// Write the packed model of a run
    Quantize(quantize::QuantizeArguments),
    /// Layers, levels, occupancy of each level, bits, bytes
    Inspect(inspect::InspectArguments),
    /// The class of each image, and its probability
    Predict(predict::PredictArguments),
    /// Write the quantized model as ONNX, C or safetensors
    Export(export::ExportArguments),
    /// Evaluate one operation and its gradients on your own tensors
    Oracle(oracle::OracleArguments),
    /// The mathematics, topic by topic, on numbers of your own; exercises; the whole course
    Explain(explain::ExplainArguments),
    /// Print a network's text, and what each of its lines costs
    Network(network::NetworkArguments),
    /// Print one table of many runs
    Summarize(summarize::SummarizeArguments),
    /// Time a training step by its phases, and inference on packed weights
    Bench(bench::BenchArguments),
}

/// Runs the command that this process's arguments name, on the main thread, which becomes a thread of the global pool.
pub fn main() -> ExitCode {
    memory::keep_between_steps();
    signals::ignore_file_size_signal();
    notice::listen(output::note);
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    if let Err(error) = simd::check_environment().and_then(|()| kernels::check_environment()) {
        output::complain(&error.to_string());
        return ExitCode::from(error.exit_code());
    }
    let outcome = match arguments.command {
        Command::Train(arguments) => train::run(&arguments),
        Command::Eval(arguments) => eval::run(&arguments),
        Command::Compare(arguments) => compare::run(&arguments),
        Command::Quantize(arguments) => quantize::run(&arguments),
        Command::Inspect(arguments) => inspect::run(&arguments),
        Command::Predict(arguments) => predict::run(&arguments),
        Command::Export(arguments) => export::run(&arguments),
        Command::Oracle(arguments) => oracle::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Network(arguments) => network::run(&arguments),
        Command::Summarize(arguments) => summarize::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
    };
    match outcome {
        Ok(code) => code,
        Err(Failure::OutputClosed) => ExitCode::SUCCESS,
        Err(Failure::Error(error)) => {
            output::complain(&error.to_string());
            ExitCode::from(error.exit_code())
        }
        Err(Failure::Advised(error, advice)) => {
            output::complain(&error.to_string());
            output::note(advice);
            ExitCode::from(error.exit_code())
        }
    }
}

/// Prints help, or what is wrong with the arguments in one line.
fn usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let _ = error.print();
        return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
    }
    let text = error.render().to_string();
    // The message without the advice that follows it. A value quoted in the message may contain any text.
    let after = ["\n\nUsage:", "\n\nFor more information", "\n\n  tip:"];
    let end = after.iter().filter_map(|start| text.find(start)).min().unwrap_or(text.len());
    let similar =
        [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand].into_iter().find_map(|kind| {
            match error.get(kind)? {
                ContextValue::String(name) => Some(name.clone()),
                ContextValue::Strings(names) => names.first().cloned(),
                _ => None,
            }
        });
    let advice = match (similar, error.kind()) {
        (Some(name), _) => format!("; there is {name}"),
        (None, ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand | ErrorKind::MissingRequiredArgument) => {
            format!("; see {} --help", command_of(&text))
        }
        _ => String::new(),
    };
    output::complain(&format!("{}{advice}", text[..end].trim_start_matches("error: ")));
    ExitCode::from(2)
}

/// The command that the usage in an error of clap names, with its subcommands: the words before the first argument.
fn command_of(text: &str) -> String {
    let usage = text.rsplit_once("\n\nUsage: ").map_or("spikeslab", |(_, usage)| usage);
    let words = usage.lines().next().unwrap_or_default().split_whitespace();
    words.take_while(|word| word.starts_with(|first: char| first.is_ascii_lowercase())).collect::<Vec<_>>().join(" ")
}
