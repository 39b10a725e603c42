//! Answers on standard output as they come: a line of text, an object of JSON, or lines of comma-separated values for each picture.

use potstill_base::printable_lines;
use serde::Serialize;

use crate::{
    failure::Failure,
    printed::{plain_json, write},
};

/// In which form answers are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    Json,
    Csv,
}

/// The answer for one picture.
pub(super) trait Answer: Serialize {
    /// The names of the columns of comma-separated values.
    const COLUMNS: &'static str;

    /// The answer in a line.
    fn text(&self) -> String;

    /// The answer as lines of comma-separated values.
    fn csv(&self) -> String;
}

/// Prints answers as they come.
pub(super) struct Printer {
    form: Form,
    printed: usize,
}

impl Printer {
    pub fn begin<A: Answer>(form: Form) -> Result<Self, Failure> {
        match form {
            Form::Text => {}
            Form::Json => write("[")?,
            Form::Csv => write(&format!("{}\n", A::COLUMNS))?,
        }
        Ok(Self { form, printed: 0 })
    }

    pub fn answer<A: Answer>(&mut self, answer: &A) -> Result<(), Failure> {
        let text = match self.form {
            Form::Json => {
                let comma = if self.printed > 0 { "," } else { "" };
                format!("{comma}\n{}", plain_json(&serde_json::to_string(answer)?))
            }
            Form::Csv => printable_lines(&answer.csv()).into_owned(),
            Form::Text => printable_lines(&answer.text()).into_owned(),
        };
        self.printed += 1;
        write(&text)
    }

    pub fn end(&self) -> Result<(), Failure> {
        if self.form == Form::Json {
            write("\n]\n")?;
        }
        Ok(())
    }
}

/// A text as one field of comma-separated values (RFC 4180).
pub(super) fn field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::field;

    #[test]
    fn fields_are_quoted_where_they_must_be() {
        assert_eq!(field("cat 1.png"), "cat 1.png");
        assert_eq!(field("a,\"b\""), "\"a,\"\"b\"\"\"");
    }
}
