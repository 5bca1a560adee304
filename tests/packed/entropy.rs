use crate::common::fixture::for_each_case;
use crate::common::random::Random;
use spikeslab::packed::entropy::{decode, encode, widths};

fn decoded(words: &[u32], counts: &[usize]) -> Option<Vec<u8>> {
    let mut indices = Vec::new();
    decode(words.to_vec(), counts, &mut indices).then_some(indices)
}

fn counts(indices: &[u8], levels: usize) -> Vec<usize> {
    (0..levels).map(|level| indices.iter().filter(|index| usize::from(**index) == level).count()).collect()
}

/// Random indices, of which a share of about `shares[k]` is k.
fn drawn(shares: &[f64], weights: usize, seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed);
    let index = |_| {
        let mut place = random.uniform(0.0, 1.0);
        let index = shares.iter().position(|share| {
            place -= share;
            place < 0.0
        });
        index.unwrap_or(0) as u8
    };
    (0..weights).map(index).collect()
}

#[test]
fn golden() {
    for_each_case::<f64>("packed/entropy", 10, |case| {
        let indices: Vec<u8> = case.integers("index").into_iter().map(|index| index as u8).collect();
        let words: Vec<u32> = case.integers("word").into_iter().map(|word| word as u32).collect();
        let count = case.integers("count");
        let width: Vec<usize> = widths(&count).into_iter().map(|width| width as usize).collect();
        assert_eq!(width, case.integers("width"), "{}", case.name);
        assert_eq!(encode(&indices, &count), words, "{}", case.name);
        assert_eq!(decoded(&words, &count), Some(indices), "{}", case.name);
    });
}

#[test]
fn a_code_is_as_long_as_the_entropy_demands() {
    for (shares, weights) in [
        (&[0.5, 0.5][..], 10_000),
        (&[0.999, 0.001], 50_000),
        (&[0.05, 0.9, 0.05], 40_000),
        (&[0.01, 0.48, 0.5, 0.01], 1000),
        (&[1.0 / 256.0; 256], 20_000),
        (&[0.0, 1.0, 0.0], 1_000_000),
    ] {
        let indices = drawn(shares, weights, 1);
        let counts = counts(&indices, shares.len());
        let bits = |count: &usize| *count as f64 * (weights as f64 / (*count).max(1) as f64).log2();
        let entropy: f64 = counts.iter().map(bits).sum();
        let words = encode(&indices, &counts);
        let seen = 32.0 * words.len() as f64;
        // Besides the entropy: rounding up to whole words, and the one of P = 2²⁴ that each level has at least.
        let most = entropy + 32.0 + weights as f64 * 1.5 * shares.len() as f64 / f64::powi(2.0, 24) + 24.0;
        assert!((entropy - 24.0..=most).contains(&seen), "{shares:?}: {seen} bits, entropy {entropy}");
        assert_eq!(decoded(&words, &counts), Some(indices));
    }
}

#[test]
fn widths_leave_each_level_a_place() {
    for counts in [&[1, 0, 0][..], &[0, 0, 1 << 28], &[1 << 27, 1, 1 << 27], &[3; 256], &[0; 2]] {
        let widths = widths(counts);
        assert!(widths.iter().all(|width| *width > 0), "{counts:?}");
        assert_eq!(widths.iter().sum::<u32>(), 1 << 24, "{counts:?}");
    }
    assert_eq!(widths(&[0, 7, 0]), [1, (1 << 24) - 2, 1]);
}

#[test]
fn what_is_no_code_of_these_counts_is_refused() {
    let indices = drawn(&[0.2, 0.5, 0.3], 300, 2);
    let counts = counts(&indices, 3);
    let words = encode(&indices, &counts);
    assert_eq!(decoded(&words, &counts).as_ref(), Some(&indices));
    for at in 0..words.len() {
        let mut other = words.clone();
        other[at] ^= 1 << at;
        assert_eq!(decoded(&other, &counts), None, "word {at}");
    }
    assert_eq!(decoded(&words[1..], &counts), None);
    assert_eq!(decoded(&words[..words.len() - 1], &counts), None);
    assert_eq!(decoded(&[], &counts), None);
    for extra in [0, 1, u32::MAX] {
        assert_eq!(decoded(&[&words[..], &[extra]].concat(), &counts), None);
        assert_eq!(decoded(&[&[extra], &words[..]].concat(), &counts), None);
    }
    let [a, b, c] = counts[..] else { unreachable!() };
    for other in [[a + 1, b, c], [a - 1, b, c], [b, a, c], [a + 1, b - 1, c], [0, 0, 0]] {
        assert_eq!(decoded(&words, &other), None, "{other:?}");
    }
}

/// If words can be decoded, encoding the result gives the same words.
#[test]
fn indices_have_one_code() {
    let mut random = Random::new(3);
    let mut accepted = 0;
    for _ in 0..20_000 {
        let counts: Vec<usize> = (0..2).map(|_| random.uniform(0.0, 4.0) as usize).collect();
        let word = (random.word() >> 32 >> (random.word() % 32)) as u32;
        let words = if random.uniform(0.0, 1.0) < 0.1 { vec![word, word] } else { vec![word] };
        if let Some(indices) = decoded(&words, &counts) {
            accepted += 1;
            assert_eq!(encode(&indices, &counts), words, "{counts:?}");
        }
    }
    assert!(accepted > 20, "{accepted}");
}
