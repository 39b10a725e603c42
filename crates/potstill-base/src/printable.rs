//! Text of a stranger, made safe to be shown.

use std::borrow::Cow;

/// A name or key as it can stand in a line: characters that a terminal would obey (colours, titles, the way back over what is
/// printed already), and those that turn the direction of writing, are written out.
///
/// ```
/// use potstill_base::printable;
/// assert_eq!(printable("\u{1b}[2Jcat\n"), "\\u{1b}[2Jcat\\n");
/// assert_eq!(printable("Größe 1.5 µm"), "Größe 1.5 µm");
/// ```
pub fn printable(text: &str) -> Cow<'_, str> {
    escaped(text, is_obeyed)
}

/// The same for a text of several lines, whose line breaks and tabs stay.
///
/// ```
/// use potstill_base::printable_lines;
/// assert_eq!(printable_lines("two\nlines\u{7}"), "two\nlines\\u{7}");
/// ```
pub fn printable_lines(text: &str) -> Cow<'_, str> {
    escaped(text, |letter| is_obeyed(letter) && !matches!(letter, '\n' | '\t'))
}

fn escaped(text: &str, is_written_out: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_written_out) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        if is_written_out(letter) {
            shown.extend(letter.escape_debug());
        } else {
            shown.push(letter);
        }
    }
    Cow::Owned(shown)
}

/// Whether a character is an order and no letter: the control characters (C0, delete, C1), the separators of lines and
/// paragraphs, and the marks by which text is turned around.
fn is_obeyed(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

#[cfg(test)]
mod tests {
    use super::{printable, printable_lines};

    #[test]
    fn whatever_a_terminal_would_obey_is_written_out() {
        for order in (0..=0x9fu32).filter(|code| !(0x20..0x7f).contains(code)) {
            let text = format!("a{}b", char::from_u32(order).unwrap());
            let shown = printable(&text);
            assert!(
                shown.starts_with("a\\") && shown.ends_with('b') && shown.is_ascii(),
                "{order:#x}: {shown:?}"
            );
        }
        // The word is shown in the order in which it is stored.
        assert_eq!(printable("evil\u{202e}txt.exe"), "evil\\u{202e}txt.exe");
        assert_eq!(printable("\u{2028}"), "\\u{2028}");
    }

    #[test]
    fn lines_stay_lines() {
        let text = "first\n\tsecond";
        assert_eq!(printable_lines(text), text);
        assert_eq!(printable(text), "first\\n\\tsecond");
        assert_eq!(
            printable_lines("over\rwritten\u{9b}31m"),
            "over\\rwritten\\u{9b}31m"
        );
    }
}
