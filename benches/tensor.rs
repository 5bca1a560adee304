use divan::Bencher;
use divan::counter::ItemsCount;
use ndarray::Array1;
use spikeslab::tensor::noise::{Philox, Purpose};

#[divan::bench(args = [1 << 10, 1 << 20])]
fn standard_normal_f32(bencher: Bencher<'_, '_>, count: usize) {
    let stream = Philox::new(0, Purpose::Layer(0), 0);
    bencher.counter(ItemsCount::new(count)).bench(|| -> Array1<f32> { stream.standard_normal(count) });
}

#[divan::bench(args = [1 << 10, 1 << 20])]
fn standard_normal_f64(bencher: Bencher<'_, '_>, count: usize) {
    let stream = Philox::new(0, Purpose::Layer(0), 0);
    bencher.counter(ItemsCount::new(count)).bench(|| -> Array1<f64> { stream.standard_normal(count) });
}
