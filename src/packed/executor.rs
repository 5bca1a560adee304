//! Runs a packed model: a few images at a time go through all steps of its schedule.
//!
//! The kernels decode each layer's weights a tile at a time. A normalization and a ReLU that follow a convolution are
//! applied while its sums are still in registers, those that follow a dense layer when a thread has computed its sums,
//! and a max pooling that follows a convolution before its sums leave the cache; a convolution in groups is followed by
//! separate passes. Images are independent: the threads share groups of images or, for a single image with enough to
//! compute, each layer. Each output is one sum, whose order depends on neither the group nor the thread. The order for
//! a single image differs from the order for one of several images.

use super::model::PackedModel;
use crate::arrays::STANDARD;
use crate::error::Result;
use crate::kernels::Way;
use crate::kernels::packed::conv::{Buffers, Convolution};
use crate::kernels::packed::dense::Dense;
use crate::kernels::packed::enlarge;
use crate::kernels::packed::epilogue::{Epilogue, of_number};
use crate::kernels::packed::max_pool::max_pool;
use crate::layers::bayes_conv2d::BayesConv2d;
use crate::layers::pool::Pool;
use crate::layers::{avg_pool, max_pool as padded_max_pool};
use crate::nets::graph::{self, Op, SHAPES_FIT, elements};
use crate::nets::schedule::{Chain, Schedule, Stage, Work};
use crate::nets::{Network, WeightMode};
use crate::spares::Spares;
use crate::team;
use crate::tensor::aligned::Aligned;
use crate::tensor::im2col::Window;
use ndarray::{Array2, Array4, ArrayView1, ArrayView4, Ix4};
use rayon::prelude::*;

/// The most images that go through the network together, so that a layer is decoded once for all of them.
const GROUP: usize = 32;
/// About the most elements of the largest layer of these images: they stay in the cache of a core.
const CACHED: usize = 1 << 18;

/// Computes the logits of a model. It reuses the memory of one call in the next: create one executor for all batches of
/// a data set.
pub struct Executor<'a> {
    model: &'a PackedModel,
    by: By,
}

/// The method that computes the logits: see [`Way`].
enum By {
    Definition(Network<f32>),
    Kernels { schedule: Schedule, workspaces: Spares<Workspace> },
}

/// The memory for a few images in the network.
#[derive(Default)]
struct Workspace {
    /// Buffers whose values no step will read again, to be overwritten.
    free: Vec<Aligned<f32>>,
    /// The buffers of each thread.
    buffers: Vec<Buffers>,
}

impl<'a> Executor<'a> {
    /// An executor of a model, by the kernels unless [`Way::in_use`] is the definition.
    pub fn new(model: &'a PackedModel) -> Self {
        let by = match Way::in_use() {
            Way::Definition => By::Definition(model.decode()),
            Way::Kernel => By::Kernels { schedule: Schedule::fused(&model.graph), workspaces: Spares::default() },
        };
        Self { model, by }
    }

    /// The logits (B, classes) of `x` (B, C, H, W), pixels in [0, 1]: by definition those of the
    /// [decoded](PackedModel::decode) network with mean weights.
    ///
    /// # Errors
    /// If the images are not of the model's shape.
    pub fn predict(&self, mut x: Array4<f32>) -> Result<Array2<f32>> {
        self.model.graph.check_images(x.shape())?;
        if let Some(standardization) = &self.model.standardization {
            standardization.apply(&mut x);
        }
        match &self.by {
            By::Definition(network) => network.predict(x, &WeightMode::Mean),
            By::Kernels { schedule, workspaces } => Ok(logits(self.model, schedule, workspaces, x)),
        }
    }
}

/// The logits (B, classes) of standardized images `x` of the model's shape.
fn logits(model: &PackedModel, schedule: &Schedule, workspaces: &Spares<Workspace>, x: Array4<f32>) -> Array2<f32> {
    let (images, channels, height, width) = x.dim();
    let classes = model.graph.classes();
    let x = x.as_standard_layout();
    let x = x.as_slice().expect(STANDARD);
    let mut y = Array2::zeros((images, classes));
    let run = |x: &[f32], team, logits: &mut [f32]| run(model, schedule, workspaces, x, team, logits);
    let logits = y.as_slice_mut().expect(STANDARD);
    if images == 1 {
        match team::size(model.graph.multiplications().fold(0, usize::saturating_add)) {
            1 => run(x, Some(1), logits),
            size => team::lead(size, || run(x, Some(size), logits)),
        }
        return y;
    }
    let largest = model.graph.largest_value().max(1);
    let group = images.div_ceil(rayon::current_num_threads()).min(CACHED / largest).clamp(1, GROUP);
    let groups = x.par_chunks(group * channels * height * width).zip(logits.par_chunks_mut(group * classes));
    groups.for_each(|(x, logits)| run(x, None, logits));
    y
}

