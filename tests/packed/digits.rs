use crate::common::random::Random;
use spikeslab::packed::digits::{digit, digits_per_byte, first_invalid, packed_len};

/// Packs digits below `levels` into bytes.
pub fn pack(digits: &[usize], levels: usize) -> Vec<u8> {
    let byte = |digits: &[usize]| digits.iter().rev().fold(0, |byte, digit| levels * byte + digit) as u8;
    digits.chunks(expected(levels)).map(byte).collect()
}

/// The number of digits in a byte, as a table.
fn expected(levels: usize) -> usize {
    match levels {
        2 => 8,
        3 => 5,
        4 => 4,
        5 | 6 => 3,
        7..=16 => 2,
        _ => 1,
    }
}

#[test]
fn as_many_digits_as_fit() {
    for levels in 2..=256 {
        assert_eq!(digits_per_byte(levels), expected(levels), "{levels}");
    }
}

#[test]
fn digits_come_back_in_as_few_bytes_as_documented() {
    let mut random = Random::new(1);
    for levels in 2..=256 {
        for count in [0_usize, 1, 2, 3, 4, 5, 7, 8, 9, 16, 39, 40, 41] {
            // Every third digit is the largest.
            let digits: Vec<usize> =
                (0..count).map(|i| if i % 3 == 0 { levels - 1 } else { random.word() as usize % levels }).collect();
            let bytes = pack(&digits, levels);
            assert_eq!(bytes.len(), count.div_ceil(expected(levels)), "{levels}, {count}");
            assert_eq!(bytes.len(), packed_len(count, levels));
            assert_eq!((0..count).map(|i| digit(&bytes, levels, i)).collect::<Vec<_>>(), digits, "{levels}");
            assert_eq!(first_invalid(&bytes, levels, count), None);
        }
    }
}

#[test]
fn the_first_digit_is_the_least_significant() {
    assert_eq!(pack(&[1, 0, 1, 1, 0, 0, 0, 0, 1], 2), [0b0000_1101, 1]);
    assert_eq!(pack(&[1, 2, 0, 0, 1, 2], 3), [1 + 2 * 3 + 81, 2]);
    assert_eq!(pack(&[3, 0, 2, 1], 4), [0b01_10_00_11]);
    assert_eq!(pack(&[7, 6, 5], 8), [7 + 6 * 8, 5]);
    assert_eq!(pack(&[15, 1], 16), [0x1f]);
    assert_eq!(pack(&[255, 0, 17], 256), [255, 0, 17]);
}

#[test]
fn every_byte_that_no_digits_give_is_found() {
    for levels in 2..=256 {
        let full = expected(levels);
        for digits in 1..=full {
            let values = levels.pow(digits as u32);
            for byte in 0..=255_u8 {
                let valid = usize::from(byte) < values;
                assert_eq!(first_invalid(&[byte], levels, digits).is_none(), valid, "{levels}, {digits}, {byte}");
                // With a full byte before it, the error is at the byte's position.
                let seen = first_invalid(&[0, byte], levels, full + digits);
                assert_eq!(seen, (!valid).then_some(1), "{levels}, {digits}, {byte}");
            }
        }
        // An extra byte must be 0; packing never writes one.
        assert_eq!(first_invalid(&[0, 1], levels, full), Some(1), "{levels}");
    }
}
