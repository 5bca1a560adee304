//! Texts of random networks in the language of `nets::text`.
//!
//! A network is a series of units of operations with random options: a convolution and the operations that may follow
//! it, a pooling, a residual unit, a dense block, a sum or a concatenation with an earlier value. It ends with one or
//! two dense layers.

use super::random::Random;
use std::fmt::Write;

/// The number of classes of every network.
pub const CLASSES: usize = 4;

/// The text of the random network for this seed.
pub fn draw(seed: u64) -> String {
    let mut draw = Draw { random: Random::new(seed), text: String::new(), values: Vec::new(), lines: 0 };
    let input = [draw.between(1, 3), draw.between(6, 9), draw.between(6, 9)];
    writeln!(draw.text, "input {}x{}x{}", input[0], input[1], input[2]).expect("a string takes all");
    draw.values.push(Value { name: "in".to_string(), shape: input });
    for _ in 0..draw.between(2, 4) {
        match draw.between(0, 7) {
            0..=2 => draw.convolution(),
            3 => draw.residual(),
            4 | 5 => draw.dense_block(),
            6 => draw.pooling(),
            _ => draw.join(),
        }
    }
    draw.end();
    draw.text
}

/// A value of the network.
#[derive(Clone)]
struct Value {
    name: String,
    /// (C, H, W).
    shape: [usize; 3],
}

struct Draw {
    random: Random,
    text: String,
    /// The images of the lines written; the next line reads the last.
    values: Vec<Value>,
    lines: usize,
}

impl Draw {
    fn between(&mut self, least: usize, most: usize) -> usize {
        least + (self.random.word() >> 8) as usize % (most - least + 1)
    }

    /// True once in `n` times.
    fn once_in(&mut self, n: usize) -> bool {
        self.between(1, n) == 1
    }

    fn last(&self) -> Value {
        self.values.last().expect("the input").clone()
    }

    /// Appends a line with a new name, whose output is images of `shape`.
    fn line(&mut self, words: &str, shape: [usize; 3]) -> Value {
        self.lines += 1;
        let value = Value { name: format!("v{}", self.lines), shape };
        writeln!(self.text, "{} {words}", value.name).expect("a string takes all");
        self.values.push(value.clone());
        value
    }

    /// A line that reads `of`.
    fn line_of(&mut self, words: &str, of: &Value, shape: [usize; 3]) -> Value {
        let reads_above = self.last().name == of.name;
        let words = if reads_above { words.to_string() } else { format!("{words} of {}", of.name) };
        self.line(&words, shape)
    }

    /// A convolution with random options that fits, and perhaps a normalization, a ReLU and a max pooling.
    fn convolution(&mut self) {
        let Value { shape: [channels, height, width], .. } = self.last();
        let mut words = String::new();
        let mut size = [height, width];
        let [mut kernel, mut stride, mut pad, mut dilation] = [[1; 2], [1; 2], [0; 2], [1; 2]];
        for axis in 0..2 {
            kernel[axis] = self.between(1, 3);
            stride[axis] = self.between(1, 5).div_ceil(4);
            dilation[axis] = self.between(1, 4).div_ceil(3);
            let extent = dilation[axis] * (kernel[axis] - 1) + 1;
            pad[axis] = self.between(0, extent / 2).max((extent.saturating_sub(size[axis])).div_ceil(2));
            size[axis] = (size[axis] + 2 * pad[axis] - extent) / stride[axis] + 1;
        }
        let groups = if self.once_in(2) { 1 } else { channels };
        let outputs = groups * self.between(1, 4usize.div_ceil(groups));
        write!(words, "conv {outputs} {}x{}", kernel[0], kernel[1]).expect("a string takes all");
        for (option, [vertical, horizontal]) in [("stride", stride), ("pad", pad), ("dilation", dilation)] {
            write!(words, " {option} {vertical}x{horizontal}").expect("a string takes all");
        }
        write!(words, " groups {groups}").expect("a string takes all");
        if self.once_in(3) {
            words.push_str(" bias");
        }
        let shape = [outputs, size[0], size[1]];
        self.line(&words, shape);
        if !self.once_in(4) {
            self.line("norm", shape);
        }
        if !self.once_in(4) {
            self.line("relu", shape);
        }
        if self.once_in(3) {
            self.pooling();
        }
    }

