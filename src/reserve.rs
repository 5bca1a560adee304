//! Allocates arrays whose size comes from a file or an option. If memory is short, it returns an error instead of
//! ending the process.
//!
//! [`reserve`] allocates the bytes of a file that is read as a whole (checkpoints, configurations, metrics, packed
//! models, the oracle's inputs), the numbers of a tensor of the oracle's input and the indices of a packed layer. Two
//! callers only check that there is enough memory, and free it at once: the oracle for the noise that it computes, and
//! the command, before it creates a run directory, for the network's weights with their moments and gradients.
//! Everything else (activations, gradients, bytes to be written) is allocated by Rust as usual, which ends the process
//! if there is too little memory. The command then prints a one-line message and ends with exit code 1, not by a
//! signal: its allocator `cli::Allocator` sees to that.

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
