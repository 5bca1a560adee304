//! The weight gradient, summed over one group of a few images.
//!
//! ```text
//! dθ[o, k]  = Σ_images,positions dm[o, (p, q)] col[k, (p, q)]
//! dσ²[o, k] = Σ_images,positions dv[o, (p, q)] col[k, (p, q)]²
//! ```
//!
//! There are two methods, which differ in what the lanes of a vector are: [`elements`] of the kernel, or [`positions`].

mod elements;
mod positions;

use super::Pixels;
use super::layout::Layout;
use crate::scalar::Real;
use crate::simd::{Kernel, Vector};
use crate::tensor::aligned::Aligned;
use elements::PatchLayout;

/// The weight gradient of one group, from a few images.
pub(super) struct WeightGradient<'a, F> {
    pub layout: &'a Layout,
    pub images: &'a [Pixels<'a, F>],
    /// dm of each image (O/groups, OH, OW).
    pub dm: &'a [&'a [F]],
    /// dv likewise; empty with mean weights.
    pub dv: &'a [&'a [F]],
    /// The sums so far, empty at first; [`AddUp`] completes them.
    pub sums: &'a mut Aligned<F>,
    pub buffers: &'a mut GradientBuffers<F>,
}

/// Buffers that are reused for one layout.
#[derive(Default)]
pub(super) struct GradientBuffers<F> {
    elements: elements::ElementBuffers<F>,
    positions: positions::PositionBuffers<F>,
}

/// The method that forms a gradient.
enum Method {
    Elements(PatchLayout),
    Positions,
}

impl Method {
    /// The cheaper method. All kernels that read or write the sums call this, and must agree: it depends only on the
    /// layout and on V, which is the same for the whole process.
    #[inline(always)]
    fn new<V: Vector>(layout: &Layout) -> Self {
        let patches = PatchLayout::new::<V::Wide>(layout);
        if positions::cost::<V>(layout) < patches.cost(layout) * V::Wide::LANES / V::LANES {
            Self::Positions
        } else {
            Self::Elements(patches)
        }
    }
}

impl<F: Real> Kernel<F> for WeightGradient<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Element = F>>(self) {
        match Method::new::<V>(self.layout) {
            Method::Elements(patches) => elements::add::<V::Wide>(&patches, self),
            Method::Positions => positions::add::<V>(self),
        }
    }
}

/// Completes the sums over images, after [`WeightGradient`] has added the products of all images, a few at a time.
pub(super) struct AddUp<'a, F> {
    pub layout: &'a Layout,
    pub sums: Aligned<F>,
}

impl<F: Real> Kernel<F> for AddUp<'_, F> {
    type Output = Aligned<F>;

    #[inline(always)]
    fn run<V: Vector<Element = F>>(self) -> Aligned<F> {
        match Method::new::<V>(self.layout) {
            Method::Elements(_) => self.sums,
            Method::Positions => positions::add_up::<V>(&self.sums),
        }
    }
}

/// dθ and dσ² (O/groups, K), from the sums that [`AddUp`] returns; dθ alone with mean weights.
pub(super) struct Collect<'a, F> {
    pub layout: &'a Layout,
    pub sums: &'a [F],
    pub dtheta: &'a mut [F],
    pub dsigma2: Option<&'a mut [F]>,
}

impl<F: Real> Kernel<F> for Collect<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Element = F>>(self) {
        match Method::new::<V>(self.layout) {
            Method::Elements(patches) => elements::collect::<V::Wide>(&patches, self),
            Method::Positions => positions::collect(self),
        }
    }
}
