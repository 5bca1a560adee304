//! Calls every parser of untrusted files with the corpus of its fuzz target, `fixtures/parsers/<parser>/`, and with
//! mutations of it. The corpus has small valid files, and minimized files that the fuzzer derived from them.

use crate::common::parsers::PARSERS;
use crate::common::random::Random;
use std::fs;
use std::path::Path;

/// The number of mutations of each parser's corpus.
const MUTATIONS: usize = 3000;

fn corpus(parser: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/parsers").join(parser);
    let mut paths: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| fs::read(path).unwrap()).collect()
}

#[test]
fn the_corpus_is_partly_accepted_and_its_mutations_never_panic() {
    for (name, parser) in PARSERS {
        let corpus = corpus(name);
        assert!(corpus.iter().any(|file| parser(file)), "{name}: nothing in its corpus is as it should be");
        let mut random = Random::new(8);
        let accepted = (0..MUTATIONS).filter(|i| parser(&random.mutate(&corpus[i % corpus.len()]))).count();
        assert!((1..MUTATIONS).contains(&accepted), "{name}: {accepted} of {MUTATIONS}");
    }
}
