//! MathML elements as text.

/// `<name>content</name>`.
pub(crate) fn element(name: &str, content: &str) -> String {
    format!("<{name}>{content}</{name}>")
}

/// An element around text.
pub(crate) fn leaf(name: &str, text: &str) -> String {
    element(name, &escape(text))
}

/// An operator.
pub(crate) fn mo(text: &str) -> String {
    leaf("mo", text)
}

/// A letter or a name.
pub(crate) fn mi(text: &str) -> String {
    leaf("mi", text)
}

/// Several pieces as one.
pub(crate) fn row(content: &str) -> String {
    element("mrow", content)
}

/// Something above a letter.
pub(crate) fn over(base: &str, accent: &str) -> String {
    format!("<mover accent=\"true\">{base}{}</mover>", mo(accent))
}

/// An empty space of this width.
pub(crate) fn space(width: &str) -> String {
    format!("<mspace width=\"{width}\"></mspace>")
}

/// Text as it stands in elements and in attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}
