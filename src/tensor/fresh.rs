//! New arrays that several threads fill. Memory is not cleared first, except by [`FreshChunk::zeros`].

use ndarray::{Array, IntoDimension};
use rayon::prelude::*;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, Ordering};

/// An array that is being written.
///
/// ```
/// use rayon::prelude::*;
/// use spikeslab::tensor::fresh::Fresh;
///
/// let mut squares = Fresh::new(6);
/// squares.chunks(3).enumerate().for_each(|(row, mut chunk)| {
///     chunk.append((0..3).map(|column| (3 * row + column).pow(2)));
/// });
/// let squares = squares.finish((2, 3));
/// assert_eq!(squares, ndarray::array![[0, 1, 4], [9, 16, 25]]);
/// ```
pub struct Fresh<T> {
    /// Empty, with room for all elements.
    elements: Vec<T>,
    len: usize,
    /// Whether each chunk has been written; only the thread that writes a chunk sets its flag.
    full: Vec<AtomicBool>,
}

/// A chunk of an array that is being written, from front to back.
pub struct FreshChunk<'a, T> {
    unwritten: &'a mut [MaybeUninit<T>],
    full: &'a AtomicBool,
}

impl<T: Copy + Default + Send> Fresh<T> {
    /// An array of `len` elements.
    pub fn new(len: usize) -> Self {
        Self { elements: Vec::with_capacity(len), len, full: Vec::new() }
    }

    /// The whole array in chunks of `len` elements; the last chunk may be shorter.
    pub fn chunks(&mut self, len: usize) -> impl IndexedParallelIterator<Item = FreshChunk<'_, T>> {
        let Self { elements, len: all, full } = self;
        let len = len.max(1);
        *full = std::iter::repeat_with(AtomicBool::default).take(all.div_ceil(len)).collect();
        let chunks = elements.spare_capacity_mut()[..*all].par_chunks_mut(len);
        chunks.zip(&*full).map(|(unwritten, full)| FreshChunk { unwritten, full })
    }

    /// Returns the written array.
    ///
    /// # Panics
    /// If not all chunks are full, or the shape has another number of elements.
    pub fn finish<Sh: IntoDimension>(mut self, shape: Sh) -> Array<T, Sh::Dim> {
        let full = self.full.iter().all(|full| full.load(Ordering::Relaxed));
        assert!(full && (self.len == 0 || !self.full.is_empty()), "every chunk is full");
        // SAFETY: all elements of the chunks that `chunks` last returned are written, and these are all `len` elements.
        unsafe { self.elements.set_len(self.len) };
        let shape = shape.into_dimension();
        Array::from_shape_vec(shape, self.elements).expect("as many elements as the shape has")
    }
}

impl<'a, T: Copy + Default> FreshChunk<'a, T> {
    /// The number of elements that are not written yet.
    #[inline(always)]
    pub fn missing(&self) -> usize {
        self.unwritten.len()
    }

    /// Writes the next elements.
    ///
    /// # Panics
    /// If there are more values than missing elements, or fewer than the iterator's length says.
    #[inline(always)]
    pub fn append(&mut self, values: impl ExactSizeIterator<Item = T>) {
        let next = values.len();
        let mut written = 0;
        for (element, value) in self.unwritten[..next].iter_mut().zip(values) {
            element.write(value);
            written += 1;
        }
        assert_eq!(written, next, "as many values as the iterator said");
        self.unwritten = &mut std::mem::take(&mut self.unwritten)[next..];
        if self.unwritten.is_empty() {
            self.full.store(true, Ordering::Relaxed);
        }
    }

    /// Writes 0 to all missing elements, and returns them.
    pub fn zeros(self) -> &'a mut [T] {
        self.unwritten.fill(MaybeUninit::new(T::default()));
        self.full.store(true, Ordering::Relaxed);
        // SAFETY: all these elements have just been written.
        unsafe { &mut *(std::ptr::from_mut(self.unwritten) as *mut [T]) }
    }
}
