//! New arrays that several threads fill: nothing is cleared beforehand but what asks for [`FreshChunk::zeros`].

use ndarray::{Array, IntoDimension};
use rayon::prelude::*;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, Ordering};

/// An array in the making.
///
/// ```
/// use rayon::prelude::*;
/// use spikeslab::tensor::fresh::Fresh;
///
/// let mut squares = Fresh::new(6);
/// squares.chunks(3).enumerate().for_each(|(row, mut chunk)| {
///     chunk.append((0..3).map(|column| (3 * row + column).pow(2)));
/// });
/// assert_eq!(squares.finish((2, 3)), ndarray::array![[0, 1, 4], [9, 16, 25]]);
/// ```
pub struct Fresh<T> {
    /// Empty, with room for all elements.
    elements: Vec<T>,
    len: usize,
    /// Of each chunk, whether it is full: in a place of its own, where no other thread is met.
    full: Vec<AtomicBool>,
}

/// A chunk of an array in the making, written from front to back.
pub struct FreshChunk<'a, T> {
    unwritten: &'a mut [MaybeUninit<T>],
    full: &'a AtomicBool,
}

impl<T: Copy + Default + Send> Fresh<T> {
    /// An array of `len` elements.
    pub fn new(len: usize) -> Self {
        Self { elements: Vec::with_capacity(len), len, full: Vec::new() }
    }

    /// All of it in chunks of `len` elements; the last chunk may be shorter.
    pub fn chunks(&mut self, len: usize) -> impl IndexedParallelIterator<Item = FreshChunk<'_, T>> {
        let Self { elements, len: all, full } = self;
        let len = len.max(1);
        *full = std::iter::repeat_with(AtomicBool::default).take(all.div_ceil(len)).collect();
        let chunks = elements.spare_capacity_mut()[..*all].par_chunks_mut(len);
        chunks.zip(&*full).map(|(unwritten, full)| FreshChunk { unwritten, full })
    }

    /// The array.
    ///
    /// # Panics
    /// If not all chunks are full, or the shape has another number of elements.
    pub fn finish<Sh: IntoDimension>(mut self, shape: Sh) -> Array<T, Sh::Dim> {
        let full = self.full.iter().all(|full| full.load(Ordering::Relaxed));
        assert!(full && (self.len == 0 || !self.full.is_empty()), "every chunk is full");
        // SAFETY: all elements of the chunks that `chunks` last made, and so all elements, are written.
        unsafe { self.elements.set_len(self.len) };
        let shape = shape.into_dimension();
        Array::from_shape_vec(shape, self.elements).expect("as many elements as the shape has")
    }
}

impl<'a, T: Copy + Default> FreshChunk<'a, T> {
    /// How many elements are missing.
    #[inline(always)]
    pub fn missing(&self) -> usize {
        self.unwritten.len()
    }

    /// The next elements.
    ///
    /// # Panics
    /// If they are more than are missing, or fewer than the iterator's length says.
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

    /// All elements that are missing, each 0.
    pub fn zeros(self) -> &'a mut [T] {
        self.unwritten.fill(MaybeUninit::new(T::default()));
        self.full.store(true, Ordering::Relaxed);
        // SAFETY: all of them have just been written.
        unsafe { &mut *(std::ptr::from_mut(self.unwritten) as *mut [T]) }
    }
}
