//! The tests use the vectors of this processor and portable ones.

use crate::common::random::Random;
use crate::common::{Wide, assert_panics};
use ndarray::Array2;
use spikeslab::scalar::Real;
use spikeslab::simd::{Kernel, Lane, Portable, Vector};
use spikeslab::tensor::tiles::{LARGEST, largest, side_by_side, tiles, tiles_up_to};

/// Divisions of 0 to 60 rows into tiles, with two vectors of sums a row and with one.
struct Cuts;

impl<F: Real> Kernel<F> for Cuts {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Element = F>>(self) {
        let (of_two, of_one) = match V::REGISTERS {
            32.. => (LARGEST, LARGEST),
            16.. => (6, 6),
            _ => (3, 6),
        };
        assert_eq!((largest::<V>(2), largest::<V>(1)), (of_two, of_one));
        assert_shortest(of_two, tiles::<V>);
        assert_shortest(of_one, |count| tiles_up_to(of_one, count));
    }
}

/// Checks the divisions of 0 to 60 rows into tiles of at most `largest` rows.
fn assert_shortest<T: Iterator<Item = (usize, usize)>>(largest: usize, tiles: impl Fn(usize) -> T) {
    // The time of a tile: fewer than four rows take as long as four.
    let time = |size: usize| size.max(4);
    let mut shortest = vec![0];
    for count in 1..=60 {
        let sizes = [12, 8, 6, 4, 3, 2, 1].into_iter().filter(|size| *size <= count.min(largest));
        let times = sizes.map(|size| time(size) + shortest[count - size]);
        shortest.push(times.min().expect("a tile of one row"));
    }
    for (count, shortest) in shortest.into_iter().enumerate() {
        let cut: Vec<(usize, usize)> = tiles(count).collect();
        let mut next = 0;
        for &(first, size) in &cut {
            assert_eq!(first, next, "{count} rows: {cut:?}");
            assert!((1..=largest).contains(&size), "{count} rows: {cut:?}");
            next += size;
        }
        assert_eq!(next, count, "{cut:?}");
        let taken = cut.iter().map(|(_, size)| time(*size)).sum::<usize>();
        assert_eq!(taken, shortest, "{count} rows in the shortest time: {cut:?}");
        assert!(count <= 1 || cut.iter().all(|(_, size)| *size > 1), "none of a single row: {cut:?}");
    }
}

/// Several rows side by side, of lengths that fill up to three vectors, with a gap after each row.
struct SideBySide;

impl<F: Real> Kernel<F> for SideBySide {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Element = F>>(self) {
        let mut random = Random::new(1);
        for count in 1..=3 * V::LANES {
            for len in [0, 1, V::LANES - 1, V::LANES, V::LANES + 1, 3 * V::LANES + 2] {
                for gap in [0, 3] {
                    let rows: Array2<F> = random.bells((count, len));
                    let slices: Vec<&[F]> = rows.outer_iter().map(|row| row.to_slice().expect("a row")).collect();
                    let stride = count + gap;
                    let mut to = vec![F::nan(); len * stride + 2 * V::LANES];
                    side_by_side::<V>(&slices, stride, &mut to);
                    for ((r, l), element) in rows.indexed_iter() {
                        assert_eq!(to[l * stride + r], *element, "element {l} of row {r} of {count}, {gap} apart");
                    }
                    let end = if len == 0 { 0 } else { (len - 1) * stride + count.next_multiple_of(V::LANES) };
                    assert!(to[end..].iter().all(|x| x.is_nan()), "nothing is written beyond a vector");
                }
            }
        }
    }
}

#[test]
fn tiles_cover_all_rows_in_order_in_the_shortest_time() {
    Cuts.run::<Portable<f32>>();
    f32::vectorize(Cuts);
    f64::vectorize(Cuts);
    f32::vectorize(Wide(Cuts));
}

#[test]
fn each_element_of_each_row_comes_to_its_place() {
    SideBySide.run::<Portable<f32>>();
    f32::vectorize(SideBySide);
    f64::vectorize(SideBySide);
    f32::vectorize(Wide(SideBySide));
}

/// Rows whose sizes do not fit, which must panic.
struct Misfits;

impl<F: Real> Kernel<F> for Misfits {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Element = F>>(self) {
        let row = [F::zero(); 4];
        let room = || vec![F::zero(); 1000];
        assert_panics("too many rows", || side_by_side::<V>(&[&row[..]].repeat(3 * V::LANES + 1), 60, &mut room()));
        assert_panics("a short row", || side_by_side::<V>(&[&row[..], &row[..3]], 2, &mut room()));
        assert_panics("no room", || side_by_side::<V>(&[&row[..]], 1, &mut [F::zero(); 3]));
    }
}

#[test]
fn rows_that_do_not_fit_panic() {
    Misfits.run::<Portable<f64>>();
    f32::vectorize(Misfits);
    f64::vectorize(Misfits);
}
