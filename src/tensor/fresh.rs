//! New arrays that several threads fill: each clears its own piece when it comes to it, not one of them all beforehand.

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
/// squares.pieces(3).enumerate().for_each(|(row, piece)| {
///     for (column, square) in piece.iter_mut().enumerate() {
///         *square = (3 * row + column).pow(2);
///     }
/// });
/// assert_eq!(squares.finish((2, 3)), ndarray::array![[0, 1, 4], [9, 16, 25]]);
/// ```
pub struct Fresh<T> {
    /// Empty, with room for all elements.
    elements: Vec<T>,
    len: usize,
    /// Of each piece, whether it was cleared: in a place of its own, where no other thread is met.
    cleared: Vec<AtomicBool>,
}

impl<T: Copy + Default + Send> Fresh<T> {
    /// An array of so many elements.
    pub fn new(len: usize) -> Self {
        Self { elements: Vec::with_capacity(len), len, cleared: Vec::new() }
    }

    /// All of it, so many elements at a time, the last ones perhaps fewer: each piece is 0 when it is handed out.
    pub fn pieces(&mut self, len: usize) -> impl IndexedParallelIterator<Item = &mut [T]> {
        let Self { elements, len: all, cleared } = self;
        let len = len.max(1);
        *cleared = std::iter::repeat_with(AtomicBool::default).take(all.div_ceil(len)).collect();
        let pieces = elements.spare_capacity_mut()[..*all].par_chunks_mut(len);
        pieces.zip(&*cleared).map(|(piece, cleared)| {
            piece.fill(MaybeUninit::new(T::default()));
            cleared.store(true, Ordering::Relaxed);
            // SAFETY: all of the piece has just been written.
            unsafe { &mut *(std::ptr::from_mut(piece) as *mut [T]) }
        })
    }

    /// The array.
    ///
    /// # Panics
    /// If not all pieces were handed out, or the shape has another number of elements.
    pub fn finish<Sh: IntoDimension>(mut self, shape: Sh) -> Array<T, Sh::Dim> {
        let cleared = self.cleared.iter().all(|cleared| cleared.load(Ordering::Relaxed));
        assert!(cleared && (self.len == 0 || !self.cleared.is_empty()), "every piece is handed out");
        // SAFETY: the pieces that `pieces` made of all elements when it was last called are all cleared.
        unsafe { self.elements.set_len(self.len) };
        let shape = shape.into_dimension();
        Array::from_shape_vec(shape, self.elements).expect("as many elements as the shape has")
    }
}
