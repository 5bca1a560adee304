//! Inference on packed weights: a few images at a time through all nodes, each layer's weights decoded a tile at a time.
//!
//! ```text
//! y = ReLU(scale ⊙ (x ∗ w) + shift)          w = ℓ_index
//! ```
//!
//! A normalization and a ReLU that follow a product are applied while its sums are still in registers, and as much as can
//! be of a max pooling that follows a convolution. Images are independent: groups of them are shared out among the threads; of
//! a single one, parts of its layers are, where there is enough to do. Every output is one sum in a fixed order, whoever forms
//! it; in another one, though, for an image given alone than for one of several.

mod convolution;
mod max_pool;
mod product;
mod workspace;

use super::model::{Affine, PackedModel};
use crate::layers::avg_pool;
use crate::layers::pool::Pool;
use crate::nets::plan::{Node, Stage};
use crate::scalar::vector::Vector;
use crate::team;
use convolution::Convolution;
use max_pool::max_pool;
use ndarray::{Array2, Array4, ArrayView4};
use product::Product;
use rayon::prelude::*;
use std::ops::Range;
pub(super) use workspace::Workspaces;
use workspace::{Workspace, enlarge};

/// Images that go through the network together, so that a layer is decoded once for all of them.
const GROUP: usize = 32;
/// Elements of their largest layer, about: what stays in the cache of a core.
const CACHED: usize = 1 << 18;

/// What is done to a sum before it is stored.
#[derive(Clone, Copy, Default)]
struct Epilogue<'a> {
    affine: Option<&'a Affine>,
    bias: Option<&'a [f32]>,
    relu: bool,
}

/// The logits (B, classes) of standardized images `x` of the model's shape.
pub(super) fn logits(model: &PackedModel, x: Array4<f32>) -> Array2<f32> {
    let (images, channels, height, width) = x.dim();
    let classes = model.widths.last().copied().unwrap_or_default();
    let x = x.as_standard_layout();
    let x = x.as_slice().expect("in standard layout");
    let mut y = Array2::zeros((images, classes));
    let logits = y.as_slice_mut().expect("in standard layout");
    if images == 1 {
        match team::size(model.plan.multiplications().fold(0, usize::saturating_add)) {
            1 => run(model, x, Some(1), logits),
            size => team::lead(size, || run(model, x, Some(size), logits)),
        }
        return y;
    }
    let group = images.div_ceil(rayon::current_num_threads()).min(CACHED / model.plan.largest.max(1)).clamp(1, GROUP);
    let groups = x.par_chunks(group * channels * height * width).zip(logits.par_chunks_mut(group * classes));
    groups.for_each(|(x, logits)| run(model, x, None, logits));
    y
}

/// Sends images through the network; a team of so many threads shares the layers of one given alone out among themselves.
fn run(model: &PackedModel, images: &[f32], team: Option<usize>, logits: &mut [f32]) {
    model.workspaces.with(team.unwrap_or(1), |space| {
        let shape = model.plan.input;
        let images_len = shape.iter().product::<usize>().max(1);
        enlarge(&mut space.x, images.len());
        space.x[..images.len()].copy_from_slice(images);
        Pass { model, norms: model.norms.iter(), shape, images: images.len() / images_len, team, space }.run(logits);
    });
}

/// Some images on their way through a network.
struct Pass<'a> {
    model: &'a PackedModel,
    /// The normalizations ahead.
    norms: std::slice::Iter<'a, Affine>,
    /// (C, H, W).
    shape: [usize; 3],
    images: usize,
    /// How many threads share the layers of an image given alone out among themselves.
    team: Option<usize>,
    /// Where the images are.
    space: &'a mut Workspace,
}

