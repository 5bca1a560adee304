//! Names of nodes as identifiers of C, and texts of others in its comments.

use crate::escape::Escaped;
use crate::nets::Graph;
use std::collections::HashSet;
use std::iter::once;

/// What the image is called after standardization; no node is.
pub(super) const PIXELS: &str = "pixels";

/// A name for each node. Whoever uses one puts an ending after it that begins with `_`: so it is no keyword, and no name of an
/// operation.
pub(super) fn identifiers(graph: &Graph) -> Vec<String> {
    let mut taken = HashSet::from([PIXELS.to_string()]);
    let mut identifier = |name: &str| {
        let plain: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        // What begins with _ belongs to the compiler.
        let plain = if plain.starts_with('_') { format!("node{plain}") } else { plain };
        let numbered = (2..).map(|number| format!("{plain}_{number}"));
        let free = once(plain.clone()).chain(numbered).find(|name| !taken.contains(name)).unwrap_or_default();
        taken.insert(free.clone());
        free
    };
    graph.nodes.iter().map(|node| identifier(&node.name)).collect()
}

/// A text that somebody else wrote, to stand in a comment: it ends none, begins none, and is one line without trigraphs.
pub(super) fn in_comment(text: &str) -> String {
    let mut text = Escaped { text, most: usize::MAX }.to_string();
    text = text.replace("*/", "* /").replace("/*", "/ *");
    while text.contains("??") {
        text = text.replace("??", "? ?");
    }
    text
}
