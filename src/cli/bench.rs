//! `spikeslab bench`: a training step by its phases, and inference on packed weights, on random images.

use super::device::{DeviceOption, Gpu, on};
use super::output::{self, count, line};
use super::threads::Threads;
use super::{Failure, Outcome};
use crate::error::{Error, Result};
use crate::kernels::matmul::matmul;
use crate::layers::softmax_nll;
use crate::nets::graph::BayesLayer;
use crate::nets::{Description, Given, Network, Normalization, WeightMode};
use crate::packed::{Executor, PackedModel};
use crate::prior::Codebook;
use crate::team;
use crate::tensor::noise::{Philox, Purpose};
use crate::train::config::describe;
use crate::train::data::Dataset;
use crate::train::objective::ValueAndGradient;
use crate::train::recipe::DEEP;
use crate::train::{Loss, Objective, Recipe, Trainer};
use clap::Args;
use ndarray::{Array2, Array4, IxDyn};
use serde_json::{Value, json};
use std::process::ExitCode;
use std::time::{Duration, Instant};

#[derive(Debug, Args)]
#[command(after_help = "\
A step is cut into data (a batch gathered and converted), forward (noise and batch statistics included), KL (with its \
gradients), backward and optimizer. Each figure is a median. GFLOP/s count the products of a step alone, a product and a \
sum as two; the peak is that of a large f32 matrix product. On a GPU the step as a whole is timed.

Examples:
  spikeslab bench lenet5
  spikeslab bench densenet:depth=22 --threads 1
  spikeslab bench densenet --device cuda
  spikeslab bench --json")]
pub(super) struct BenchArguments {
    /// A preset, with its sizes after a colon, or the file of a network's text [default: five presets in turn]
    network: Option<String>,
    /// Number of levels, 2 to 256
    #[arg(long, value_name = "M", default_value_t = 3, allow_negative_numbers = true)]
    levels: usize,
    /// Images per step [default: 128, and 64 for deep networks]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    batch_size: Option<usize>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceOption,
    #[command(flatten)]
    threads: Threads,
}

pub(super) fn run(arguments: &BenchArguments) -> Outcome {
    arguments.threads.run(|| command(arguments))
}