impl Pass<'_> {
    fn run(mut self, logits: &mut [f32]) {
        let nodes = &self.model.plan.nodes;
        let mut next = 0;
        while next < nodes.len() {
            let node = &nodes[next];
            next += 1;
            // What follows a product is done with it.
            let mut epilogue = Epilogue::default();
            if matches!(node, Node::Dense(_) | Node::Conv2d(..) | Node::BatchNorm(_)) {
                if matches!(node, Node::BatchNorm(_)) || matches!(nodes.get(next), Some(Node::BatchNorm(_))) {
                    epilogue.affine = self.norms.next();
                    next += usize::from(!matches!(node, Node::BatchNorm(_)));
                }
                if matches!(nodes.get(next), Some(Node::Relu)) {
                    epilogue.relu = true;
                    next += 1;
                }
            }
            match node {
                Node::Dense(layer) => {
                    let layer = &self.model.layers[layer.index];
                    epilogue.bias = layer.bias.as_deref();
                    self.flow_to([layer.shape[1], 1, 1], |pass, x, y| {
                        Product { layer, epilogue, team: pass.team }.run(x, y)
                    });
                }
                Node::Conv2d(layer, window) => {
                    let layer = &self.model.layers[layer.index];
                    epilogue.bias = layer.bias.as_deref();
                    let pool = match nodes.get(next) {
                        Some(Node::MaxPool(window)) => Some(window),
                        _ => None,
                    };
                    next += usize::from(pool.is_some());
                    let convolution = Convolution::new(layer, window, self.shape, None, epilogue, pool);
                    self.flow_to(convolution.output(), |pass, x, y| {
                        let ys = y.chunks_exact_mut(y.len() / pass.images);
                        let images = x.chunks_exact(x.len() / pass.images).zip(ys);
                        convolution.run(images, &mut pass.space.scratches[..pass.team.unwrap_or(1)]);
                    });
                }
                Node::BatchNorm(_) => self.elementwise(&epilogue),
                Node::Relu => self.elementwise(&Epilogue { relu: true, ..epilogue }),
                Node::MaxPool(window) => {
                    let size = [self.shape[1], self.shape[2]];
                    let output = window.output_size(size).expect("the builder checked it");
                    self.flow_to([self.shape[0], output[0], output[1]], |_, x, y| {
                        let planes = x.chunks_exact(size[0] * size[1]).zip(y.chunks_exact_mut(output[0] * output[1]));
                        planes.for_each(|(x, y)| max_pool(x, size[1], window, y, output[1]));
                    });
                }
                Node::AvgPool(window) => {
                    let [channels, height, width] = self.shape;
                    let output = window.output_size([height, width]).expect("the builder checked it");
                    self.flow_to([channels, output[0], output[1]], |pass, x, y| {
                        let x = ArrayView4::from_shape((pass.images, channels, height, width), x);
                        let means = avg_pool::forward(
                            x.expect("images of that shape"),
                            &Pool::new(window.kernel, window.stride),
                        );
                        let means = means.expect("the builder checked it").0;
                        y.copy_from_slice(means.as_slice().expect("in standard layout"));
                    });
                }
                Node::Flatten => self.shape = [self.image(), 1, 1],
                Node::DenseBlock(units) => self.dense_block(units),
            }
        }
        logits.copy_from_slice(&self.space.x[..logits.len()]);
    }

    /// Elements of an image.
    fn image(&self) -> usize {
        self.shape.iter().product()
    }

    /// Goes on to images of another shape, which `operation` writes: x → y.
    fn flow_to(&mut self, shape: [usize; 3], operation: impl FnOnce(&mut Self, &[f32], &mut [f32])) {
        let (from, to) = (self.images * self.image(), self.images * shape.iter().product::<usize>());
        let (x, mut y) = (std::mem::take(&mut self.space.x), std::mem::take(&mut self.space.y));
        enlarge(&mut y, to);
        operation(self, &x[..from], &mut y[..to]);
        (self.space.x, self.space.y, self.shape) = (y, x, shape);
    }

    /// A normalization or a ReLU that follows no product.
    fn elementwise(&mut self, epilogue: &Epilogue<'_>) {
        let [channels, height, width] = self.shape;
        let len = self.images * self.image();
        for (i, values) in self.space.x[..len].chunks_exact_mut(height * width).enumerate() {
            let (scale, shift) = epilogue.affine.map_or((1.0, 0.0), |affine| affine.of(i % channels));
            for x in values {
                let y = scale * *x + shift;
                *x = if epilogue.relu && y < 0.0 { 0.0 } else { y };
            }
        }
    }

    /// Each unit reads the channels so far and appends its own.
    fn dense_block(&mut self, units: &[Vec<Stage>]) {
        let [mut channels, height, width] = self.shape;
        let layers = &self.model.layers;
        let appended = |unit: &Vec<Stage>| unit.last().map_or(0, |stage| layers[stage.conv.index].shape[0]);
        let plane = height * width;
        let image = (channels + units.iter().map(appended).sum::<usize>()) * plane;
        let from = self.image();
        self.flow_to([image / plane, height, width], |pass, x, y| {
            y.chunks_exact_mut(image).zip(x.chunks_exact(from)).for_each(|(y, x)| y[..from].copy_from_slice(x));
            for unit in units {
                // What a stage gives to the next.
                let mut between: Vec<f32> = Vec::new();
                for (s, stage) in unit.iter().enumerate() {
                    let layer = &layers[stage.conv.index];
                    let input = if s == 0 { channels } else { layers[unit[s - 1].conv.index].shape[0] };
                    let (input, output) = (input * plane, layer.shape[0] * plane);
                    let shape = [input / plane, height, width];
                    let before = pass.norms.next();
                    let epilogue = Epilogue::default();
                    let convolution = Convolution::new(layer, &stage.window, shape, before, epilogue, None);
                    let last = s + 1 == unit.len();
                    let mut next = vec![0.0; if last { 0 } else { pass.images * output }];
                    let (mut xs, mut ys) = (between.chunks_exact(input), next.chunks_exact_mut(output));
                    let images = y.chunks_exact_mut(image).map(|image| {
                        let (seen, appended) = image.split_at_mut(channels * plane);
                        let x = if s == 0 { &*seen } else { xs.next().expect("an x for each image") };
                        (x, if last { &mut appended[..output] } else { ys.next().expect("a y for each image") })
                    });
                    convolution.run(images, &mut pass.space.scratches[..pass.team.unwrap_or(1)]);
                    between = next;
                }
                channels += appended(unit);
            }
        });
    }
}

impl Epilogue<'_> {
    /// (scale, shift) of some outputs.
    fn of(&self, outputs: Range<usize>) -> Vec<(f32, f32)> {
        let bias = self.bias.map(|bias| &bias[outputs.clone()]);
        let Some(affine) = self.affine else {
            return bias.map_or(vec![(1.0, 0.0); outputs.len()], |bias| bias.iter().map(|bias| (1.0, *bias)).collect());
        };
        let affine = affine.scale[outputs.clone()].iter().copied().zip(affine.shift[outputs].iter().copied());
        match bias {
            None => affine.collect(),
            Some(bias) => affine.zip(bias).map(|((scale, shift), bias)| (scale, scale * bias + shift)).collect(),
        }
    }
}

/// Σ → ReLU(scale · Σ + shift).
#[inline(always)]
fn finish<V: Vector>(sum: V, scale: V::Element, shift: V::Element, relu: bool) -> V {
    let y = V::splat(scale).mul_add(sum, V::splat(shift));
    // A NaN stays NaN.
    if relu { V::zero().max(y) } else { y }
}
