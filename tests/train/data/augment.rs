use crate::common::compare::ToTensor;
use crate::common::threads::assert_same_bits_at_any_thread_count;
use ndarray::{Array4, Axis, s};
use spikeslab::tensor::noise::{Philox, Purpose};
use spikeslab::train::data::augment::{Draw, PAD, augment};

/// Images (batch, 2, 7, 9) whose pixels are all different and not 0.
fn images(batch: usize) -> Array4<f64> {
    Array4::from_shape_fn((batch, 2, 7, 9), |(n, c, i, j)| (1 + ((n * 2 + c) * 7 + i) * 9 + j) as f64)
}

fn stream(seed: u64, step: u32) -> Philox {
    Philox::new(seed, Purpose::Augmentation, step)
}

/// The images padded, cropped and mirrored with slices.
fn reference(x: &Array4<f64>, draws: &[Draw]) -> Array4<f64> {
    let (batch, channels, height, width) = x.dim();
    let mut padded = Array4::zeros((batch, channels, height + 2 * PAD, width + 2 * PAD));
    padded.slice_mut(s![.., .., PAD..PAD + height, PAD..PAD + width]).assign(x);
    let mut y = Array4::zeros(x.dim());
    for (n, draw) in draws.iter().enumerate() {
        let crop = s![n, .., draw.down..draw.down + height, draw.right..draw.right + width];
        let mut crop = padded.slice(crop);
        if draw.mirrored {
            crop.invert_axis(Axis(2));
        }
        y.index_axis_mut(Axis(0), n).assign(&crop);
    }
    y
}

#[test]
fn an_image_is_padded_cropped_and_mirrored_by_its_draw() {
    let x = images(200);
    let stream = stream(5, 9);
    let draws: Vec<Draw> = (0..200).map(|image| Draw::new(&stream, image)).collect();
    assert_eq!(augment(x.view(), &stream, true), reference(&x, &draws));
    let upright: Vec<Draw> = draws.iter().map(|draw| Draw { mirrored: false, ..*draw }).collect();
    assert_eq!(augment(x.view(), &stream, false), reference(&x, &upright));
    let zeros = |y: &Array4<f64>| y.iter().filter(|y| **y == 0.0).count();
    assert!(zeros(&augment(x.view(), &stream, true)) > 1000, "crops reach into the padding");
}

#[test]
fn crops_are_uniform_over_all_places_and_every_other_image_is_mirrored() {
    let places = 2 * PAD + 1;
    let mut counts = vec![0; places * places * 2];
    let (images, steps) = (162, 500);
    for step in 0..steps {
        let stream = stream(3, step);
        for image in 0..images {
            let Draw { down, right, mirrored } = Draw::new(&stream, image);
            counts[(down * places + right) * 2 + usize::from(mirrored)] += 1;
        }
    }
    // 81,000 draws in 162 cells: χ² with 161 degrees of freedom, mean 161 and deviation 18.
    let expected = (images * steps as usize) as f64 / counts.len() as f64;
    let chi2: f64 = counts.iter().map(|&n| (f64::from(n) - expected).powi(2) / expected).sum();
    assert!((90.0..260.0).contains(&chi2), "χ² = {chi2}");
}

#[test]
fn the_draw_is_a_function_of_seed_step_and_image() {
    let x = images(40);
    let first = augment(x.view(), &stream(1, 2), true);
    assert_eq!(first, augment(x.view(), &stream(1, 2), true));
    assert_ne!(first, augment(x.view(), &stream(2, 2), true));
    assert_ne!(first, augment(x.view(), &stream(1, 3), true));
    // The augmentation of an image does not depend on the other images.
    assert_eq!(first.slice(s![..7, .., .., ..]), augment(x.slice(s![..7, .., .., ..]), &stream(1, 2), true));
    assert_same_bits_at_any_thread_count("augmentation", || vec![augment(x.view(), &stream(1, 2), true).to_tensor()]);
}

#[test]
fn an_image_smaller_than_the_padding_may_vanish() {
    let x = Array4::<f32>::ones((100, 1, 1, 1));
    let kept = augment(x.view(), &stream(0, 0), true).sum();
    // The pixel is kept only at one of the 81 places.
    assert!(kept < 10.0, "{kept}");
    assert_eq!(augment(Array4::<f32>::ones((0, 3, 4, 4)).view(), &stream(0, 0), true).dim(), (0, 3, 4, 4));
}