fn command(arguments: &BenchArguments) -> Outcome {
    let threads = rayon::current_num_threads();
    let networks: Vec<Description> = match &arguments.network {
        Some(name) => vec![describe(name)?],
        None => ["mlp", "lenet5", "lenet-caffe", "densenet", "resnet20"]
            .into_iter()
            .map(Description::preset)
            .collect::<Result<_>>()?,
    };
    if arguments.batch_size.is_some_and(|images| !(1..=LARGEST_BATCH).contains(&images)) {
        let expected = format!("a whole number from 1 to {LARGEST_BATCH}");
        return Err(Error::option("batch-size", expected, arguments.batch_size.unwrap_or_default()).into());
    }
    let codebook = Codebook::symmetric(arguments.levels)?;
    if let Some(gpu) = arguments.device.device.open()? {
        return on_gpu(arguments, &gpu, &networks, &codebook);
    }
    // What is wrong with a network is told before anything is measured.
    let benches = networks.iter().map(|network| Bench::new(network, arguments.batch_size, &codebook));
    let benches = benches.collect::<Result<Vec<_>>>()?;
    let peak = peak();
    if !arguments.json {
        line(&format!("{}, peak of a matrix product {peak:.0} GFLOP/s", count(threads as u64, "thread")))?;
    }
    let mut measured = Vec::new();
    for bench in benches {
        let (step, packed) = (bench.step()?, bench.inference()?);
        if !arguments.json {
            print(&step, &packed, peak)?;
        }
        measured.push(in_json(&step, &packed, peak));
    }
    if arguments.json {
        output::json(&json!({"threads": threads, "peak_gflops": peak, "networks": measured}).to_string())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Times the training step of each network on a GPU.
fn on_gpu(arguments: &BenchArguments, gpu: &Gpu, networks: &[Description], codebook: &Codebook<f32>) -> Outcome {
    let device = format!("{gpu:?}");
    if !arguments.json {
        line(&device)?;
    }
    let mut measured = Vec::new();
    for network in networks {
        let bench = Bench::new(network, arguments.batch_size, codebook)?;
        let (name, images) = (network.name(), bench.batch_size);
        let milliseconds = bench.step_on(gpu)?;
        let (rate, gflops) = (images as f64 / milliseconds * 1e3, bench.gflop() / milliseconds * 1e3);
        if !arguments.json {
            let figures = format!("{milliseconds:>10.3} ms  {rate:.0} images/s, {gflops:.0} GFLOP/s");
            line(&format!("{name}, step of {images} images  {figures}"))?;
        }
        measured.push(json!({
            "network": name,
            "batch_size": images,
            "milliseconds": milliseconds,
            "images_per_second": rate,
            "gflops": gflops,
        }));
    }
    if arguments.json {
        output::json(&json!({"device": device, "networks": measured}).to_string())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The number of classes of a network whose text leaves it to the data.
const CLASSES: usize = 10;
/// The largest batch size accepted: larger than any that fits into memory.
const LARGEST_BATCH: usize = 4096;
const PHASES: [&str; 5] = ["data", "forward", "kl", "backward", "optimizer"];

/// A network, and random images of its input shape.
struct Bench {
    network: String,
    batch_size: usize,
    trainer: Trainer<f32>,
    data: Dataset,
}

/// The times of a training step.
struct Step {
    network: String,
    batch_size: usize,
    /// The milliseconds of each phase.
    phases: [f64; 5],
    /// The milliseconds of the whole step.
    milliseconds: f64,
    /// 10⁹ floating-point operations in the matrix products of the step.
    gflop: f64,
}

/// Inference on packed weights: the batch sizes and the milliseconds of each.
type Inference = [(usize, f64); 2];

impl Bench {
    fn new(network: &Description, batch_size: Option<usize>, codebook: &Codebook<f32>) -> Result<Self> {
        // A text may leave its number of classes to the data; there is none here.
        let graph = network
            .graph(Given::default())
            .or_else(|_| network.graph(Given { classes: Some(CLASSES), ..Given::default() }))?;
        let (shape, classes) = (graph.input, graph.classes());
        // Every step has noise and a prior, as the steps of a second phase have.
        let recipe = Recipe::in_one_phase(graph.layers().count());
        let batch_size = batch_size.unwrap_or(recipe.batch_size);
        let mut words = Philox::new(0, Purpose::Initialization(0), 0);
        let mut bytes = |count: usize| -> Vec<u8> {
            let mut bytes = vec![0; count];
            ndarray_rand::rand::RngCore::fill_bytes(&mut words, &mut bytes);
            bytes
        };
        let images = bytes(batch_size * shape.iter().product::<usize>());
        let labels = bytes(batch_size).into_iter().map(|byte| (usize::from(byte) % classes) as u16).collect();
        let name = network.name().to_string();
        let mut network = Network::new(graph, codebook);
        network.initialize(0);
        let trainer = Trainer::new(network, Recipe { batch_size, ..recipe }, batch_size)?;
        let data = Dataset::new(images, labels, shape, classes)?;
        Ok(Self { network: name, batch_size, trainer, data })
    }

    fn step(&self) -> Result<Step> {
        let mut trainer = self.trainer.clone();
        let recipe = trainer.recipe().clone();
        let objective = Objective {
            prior: recipe.prior(),
            forward: recipe.forward,
            kl_scale: recipe.kl_scale,
            train_size: self.batch_size,
        };
        let indices: Vec<usize> = (0..self.batch_size).collect();
        let mut times: [Vec<f64>; 5] = Default::default();
        let mut whole = Vec::new();
        let mut step = || {
            let mut clock = Clock::start();
            let (x, labels) = self.data.batch(&indices);
            clock.lap(&mut times[0]);
            let network = &trainer.network;
            let step = trainer.steps_taken as u32;
            let noise = |layer: &BayesLayer, shape: &[usize]| {
                Ok(Philox::new(0, Purpose::Layer(layer.index as u32), step).standard_normal(IxDyn(shape)))
            };
            let (logits, tape) = network.forward(x, &WeightMode::Sample(&noise), Normalization::Batch)?;
            let (nll, cache) = softmax_nll::forward(logits.view(), &labels)?;
            clock.lap(&mut times[1]);
            let mut gradients = network.backward(&tape, softmax_nll::backward(&cache));
            clock.lap(&mut times[3]);
            let mut loss = Loss { loss: f64::from(nll), nll: f64::from(nll), kl: 0.0 };
            objective.add_kl(network, 1e-3, &mut loss, &mut gradients)?;
            clock.lap(&mut times[2]);
            trainer.apply(ValueAndGradient { loss, logits, gradients, tape })?;
            clock.lap(&mut times[4]);
            whole.push(clock.total());
            Ok(())
        };
        repeat(|| team::lead(self.trainer.team_size(self.batch_size), &mut step))?;
        Ok(Step {
            network: self.network.clone(),
            batch_size: self.batch_size,
            phases: times.map(median),
            milliseconds: median(whole),
            gflop: self.gflop(),
        })
    }

    /// The milliseconds of a whole step on a GPU: gathering and converting a batch, and the trainer's step.
    fn step_on(&self, gpu: &Gpu) -> Result<f64> {
        let mut training = on(Some(gpu), self.trainer.clone())?;
        let indices: Vec<usize> = (0..self.batch_size).collect();
        let mut times = Vec::new();
        repeat(|| {
            let mut clock = Clock::start();
            let (x, labels) = self.data.batch(&indices);
            // The step ends with a copy to the host, which waits until the GPU is done.
            training.step(x, &labels)?;
            clock.lap(&mut times);
            Ok(())
        })?;
        Ok(median(times))
    }

    /// 10⁹ floating-point operations in the matrix products of a step.
    fn gflop(&self) -> f64 {
        // Each multiplication comes with an addition.
        let products: Vec<usize> = self.trainer.network.graph().multiplications().map(|count| 2 * count).collect();
        // Forward, weight gradient and input gradient, each for mean and variance; the images need no gradient.
        let per_image = 6 * products.iter().sum::<usize>() - 2 * products.first().unwrap_or(&0);
        (self.batch_size * per_image) as f64 / 1e9
    }

    fn inference(&self) -> Result<Inference> {
        let model = PackedModel::new(&self.network, &self.trainer.network, None);
        let executor = Executor::new(&model);
        let large = if self.trainer.network.layers().count() < DEEP { 256 } else { 64 };
        let mut inference = [(1, 0.0), (large, 0.0)];
        for (images, milliseconds) in &mut inference {
            let indices: Vec<usize> = (0..*images).map(|i| i % self.data.len()).collect();
            let (x, _): (Array4<f32>, _) = self.data.batch(&indices);
            let mut times = Vec::new();
            repeat(|| {
                let x = x.clone();
                let mut clock = Clock::start();
                std::hint::black_box(executor.predict(x)?);
                clock.lap(&mut times);
                Ok(())
            })?;
            *milliseconds = median(times);
        }
        Ok(inference)
    }
}

/// Calls `run` once to warm up, then for at least a second and at least three times. `run` also measures the first
/// call, which hardly changes a median.
fn repeat(mut run: impl FnMut() -> Result<()>) -> Result<()> {
    const TIME: Duration = Duration::from_secs(1);
    run()?;
    let start = Instant::now();
    let mut runs = 0;
    while runs < 3 || start.elapsed() < TIME {
        run()?;
        runs += 1;
    }
    Ok(())
}

/// Measures milliseconds from lap to lap.
struct Clock {
    start: Instant,
    lap: Instant,
}

impl Clock {
    fn start() -> Self {
        let now = Instant::now();
        Self { start: now, lap: now }
    }

    fn lap(&mut self, times: &mut Vec<f64>) {
        let now = Instant::now();
        times.push((now - self.lap).as_secs_f64() * 1e3);
        self.lap = now;
    }

    fn total(&self) -> f64 {
        (self.lap - self.start).as_secs_f64() * 1e3
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// GFLOP/s of a large f32 matrix product: the best of nine.
fn peak() -> f64 {
    const SIZE: usize = 1024;
    let matrix = Array2::from_shape_fn((SIZE, SIZE), |(i, j)| (i + 2 * j) as f32 / SIZE as f32);
    let rate = || {
        let start = Instant::now();
        std::hint::black_box(matmul(matrix.view(), matrix.view()));
        (2 * SIZE.pow(3)) as f64 / start.elapsed().as_secs_f64() / 1e9
    };
    (0..9).map(|_| rate()).fold(0.0, f64::max)
}

fn print(step: &Step, packed: &Inference, peak: f64) -> std::result::Result<(), Failure> {
    let rate = step.gflop / step.milliseconds * 1e3;
    line("")?;
    line(&format!("{}, step of {}", step.network, count(step.batch_size as u64, "image")))?;
    for (phase, milliseconds) in PHASES.iter().zip(step.phases) {
        line(&format!("  {phase:<12}{milliseconds:>10.3} ms{:>7.1}%", 100.0 * milliseconds / step.milliseconds))?;
    }
    line(&format!(
        "  {:<12}{:>10.3} ms  {rate:.1} GFLOP/s, {:.0}% of the peak",
        "step",
        step.milliseconds,
        100.0 * rate / peak
    ))?;
    for (images, milliseconds) in packed {
        line(&format!(
            "  packed, {images:<4}{milliseconds:>10.3} ms  {:.0} images/s",
            *images as f64 / milliseconds * 1e3
        ))?;
    }
    Ok(())
}

fn in_json(step: &Step, packed: &Inference, peak: f64) -> Value {
    let phases: serde_json::Map<String, Value> =
        PHASES.iter().zip(step.phases).map(|(phase, milliseconds)| (phase.to_string(), json!(milliseconds))).collect();
    let rate = step.gflop / step.milliseconds * 1e3;
    let inference: Vec<Value> =
        packed.iter().map(|(images, milliseconds)| json!({"images": images, "milliseconds": milliseconds})).collect();
    json!({
        "network": step.network,
        "batch_size": step.batch_size,
        "milliseconds": step.milliseconds,
        "phases": phases,
        "gflops": rate,
        "share_of_peak": rate / peak,
        "packed": inference,
    })
}
