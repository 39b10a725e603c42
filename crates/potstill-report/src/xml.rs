//! Text inside SVG and HTML.

/// The text with everything replaced that would be read as markup, in an element or in a quoted attribute.
pub(crate) fn escape(text: &str) -> String {
    text.chars()
        .fold(String::with_capacity(text.len()), |mut escaped, character| {
            match character {
                '&' => escaped.push_str("&amp;"),
                '<' => escaped.push_str("&lt;"),
                '>' => escaped.push_str("&gt;"),
                '"' => escaped.push_str("&quot;"),
                '\'' => escaped.push_str("&#39;"),
                // XML has no way to write the other control characters, and one of them makes the whole file
                // unreadable.
                '\n' | '\t' => escaped.push(character),
                _ if character.is_control() => escaped.push('\u{fffd}'),
                _ => escaped.push(character),
            }
            escaped
        })
}

#[cfg(test)]
mod tests {
    #[test]
    fn markup_becomes_text() {
        assert_eq!(
            super::escape("<a href=\"x\">'&'\0</a>\n"),
            "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;\u{fffd}&lt;/a&gt;\n"
        );
    }
}