/// Computes the logits of images. The `team` threads share each layer of a single image; none for a batch of several
/// images.
fn run(
    model: &PackedModel,
    schedule: &Schedule,
    workspaces: &Spares<Workspace>,
    images: &[f32],
    team: Option<usize>,
    logits: &mut [f32],
) {
    let space = &mut *workspaces.take();
    if space.buffers.len() < team.unwrap_or(1) {
        space.buffers.resize_with(team.unwrap_or(1), Buffers::default);
    }
    let image = elements(&model.graph.input).max(1);
    let readers = schedule.readers(&model.graph);
    let values = (0..model.graph.value_count()).map(|_| None).collect();
    let mut pass = Pass { model, readers, values, images: images.len() / image, team, space };
    let mut x = pass.space.free.pop().unwrap_or_default();
    enlarge(&mut x, images.len());
    x[..images.len()].copy_from_slice(images);
    pass.values[0] = Some(x);
    for step in &schedule.steps {
        match &step.work {
            Work::Chain(chain) => pass.chain(chain, step.inputs[0], step.output),
            Work::Node(node) => pass.node(&model.graph.nodes[*node].op, &step.inputs, step.output),
            Work::DenseBlock(units) => pass.dense_block(units, step.inputs[0], step.output),
        }
    }
    let y = pass.values.pop().flatten().expect("the last step gives the last value");
    logits.copy_from_slice(&y[..logits.len()]);
    pass.space.free.push(y);
}

/// Some images in the network.
struct Pass<'a> {
    model: &'a PackedModel,
    /// For each value, the number of steps that have not read it yet.
    readers: Vec<usize>,
    /// The values that steps have not read yet, for all images one after another.
    values: Vec<Option<Aligned<f32>>>,
    images: usize,
    /// The number of threads that share the layers of a single image; none for a batch of several images.
    team: Option<usize>,
    space: &'a mut Workspace,
}

