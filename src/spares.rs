//! Keeps buffers that are costly to create for the next task that needs one. Rayon's `for_each_init` creates one for
//! every piece into which it splits a loop; here there are never more buffers than threads.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

/// The values that no task is using.
#[derive(Default)]
pub(crate) struct Spares<T>(Mutex<Vec<T>>);

/// A value in use; when it is dropped, it goes back to the spares.
pub(crate) struct Spare<'a, T: Default> {
    value: T,
    of: &'a Spares<T>,
}

impl<T: Default> Spares<T> {
    /// A spare value, or a new one if there is none. This locks a mutex: call it once per task, not once per piece of
    /// work.
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
