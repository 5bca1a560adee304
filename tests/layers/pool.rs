use crate::common::fixture::Case;
use crate::common::{Precision, assert_error};
use spikeslab::layers::pool::Pool;

/// The windows of a golden case of either pooling; options that the case does not have are as in [`Pool::new`].
pub fn golden_pool<F: Precision>(case: &Case<F>) -> Pool {
    let flag = |name: &str, default: bool| if case.has(name) { case.integers(name) == [1] } else { default };
    Pool {
        kernel: case.pair("kernel"),
        stride: case.pair("stride"),
        padding: if case.has("padding") { case.pair("padding") } else { [0, 0] },
        ceil_mode: flag("ceil_mode", false),
        count_include_pad: flag("count_include_pad", true),
    }
}

/// The tests that max pooling and average pooling have in common, with the `forward` and `backward` of the file.
macro_rules! as_of_either_pooling {
    () => {
        #[test]
        fn the_layout_in_memory_does_not_matter() {
            let x: Array4<f64> = Random::new(4).bells((2, 3, 4, 5));
            let pool = Pool::new([2, 2], [1, 2]);
            let (y, cache) = forward(x.view(), &pool).expect("it fits");
            let dy: Array4<f64> = Random::new(5).bells(y.dim());
            for axes in [[3, 2, 1, 0], [1, 0, 3, 2], [0, 2, 3, 1]] {
                // The same images, with their axes in another order in memory.
                let inverse =
                    [0, 1, 2, 3].map(|axis| axes.iter().position(|other| *other == axis).expect("a permutation"));
                let permuted = |array: &Array4<f64>| {
                    array.view().permuted_axes(axes).as_standard_layout().into_owned().permuted_axes(inverse)
                };
                let (other, other_cache) = forward(permuted(&x).view(), &pool).expect("it fits");
                assert_eq!(other, y, "{axes:?}");
                assert_eq!(backward(&other_cache, permuted(&dy).view()), backward(&cache, dy.view()), "{axes:?}");
            }
        }

        #[test]
        fn windows_that_do_not_fit_are_refused() {
            let x = Array4::<f64>::zeros((1, 1, 3, 4));
            for (pool, expected) in [
                (Pool::new([4, 2], [1, 1]), ["window", "fits into 3 pixels"]),
                (Pool::new([2, 5], [1, 1]), ["window", "fits into 4 pixels"]),
                (Pool::new([2, 2], [0, 1]), ["window", "at least 1"]),
                (
                    Pool { padding: [1, 2], ..Pool::new([3, 3], [1, 1]) },
                    ["padding", "half of the kernel of 3 (saw: 2)"],
                ),
            ] {
                assert_error(forward(x.view(), &pool), &expected);
            }
        }

        #[test]
        fn a_gradient_of_another_shape_panics() {
            let x = Array4::<f64>::zeros((2, 3, 4, 6));
            let (_, cache) = forward(x.view(), &Pool::new([2, 2], [2, 2])).expect("it fits");
            for shape in [(2, 3, 3, 2), (2, 3, 2, 2), (1, 3, 2, 3), (2, 1, 2, 3)] {
                assert_panics(&format!("{shape:?}"), || backward(&cache, Array4::<f64>::zeros(shape).view()));
            }
        }
    };
}
pub(super) use as_of_either_pooling;

/// For every small geometry, each window contains a pixel, no window that fits is left out, and under `ceil_mode` every
/// pixel that windows could reach is in one.
#[test]
fn windows_by_their_definition() {
    let mut seen = 0;
    for (size, kernel, stride, padding) in
        (0..4000).map(|i| (1 + i % 10, 1 + i / 10 % 8, 1 + i / 80 % 5, i / 400 % 10)).filter(|of| of.3 <= of.1 / 2)
    {
        for ceil_mode in [false, true] {
            let pool = Pool { padding: [padding; 2], ceil_mode, ..Pool::new([kernel; 2], [stride; 2]) };
            let fits = size + 2 * padding >= kernel;
            let Ok([count, same]) = pool.output_size([size, size]) else {
                let rounded_up = ceil_mode && size + 2 * padding + stride > kernel;
                assert!(!fits && !rounded_up, "{size} pixels, {pool:?}");
                continue;
            };
            assert_eq!(count, same);
            seen += 1;
            let starts: Vec<usize> = (0..count).map(|p| p * stride).collect();
            let padded = size + 2 * padding;
            let last = starts[count - 1];
            assert!(last < size + padding && last + kernel > padding, "{size} pixels, {pool:?}: {count} windows");
            if ceil_mode {
                // One more window would begin beyond the image and the padding before it, or no pixels were left for
                // it.
                assert!(last + stride >= size + padding || last + kernel >= padded, "{size}, {pool:?}: {count}");
            } else {
                assert!(last + kernel <= padded && last + stride + kernel > padded, "{size}, {pool:?}: {count}");
            }
        }
    }
    assert!(seen > 1000, "{seen}");
}

/// The largest sizes that numbers can represent.
#[test]
fn nothing_overflows() {
    const HUGE: usize = usize::MAX;
    let of = |kernel: usize, stride: usize, padding: usize, ceil_mode: bool| {
        Pool { padding: [padding; 2], ceil_mode, ..Pool::new([kernel; 2], [stride; 2]) }.output_size([3, 3])
    };
    assert_eq!(of(HUGE, 1, HUGE / 2, false).unwrap(), [3, 3]);
    assert_eq!(of(HUGE, HUGE, HUGE / 2, false).unwrap(), [1, 1]);
    assert_eq!(of(2, HUGE, 1, true).unwrap(), [1, 1]);
    assert_eq!(of(HUGE - 1, HUGE / 2, HUGE / 2, true).unwrap(), [2, 2]);
    assert_error(of(HUGE, 1, HUGE, true), &["padding", "at most half"]);
    assert_error(of(HUGE, 1, 0, true), &["window", "fits into 3 pixels"]);
}
