//! The pages that `cargo doc` built, where it has built them: every link leads somewhere, and in a window of 1,000
//! pixels nothing is cut off.

use super::page::{browser, values};
use crate::common::external::is_there;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The directory that `cargo doc` writes to; none if it has not, unless `REQUIRE_DOC` is 1.
fn documentation(test: &str) -> Option<PathBuf> {
    // The test's program is in <target>/<profile>/deps.
    let program = std::env::current_exe().unwrap();
    let doc = program.ancestors().nth(3).unwrap().join("doc/spikeslab");
    let is_built = doc.join("course/index.html").is_file();
    assert!(is_built || !std::env::var("REQUIRE_DOC").is_ok_and(|value| value == "1"), "no {}", doc.display());
    if !is_built {
        let line = format!("SKIPPED {test}: no {}, which cargo doc --no-deps writes\n", doc.display());
        std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes()).unwrap();
    }
    is_built.then_some(doc)
}

/// All pages below a directory.
fn pages(dir: &Path) -> Vec<PathBuf> {
    let mut pages = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            pages.extend(self::pages(&path));
        } else if path.extension().is_some_and(|extension| extension == "html") {
            pages.push(path);
        }
    }
    pages.sort();
    pages
}

#[test]
fn every_link_leads_to_a_page_and_a_place_in_it() {
    let Some(doc) = documentation("every_link_leads_to_a_page_and_a_place_in_it") else { return };
    let mut read = HashMap::new();
    let mut followed = 0;
    for page in pages(&doc) {
        let text = fs::read_to_string(&page).unwrap();
        for link in values(&text, "href") {
            let (path, place) = link.split_once('#').unwrap_or((link, ""));
            if path.contains("://") || path.starts_with("data:") {
                continue;
            }
            let target = if path.is_empty() { page.clone() } else { page.parent().unwrap().join(path) };
            assert!(target.exists(), "{}: {link}", page.display());
            // Lines of source files have no elements before a script has run.
            if place.is_empty() || path.contains("/src/") {
                continue;
            }
            let target = target.canonicalize().unwrap();
            let text = read.entry(target.clone()).or_insert_with(|| fs::read_to_string(&target).unwrap());
            assert!(text.contains(&format!("id=\"{place}\"")), "{}: {link}", page.display());
            followed += 1;
        }
    }
    assert!(followed > 1000, "{followed}");
}

/// No formula is left in LaTeX or is an error; no line of code, table or formula is wider than the column.
#[test]
fn a_browser_shows_all_of_the_documentation() {
    const MEASURE: &str = "<script>
        window.onload = () => {
            const seen = {pages: 0, blocks: 0, wide: []};
            for (const frame of document.querySelectorAll('iframe')) {
                const page = frame.contentDocument;
                page.querySelectorAll('.docblock details').forEach(answers => answers.open = true);
                const column = page.querySelector('#main-content').getBoundingClientRect().right + 1;
                const blocks = [...page.querySelectorAll('.docblock :is(pre, table, math, p, li, svg)')];
                seen.pages += 1;
                seen.blocks += blocks.length;
                for (const block of blocks) {
                    const isCut = block.scrollWidth > block.clientWidth + 1 &&
                        page.defaultView.getComputedStyle(block).display === 'block';
                    if (block.getBoundingClientRect().right > column || isCut || block.querySelector('merror')) {
                        seen.wide.push(frame.src.split('/spikeslab/')[1] + ': ' + block.textContent.slice(0, 60));
                    }
                }
            }
            document.title = JSON.stringify(seen);
        };
        </script>";
    let test = "a_browser_shows_all_of_the_documentation";
    let Some(doc) = documentation(test) else { return };
    if !is_there(test, "CHROMIUM", "chromium", &["--version"]) {
        return;
    }
    let modules = pages(&doc).into_iter().filter(|page| page.ends_with("index.html"));
    let frames: String = modules
        .map(|page| format!("<iframe width=\"1000\" height=\"800\" src=\"file://{}\"></iframe>\n", page.display()))
        .collect();
    let measured = browser(&format!("<title></title>{MEASURE}{frames}"), 1000);
    assert_eq!(measured["wide"].as_array().unwrap().len(), 0, "{measured:#}");
    assert!(measured["pages"].as_u64().unwrap() > 100 && measured["blocks"].as_u64().unwrap() > 2000, "{measured}");
}
