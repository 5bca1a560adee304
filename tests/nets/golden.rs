//! Networks described by the texts `fixtures/nets/*.net`, compared with PyTorch.

use crate::common::networks::{Entries, Problem, assert_golden, assert_gradients, text};
use spikeslab::nets::Network;
use spikeslab::prior::Codebook;

const NAMES: [&str; 3] = ["residual", "grouped", "bare"];

#[test]
fn golden_f64() {
    NAMES.iter().for_each(|name| assert_golden::<f64>(name, &format!("nets/{name}"), 1));
}

#[test]
fn golden_f32() {
    NAMES.iter().for_each(|name| assert_golden::<f32>(name, &format!("nets/{name}"), 1));
}

#[test]
fn gradients() {
    for name in NAMES {
        let graph = text(name, 5).expect("a network");
        let network = Network::new(graph, &Codebook::symmetric(3).expect("three levels"));
        assert_gradients(&Problem::of(network, 3, 1), &Entries::Projected);
    }
}