impl Pass<'_> {
    /// The number of elements of a value, for all images.
    fn len(&self, value: usize) -> usize {
        self.images * elements(self.model.graph.shape(value))
    }

    /// (C, H, W) of a value; (features, 1, 1) after flattening.
    fn shape(&self, value: usize) -> [usize; 3] {
        match *self.model.graph.shape(value) {
            [channels, height, width] => [channels, height, width],
            ref shape => [elements(shape), 1, 1],
        }
    }

    /// Reads a value: the last reader frees its memory. A value within a chain is read only by the chain.
    fn read<T>(&mut self, value: usize, read: impl FnOnce(&mut Self, &[f32]) -> T) -> T {
        let x = self.values[value].take().expect("a step reads values before it");
        let len = self.len(value);
        let result = read(self, &x[..len]);
        self.readers[value] = self.readers[value].saturating_sub(1);
        if self.readers[value] == 0 {
            self.space.free.push(x)
        } else {
            self.values[value] = Some(x)
        }
        result
    }

    /// Sets a value to the elements that `write` writes.
    fn write(&mut self, value: usize, write: impl FnOnce(&mut Self, &mut [f32])) {
        let mut y = self.space.free.pop().unwrap_or_default();
        let len = self.len(value);
        enlarge(&mut y, len);
        write(self, &mut y[..len]);
        self.values[value] = Some(y);
    }

    /// Computes one value from another: x → y.
    fn map(&mut self, from: usize, to: usize, operation: impl FnOnce(&mut Self, &[f32], &mut [f32])) {
        self.read(from, |pass, x| pass.write(to, |pass, y| operation(pass, x, y)));
    }

    /// Sets a value to the elements of another: moves the memory if no other step reads that value, else copies.
    fn hand_on(&mut self, from: usize, to: usize) {
        if self.readers[from] == 1 {
            self.readers[from] = 0;
            self.values[to] = self.values[from].take();
        } else {
            self.map(from, to, |_, x, y| y.copy_from_slice(x));
        }
    }

    fn node(&mut self, op: &Op, inputs: &[usize], output: usize) {
        match op {
            Op::AvgPool(pool) => {
                let [channels, height, width] = self.shape(inputs[0]);
                self.map(inputs[0], output, |pass, x, y| {
                    let x = ArrayView4::from_shape((pass.images, channels, height, width), x).expect(SHAPES_FIT);
                    let means = avg_pool::forward(x, pool).expect(SHAPES_FIT).0;
                    y.copy_from_slice(means.as_slice().expect(STANDARD));
                });
            }
            Op::Add => {
                self.hand_on(inputs[0], output);
                for input in &inputs[1..] {
                    let mut y = self.values[output].take().expect("just given");
                    self.read(*input, |_, x| y.iter_mut().zip(x).for_each(|(y, x)| *y += x));
                    self.values[output] = Some(y);
                }
            }
            Op::Concat => {
                let image = elements(self.model.graph.shape(output));
                self.write(output, |pass, y| {
                    let mut first = 0;
                    for input in inputs {
                        let part = elements(pass.model.graph.shape(*input));
                        pass.read(*input, |_, x| {
                            let images = x.chunks_exact(part).zip(y.chunks_exact_mut(image));
                            images.for_each(|(x, y)| y[first..first + part].copy_from_slice(x));
                        });
                        first += part;
                    }
                });
            }
            _ => self.hand_on(inputs[0], output),
        }
    }

    /// Computes a product and what follows it, fused with it as far as possible.
    fn chain(&mut self, chain: &Chain, input: usize, output: usize) {
        let model = self.model;
        let nodes = &model.graph.nodes;
        let norm = chain.norm.and_then(|norm| nodes[norm].norm()).map(|norm| &model.norms[norm.index]);
        let mut epilogue = Epilogue { affine: norm, bias: None, relu: chain.relu.is_some() };
        let pool = chain.pool.and_then(|pool| match &nodes[pool].op {
            Op::MaxPool(pool) => Some(pool),
            _ => None,
        });
        let product = chain.product.map(|product| &nodes[product].op);
        // The value that is pooled.
        let before_pool = chain.relu.or(chain.norm).or(chain.product).map_or(input, |node| node + 1);
        match product {
            Some(Op::Dense(layer)) => {
                let layer = &model.layers[layer.index];
                epilogue.bias = layer.bias.as_deref();
                let weights = layer.packed_weights();
                self.map(input, output, |pass, x, y| Dense { weights, epilogue, team: pass.team }.run(x, y));
                return;
            }
            Some(Op::Conv2d(of)) if of.groups == 1 => {
                let layer = &model.layers[of.layer.index];
                epilogue.bias = layer.bias.as_deref();
                let fused = pool.and_then(unpadded);
                let to = if fused.is_some() { output } else { before_pool };
                let weights = layer.packed_weights();
                let convolution = Convolution::new(weights, &of.window, self.shape(input), None, epilogue, fused);
                self.map(input, to, |pass, x, y| {
                    let ys = y.chunks_exact_mut(y.len() / pass.images);
                    let images = x.chunks_exact(x.len() / pass.images).zip(ys);
                    convolution.run(images, &mut pass.space.buffers[..pass.team.unwrap_or(1)]);
                });
                if to == output {
                    return;
                }
            }
            Some(Op::Conv2d(of)) => {
                self.map(input, before_pool, |pass, x, y| pass.grouped_convolution(of, input, x, y));
                self.elementwise(&epilogue, before_pool);
            }
            _ => {
                if before_pool != input {
                    self.hand_on(input, before_pool);
                    self.elementwise(&epilogue, before_pool);
                }
            }
        }
        if let Some(pool) = pool {
            self.max_pool(pool, before_pool, output);
        }
    }

    /// A convolution in groups: on decoded weights, by [`BayesConv2d`].
    fn grouped_convolution(&self, of: &graph::Convolution, input: usize, x: &[f32], y: &mut [f32]) {
        let layer = &self.model.layers[of.layer.index];
        let weights = layer.decode().into_dimensionality::<Ix4>().expect(SHAPES_FIT);
        let convolution = BayesConv2d {
            theta: weights.view(),
            // Mean weights do not read the variance.
            log_sigma2: weights.view(),
            bias: layer.bias.as_deref().map(ArrayView1::from),
            window: of.window,
            groups: of.groups,
            way: Way::in_use(),
        };
        let [channels, height, width] = self.shape(input);
        let x = ArrayView4::from_shape((self.images, channels, height, width), x).expect(SHAPES_FIT);
        let sums = convolution.mean(x).expect(SHAPES_FIT);
        y.copy_from_slice(sums.as_slice().expect(STANDARD));
    }

    fn max_pool(&mut self, pool: &Pool, from: usize, to: usize) {
        let ([channels, height, width], [_, output_h, output_w]) = (self.shape(from), self.shape(to));
        self.map(from, to, |pass, x, y| {
            let Some(window) = unpadded(pool) else {
                let x = ArrayView4::from_shape((pass.images, channels, height, width), x).expect(SHAPES_FIT);
                let maxima = padded_max_pool::forward(x, pool).expect(SHAPES_FIT).0;
                return y.copy_from_slice(maxima.as_slice().expect(STANDARD));
            };
            let planes = x.chunks_exact(height * width).zip(y.chunks_exact_mut(output_h * output_w));
            planes.for_each(|(x, y)| max_pool(x, width, &window, y, output_w));
        });
    }

    /// Computes, in place, a normalization or a ReLU that is not fused with a product.
    fn elementwise(&mut self, epilogue: &Epilogue<'_>, value: usize) {
        let ([channels, height, width], len) = (self.shape(value), self.len(value));
        let values = self.values[value].as_mut().expect("just given");
        for (i, values) in values[..len].chunks_exact_mut(height * width).enumerate() {
            let affine = epilogue.affine.map_or((1.0, 0.0), |affine| affine.of(i % channels));
            values.iter_mut().for_each(|x| *x = of_number(*x, affine, epilogue.relu));
        }
    }

    /// Each unit reads all channels before it and appends its own.
    fn dense_block(&mut self, units: &[Vec<Stage>], input: usize, output: usize) {
        let model = self.model;
        let [mut channels, height, width] = self.shape(input);
        let convolution = |stage: &Stage| match &model.graph.nodes[stage.conv].op {
            Op::Conv2d(of) => of,
            _ => unreachable!("a stage's convolution"),
        };
        let layer = |stage: &Stage| &model.layers[convolution(stage).layer.index];
        let outputs = |stage: &Stage| layer(stage).shape[0];
        let appended = |unit: &Vec<Stage>| unit.last().map_or(0, outputs);
        let plane = height * width;
        let (from, image) = (channels * plane, elements(model.graph.shape(output)));
        self.map(input, output, |pass, x, y| {
            y.chunks_exact_mut(image).zip(x.chunks_exact(from)).for_each(|(y, x)| y[..from].copy_from_slice(x));
            for unit in units {
                // The outputs of a stage, which the next stage reads.
                let mut between: Vec<f32> = Vec::new();
                for (s, stage) in unit.iter().enumerate() {
                    let input = if s == 0 { channels } else { outputs(&unit[s - 1]) };
                    let (input, output) = (input * plane, outputs(stage) * plane);
                    let shape = [input / plane, height, width];
                    let before = model.graph.nodes[stage.norm].norm().map(|norm| &model.norms[norm.index]);
                    let window = &convolution(stage).window;
                    let weights = layer(stage).packed_weights();
                    let convolution = Convolution::new(weights, window, shape, before, Epilogue::default(), None);
                    let last = s + 1 == unit.len();
                    let mut next = vec![0.0; if last { 0 } else { pass.images * output }];
                    let (mut xs, mut ys) = (between.chunks_exact(input), next.chunks_exact_mut(output));
                    let images = y.chunks_exact_mut(image).map(|image| {
                        let (seen, appended) = image.split_at_mut(channels * plane);
                        let x = if s == 0 { &*seen } else { xs.next().expect("an x for each image") };
                        (x, if last { &mut appended[..output] } else { ys.next().expect("a y for each image") })
                    });
                    convolution.run(images, &mut pass.space.buffers[..pass.team.unwrap_or(1)]);
                    between = next;
                }
                channels += appended(unit);
            }
        });
    }
}

/// The window of a max pooling that the kernels compute: one without padding.
fn unpadded(pool: &Pool) -> Option<Window> {
    (pool.padding == [0, 0] && !pool.ceil_mode).then(|| Window::new(pool.kernel, pool.stride))
}
