//! What is costly to make anew, kept for the next who needs one: rayon's `for_each_init` makes one for every piece that a
//! parallel loop is split into, here there are never more than threads.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

/// Those that nobody is using.
#[derive(Default)]
pub(crate) struct Spares<T>(Mutex<Vec<T>>);

/// One of them, in use until it is dropped.
pub(crate) struct Spare<'a, T: Default> {
    value: T,
    of: &'a Spares<T>,
}

impl<T: Default> Spares<T> {
    /// One of them, or a new one. To take one is to meet the other threads: better done for many pieces of work than for each.
    pub(crate) fn take(&self) -> Spare<'_, T> {
        let spare = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Spare { value: spare.unwrap_or_default(), of: self }
    }
}

impl<T: Default> Deref for Spare<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: Default> DerefMut for Spare<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T: Default> Drop for Spare<'_, T> {
    fn drop(&mut self) {
        self.of.0.lock().unwrap_or_else(PoisonError::into_inner).push(std::mem::take(&mut self.value));
    }
}
