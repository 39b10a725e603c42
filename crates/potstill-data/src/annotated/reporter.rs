//! How readers of annotations tell what is wrong, with the file and the place.

use std::cell::LazyCell;

use super::finding::{Finding, Findings, Severity};

/// Collects what is wrong with one file after the other.
pub(crate) struct Reporter {
    findings: Findings,
    file: String,
    place: String,
    line: Option<usize>,
    /// The annotation of a list that is looked at, by its place and its id.
    entry: Option<(usize, Option<i64>)>,
    /// The line on which each annotation begins, found when the first is told.
    lines: LazyCell<Vec<usize>, FindLines>,
}

type FindLines = Box<dyn FnOnce() -> Vec<usize>>;

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
            entry: None,
            lines: LazyCell::new(Box::new(Vec::new)),
        }
    }

    /// How to find the lines on which the annotations of a file begin; asked only if something is wrong with one.
    pub fn find_lines(&mut self, find: impl FnOnce() -> Vec<usize> + 'static) {
        self.lines = LazyCell::new(Box::new(find));
    }

    /// What follows is about this file.
    pub fn file(&mut self, file: impl Into<String>) {
        self.file = file.into();
        self.place.clear();
        self.line = None;
        self.entry = None;
    }

    /// What follows is about this line of the file, from 1.
    pub fn line(&mut self, line: usize) {
        self.place = format!("line {line}");
        self.line = Some(line);
        self.entry = None;
    }

    /// What follows is about this place of the file.
    pub fn place(&mut self, place: impl Into<String>) {
        self.place = place.into();
        self.line = None;
        self.entry = None;
    }

    /// What follows is about the annotation at this place of a list, from 0.
    pub fn annotation(&mut self, at: usize, id: Option<i64>) {
        self.entry = Some((at, id));
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
        let (place, line) = self.place_and_line();
        self.findings.add(Finding {
            severity,
            kind,
            file: self.file.clone(),
            place,
            line,
            value: value.to_string(),
            problem: problem.to_owned(),
            fix: fix.to_owned(),
        });
    }

    /// Where in the file what is told is: in words, and its line.
    fn place_and_line(&self) -> (String, Option<usize>) {
        let Some((at, id)) = self.entry else {
            return (self.place.clone(), self.line);
        };
        let id = id.map_or(String::new(), |id| format!(" (id {id})"));
        match self.lines.get(at) {
            Some(&line) => (format!("line {line}, annotation {at}{id}"), Some(line)),
            None => (format!("annotation {at}{id}"), None),
        }
    }

    /// Everything that was told.
    pub fn findings(self) -> Findings {
        self.findings
    }
}
