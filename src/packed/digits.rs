//! Base-M digits: the indices of levels in files before version 4. A byte holds as many digits as fit, the first digit
//! the least significant:
//!
//! ```text
//! byte = d₀ + d₁ M + d₂ M² + … < Mⁿ ≤ 256
//! n = 8 for M = 2, 5 for 3, 4 for 4, 3 for 5 and 6,
//!     2 up to 16, else 1
//! ```
//!
//! The unused digits of the last byte are 0.

/// n, the number of digits in a byte: the largest with Mⁿ ≤ 256, for 2 ≤ M ≤ 256.
pub fn digits_per_byte(levels: usize) -> usize {
    (1..=8).take_while(|n| levels.pow(*n) <= 256).last().unwrap_or(1) as usize
}

/// The number of bytes that `count` digits take.
pub fn packed_len(count: usize, levels: usize) -> usize {
    count.div_ceil(digits_per_byte(levels))
}

/// The digit at position `i` of packed bytes.
pub fn digit(bytes: &[u8], levels: usize, i: usize) -> usize {
    let per_byte = digits_per_byte(levels);
    usize::from(bytes[i / per_byte]) / levels.pow((i % per_byte) as u32) % levels
}

/// The position of the first byte that is not a valid group of digits: its value is Mⁿ or more, or a digit after the
/// first `count` is not 0.
pub fn first_invalid(bytes: &[u8], levels: usize, count: usize) -> Option<usize> {
    let per_byte = digits_per_byte(levels);
    bytes.iter().enumerate().position(|(i, byte)| {
        let digits = count.saturating_sub(i * per_byte).min(per_byte);
        usize::from(*byte) >= levels.pow(digits as u32)
    })
}
