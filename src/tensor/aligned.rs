//! Buffers whose first element begins a cache line. If vectors follow one another from there, no vector crosses two
//! lines, which would take twice as long to read.

use std::ops::{Deref, DerefMut};

/// The bytes of a cache line, and of the largest vector.
const LINE: usize = 64;

/// A vector of numbers whose first element begins a cache line; it dereferences to a slice.
///
/// ```
/// use spikeslab::tensor::aligned::Aligned;
///
/// let mut buffer = Aligned::default();
/// buffer.resize(100, 1.0_f32);
/// assert_eq!(buffer.as_ptr() as usize % 64, 0);
/// assert_eq!(buffer.iter().sum::<f32>(), 100.0);
/// ```
#[derive(Debug)]
pub struct Aligned<T> {
    /// The buffer's elements, after unused elements before the beginning of the cache line.
    elements: Vec<T>,
    start: usize,
}

impl<T> Default for Aligned<T> {
    fn default() -> Self {
        Self { elements: Vec::new(), start: 0 }
    }
}

impl<T: Copy> Aligned<T> {
    /// Removes all elements.
    pub fn clear(&mut self) {
        self.elements.truncate(self.start);
    }

    /// Changes the length to `len`: it keeps the first elements and fills the rest with `value`.
    pub fn resize(&mut self, len: usize, value: T) {
        if self.start + len > self.elements.capacity() {
            let before = LINE / size_of::<T>().max(1);
            let mut elements: Vec<T> = Vec::with_capacity(before + len);
            let start = elements.as_ptr().align_offset(LINE).min(before);
            elements.resize(start, value);
            elements.extend_from_slice(self);
            *self = Self { elements, start };
        }
        self.elements.resize(self.start + len, value);
    }
}

impl<T> Deref for Aligned<T> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        &self.elements[self.start..]
    }
}

impl<T> DerefMut for Aligned<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.elements[self.start..]
    }
}
