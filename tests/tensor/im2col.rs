use crate::common::assert_error;
use crate::common::random::Random;
use spikeslab::tensor::im2col::{Window, col2im, im2col};

/// Every combination of kernel, stride, padding and dilation that fits into a 6×7 image, different in the two
/// directions.
pub fn windows() -> Vec<Window> {
    let pairs = [[1, 1], [2, 3], [3, 2]];
    let mut windows = Vec::new();
    for kernel in [[1, 1], [2, 3], [3, 3]] {
        for stride in pairs {
            for padding in [[0, 0], [1, 0], [0, 2], [3, 3]] {
                for dilation in [[1, 1], [2, 1], [1, 3]] {
                    let window = Window { kernel, stride, padding, dilation };
                    if window.output_size([6, 7]).is_ok() {
                        windows.push(window);
                    }
                }
            }
        }
    }
    windows
}

const SHAPE: [usize; 3] = [2, 6, 7];

/// The sizes of one column matrix: rows, and output positions in each direction.
fn sizes(window: &Window) -> (usize, [usize; 2]) {
    (SHAPE[0] * window.kernel[0] * window.kernel[1], window.output_size([SHAPE[1], SHAPE[2]]).expect("it fits"))
}

/// The definition, one element at a time.
fn im2col_reference(x: &[f64], window: &Window) -> Vec<f64> {
    let (_, [output_h, output_w]) = sizes(window);
    let mut col = Vec::new();
    for c in 0..SHAPE[0] {
        for i in 0..window.kernel[0] {
            for j in 0..window.kernel[1] {
                for p in 0..output_h {
                    for q in 0..output_w {
                        let row = (p * window.stride[0] + i * window.dilation[0]) as isize - window.padding[0] as isize;
                        let column =
                            (q * window.stride[1] + j * window.dilation[1]) as isize - window.padding[1] as isize;
                        let inside = (0..SHAPE[1] as isize).contains(&row) && (0..SHAPE[2] as isize).contains(&column);
                        col.push(if inside {
                            x[(c * SHAPE[1] + row as usize) * SHAPE[2] + column as usize]
                        } else {
                            0.0
                        });
                    }
                }
            }
        }
    }
    col
}

#[test]
fn im2col_is_its_definition() {
    let x = Random::new(1).integers::<f64, _>(1000, SHAPE).into_raw_vec_and_offset().0;
    assert!(windows().len() > 80, "{} windows", windows().len());
    for window in windows() {
        let (rows, output) = sizes(&window);
        // The previous contents are overwritten.
        let mut col = vec![f64::NAN; rows * output[0] * output[1]];
        im2col(&x, SHAPE, &window, output, &mut col);
        assert_eq!(col, im2col_reference(&x, &window), "{window:?}");
    }
}

#[test]
fn col2im_is_the_adjoint_of_im2col() {
    let mut random = Random::new(2);
    for window in windows() {
        let (rows, output) = sizes(&window);
        let count = rows * output[0] * output[1];
        // With whole numbers both sums are exact.
        let x = random.integers::<f64, _>(9, SHAPE).into_raw_vec_and_offset().0;
        let dcol = random.integers::<f64, _>(9, count).into_raw_vec_and_offset().0;
        let (mut col, mut dx) = (vec![0.0; count], vec![0.0; x.len()]);
        im2col(&x, SHAPE, &window, output, &mut col);
        col2im(&dcol, SHAPE, &window, output, &mut dx);
        let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        assert_eq!(product(&col, &dcol), product(&x, &dx), "{window:?}");
        assert!(product(&dx, &dx) > 0.0, "{window:?}");
    }
}

#[test]
fn col2im_adds_onto_what_is_there() {
    let window = Window { kernel: [3, 2], stride: [2, 1], padding: [1, 1], dilation: [1, 2] };
    let (rows, output) = sizes(&window);
    let mut random = Random::new(3);
    let dcol = random.integers::<f64, _>(9, rows * output[0] * output[1]).into_raw_vec_and_offset().0;
    let before = random.integers::<f64, _>(9, SHAPE).into_raw_vec_and_offset().0;
    let (mut alone, mut onto) = (vec![0.0; before.len()], before.clone());
    col2im(&dcol, SHAPE, &window, output, &mut alone);
    col2im(&dcol, SHAPE, &window, output, &mut onto);
    let expected: Vec<f64> = before.iter().zip(&alone).map(|(before, added)| before + added).collect();
    assert_eq!(onto, expected);
}

#[test]
fn output_sizes() {
    for (kernel, stride, padding, dilation, size, expected) in [
        ([1, 1], [1, 1], [0, 0], [1, 1], [1, 1], [1, 1]),
        ([5, 5], [1, 1], [0, 0], [1, 1], [28, 32], [24, 28]),
        ([2, 2], [2, 2], [0, 0], [1, 1], [5, 7], [2, 3]),
        ([3, 3], [1, 1], [1, 1], [1, 1], [6, 7], [6, 7]),
        ([3, 2], [2, 3], [1, 2], [2, 4], [7, 8], [3, 3]),
        ([2, 2], [1, 1], [2, 2], [1, 1], [3, 3], [6, 6]),
        ([4, 5], [3, 3], [0, 0], [1, 1], [4, 5], [1, 1]),
    ] {
        let window = Window { kernel, stride, padding, dilation };
        assert_eq!(window.output_size(size).expect("it fits"), expected, "{window:?} on {size:?}");
    }
}

#[test]
fn a_new_window_has_neither_padding_nor_dilation() {
    let expected = Window { kernel: [2, 3], stride: [4, 5], padding: [0, 0], dilation: [1, 1] };
    assert_eq!(Window::new([2, 3], [4, 5]), expected);
}

#[test]
fn invalid_windows_are_refused() {
    let good = Window { kernel: [2, 2], stride: [1, 1], padding: [0, 0], dilation: [1, 1] };
    let zero = "kernel, stride and dilation of at least 1";
    for (window, expected) in [
        (Window { kernel: [0, 2], ..good }, zero),
        (Window { kernel: [2, 0], ..good }, zero),
        (Window { stride: [1, 0], ..good }, zero),
        (Window { dilation: [0, 1], ..good }, zero),
        (Window { kernel: [5, 2], ..good }, "a kernel that fits into 4 pixels"),
        (Window { kernel: [2, 6], ..good }, "a kernel that fits into 5 pixels"),
        (Window { dilation: [4, 1], ..good }, "a kernel that fits into 4 pixels"),
        (Window { kernel: [usize::MAX, 2], dilation: [2, 1], ..good }, "a kernel that fits into 4 pixels"),
        (Window { padding: [usize::MAX, 0], ..good }, "a kernel that fits into 4 pixels"),
    ] {
        assert_error(window.output_size([4, 5]), &["window", expected, "kernel "]);
    }
    // The largest kernel that fits.
    assert_eq!(Window { kernel: [4, 5], ..good }.output_size([4, 5]).expect("it fits"), [1, 1]);
}
