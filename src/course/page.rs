//! The course as one page, which needs no script, no style sheet and no network.

use super::{CHAPTERS, Chapter};
use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html};

const STYLE: &str = include_str!("page.css");

/// The page, in HTML.
pub fn page() -> String {
    let mut contents = String::new();
    let mut chapters = String::new();
    for chapter in CHAPTERS {
        contents.push_str(&format!("<li><a href=\"#{}\">{}</a></li>\n", chapter.name, title(chapter)));
        chapters.push_str(&format!("<article id=\"{}\">\n{}</article>\n", chapter.name, body(chapter)));
    }
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>spikeslab: the course</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<nav>\n\
         <h1>From a posterior to a network of three levels</h1>\n<ul>\n{contents}</ul>\n</nav>\n{chapters}</body>\n</html>\n"
    )
}

/// The text of a chapter's first line.
fn title(chapter: &Chapter) -> &'static str {
    chapter.text.lines().next().unwrap_or_default().trim_start_matches("# ")
}

/// A chapter in HTML. A link to another chapter becomes one within the page; one to the library's documentation, which
/// the page does not hold, becomes its text.
fn body(chapter: &Chapter) -> String {
    let mut is_open = Vec::new();
    let events = Parser::new_ext(chapter.text, Options::ENABLE_TABLES).filter_map(|event| match event {
        Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
            let dest_url = match dest_url.strip_prefix("super::") {
                Some(chapter) => Some(CowStr::from(format!("#{chapter}"))),
                None => Some(dest_url).filter(|url| url.starts_with("https://") || url.starts_with('#')),
            };
            is_open.push(dest_url.is_some());
            dest_url.map(|dest_url| Event::Start(Tag::Link { link_type, dest_url, title, id }))
        }
        Event::End(TagEnd::Link) => is_open.pop().unwrap_or(true).then_some(event),
        event => Some(event),
    });
    let mut body = String::new();
    html::push_html(&mut body, events);
    body
}
