//! Inference on packed weights: node by node over a batch, each layer's weights decoded a tile at a time.
//!
//! ```text
//! y = ReLU(scale ⊙ (x ∗ w) + shift)          w = ℓ_digit
//! ```
//!
//! A normalization and a ReLU that follow a product are applied while its sums are still in registers. Images are
//! independent: they are shared out among the threads where there is enough to do, and every output is one sum in a fixed
//! order, whoever forms it.

mod convolution;
mod decode;
mod product;

use super::model::{Affine, PackedModel};
use crate::layers::avg_pool;
use crate::nets::plan::{Node, Stage};
use crate::scalar::Real;
use crate::scalar::vector::{Kernel, Vector};
use crate::tensor::im2col::Window;
use convolution::Convolution;
use ndarray::{Array2, Array4};
use product::Product;
use rayon::prelude::*;

/// What is done to a sum before it is stored.
#[derive(Clone, Copy, Default)]
struct Epilogue<'a> {
    affine: Option<&'a Affine>,
    bias: Option<&'a [f32]>,
    relu: bool,
}

/// A batch on its way: images (C, H, W) one after the other.
struct Batch {
    shape: [usize; 3],
    values: Vec<f32>,
}

impl Batch {
    fn zeros(images: usize, shape: [usize; 3]) -> Self {
        Self { shape, values: vec![0.0; images * shape.iter().product::<usize>()] }
    }

    /// Elements of an image.
    fn image(&self) -> usize {
        self.shape.iter().product()
    }

    /// Elements of a channel.
    fn plane(&self) -> usize {
        self.shape[1] * self.shape[2]
    }
}

/// Multiplications that are worth waking a thread for.
const WORTH_A_THREAD: usize = 1 << 18;

/// Calls `each(i, item i)` for items of `work` multiplications each, on all threads if that is worth it.
fn for_each<T: Send>(items: impl IndexedParallelIterator<Item = T>, work: usize, each: impl Fn(usize, T) + Sync) {
    let serial = items.len().saturating_mul(work) < 2 * WORTH_A_THREAD;
    let items = items.enumerate();
    let at_least = if serial { usize::MAX } else { WORTH_A_THREAD.div_ceil(work.max(1)) };
    items.with_min_len(at_least).for_each(|(i, item)| each(i, item));
}

/// The logits (B, classes) of standardized images `x` of the model's shape.
pub(super) fn logits(model: &PackedModel, x: Array4<f32>) -> Array2<f32> {
    let (images, channels, height, width) = x.dim();
    let x = if x.is_standard_layout() { x } else { x.as_standard_layout().into_owned() };
    let mut batch = Batch { shape: [channels, height, width], values: x.into_raw_vec_and_offset().0 };
    let (nodes, mut norms) = (&model.plan.nodes, model.norms.iter());
    let mut next = 0;
    while next < nodes.len() {
        let node = &nodes[next];
        next += 1;
        // What follows a product is done with it.
        let mut epilogue = Epilogue::default();
        if matches!(node, Node::Dense(_) | Node::Conv2d(..) | Node::BatchNorm(_)) {
            if matches!(node, Node::BatchNorm(_)) || matches!(nodes.get(next), Some(Node::BatchNorm(_))) {
                epilogue.affine = norms.next();
                next += usize::from(!matches!(node, Node::BatchNorm(_)));
            }
            if matches!(nodes.get(next), Some(Node::Relu)) {
                epilogue.relu = true;
                next += 1;
            }
        }
        match node {
            Node::Dense(layer) => {
                let layer = &model.layers[layer.index];
                epilogue.bias = layer.bias.as_deref();
                batch = Product { layer, epilogue }.of(&batch, images);
            }
            Node::Conv2d(layer, window) => {
                let layer = &model.layers[layer.index];
                epilogue.bias = layer.bias.as_deref();
                let shape = batch.shape;
                let mut y = Batch::zeros(images, convolution::output_shape(layer, window, shape));
                let (from, to) = (batch.image(), y.image());
                let operation = Convolution { layer, window, input: shape, before: None, epilogue };
                operation.run(batch.values.par_chunks_exact(from).zip(y.values.par_chunks_exact_mut(to)));
                batch = y;
            }
            Node::BatchNorm(_) | Node::Relu => elementwise(&mut batch, &epilogue, matches!(node, Node::Relu)),
            Node::MaxPool(window) => batch = max_pool(&batch, images, window),
            Node::AvgPool(window) => batch = avg_pool(batch, images, window),
            Node::Flatten => batch.shape = [batch.image(), 1, 1],
            Node::DenseBlock(units) => batch = dense_block(model, units, &mut norms, batch, images),
        }
    }
    let classes = batch.shape[0];
    Array2::from_shape_vec((images, classes), batch.values).expect("one logit a class")
}

