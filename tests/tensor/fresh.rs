use crate::common::assert_panics;
use ndarray::array;
use rayon::prelude::*;
use spikeslab::tensor::fresh::Fresh;

#[test]
fn pieces_are_zeros_in_order_and_the_last_one_may_be_short() {
    let mut fresh = Fresh::<f32>::new(7);
    let lens: Vec<usize> = fresh.pieces(3).map(|piece| piece.iter().filter(|x| **x == 0.0).count()).collect();
    assert_eq!(lens, [3, 3, 1]);
    fresh.pieces(3).enumerate().for_each(|(i, piece)| piece.fill(i as f32));
    assert_eq!(fresh.finish(7), array![0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 2.0]);
}

#[test]
fn pieces_handed_out_again_are_zeros_again() {
    let mut fresh = Fresh::new(4);
    fresh.pieces(2).for_each(|piece| piece.fill(5));
    fresh.pieces(4).for_each(|piece| piece[1] += 1);
    assert_eq!(fresh.finish((2, 2)), array![[0, 1], [0, 0]]);
}

#[test]
fn pieces_of_nothing_are_taken_for_pieces_of_one() {
    let mut fresh = Fresh::<u8>::new(2);
    assert_eq!(fresh.pieces(0).count(), 2);
    assert_eq!(fresh.finish(2), array![0, 0]);
    assert_eq!(Fresh::<u8>::new(0).finish((0, 3)).dim(), (0, 3));
}

#[test]
fn what_was_not_handed_out_is_never_read() {
    assert_panics("no piece", || Fresh::<f64>::new(3).finish(3));
    assert_panics("one of two pieces", || {
        let mut fresh = Fresh::<f64>::new(4);
        fresh.pieces(2).take(1).for_each(|_| ());
        fresh.finish(4)
    });
    assert_panics("all, then one of two", || {
        let mut fresh = Fresh::<f64>::new(4);
        fresh.pieces(2).for_each(|_| ());
        fresh.pieces(2).take(1).for_each(|_| ());
        fresh.finish(4)
    });
}

#[test]
fn a_shape_of_another_number_of_elements_panics() {
    assert_panics("4 elements as 3", || {
        let mut fresh = Fresh::<f64>::new(4);
        fresh.pieces(2).for_each(|_| ());
        fresh.finish(3)
    });
}
