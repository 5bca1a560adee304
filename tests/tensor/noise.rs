use crate::common::compare::ToTensor;
use crate::common::fixture::for_each_case;
use crate::common::threads::assert_same_bits_at_any_thread_count;
use crate::common::tolerance::{Check, tolerance};
use crate::common::{Dtype, Precision};
use ndarray_rand::rand::RngCore;
use spikeslab::scalar::Real;
use spikeslab::tensor::noise::{Philox, Purpose, philox4x32_10};

#[test]
fn known_answers() {
    for (counter, key, expected) in [
        ([0; 4], [0; 2], [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]),
        ([u32::MAX; 4], [u32::MAX; 2], [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]),
        (
            [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
            [0xa4093822, 0x299f31d0],
            [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
        ),
    ] {
        assert_eq!(philox4x32_10(counter, key), expected, "counter {counter:08x?}, key {key:08x?}");
    }
}

fn golden<F: Precision>() {
    for_each_case::<F>("tensor/noise", 9, |case| {
        let words = case.integers("seed");
        let seed = words[0] as u64 | (words[1] as u64) << 32;
        let [step, tensor, first, count] =
            ["step", "tensor", "first", "count"].map(|name| case.stored_scalar(name) as u64);
        let stream = Philox::with_tensor_id(seed, tensor as u32, step as u32);
        let lane = |element: u64| (element % 4) as usize;
        let bits: Vec<f64> = (first..first + count).map(|e| f64::from(stream.words(e / 4)[lane(e)])).collect();
        let normals: Vec<F> = (first..first + count).map(|e| stream.normals(e / 4)[lane(e)]).collect();
        assert_eq!(&bits.to_tensor(), case.stored("bits"), "{}", case.name);
        case.expect("normal", &normals);
        if first == 0 {
            case.expect("normal", &stream.standard_normal::<F, _>(count as usize));
        }
    });
}

both_precisions!(golden);

#[test]
fn a_number_depends_on_its_place_alone() {
    let stream = Philox::new(11, Purpose::Layer(2), 7);
    let long = stream.standard_normal::<f64, _>(10_007).into_raw_vec_and_offset().0;
    for count in [1, 3, 4, 5, 4095, 4096, 4097, 9_999] {
        let short = stream.standard_normal::<f64, _>(count).into_raw_vec_and_offset().0;
        assert_eq!(short, long[..count], "the first {count}");
    }
    let shaped = stream.standard_normal::<f64, _>((7, 11, 13)).into_raw_vec_and_offset().0;
    assert_eq!(shaped, long[..7 * 11 * 13]);
    for block in [0, 1, 1023, 1024, 1025, 2500] {
        assert_eq!(stream.normals::<f64>(block), long[4 * block as usize..][..4], "block {block}");
    }
}

#[test]
fn in_f32_it_is_the_f64_number_rounded() {
    let stream = Philox::new(3, Purpose::Evaluation(1), 0);
    let rounded = stream.standard_normal::<f64, _>(1000).mapv(|z| z as f32);
    assert_eq!(stream.standard_normal::<f32, _>(1000), rounded);
}

#[test]
fn the_normals_are_standard_normal() {
    const COUNT: usize = 400_000;
    let z = Philox::new(2024, Purpose::Layer(0), 1).standard_normal::<f64, _>(COUNT);
    let moment = |power: i32| z.iter().map(|z| z.powi(power)).sum::<f64>() / COUNT as f64;
    // Five standard deviations of each moment's estimate: √(var zᵏ / n), var = 1, 2, 15, 96.
    for (power, expected, variance) in [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0)] {
        let (seen, bound) = (moment(power), 5.0 * (variance / COUNT as f64).sqrt());
        assert!((seen - expected).abs() < bound, "E z^{power}: expected {expected} ± {bound}, saw {seen}");
    }
    // Neighbouring numbers, and the two numbers of a pair, are not correlated, and neither are their squares.
    for (lag, square) in [1, 2, 3, 4].iter().flat_map(|lag| [(*lag, false), (*lag, true)]) {
        let centred = |z: f64| if square { (z * z - 1.0) / 2_f64.sqrt() } else { z };
        let sum: f64 = z.iter().zip(z.iter().skip(lag)).map(|(a, b)| centred(*a) * centred(*b)).sum();
        let correlation = sum / COUNT as f64;
        assert!(correlation.abs() < 5.0 / (COUNT as f64).sqrt(), "lag {lag}, squares {square}: {correlation}");
    }
}

#[test]
fn the_table_of_tensor_ids() {
    for (purpose, expected) in [
        (Purpose::Layer(0), 0),
        (Purpose::Layer(5), 5),
        (Purpose::Initialization(0), 0x1000_0000),
        (Purpose::Initialization(9), 0x1000_0009),
        (Purpose::Shuffling, 0x2000_0000),
        (Purpose::Augmentation, 0x3000_0000),
        (Purpose::Evaluation(0), 0x4000_0000),
        (Purpose::Evaluation(7), 0x4000_0007),
        (Purpose::HoldingOut, 0x5000_0000),
    ] {
        assert_eq!(purpose.tensor_id(), expected, "{purpose:?}");
    }
}

#[test]
fn seed_purpose_step_and_block_each_make_another_stream() {
    let base = Philox::new(1, Purpose::Layer(0), 0);
    let others = [
        Philox::new(2, Purpose::Layer(0), 0).words(0),
        Philox::new(1 | 1 << 32, Purpose::Layer(0), 0).words(0),
        Philox::new(1, Purpose::Layer(1), 0).words(0),
        Philox::new(1, Purpose::Layer(0), 1).words(0),
        base.words(1),
        base.words(1 << 32),
    ];
    for (i, words) in others.iter().enumerate() {
        assert_ne!(*words, base.words(0), "{i}");
        assert!(!others[..i].contains(words), "{i}");
    }
    // The counter is block low, block high, tensor id, step; the key is the seed, low word first.
    let stream = Philox::new(0x0123_4567_89ab_cdef, Purpose::Evaluation(3), 77);
    let expected = philox4x32_10([5, 6, 0x4000_0003, 77], [0x89ab_cdef, 0x0123_4567]);
    assert_eq!(stream.words(5 | 6 << 32), expected);
}

#[test]
fn as_a_generator_it_is_read_in_order() {
    let stream = Philox::new(99, Purpose::Shuffling, 4);
    let words: Vec<u32> = (0..4).flat_map(|block| stream.words(block)).collect();

    let mut reader = stream.clone();
    let read: Vec<u32> = (0..16).map(|_| reader.next_u32()).collect();
    assert_eq!(read, words);

    let mut reader = stream.clone();
    assert_eq!(reader.next_u32(), words[0]);
    let (low, high) = (u64::from(words[1]), u64::from(words[2]));
    assert_eq!(reader.next_u64(), low | high << 32, "low word first");
    assert_eq!(reader.next_u32(), words[3]);
    assert_eq!(reader.next_u32(), words[4]);

    let mut reader = stream;
    let mut bytes = [0; 7];
    reader.fill_bytes(&mut bytes);
    let expected: Vec<u8> = words[..2].iter().flat_map(|word| word.to_le_bytes()).take(7).collect();
    assert_eq!(bytes, expected[..]);
    assert_eq!(reader.next_u32(), words[2], "a word begun is used up");
}

#[test]
fn normals_of_the_smallest_and_the_largest_word() {
    // Philox permutes the counters: its inverse for the key 0 gives the counters of these words.
    for (counter, word) in [
        ([0x86d9_ccce, 0x58dd_724a, 0xd942_a9da, 0xd9f1_9ce4], 0),
        ([0x2c4a_ee5d, 0x4f07_c005, 0xba2c_a899, 0x97e2_d350], u32::MAX),
    ] {
        let [low, high, tensor, step]: [u32; 4] = counter;
        let (stream, block) = (Philox::with_tensor_id(0, tensor, step), u64::from(high) << 32 | u64::from(low));
        assert_eq!(stream.words(block), [word; 4]);
        let u = (f64::from(word) + 0.5) / 2_f64.powi(32);
        let (radius, (sin, cos)) = ((-2.0 * u.ln()).sqrt(), (std::f64::consts::TAU * u).sin_cos());
        let allowed = tolerance("noise", Dtype::F64, Check::Golden).relative * radius.max(1.0);
        let expected = [radius * cos, radius * sin, radius * cos, radius * sin];
        for (seen, expected) in stream.normals::<f64>(block).into_iter().zip(expected) {
            assert!((seen - expected).abs() <= allowed, "{seen}, expected {expected}");
        }
    }
}

#[test]
fn the_same_bits_at_any_thread_count() {
    let stream = Philox::new(5, Purpose::Layer(1), 3);
    assert_same_bits_at_any_thread_count("noise", || vec![stream.standard_normal::<f32, _>((13, 997)).to_tensor()]);
}

/// Drawing many blocks at a time gives the same numbers as drawing one block at a time.
fn check_blocks<F: Real>() {
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
    check_blocks::<f32>();
    check_blocks::<f64>();
}
