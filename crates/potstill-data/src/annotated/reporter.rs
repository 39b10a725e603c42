//! How readers of annotations tell what is wrong, with the file and the place.

use super::finding::{Finding, Findings, Severity};

/// Collects what is wrong with one file after the other.
pub(crate) struct Reporter {
    findings: Findings,
    file: String,
    place: String,
    line: Option<usize>,
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "numbers and texts are told as they come, without `&` at every call"
)]
impl Reporter {
    pub fn new() -> Self {
        Self {
            findings: Findings::default(),
            file: String::new(),
            place: String::new(),
            line: None,
        }
    }

    /// What follows is about this file.
    pub fn file(&mut self, file: impl Into<String>) {
        self.file = file.into();
        self.place.clear();
        self.line = None;
    }

    /// What follows is about this line of the file, from 1.
    pub fn line(&mut self, line: usize) {
        self.place = format!("line {line}");
        self.line = Some(line);
    }

    /// What follows is about this place of the file.
    pub fn place(&mut self, place: impl Into<String>) {
        self.place = place.into();
        self.line = None;
    }

    /// What follows is about an annotation that begins on this line.
    pub fn annotation(&mut self, place: String, line: Option<usize>) {
        self.place = match line {
            Some(line) => format!("line {line}, {place}"),
            None => place,
        };
        self.line = line;
    }

    /// The data set cannot be used before this is mended.
    pub fn error(&mut self, kind: &'static str, value: impl ToString, problem: &str, fix: &str) {
        self.add(Severity::Error, kind, &value, problem, fix);
    }

    /// The annotation is left out.
    pub fn left_out(&mut self, kind: &'static str, value: impl ToString, problem: &str, fix: &str) {
        self.add(Severity::LeftOut, kind, &value, problem, fix);
    }

    /// The annotation is used.
    pub fn warning(&mut self, kind: &'static str, value: impl ToString, problem: &str, fix: &str) {
        self.add(Severity::Warning, kind, &value, problem, fix);
    }

    fn add(
        &mut self,
        severity: Severity,
        kind: &'static str,
        value: &dyn ToString,
        problem: &str,
        fix: &str,
    ) {
        self.findings.add(Finding {
            severity,
            kind,
            file: self.file.clone(),
            place: self.place.clone(),
            line: self.line,
            value: value.to_string(),
            problem: problem.to_owned(),
            fix: fix.to_owned(),
        });
    }

    /// Everything that was told.
    pub fn findings(self) -> Findings {
        self.findings
    }
}
