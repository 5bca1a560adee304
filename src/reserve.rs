//! Memory for arrays whose size a file or an option decides: where there is too little, an error says so.
//!
//! Asked for here: the bytes of a file that is read as a whole (checkpoints, configurations, metrics, packed models, the oracle's
//! inputs), the numbers of a tensor of the oracle's input, the indices of a packed layer, the noise that the oracle is asked for,
//! and, before a run directory is made, the weights of a network with moments and gradients. All else (activations, gradients, what
//! is written) is allocated as Rust does it, and ends the process where there is too little; that of the command ends with one line
//! and exit code 1, since its allocator, `cli::Allocator`, says so in place of the signal.

use crate::error::{Error, Result};
use std::cell::Cell;

thread_local! {
    static ASKING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is in [`reserve`], which takes a refusal for an answer.
#[cfg(feature = "cli")]
pub(crate) fn is_asking() -> bool {
    ASKING.get()
}

/// An empty vector with room for `count` elements; an error says what they were for.
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
