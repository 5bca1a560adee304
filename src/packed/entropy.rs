//! Entropy coding of the indices of levels: asymmetric numeral systems (Duda 2013), with the fraction of weights at
//! each level as its probability.
//!
//! Of n weights, c_k are at level k, for M levels. Of the integers below P = 2²⁴, those from F_k to F_{k+1} − 1 belong
//! to level k:
//!
//! ```text
//! C_k = c_0 + … + c_{k−1}      F_k = k + ⌊C_k (P − M)/n⌋
//! F_M = P                      f_k = F_{k+1} − F_k ≥ 1
//! ```
//!
//! so that a weight at level k takes log₂(P/f_k) bits. The code is a stack of words of 32 bits; the last word is popped
//! first. The decoder holds a state of 64 bits and returns the indices from the first weight to the last.
//!
//! ```text
//! refill:
//!     while state < 2³² and there are words:
//!         state = 2³² state + pop()
//!
//! state = 0; refill
//! for each weight:
//!     q = state mod P
//!     index = the k with F_k ≤ q < F_{k+1}
//!     state = f_k ⌊state/P⌋ + q − F_k; refill
//! ```
//!
//! At the end the state is 0 and there are no words. The encoder reverses these steps, from the last weight to the
//! first:
//!
//! ```text
//! state = 0
//! for each weight, from the last:
//!     if ⌊state/2⁴⁰⌋ ≥ f_k: push(state mod 2³²); state = ⌊state/2³²⌋
//!     state = P ⌊state/f_k⌋ + F_k + state mod f_k
//! while state > 0: push(state mod 2³²); state = ⌊state/2³²⌋
//! ```
//!
//! The last word is never 0, and each sequence of indices has exactly one code: words that decode are the words that
//! the decoded indices encode to.
//!
//! The code is that of `AnsCoder` with a categorical model, from the library
//! [constriction](https://bamler-lab.github.io/constriction/), which this file calls. In the library's Python package,
//! `perfect=False` makes F_k from the numbers f_k − 1, with `from constriction import stream`:
//!
//! ```text
//! shares = (f - 1).astype(numpy.float64)
//! model = stream.model.Categorical(shares, perfect=False)
//! index = stream.stack.AnsCoder(words).decode(model, n)
//! ```
//!
//! Derived in [chapter 7 of the course](crate::course::levels).

use constriction::stream::Decode;
use constriction::stream::model::DefaultContiguousCategoricalEntropyModel as Categorical;
use constriction::stream::stack::DefaultAnsCoder;

/// P, the sum of all f_k.
const WHOLE: u64 = 1 << 24;

/// f_k of each level, for c_k weights at it.
pub fn widths(counts: &[usize]) -> Vec<u32> {
    let (weights, free) = (counts.iter().sum::<usize>().max(1) as u64, WHOLE - counts.len() as u64);
    let mut below = 0;
    let firsts = counts.iter().enumerate().map(|(level, count)| {
        let first = level as u64 + below * free / weights;
        below += *count as u64;
        first
    });
    let firsts: Vec<u64> = firsts.chain([WHOLE]).collect();
    firsts.windows(2).map(|pair| (pair[1] - pair[0]) as u32).collect()
}

fn model(counts: &[usize]) -> Categorical {
    Categorical::from_nonzero_fixed_point_probabilities(widths(counts), false)
        .expect("no width is 0, and they sum to P")
}

/// The words that encode the indices, `counts[k]` of which are k, for 2 to 256 levels.
pub fn encode(indices: &[u8], counts: &[usize]) -> Vec<u32> {
    let mut coder = DefaultAnsCoder::new();
    let indices = indices.iter().map(|index| usize::from(*index));
    coder.encode_iid_symbols_reverse(indices, &model(counts)).expect("indices below the number of levels");
    let Ok(words) = coder.into_compressed();
    words
}

/// Appends the indices that the words encode to `indices`; their number is the sum of `counts`. False if the words do
/// not encode indices of which `counts[k]` are k for each k.
#[must_use]
pub fn decode(words: Vec<u32>, counts: &[usize], indices: &mut Vec<u8>) -> bool {
    let Ok(mut coder) = DefaultAnsCoder::from_compressed(words) else {
        return false;
    };
    let mut left = counts.to_vec();
    for index in coder.decode_iid_symbols(counts.iter().sum(), &model(counts)) {
        let Ok(index) = index;
        let Some(rest) = left[index].checked_sub(1) else {
            return false;
        };
        left[index] = rest;
        indices.push(index as u8);
    }
    coder.is_empty()
}
