//! What is printed: text in which a stranger's control characters are written out.
//!
//! Names of classes, files, tensors and operators come out of files that somebody else made. A terminal that is shown them as they
//! are obeys them: it clears the screen, renames the window, hides what was said before.

use std::{
    borrow::Cow,
    fmt::Write as _,
    io::{self, Write},
};

use potstill_base::{printable, printable_lines};
use serde::Serialize;

use crate::failure::Failure;

/// Says something on standard error, in the form of `format!`.
macro_rules! tell {
    ($($text:tt)*) => { $crate::printed::to_stderr(&format!($($text)*)) };
}
pub(crate) use tell;

/// Says a text on standard error. A terminal that has been closed, or a pipe that nobody reads any more, is no reason to lose a run: then
/// nobody is told.
pub fn to_stderr(text: &str) {
    let _ = writeln!(io::stderr(), "{}", printable_lines(text));
}

/// Prints a result to standard output.
pub fn print(text: &str) -> Result<(), Failure> {
    let end = if text.ends_with('\n') { "" } else { "\n" };
    write(&format!("{}{end}", printable_lines(text)))
}

/// A result whose line breaks are its own affair, printable.
pub fn plain(text: &str) -> String {
    let lines = text.split("\r\n").map(printable_lines);
    lines.collect::<Vec<_>>().join("\r\n")
}

/// Prints a result as JSON.
pub fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    write(&format!(
        "{}\n",
        plain_json(&serde_json::to_string_pretty(value)?)
    ))
}

/// Writes a part of a result, which is printable already, to standard output.
pub fn write(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// JSON in which the characters that a terminal obeys are written by their numbers. Between the strings there are none but line
/// breaks, and in strings JSON itself writes those below a space so.
pub fn plain_json(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        let is_obeyed = matches!(printable(letter.encode_utf8(&mut [0; 4])), Cow::Owned(_));
        if letter == '\n' || !is_obeyed {
            plain.push(letter);
        } else {
            let mut units = [0; 2];
            for unit in letter.encode_utf16(&mut units) {
                let _ = write!(plain, "\\u{unit:04x}");
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::plain_json;

    #[test]
    fn json_stays_json() {
        let name = "a\u{1b}[2J\u{7f}\u{9b}\u{202e}\n\"é😀";
        let text = serde_json::to_string_pretty(&[name]).unwrap();
        let plain = plain_json(&text);
        assert!(
            plain.chars().all(|letter| letter == '\n' || !letter.is_control()),
            "{plain:?}"
        );
        assert!(
            plain.contains("\\u007f\\u009b\\u202e") && plain.contains("é😀"),
            "{plain}"
        );
        let back: Vec<String> = serde_json::from_str(&plain).unwrap();
        assert_eq!(back, [name]);
    }
}
