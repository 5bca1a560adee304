//! `spikeslab explain packing`: how many bytes the levels' indices take.

use super::example::{FigureOptions, begin, columns, curve, evenly, six, value};
use crate::cli::Outcome;
use crate::cli::output::{count, line};
use crate::error::Error;
use crate::kernels::packed::fields::field_bits;
use crate::packed::digits::{digits_per_byte, packed_len};
use crate::packed::entropy::{decode, encode, widths};
use crate::report::axes::Axis;
use crate::report::chart::{self, Chart, Plot, TRUTH};
use crate::tensor::noise::Philox;
use clap::Args;
use ndarray_rand::rand::seq::SliceRandom;
use std::process::ExitCode;

pub(super) const HELP: &str = "\
The figure is of three levels, whatever the counts.

Examples:
  spikeslab explain packing
  spikeslab explain packing --counts 50,900,50
  spikeslab explain packing --counts 25000,25000,25000,25000 --out figures";

const EQUATIONS: &str = "\
Chapter 7 of the course. n weights, c_k of them at level k:
  entropy         H = -sum (c_k/n) log2(c_k/n) bits a weight: no code has a shorter
                  mean for weights drawn with the probabilities c_k/n
  fields          1, 2, 4 or 8 bits for M up to 2, 4, 16, 256, as in memory
  base-M digits   d of them in a byte, the largest d with M^d <= 256
  entropy coder   log2(2^24/f_k) bits for a weight at level k, f_k the length of the run of level k, as in (7.12)";

#[derive(Debug, Args)]
pub(super) struct PackingArguments {
    /// The number of weights at each level
    #[arg(long, value_name = "COUNTS", value_delimiter = ',', default_value = "1200,7100,1700")]
    counts: Vec<usize>,
    /// Seed of the order of the weights
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    figures: FigureOptions,
}

/// −Σ (c_k/n) log₂(c_k/n).
fn entropy(counts: &[usize]) -> f64 {
    let total = counts.iter().sum::<usize>() as f64;
    let bits = |count: usize| if count == 0 { 0.0 } else { count as f64 / total * (total / count as f64).log2() };
    counts.iter().map(|count| bits(*count)).sum()
}

/// Indices of which `counts[k]` are k, in random order.
fn shuffled(counts: &[usize], seed: u64) -> Vec<u8> {
    let of_level = |(level, count): (usize, &usize)| std::iter::repeat_n(level as u8, *count);
    let mut indices: Vec<u8> = counts.iter().enumerate().flat_map(of_level).collect();
    indices.shuffle(&mut Philox::with_tensor_id(seed, 0, 0));
    indices
}

pub(super) fn command(arguments: &PackingArguments) -> Outcome {
    let PackingArguments { counts, seed, figures } = arguments;
    let levels = counts.len();
    if !(2..=256).contains(&levels) {
        return Err(Error::option("counts", "2 to 256 numbers, one for each level", levels).into());
    }
    let weights = counts.iter().try_fold(0usize, |sum, count| sum.checked_add(*count));
    let weights = weights.filter(|weights| (1..=10_000_000).contains(weights)).ok_or_else(|| {
        let seen: Vec<String> = counts.iter().map(ToString::to_string).collect();
        Error::option("counts", "1 to 10000000 weights in all", seen.join(","))
    })?;
    let indices = shuffled(counts, *seed);
    let words = encode(&indices, counts);
    let coded = 4 * words.len();
    let mut decoded = Vec::new();
    let is_same = decode(words, counts, &mut decoded) && decoded == indices;

    let figures = begin(EQUATIONS, figures)?;
    line(&format!("{:<28}{}", "level", columns((1..=levels).map(|level| level as f64))))?;
    line(&format!("{:<28}{}", "share c/n", columns(counts.iter().map(|count| *count as f64 / weights as f64))))?;
    line(&format!(
        "{:<28}{}",
        "log2(2^24/f), bits",
        columns(widths(counts).iter().map(|f| 24.0 - f64::from(*f).log2()))
    ))?;
    line("")?;
    value("H, bits a weight", entropy(counts))?;
    let head: String = indices.iter().take(40).map(|index| format!("{} ", usize::from(*index) + 1)).collect();
    line(&format!("the first weights' levels: {}", head.trim_end()))?;
    line("")?;
    line(&format!(
        "{:<28}{:>12}{:>14}{:>14}",
        count(weights as u64, "weight"),
        "bytes",
        "bits a weight",
        "less than f32"
    ))?;
    let bound = (entropy(counts) * weights as f64 / 8.0).ceil() as usize;
    let fields = (weights * field_bits(levels)).div_ceil(8);
    let digits = format!("base-{levels} digits, {} a byte", digits_per_byte(levels));
    for (name, bytes) in [
        ("f32".to_string(), 4 * weights),
        (format!("fields of {}", count(field_bits(levels) as u64, "bit")), fields),
        (digits, packed_len(weights, levels)),
        ("entropy coder".to_string(), coded),
        ("bound n H".to_string(), bound),
    ] {
        let times =
            if bytes == 0 { "-".to_string() } else { format!("{:.1} times", 4.0 * weights as f64 / bytes as f64) };
        let bits = 8.0 * bytes as f64 / weights as f64;
        line(&format!("{name:<28}{bytes:>12}{:>14}{times:>14}", six(bits)))?;
    }
    line(&format!("decoded: {}", if is_same { "the same indices" } else { "other indices" }))?;
    figures.save(|| Ok([("packing", figure())]))?;
    Ok(ExitCode::SUCCESS)
}

/// The number of bits per weight with three levels, over the share of the middle level; the other two levels have equal
/// shares.
fn figure() -> String {
    let shares = evenly(0.0, 1.0, 201);
    let weights = 4096;
    let of_three = |share: f64| {
        let middle = (share * weights as f64).round() as usize;
        let low = (weights - middle) / 2;
        [low, middle, weights - middle - low]
    };
    let flat = |bits: f64| curve(&shares, move |_| bits);
    let coder = evenly(0.0, 1.0, 21).into_iter().map(|share| {
        let counts = of_three(share);
        let words = encode(&shuffled(&counts, 0), &counts);
        (share, 32.0 * words.len() as f64 / weights as f64)
    });
    let entries = vec![
        (chart::line(4), "fields of 2 bits"),
        (chart::line(2), "base-3 digits"),
        (TRUTH, "entropy H"),
        (chart::points(0), "entropy coder, 4,096 weights"),
    ];
    let plot = Plot {
        title: String::new(),
        x: ("share of the weights at the middle of three levels", Axis::linear([0.0, 1.0])),
        y: ("bits a weight", Axis::linear([0.0, 2.1])),
        curves: vec![
            (TRUTH, curve(&shares, |share| entropy(&of_three(share)))),
            (chart::line(4), flat(field_bits(3) as f64)),
            (chart::line(2), flat(8.0 / digits_per_byte(3) as f64)),
            (chart::points(0), coder.collect()),
        ],
        levels: Vec::new(),
    };
    chart::chart(&Chart { heading: "Bits a weight of three levels", entries, plots: vec![plot] })
}
