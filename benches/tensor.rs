use divan::Bencher;
use divan::counter::ItemsCount;
use ndarray::{Array1, Array2};
use spikeslab::kernels::matmul::matmul;
use spikeslab::tensor::noise::{Philox, Purpose};
use spikeslab::tensor::product::product;

/// (m, k, n) of the products in the dense layers of `lenet5` and `lenet-caffe` for 128 images, and of a large product.
const PRODUCTS: [[usize; 3]; 4] = [[128, 256, 120], [128, 800, 500], [800, 128, 500], [1024, 1024, 1024]];

#[divan::bench(args = PRODUCTS)]
fn matrix_product(bencher: Bencher<'_, '_>, [m, k, n]: [usize; 3]) {
    let (a, b) = (Array2::<f32>::ones((m, k)), Array2::<f32>::ones((k, n)));
    bencher.counter(ItemsCount::new(2 * m * k * n)).bench(|| matmul(a.view(), b.view()));
}

#[divan::bench(args = PRODUCTS)]
fn matrix_product_by_a_transposed(bencher: Bencher<'_, '_>, [m, k, n]: [usize; 3]) {
    let (a, b) = (Array2::<f32>::ones((m, k)), Array2::<f32>::ones((n, k)));
    bencher.counter(ItemsCount::new(2 * m * k * n)).bench(|| matmul(a.view(), b.t()));
}

/// For comparison: the definitions' product, which the crate matrixmultiply computes on one thread.
#[divan::bench(args = PRODUCTS)]
fn matrix_product_of_definitions(bencher: Bencher<'_, '_>, [m, k, n]: [usize; 3]) {
    let (a, b) = (Array2::<f32>::ones((m, k)), Array2::<f32>::ones((k, n)));
    bencher.counter(ItemsCount::new(2 * m * k * n)).bench(|| product(a.view(), b.view()));
}

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
