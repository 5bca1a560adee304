//! What is costly to make anew, kept for the next who needs one: rayon's `for_each_init` makes one for every piece that a
//! parallel loop is split into, here there are never more than threads.

use std::sync::{Mutex, PoisonError};

/// Those that nobody is using.
#[derive(Default)]
pub(crate) struct Spares<T>(Mutex<Vec<T>>);

impl<T: Default> Spares<T> {
    /// Does `work` with one of them, or with a new one.
    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        let spares = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let spare = spares().pop();
        let mut spare = spare.unwrap_or_default();
        let result = work(&mut spare);
        spares().push(spare);
        result
    }
}
