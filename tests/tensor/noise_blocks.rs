//! Drawing many blocks at a time is drawing one block at a time.

use spikeslab::scalar::Real;
use spikeslab::tensor::noise::{Philox, Purpose};

fn check<F: Real>() {
    for count in [1, 4, 127, 128, 130, 5000] {
        let stream = Philox::new(0x1234_5678_9abc_def0, Purpose::Layer(3), 7);
        let drawn = stream.standard_normal::<F, _>(count);
        for (element, z) in drawn.iter().enumerate() {
            assert_eq!(*z, stream.normals::<F>(element as u64 / 4)[element % 4], "element {element} of {count}");
        }
    }
}

#[test]
fn many_blocks_are_single_blocks() {
    check::<f32>();
    check::<f64>();
}
