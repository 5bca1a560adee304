//! The memory of a pass, kept for the next: to get it anew takes as long as a small network does.

use crate::spares::Spares;
use crate::tensor::aligned::Aligned;

/// What a pass writes to.
#[derive(Default)]
pub(super) struct Workspace {
    /// The memory of values that no step has still to read.
    pub free: Vec<Aligned<f32>>,
    /// Of each thread.
    pub scratches: Vec<Scratch>,
}

/// What a thread needs for a convolution.
#[derive(Default)]
pub(super) struct Scratch {
    /// Images, laid out.
    pub images: Aligned<f32>,
    /// The weights of a tile.
    pub weights: Aligned<f32>,
    /// The sums of a tile.
    pub sums: Aligned<f32>,
}

/// At least `len` elements; what they are does not matter.
pub(super) fn enlarge(space: &mut Aligned<f32>, len: usize) {
    if space.len() < len {
        space.resize(len, 0.0);
    }
}

/// The workspaces of a model that no pass is using.
#[derive(Default)]
pub(in crate::packed) struct Workspaces(Spares<Workspace>);

impl Workspaces {
    /// Does `work` in a workspace that has scratches for `threads` threads.
    pub(super) fn with(&self, threads: usize, work: impl FnOnce(&mut Workspace)) {
        let mut space = self.0.take();
        if space.scratches.len() < threads {
            space.scratches.resize_with(threads, Scratch::default);
        }
        work(&mut space);
    }
}

/// A model's copy has its own.
impl Clone for Workspaces {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// They are no part of what a model is.
impl PartialEq for Workspaces {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl std::fmt::Debug for Workspaces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Workspaces")
    }
}
