//! Checks that results have the same bits with any number of threads.

use super::compare::Tensor;

/// Asserts that `compute` returns the same bits with 1, 2 and 4 threads.
#[track_caller]
pub fn assert_same_bits_at_any_thread_count(what: &str, compute: impl Fn() -> Vec<Tensor> + Sync) {
    let reference = bits(1, &compute);
    assert!(
        reference.iter().any(|(_, bits)| bits.iter().any(|bits| *bits != 0)),
        "{what}: nothing but zeros says nothing"
    );
    for threads in [2, 4] {
        let seen = bits(threads, &compute);
        assert!(seen == reference, "{what}: {threads} threads and one thread give different bits");
    }
}

fn bits(threads: usize, compute: &(impl Fn() -> Vec<Tensor> + Sync)) -> Vec<(Vec<usize>, Vec<u64>)> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
    let tensors = pool.install(|| {
        assert_eq!(rayon::current_num_threads(), threads);
        compute()
    });
    tensors.into_iter().map(|tensor| (tensor.shape, tensor.values.into_iter().map(f64::to_bits).collect())).collect()
}

#[test]
#[should_panic(expected = "different bits")]
fn a_sum_cut_by_the_number_of_threads_is_noticed() {
    assert_same_bits_at_any_thread_count("the number of threads", || {
        let values: Vec<f64> = (1..1000).map(|i| 1.0 / f64::from(i)).collect();
        let piece = values.len().div_ceil(rayon::current_num_threads());
        let sum = values.chunks(piece).map(|chunk| chunk.iter().sum::<f64>()).sum();
        vec![Tensor { shape: vec![1], values: vec![sum] }]
    });
}
