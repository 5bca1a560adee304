use crate::common::device::{DevicePrecision, assert_same_bits, device, on_host};
use ndarray::IxDyn;
use spikeslab::cuda::tensor::noise as on_gpu;
use spikeslab::tensor::noise::{Philox, Purpose};

/// Numbers of elements: whole blocks of four and parts of one; more than one block of threads.
const SIZES: [usize; 5] = [1, 4, 7, 1024, 5003];

#[test]
fn parity_words() {
    let Some(device) = device("tensor::noise, words") else { return };
    for (size, stream) in SIZES.iter().zip([
        Philox::new(0, Purpose::Layer(0), 0),
        Philox::new(u64::MAX, Purpose::Evaluation(7), 3),
        Philox::new(0x0123_4567_89AB_CDEF, Purpose::Layer(39), u32::MAX),
        Philox::with_tensor_id(5, 0x1357_9BDF, 11),
        Philox::new(1, Purpose::Augmentation, 2),
    ]) {
        let words = on_host(&on_gpu::words(&device, &stream, &[*size]).expect("it runs"));
        let expected: Vec<u32> = (0..*size).map(|i| stream.words(i as u64 / 4)[i % 4]).collect();
        assert_eq!(words.into_raw_vec_and_offset().0, expected, "{stream:?}");
    }
}

fn parity<F: DevicePrecision>() {
    let Some(device) = device(&format!("tensor::noise, normals {:?}", F::DTYPE)) else { return };
    let stream = Philox::new(42, Purpose::Layer(3), 17);
    for size in SIZES {
        let normals = on_gpu::standard_normal::<F>(&device, &stream, &[size]).expect("it runs");
        assert_same_bits("normals", &normals, &stream.standard_normal::<F, _>(IxDyn(&[size])));
    }
}

both_precisions!(parity);
