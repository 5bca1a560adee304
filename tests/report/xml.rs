//! A reader for the XML of the figures: elements, attributes in double quotes, text, four entities.

/// One element, without its children.
#[derive(Debug)]
pub struct Element {
    pub name: String,
    pub attributes: Vec<(String, String)>,
    pub text: String,
}

impl Element {
    pub fn has(&self, key: &str) -> bool {
        self.attributes.iter().any(|(k, _)| k == key)
    }

    pub fn get(&self, key: &str) -> &str {
        match self.attributes.iter().find(|(k, _)| k == key) {
            Some((_, value)) => value,
            None => panic!("no {key}: {self:?}"),
        }
    }

    pub fn number(&self, key: &str) -> f64 {
        self.get(key).parse().expect("a number")
    }
}

/// The elements of a document in the order of their opening tags, or a description of what is wrong.
pub fn read(xml: &str) -> Result<Vec<Element>, String> {
    let illegal = |c: &char| (*c < ' ' && !"\t\n\r".contains(*c)) || matches!(*c, '\u{fffe}' | '\u{ffff}');
    if let Some(c) = xml.chars().find(illegal) {
        return Err(format!("illegal character {c:?}"));
    }
    let mut elements: Vec<Element> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    let mut rest = xml;
    while let Some((text, after)) = rest.split_once('<') {
        let text = unescape(text)?;
        match open.last() {
            Some(&i) => elements[i].text.push_str(&text),
            None if text.trim().is_empty() => {}
            None => return Err(format!("text outside the root: {text:?}")),
        }
        let (tag, after) = after.split_once('>').ok_or("an unfinished tag")?;
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            match open.pop() {
                Some(i) if elements[i].name == name => continue,
                top => {
                    return Err(format!("</{name}> closes {:?}", top.map(|i| &elements[i].name)));
                }
            }
        }
        if open.is_empty() && !elements.is_empty() {
            return Err("a second root".to_string());
        }
        let (tag, closed) = match tag.strip_suffix('/') {
            Some(tag) => (tag, true),
            None => (tag, false),
        };
        elements.push(element(tag)?);
        if !closed {
            open.push(elements.len() - 1);
        }
    }
    if !open.is_empty() || elements.is_empty() || !rest.trim().is_empty() {
        return Err(format!("ends with {} open elements and {rest:?}", open.len()));
    }
    Ok(elements)
}

fn element(tag: &str) -> Result<Element, String> {
    let (name, mut rest) = tag.split_once(' ').unwrap_or((tag, ""));
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric()) {
        return Err(format!("bad name {name:?}"));
    }
    let mut attributes: Vec<(String, String)> = Vec::new();
    while !rest.trim().is_empty() {
        let (key, after) = rest.split_once("=\"").ok_or(format!("no attribute: {rest:?}"))?;
        let (value, after) = after.split_once('"').ok_or(format!("no closing quote: {after:?}"))?;
        if !(after.is_empty() || after.starts_with(' ')) || attributes.iter().any(|(k, _)| k == key.trim()) {
            return Err(format!("bad attribute {key}"));
        }
        attributes.push((key.trim().to_string(), unescape(value)?));
        rest = after;
    }
    Ok(Element { name: name.to_string(), attributes, text: String::new() })
}

fn unescape(text: &str) -> Result<String, String> {
    let mut parts = text.split('&');
    let mut out = parts.next().unwrap_or_default().to_string();
    if text.contains('>') {
        return Err(format!("bare > in {text:?}"));
    }
    for part in parts {
        let (entity, after) = part.split_once(';').ok_or(format!("bare & in {text:?}"))?;
        out.push_str(match entity {
            "amp" => "&",
            "lt" => "<",
            "gt" => ">",
            "quot" => "\"",
            _ => return Err(format!("unknown entity &{entity};")),
        });
        out.push_str(after);
    }
    Ok(out)
}

#[test]
fn refuses_what_is_not_well_formed() {
    for bad in [
        "",
        "<a>",
        "<a></b>",
        "<a><b></a></b>",
        "<a/><b/>",
        "<a>x & y</a>",
        "<a>x > y</a>",
        "<a>&nbsp;</a>",
        "<a k=1/>",
        "<a k=\"1\" k=\"2\"/>",
        "<a k=\"1/>",
        "<a k=\"1\"l=\"2\"/>",
        "<a>\u{1}</a>",
        "<a/>x",
        "x<a/>",
        "< a/>",
        "<a",
    ] {
        assert!(read(bad).is_err(), "{bad:?} passes");
    }
}

#[test]
fn reads_what_is() {
    let elements = read("<a k=\"1\" l=\"&lt;&quot;\">x &amp; <b/>y</a>\n").expect("well formed");
    assert_eq!(elements.len(), 2);
    assert_eq!((elements[0].get("l"), elements[0].text.as_str()), ("<\"", "x & y"));
    assert_eq!((elements[0].number("k"), elements[1].has("k")), (1.0, false));
}
