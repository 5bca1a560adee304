use crate::common::external::{is_there, succeed};
use spikeslab::course::CHAPTERS;
use spikeslab::course::page::page;
use std::process::Command;

/// The values of an attribute.
pub(super) fn values<'a>(page: &'a str, attribute: &str) -> Vec<&'a str> {
    let start = format!(" {attribute}=\"");
    page.split(&start).skip(1).map(|rest| rest.split('"').next().expect("a value ends")).collect()
}

#[test]
fn links_lead_to_chapters() {
    let page = page();
    let (ids, links) = (values(&page, "id"), values(&page, "href"));
    assert_eq!(ids, CHAPTERS.iter().map(|chapter| chapter.name).collect::<Vec<_>>());
    assert!(links.len() > 2 * CHAPTERS.len());
    for link in links {
        let leads = link.strip_prefix('#').is_some_and(|id| ids.contains(&id)) || link.starts_with("https://");
        assert!(leads, "{link}");
    }
}

/// What the page would have to fetch, a reader without a network would miss.
#[test]
fn the_page_is_complete() {
    let page = page();
    for element in ["<script", "<link", "<img", "@import", "url("] {
        assert!(!page.contains(element), "{element}");
    }
    assert!(page.len() < 2 << 20, "{} bytes", page.len());
}

/// In a window of 1,000 pixels no formula, table or line of code reaches beyond the column of text, and nothing is an
/// error.
#[test]
fn a_browser_shows_all_of_it() {
    const MEASURE: &str = "<script>
        document.querySelectorAll('details').forEach(answers => answers.open = true);
        const column = document.querySelector('article').getBoundingClientRect().right + 1;
        const wide = [...document.querySelectorAll('p, li, table, math, pre, code')].filter(
            element => element.getBoundingClientRect().right > column || element.scrollWidth > element.clientWidth + 1
                && getComputedStyle(element).display === 'block');
        document.title = JSON.stringify({
            wide: wide.map(element => element.textContent.slice(0, 60)),
            errors: document.querySelectorAll('merror').length,
            formulas: document.querySelectorAll('math').length});
        </script></body>";
    if !is_there("a_browser_shows_all_of_it", "CHROMIUM", "chromium", &["--version"]) {
        return;
    }
    let measured = browser(&page().replace("</body>", MEASURE), 1000);
    assert_eq!(measured["wide"].as_array().unwrap().len(), 0, "{measured}");
    assert_eq!(measured["errors"], 0);
    assert!(measured["formulas"].as_u64().unwrap() > 500, "{measured}");
}

/// What a script has written into the title of `page`, as JSON, in a window of `width` pixels.
pub(super) fn browser(page: &str, width: u32) -> serde_json::Value {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("page.html");
    std::fs::write(&path, page).unwrap();
    let output = succeed(
        Command::new("chromium")
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
            .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
            // Frames of files may then be measured by a page that is a file.
            .arg("--allow-file-access-from-files")
            .arg(format!("--user-data-dir={}", dir.path().join("browser").display()))
            .args([format!("--window-size={width},800"), "--dump-dom".to_string()])
            .arg(format!("file://{}", path.display())),
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let title = text.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>")).unwrap().0;
    serde_json::from_str(&title.replace("&quot;", "\"").replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">"))
        .unwrap_or_else(|error| panic!("{error}: {title}"))
}
