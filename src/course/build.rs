//! The build script. It sets the mathematics of the course: LaTeX between dollar signs becomes MathML, which browsers
//! show without a script or a network.

fn main() {
    println!("cargo::rerun-if-changed=src/course");
    #[cfg(feature = "course")]
    course::write();
}

#[cfg(feature = "course")]
mod course {
    use math_core::{LatexToMathML, MathCoreConfig, MathDisplay};
    use std::path::Path;
    use std::{env, fs};

    /// Writes each chapter, its formulas set, into the build's directory `course`.
    pub fn write() {
        let out = env::var("OUT_DIR").expect("cargo sets OUT_DIR");
        let to = Path::new(&out).join("course");
        fs::create_dir_all(&to).expect("a directory for the chapters");
        for entry in fs::read_dir("src/course").expect("the chapters") {
            let path = entry.expect("a file of the course").path();
            if path.extension().is_some_and(|extension| extension == "md") {
                let name = path.file_name().expect("a file has a name");
                let text = fs::read_to_string(&path).expect("a chapter in UTF-8");
                let set = set(&text).unwrap_or_else(|error| panic!("{}:{error}", path.display()));
                fs::write(to.join(name), with_folded_answers(&with_figures(&set))).expect("a chapter is written");
            }
        }
    }

    /// The chapter with MathML in place of `$…$` and `$$…$$`. What stands in backticks is code and stays.
    fn set(text: &str) -> Result<String, String> {
        let converter = LatexToMathML::new(MathCoreConfig::default()).expect("the default configuration");
        let mut set = String::with_capacity(8 * text.len());
        let mut rest = text;
        while let Some(at) = rest.find(['$', '`']) {
            set.push_str(&rest[..at]);
            rest = &rest[at..];
            let line = || 1 + text[..text.len() - rest.len()].matches('\n').count();
            let first = rest.chars().next().expect("it was found");
            let fence = &rest[..rest.find(|c| c != first).unwrap_or(rest.len())];
            let unended = || format!("{}: {fence} is not closed", line());
            let len = rest[fence.len()..].find(fence).ok_or_else(unended)?;
            let (inner, end) = (&rest[fence.len()..fence.len() + len], 2 * fence.len() + len);
            let display = match fence {
                "$" => MathDisplay::Inline,
                "$$" => MathDisplay::Block,
                code if code.starts_with('`') => {
                    set.push_str(&rest[..end]);
                    rest = &rest[end..];
                    continue;
                }
                _ => return Err(format!("{}: {fence} opens no formula", line())),
            };
            let converted = converter.convert_with_local_state(inner.trim(), display);
            let math = converted.map_err(|error| format!("{}: {error:?} in {inner}", line()))?.mathml;
            match display {
                MathDisplay::Inline => set.push_str(&escape(&math)),
                // A block of HTML, on lines of its own.
                MathDisplay::Block => {
                    set.push_str(&format!("\n\n<div style=\"margin: 1em 0\">{}</div>\n\n", escape(&math)));
                }
            }
            rest = &rest[end..];
        }
        set.push_str(rest);
        Ok(set)
    }

    /// The chapter with each line `![caption](figures/name.svg)` replaced by the drawing itself.
    fn with_figures(text: &str) -> String {
        let figure = |line: &str| {
            let (caption, path) = line.strip_prefix("![")?.strip_suffix(')')?.split_once("](")?;
            let path = Path::new("src/course").join(path);
            let svg = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let svg = svg.trim_end().replacen("<svg ", "<svg style=\"max-width: 100%; height: auto\" ", 1);
            // Markdown leaves backticks in HTML as they are.
            let parts = caption.split('`').enumerate();
            let caption: String = parts
                .map(|(i, part)| if i % 2 == 0 { part.to_string() } else { format!("<code>{part}</code>") })
                .collect();
            Some(format!("<figure style=\"margin: 1.5em 0\">{svg}<figcaption>{caption}</figcaption></figure>"))
        };
        text.lines().map(|line| figure(line).unwrap_or_else(|| line.to_string()) + "\n").collect()
    }

    /// The chapter with its last part, the answers, folded: the reader opens it.
    fn with_folded_answers(text: &str) -> String {
        match text.split_once("\n## Answers\n") {
            Some((chapter, answers)) => {
                format!("{chapter}\n<details><summary>Answers</summary>\n\n{answers}\n</details>\n")
            }
            None => text.to_string(),
        }
    }

    /// MathML on one line, with references for the characters that Markdown would read as its own.
    fn escape(math: &str) -> String {
        let mut escaped = String::with_capacity(math.len());
        for c in math.chars() {
            match c {
                '|' | '*' | '_' | '`' | '[' | ']' | '\\' | '~' => escaped.push_str(&format!("&#{};", u32::from(c))),
                '\n' => escaped.push(' '),
                _ => escaped.push(c),
            }
        }
        escaped
    }
}
