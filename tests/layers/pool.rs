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
