//! The course: its formulas, its links, its exercises, and how a browser shows it.

mod documentation;
mod exercises;
mod figures;
mod page;

use spikeslab::course::CHAPTERS;

/// Text without what stands in backticks.
fn without_code(text: &str) -> String {
    text.split('`').step_by(2).collect()
}

#[test]
fn every_formula_is_set() {
    for chapter in CHAPTERS {
        assert!(!without_code(chapter.text).contains('$'), "{}: a formula in LaTeX", chapter.name);
        assert!(chapter.text.matches("<math").count() > 30, "{}", chapter.name);
        assert!(!chapter.text.contains("merror"), "{}", chapter.name);
    }
}

/// Every equation that a chapter refers to, (2.10) for one, is numbered in it or in an earlier one.
#[test]
fn equations_that_are_referred_to_exist() {
    let mut numbered = Vec::new();
    for chapter in CHAPTERS {
        let blocks = chapter.text.match_indices("<math display=\"block\"").map(|(at, _)| {
            let block = &chapter.text[at..];
            &block[..block.find("</math>").expect("a formula ends")]
        });
        for block in blocks {
            // A number stands in an element of its own, between parentheses.
            numbered.extend(block.split("<mn>").skip(1).filter_map(|rest| rest.split_once("</mn>")).map(|(n, _)| n));
        }
        let prose = without_code(chapter.text);
        for (at, _) in prose.match_indices('(') {
            let Some((inner, _)) = prose[at + 1..].split_once(')') else { continue };
            let is_number = inner.split_once('.').is_some_and(|(chapter, equation)| {
                [chapter, equation].iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
            });
            if is_number {
                assert!(numbered.contains(&inner), "{} refers to ({inner})", chapter.name);
            }
        }
    }
}
