//! Memory for arrays whose size a file or an option determines: if there is too little, the caller gets an error.
//!
//! [`reserve`] allocates the bytes of a file that is read as a whole (checkpoints, configurations, metrics, packed
//! models, the oracle's inputs), the numbers of a tensor of the oracle's input and the indices of a packed layer. It
//! also checks, and frees the memory at once, that the noise which the oracle computes fits, and, before a run
//! directory is created, that the weights of the network with moments and gradients do. Everything else (activations,
//! gradients, bytes to be written) is allocated by Rust as usual, which ends the process if there is too little memory.
//! The process of the command ends with a one-line message and exit code 1 and not with a signal, because of its
//! allocator `cli::Allocator`.

use crate::error::{Error, Result};
use std::cell::Cell;

thread_local! {
    static ASKING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is in [`reserve`], which handles a failed allocation.
#[cfg(feature = "cli")]
pub(crate) fn is_asking() -> bool {
    ASKING.get()
}

/// An empty vector with capacity for `count` elements; an error names their purpose.
pub(crate) fn reserve<T>(count: usize, purpose: impl FnOnce() -> String) -> Result<Vec<T>> {
    let mut room = Vec::new();
    ASKING.set(true);
    let reserved = room.try_reserve_exact(count);
    ASKING.set(false);
    match reserved {
        Ok(()) => Ok(room),
        Err(_) => Err(Error::memory(purpose(), count.saturating_mul(size_of::<T>()))),
    }
}
