use crate::common::Precision;
use crate::common::compare::{ToTensor, assert_close};
use crate::common::random::Random;
use crate::common::threads::assert_same_bits_at_any_thread_count;
use crate::common::tolerance::{Check, tolerance};
use ndarray::{Array2, s};
use spikeslab::tensor::sum::{BLOCK, Sums, columns, sum};

/// Sums of many equal numbers, which are known.
fn of_equal_numbers<F: Precision>() {
    let tolerance = tolerance("sum", F::DTYPE, Check::Property);
    for count in [0, 1, 15, 16, BLOCK, BLOCK + 1, 1000, 60_000, 1_000_000] {
        for number in [0.1, -0.3, 1e30] {
            let number = F::of(number);
            let expected = number.as_f64() * count as f64;
            assert_close(&format!("{count} times {number}"), &sum(&vec![number; count]), &expected, tolerance);
            let column = columns(Array2::from_elem((count, 1), number).view());
            assert_close(&format!("{count} rows of {number}"), &column, &[expected], tolerance);
        }
    }
}

#[test]
fn of_equal_numbers_in_both_precisions() {
    of_equal_numbers::<f64>();
    of_equal_numbers::<f32>();
}

/// The sums of whole numbers are exact, which shows that each term is added once.
#[test]
fn no_term_is_left_out() {
    for rows in [0, 1, 5, 17, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 16 * BLOCK + 7] {
        let x: Array2<f64> = Random::new(1).integers(100, (rows, 5));
        let expected: Vec<f64> = x.columns().into_iter().map(|column| column.iter().sum()).collect();
        assert_eq!(columns(x.view()).to_vec(), expected, "{rows} rows");
        // A matrix whose columns are contiguous in memory.
        assert_eq!(columns(x.t().as_standard_layout().t()).to_vec(), expected, "{rows} rows, transposed");
        assert_eq!(columns(x.slice(s![.., ..3])).to_vec(), expected[..3], "{rows} rows, three columns");
        for (column, expected) in x.columns().into_iter().zip(&expected) {
            assert_eq!(sum(&column.to_vec()), *expected, "{rows} numbers");
        }
        let mut sums = Sums::<f64>::new(5);
        for row in x.rows() {
            sums.next_term().iter_mut().zip(row).for_each(|(sum, x)| *sum += *x);
        }
        assert_eq!(sums.total(), expected, "{rows} terms");
    }
}

#[test]
fn nan_and_infinity_are_kept() {
    let mut x = vec![0.5_f32; 3000];
    x[2345] = f32::NAN;
    assert!(sum(&x).is_nan());
    x[2345] = f32::NEG_INFINITY;
    assert_eq!(sum(&x), f64::NEG_INFINITY);
}

#[test]
fn the_same_bits_at_any_thread_count() {
    let x: Array2<f32> = Random::new(2).bells((1000, 33));
    assert_same_bits_at_any_thread_count("sums of columns", || vec![columns(x.view()).to_tensor()]);
}
