use crate::normal;
use divan::Bencher;
use divan::counter::ItemsCount;
use spikeslab::train::adam::Adam;

#[divan::bench(args = [1 << 10, 1 << 20])]
fn adam(bencher: Bencher<'_, '_>, count: usize) {
    let gradient = normal(count).to_vec();
    let (mut parameter, mut first, mut second) = (gradient.clone(), vec![0.0; count], vec![0.0; count]);
    let mut step = 0;
    bencher.counter(ItemsCount::new(count)).bench_local(|| {
        step += 1;
        Adam::default().step(&mut parameter, &gradient, &mut first, &mut second, step, 1e-3);
    });
}