fn dense_block(
    model: &PackedModel,
    units: &[Vec<Stage>],
    norms: &mut std::slice::Iter<'_, Affine>,
    batch: Batch,
    images: usize,
) -> Batch {
    let [channels, height, width] = batch.shape;
    let appended = |unit: &Vec<Stage>| unit.last().map_or(0, |stage| model.layers[stage.conv.index].shape[0]);
    let total = channels + units.iter().map(appended).sum::<usize>();
    let mut y = Batch::zeros(images, [total, height, width]);
    let (image, plane) = (y.image(), y.plane());
    let copied = batch.values.chunks_exact(batch.image());
    y.values.chunks_exact_mut(image).zip(copied).for_each(|(y, x)| y[..x.len()].copy_from_slice(x));
    let mut filled = channels;
    for unit in units {
        let mut between: Option<Batch> = None;
        for (s, stage) in unit.iter().enumerate() {
            let (layer, before) = (&model.layers[stage.conv.index], norms.next());
            let input = between.as_ref().map_or([filled, height, width], |between| between.shape);
            let operation = Convolution { layer, window: &stage.window, input, before, epilogue: Epilogue::default() };
            let (last, seen) = (s + 1 == unit.len(), filled * plane);
            match (&between, last) {
                (None, true) => {
                    let split = y.values.par_chunks_exact_mut(image).map(|y| y.split_at_mut(seen));
                    operation.run(split.map(|(x, y)| (&*x, &mut y[..layer.shape[0] * plane])));
                }
                (Some(between), true) => {
                    let outputs =
                        y.values.par_chunks_exact_mut(image).map(|y| &mut y[seen..][..layer.shape[0] * plane]);
                    operation.run(between.values.par_chunks_exact(between.image()).zip(outputs));
                }
                (previous, false) => {
                    let mut z = Batch::zeros(images, [layer.shape[0], height, width]);
                    let to = z.image();
                    let outputs = z.values.par_chunks_exact_mut(to);
                    match previous {
                        None => operation.run(y.values.par_chunks_exact(image).map(|y| &y[..seen]).zip(outputs)),
                        Some(x) => operation.run(x.values.par_chunks_exact(x.image()).zip(outputs)),
                    }
                    between = Some(z);
                }
            }
        }
        filled += appended(unit);
    }
    y
}

/// A normalization or a ReLU that follows no product.
fn elementwise(batch: &mut Batch, epilogue: &Epilogue<'_>, relu: bool) {
    let (plane, channels) = (batch.plane(), batch.shape[0]);
    let relu = relu || epilogue.relu;
    for_each(batch.values.par_chunks_exact_mut(plane), plane, |i, values| {
        let (scale, shift) = epilogue.affine.map_or((1.0, 0.0), |affine| affine.of(i % channels));
        for x in values {
            let y = scale * *x + shift;
            *x = if relu && y < 0.0 { 0.0 } else { y };
        }
    });
}

/// As [`max_pool`](crate::layers::max_pool), without a memory of where the maxima were.
fn max_pool(batch: &Batch, images: usize, window: &Window) -> Batch {
    let [channels, height, width] = batch.shape;
    let [output_h, output_w] = window.output_size([height, width]).expect("the builder checked it");
    let mut y = Batch::zeros(images, [channels, output_h, output_w]);
    let (from, to) = (batch.plane(), y.plane());
    let planes = batch.values.par_chunks_exact(from).zip(y.values.par_chunks_exact_mut(to));
    for_each(planes, from, |_, (x, y)| f32::vectorize(MaxPool { x, width, window, y, output_w }));
    y
}

/// The maxima of one channel: first of the columns of all windows side by side, then of the columns of each.
struct MaxPool<'a> {
    /// (H, W).
    x: &'a [f32],
    width: usize,
    window: &'a Window,
    /// (OH, OW).
    y: &'a mut [f32],
    output_w: usize,
}

impl Kernel<f32> for MaxPool<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Element = f32>>(self) {
        let Self { x, width, window: Window { kernel, stride, .. }, y, output_w } = self;
        let mut columns = vec![0.0; width];
        for (p, y) in y.chunks_exact_mut(output_w).enumerate() {
            let mut rows = x[p * stride[0] * width..].chunks_exact(width).take(kernel[0]);
            rows.next().into_iter().for_each(|first| columns.copy_from_slice(first));
            rows.for_each(|row| columns.iter_mut().zip(row).for_each(|(best, x)| *best = larger(*best, *x)));
            if (kernel[1], stride[1]) == (2, 2) {
                y.iter_mut().zip(columns.chunks_exact(2)).for_each(|(y, pair)| *y = larger(pair[0], pair[1]));
            } else {
                for (y, columns) in y.iter_mut().zip(columns.windows(kernel[1]).step_by(stride[1])) {
                    *y = columns.iter().copied().fold(columns[0], larger);
                }
            }
        }
    }
}

/// The larger of the maximum so far and another; a NaN wins.
#[inline(always)]
fn larger(best: f32, x: f32) -> f32 {
    if (x > best) | x.is_nan() { x } else { best }
}

fn avg_pool(batch: Batch, images: usize, window: &Window) -> Batch {
    let [channels, height, width] = batch.shape;
    let x = Array4::from_shape_vec((images, channels, height, width), batch.values).expect("images of that shape");
    let (y, _) = avg_pool::forward(x.view(), window).expect("the builder checked it");
    let (_, channels, height, width) = y.dim();
    Batch { shape: [channels, height, width], values: y.into_raw_vec_and_offset().0 }
}

impl Epilogue<'_> {
    /// (scale, shift) of an output.
    fn of(&self, output: usize) -> (f32, f32) {
        let bias = self.bias.map_or(0.0, |bias| bias[output]);
        self.affine.map_or((1.0, bias), |affine| {
            let (scale, shift) = affine.of(output);
            (scale, scale * bias + shift)
        })
    }
}

/// Σ → ReLU(scale · Σ + shift).
#[inline(always)]
fn finish<V: Vector>(sum: V, scale: V::Element, shift: V::Element, relu: bool) -> V {
    let y = V::splat(scale).mul_add(sum, V::splat(shift));
    // A NaN stays NaN.
    if relu { V::zero().max(y) } else { y }
}
