use crate::common::assert_panics;
use ndarray::array;
use rayon::prelude::*;
use spikeslab::tensor::fresh::Fresh;

#[test]
fn chunks_are_in_order_and_the_last_one_may_be_short() {
    let mut fresh = Fresh::new(7);
    let lens: Vec<usize> = fresh.chunks(3).map(|chunk| chunk.missing()).collect();
    assert_eq!(lens, [3, 3, 1]);
    fresh.chunks(3).enumerate().for_each(|(i, mut chunk)| chunk.append(vec![i; chunk.missing()].into_iter()));
    assert_eq!(fresh.finish(7), array![0, 0, 0, 1, 1, 1, 2]);
}

#[test]
fn a_chunk_is_written_from_front_to_back() {
    let mut fresh = Fresh::new(5);
    fresh.chunks(5).for_each(|mut chunk| {
        chunk.append([1, 2].into_iter());
        chunk.append([].into_iter());
        assert_eq!(chunk.missing(), 3);
        chunk.append([3].into_iter());
        chunk.zeros()[1] = 5;
    });
    assert_eq!(fresh.finish(5), array![1, 2, 3, 0, 5]);
}

#[test]
fn chunks_handed_out_again_are_written_anew() {
    let mut fresh = Fresh::new(4);
    fresh.chunks(2).for_each(|chunk| chunk.zeros().fill(5));
    fresh.chunks(4).for_each(|chunk| chunk.zeros()[1] += 1);
    assert_eq!(fresh.finish((2, 2)), array![[0, 1], [0, 0]]);
}

#[test]
fn chunks_of_nothing_are_taken_for_chunks_of_one() {
    let mut fresh = Fresh::<u8>::new(2);
    assert_eq!(fresh.chunks(0).map(|chunk| chunk.zeros().len()).sum::<usize>(), 2);
    assert_eq!(fresh.finish(2), array![0, 0]);
    assert_eq!(Fresh::<u8>::new(0).finish((0, 3)).dim(), (0, 3));
}

#[test]
fn what_was_not_written_is_never_read() {
    assert_panics("no chunk", || Fresh::<f64>::new(3).finish(3));
    assert_panics("chunks in which nothing is written", || {
        let mut fresh = Fresh::<f64>::new(4);
        fresh.chunks(2).for_each(drop);
        fresh.finish(4)
    });
    assert_panics("one of two chunks", || {
        let mut fresh = Fresh::<f64>::new(4);
        fresh.chunks(2).take(1).for_each(|chunk| chunk.zeros().fill(1.0));
        fresh.finish(4)
    });
    assert_panics("half of each chunk", || {
        let mut fresh = Fresh::<f64>::new(4);
        fresh.chunks(2).for_each(|mut chunk| chunk.append([1.0].into_iter()));
        fresh.finish(4)
    });
    assert_panics("all, then one of two", || {
        let mut fresh = Fresh::<f64>::new(4);
        fresh.chunks(2).for_each(|chunk| chunk.zeros().fill(1.0));
        fresh.chunks(2).take(1).for_each(|chunk| chunk.zeros().fill(1.0));
        fresh.finish(4)
    });
}

/// An iterator that reports four elements but has two.
struct Overstated(std::ops::Range<u32>);

impl Iterator for Overstated {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        self.0.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (4, Some(4))
    }
}

impl ExactSizeIterator for Overstated {}

#[test]
fn more_elements_than_are_missing_or_fewer_than_said_panic() {
    assert_panics("three of two", || Fresh::new(2).chunks(2).for_each(|mut chunk| chunk.append([1, 2, 3].into_iter())));
    assert_panics("two of four", || {
        Fresh::new(4).chunks(4).for_each(|mut chunk| chunk.append(Overstated(0..2)));
    });
}

#[test]
fn a_shape_of_another_number_of_elements_panics() {
    assert_panics("4 elements as 3", || {
        let mut fresh = Fresh::<f64>::new(4);
        fresh.chunks(2).for_each(|chunk| _ = chunk.zeros());
        fresh.finish(3)
    });
}
