//! What is wrong, or strange, in the annotations of a data set.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

/// What becomes of an annotation that is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The data set cannot be used before it is mended.
    Error,
    /// The annotation is left out when the data set is used.
    LeftOut,
    /// The annotation is used, some of it clipped.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::LeftOut => "left out",
            Self::Warning => "warning",
        })
    }
}

/// One thing that is wrong in an annotation: where, what, and how to mend it.
///
/// ```
/// use potstill_data::{Finding, Severity};
/// let finding = Finding {
///     severity: Severity::Error,
///     kind: "class-out-of-range",
///     file: "labels/1.txt".into(),
///     place: "line 3".into(),
///     line: Some(3),
///     value: "7".into(),
///     problem: "the class is beyond the 3 names".into(),
///     fix: "correct the class, or add its name to data.yaml".into(),
/// };
/// assert_eq!(
///     finding.to_string(),
///     "error: labels/1.txt, line 3: the class is beyond the 3 names (`7`); correct the class, or add its name to data.yaml"
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What becomes of it.
    pub severity: Severity,
    /// A word for the kind of mistake: `class-out-of-range`, `box-without-area`.
    pub kind: &'static str,
    /// The file.
    pub file: String,
    /// Where in the file: `line 3`, `annotation 17 (id 4711)`; empty for the whole file.
    pub place: String,
    /// The line from 1, in files of lines.
    pub line: Option<usize>,
    /// What stands there; empty where it is something that is missing.
    pub value: String,
    /// What is wrong.
    pub problem: String,
    /// What to do; empty where the problem says it.
    pub fix: String,
}

impl Finding {
    /// What is wrong and what to do, without the place.
    pub(crate) fn sentence(&self) -> String {
        let value = match self.value.as_str() {
            "" => String::new(),
            value => format!(" (`{value}`)"),
        };
        match self.fix.as_str() {
            "" => format!("{}{value}", self.problem),
            fix => format!("{}{value}; {fix}", self.problem),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.severity, self.file)?;
        if !self.place.is_empty() {
            write!(f, ", {}", self.place)?;
        }
        write!(f, ": {}", self.sentence())
    }
}

/// How many findings of one kind are kept; of more there is only the number.
const KEPT: usize = 100;

/// What is found in the annotations of a data set: the first of each kind, and how many there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    kept: Vec<Finding>,
    counts: BTreeMap<(Severity, &'static str), usize>,
}

/// How many findings there are of a kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FindingCount {
    /// What becomes of them.
    pub severity: Severity,
    /// The kind.
    pub kind: &'static str,
    /// How many.
    pub count: usize,
}

impl Findings {
    /// Adds one.
    pub(crate) fn add(&mut self, finding: Finding) {
        let count = self.counts.entry((finding.severity, finding.kind)).or_default();
        *count += 1;
        if *count <= KEPT {
            self.kept.push(finding);
        }
    }

    /// The first hundred of each kind, in the order of the files.
    pub fn list(&self) -> &[Finding] {
        &self.kept
    }

    /// How many there are of each kind, errors first.
    pub fn counts(&self) -> Vec<FindingCount> {
        let count = |(&(severity, kind), &count): (&(Severity, &'static str), &usize)| FindingCount {
            severity,
            kind,
            count,
        };
        self.counts.iter().map(count).collect()
    }

    /// How many there are of a severity.
    pub fn of(&self, severity: Severity) -> usize {
        let counts = self.counts.iter().filter(|((own, _), _)| *own == severity);
        counts.map(|(_, count)| count).sum()
    }

    /// The first error.
    pub(crate) fn first_error(&self) -> Option<&Finding> {
        self.kept
            .iter()
            .find(|finding| finding.severity == Severity::Error)
    }

    /// What to tell before the images are used: a line for each kind, with an example.
    pub(crate) fn notes(&self, name: &str) -> Vec<String> {
        let told = self
            .counts
            .iter()
            .filter(|((severity, _), _)| *severity != Severity::Error);
        told.filter_map(|(&(severity, kind), &count)| {
            let example = self
                .kept
                .iter()
                .find(|own| own.kind == kind && own.severity == severity)?;
            Some(match (count, severity) {
                (1, _) => format!("{name}: {example}"),
                (_, Severity::LeftOut) => {
                    format!("{name}: {count} annotations are left out (`{kind}`), the first: {example}")
                }
                _ => format!("{name}: {count} times `{kind}`, the first: {example}"),
            })
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Finding, Findings, KEPT, Severity};

    fn finding(kind: &'static str, line: usize) -> Finding {
        Finding {
            severity: Severity::Warning,
            kind,
            file: "1.txt".into(),
            place: format!("line {line}"),
            line: Some(line),
            value: String::new(),
            problem: "it is twice there".into(),
            fix: "remove one".into(),
        }
    }

    #[test]
    fn of_many_findings_some_are_kept_and_all_are_counted() {
        let mut all = Findings::default();
        for line in 0..KEPT + 7 {
            all.add(finding("twice", line));
        }
        all.add(finding("other", 1));
        assert_eq!(
            (all.list().len(), all.of(Severity::Warning)),
            (KEPT + 1, KEPT + 8)
        );
        let notes = all.notes("pets train");
        assert_eq!(
            notes[0],
            "pets train: warning: 1.txt, line 1: it is twice there; remove one"
        );
        assert!(notes[1].starts_with("pets train: 107 times `twice`, the first: warning: 1.txt, line 0"));
        assert!(all.first_error().is_none());
    }
}
