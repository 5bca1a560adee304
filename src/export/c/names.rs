//! Names of nodes as identifiers of C, and texts from outside as comments of C.

use crate::escape::Escaped;
use crate::nets::Graph;
use std::collections::HashSet;
use std::iter::once;

/// The name of the standardized image, which no node has.
pub(super) const PIXELS: &str = "pixels";

/// A name for each node. Every use appends an ending that begins with `_`, so that the identifier is neither a keyword
/// nor the name of an operation.
pub(super) fn identifiers(graph: &Graph) -> Vec<String> {
    let mut taken = HashSet::from([PIXELS.to_string()]);
    let mut identifier = |name: &str| {
        let plain: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        // Identifiers that begin with _ are reserved for the compiler.
        let plain = if plain.starts_with('_') { format!("node{plain}") } else { plain };
        let numbered = (2..).map(|number| format!("{plain}_{number}"));
        let free = once(plain.clone()).chain(numbered).find(|name| !taken.contains(name)).unwrap_or_default();
        taken.insert(free.clone());
        free
    };
    graph.nodes.iter().map(|node| identifier(&node.name)).collect()
}

/// A text from outside, changed so that it can be in a comment: it neither ends nor begins a comment, and is one line
/// without trigraphs.
pub(super) fn in_comment(text: &str) -> String {
    let mut text = Escaped { text, most: usize::MAX }.to_string();
    text = text.replace("*/", "* /").replace("/*", "/ *");
    while text.contains("??") {
        text = text.replace("??", "? ?");
    }
    text
}