    /// A pooling with random options that fits; often the one that a kernel computes together with the operations
    /// before it.
    fn pooling(&mut self) {
        let Value { shape: [channels, height, width], .. } = self.last();
        let kind = if self.once_in(3) { "avg-pool" } else { "max-pool" };
        if height >= 2 && width >= 2 && self.once_in(2) {
            self.line(&format!("{kind} 2x2"), [channels, height / 2, width / 2]);
            return;
        }
        let mut size = [height, width];
        let [mut kernel, mut stride, mut pad] = [[1; 2], [1; 2], [0; 2]];
        for axis in 0..2 {
            kernel[axis] = self.between(1, 3).min(size[axis]);
            stride[axis] = self.between(1, 3);
            pad[axis] = self.between(0, kernel[axis] / 2);
            size[axis] = (size[axis] + 2 * pad[axis] - kernel[axis]) / stride[axis] + 1;
        }
        let words =
            format!("{kind} {}x{} stride {}x{} pad {}x{}", kernel[0], kernel[1], stride[0], stride[1], pad[0], pad[1]);
        self.line(&words, [channels, size[0], size[1]]);
    }

    /// ReLU(x' + F(x)); x' is a projection if the channels or the size of the image change.
    fn residual(&mut self) {
        let x = self.last();
        let [channels, height, width] = x.shape;
        let stride = if height > 2 && width > 2 { self.between(1, 2) } else { 1 };
        let outputs = if self.once_in(2) { channels } else { self.between(1, 4) };
        let shape = [outputs, height.div_ceil(stride), width.div_ceil(stride)];
        self.line(&format!("conv {outputs} 3x3 stride {stride} pad 1"), shape);
        self.line("norm", shape);
        self.line("relu", shape);
        self.line(&format!("conv {outputs} 3x3 pad 1"), shape);
        let y = self.line("norm", shape);
        let mut shortcut = x.clone();
        if shape != x.shape {
            self.line_of(&format!("conv {outputs} 1x1 stride {stride}"), &x, shape);
            shortcut = self.line("norm", shape);
        }
        self.line(&format!("add of {} {}", y.name, shortcut.name), shape);
        self.line("relu", shape);
    }

    /// Units of one or two stages, whose outputs are appended to their inputs; now and then something that is nearly a
    /// dense block.
    fn dense_block(&mut self) {
        let mut x = self.last();
        let growth = self.between(1, 2);
        let [_, height, width] = x.shape;
        for _ in 0..self.between(1, 3) {
            let channels = x.shape[0];
            self.line_of("norm", &x, x.shape);
            self.line("relu", x.shape);
            let mut seen = channels;
            if self.once_in(3) {
                seen = 3;
                let between = [seen, height, width];
                self.line("conv 3 1x1", between);
                self.line("norm", between);
                self.line("relu", between);
            }
            // Sometimes the convolution has groups, a dilation or a bias.
            let (outputs, groups) = if self.once_in(6) { (seen, seen) } else { (growth, 1) };
            let dilation = if self.once_in(6) { 2 } else { 1 };
            let bias = if self.once_in(6) { " bias" } else { "" };
            let words = format!("conv {outputs} 3x3 pad {dilation} dilation {dilation} groups {groups}{bias}");
            let y = self.line(&words, [outputs, height, width]);
            let (first, second) = if self.once_in(6) { (&y, &x) } else { (&x, &y) };
            let words = format!("concat of {} {}", first.name, second.name);
            x = self.line(&words, [channels + outputs, height, width]);
        }
    }

    /// A sum or a concatenation with an earlier value, which is thus read once more.
    fn join(&mut self) {
        let last = self.last();
        let fits = |value: &&Value| value.shape[1..] == last.shape[1..];
        let others: Vec<Value> = self.values.iter().filter(fits).cloned().collect();
        let other = others[self.between(0, others.len() - 1)].clone();
        if other.shape == last.shape && self.once_in(2) {
            self.line(&format!("add of {} {}", last.name, other.name), last.shape);
        } else {
            let [channels, height, width] = last.shape;
            let words = format!("concat of {} {}", other.name, last.name);
            self.line(&words, [channels + other.shape[0], height, width]);
        }
    }

    fn end(&mut self) {
        if self.once_in(2) {
            self.text.push_str("global-avg-pool\n");
        }
        self.text.push_str("flatten\n");
        if self.once_in(2) {
            self.text.push_str("dense 5\n");
            if !self.once_in(3) {
                self.text.push_str("norm\n");
            }
            self.text.push_str("relu\n");
        }
        let bias = if self.once_in(3) { "" } else { " bias" };
        writeln!(self.text, "dense classes{bias}").expect("a string takes all");
    }
}
