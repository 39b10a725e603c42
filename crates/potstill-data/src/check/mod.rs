//! Reads every image of a data set once and reports: counts, sizes, mean and std, each file that cannot
//! be read, and everything that is wrong in its annotations.

mod annotations;
mod records;
mod totals;

use serde::Serialize;

use self::records::{Record, Wrong, read_all};
use self::totals::Totals;
use crate::{
    DataError, Dataset, Finding, FindingCount, LeftOutGroup, OpenOptions, Severity, Split, TargetKind,
    open_with, target_kinds,
};

/// What is in a data set.
///
/// ```
/// use potstill_data::{OpenOptions, Split, check};
/// let report = check("shapes:train=24", Split::Train, &OpenOptions::default())?;
/// assert_eq!((report.images, report.classes[0].name.as_str(), report.classes[0].images), (24, "disc", 2));
/// assert!(report.is_clean() && report.unreadable.is_empty());
/// # Ok::<(), potstill_data::DataError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckReport {
    /// The data set's name.
    pub name: String,
    /// What is known of each image.
    pub target: TargetKind,
    /// How many images there are, with those that cannot be read.
    pub images: usize,
    /// How many objects there are, where images have objects.
    pub objects: Option<usize>,
    /// Images that show each class, in label order.
    pub classes: Vec<ClassCount>,
    /// Least height and width of the readable images.
    pub smallest: [usize; 2],
    /// Greatest height and width.
    pub largest: [usize; 2],
    /// How many images have each size, the most frequent first.
    pub sizes: Vec<SizeCount>,
    /// Mean of all pixels in `[0, 1]`, one value a channel.
    pub mean: Vec<f64>,
    /// Standard deviation of all pixels in `[0, 1]`, one value a channel.
    pub std: Vec<f64>,
    /// Images that cannot be read, have another number of channels than the first, or a target that does not
    /// fit them.
    pub unreadable: Vec<Unreadable>,
    /// What is wrong, or strange, in the annotations: the first hundred of each kind.
    pub findings: Vec<Finding>,
    /// How many there are of each kind, errors first.
    pub finding_counts: Vec<FindingCount>,
    /// Files among the images that are left out, by kind.
    pub left_out: Vec<LeftOutGroup>,
    /// What else is to be told before the images are used, a line each.
    pub notes: Vec<String>,
}

/// Images that show a class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClassCount {
    /// The class.
    pub name: String,
    /// How many images it has.
    pub images: usize,
    /// How many objects it has, where images have objects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub objects: Option<usize>,
}

/// Images of a size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SizeCount {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// How many images have it.
    pub images: usize,
}

/// An image that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unreadable {
    /// Its index in the data set.
    pub index: usize,
    /// Its file.
    pub source: String,
    /// Why.
    pub reason: String,
}

impl CheckReport {
    /// True when every image can be read and every class has one, and no annotation is wrong.
    pub fn is_clean(&self) -> bool {
        let is_used = |class: &ClassCount| class.images > 0;
        self.unreadable.is_empty() && self.mistakes() == 0 && self.classes.iter().all(is_used)
    }

    /// How many annotations are wrong, so that the data set cannot be used or they are left out.
    pub fn mistakes(&self) -> usize {
        let counts = self.finding_counts.iter();
        let wrong = counts.filter(|count| count.severity != Severity::Warning);
        wrong.map(|count| count.count).sum()
    }
}

/// Opens a data set and checks it. Of several [kinds of targets](target_kinds) it is the usual one that is looked at.
///
/// # Errors
/// Where the data set cannot be opened at all; a broken image and a wrong annotation are part of the report.
pub fn check(source: &str, split: Split, options: &OpenOptions) -> Result<CheckReport, DataError> {
    let kinds = target_kinds(source)?;
    check_as(
        source,
        split,
        kinds.first().copied().unwrap_or(TargetKind::Class),
        options,
    )
}

/// Opens a data set with this kind of target and checks it.
///
/// # Errors
/// As [`check`]; [`DataError::OtherTargets`] where it does not have this kind of target.
pub fn check_as(
    source: &str,
    split: Split,
    target: TargetKind,
    options: &OpenOptions,
) -> Result<CheckReport, DataError> {
    let options = OpenOptions {
        report_mistakes: true,
        ..options.clone()
    };
    Ok(check_dataset(&*open_with(source, split, target, &options)?))
}

/// Checks a data set, on all processors. The result does not depend on how many there are.
pub fn check_dataset(dataset: &dyn Dataset) -> CheckReport {
    let records = read_all(dataset);
    let readable = records.iter().flat_map(|record| &record.facts);
    let channels = readable.map(|facts| facts.sums.len()).next().unwrap_or(0);
    let mut total = Totals::new(channels);
    let mut unreadable = Vec::new();
    let mut findings = dataset.info().findings.clone();
    for (index, record) in records.iter().enumerate() {
        let reason = match &record.facts {
            Ok(facts) if facts.sums.len() == channels => {
                total.add(facts);
                continue;
            }
            Ok(facts) => format!(
                "has {} channels where the first image has {channels}",
                facts.sums.len()
            ),
            Err(Wrong::Annotation(finding)) => {
                findings.add(finding.clone());
                continue;
            }
            Err(Wrong::Image(reason)) => reason.clone(),
        };
        unreadable.push(Unreadable {
            index,
            source: dataset.source(index),
            reason,
        });
    }
    let classes = counted(dataset.classes(), &records);
    annotations::report(dataset, &records, &classes, &mut findings);
    let (mean, std) = total.mean_and_std();
    let (smallest, largest) = total.extremes();
    let objects = records.iter().flat_map(|record| &record.objects);
    CheckReport {
        name: dataset.name().to_owned(),
        target: dataset.info().target,
        images: dataset.len(),
        objects: classes
            .iter()
            .find_map(|class| class.objects)
            .map(|_| objects.map(Vec::len).sum()),
        classes,
        smallest,
        largest,
        sizes: total.histogram(),
        mean,
        std,
        unreadable,
        findings: findings.list().to_vec(),
        finding_counts: findings.counts(),
        left_out: dataset.info().left_out.groups(),
        notes: dataset.info().told_of_files(),
    }
}

/// How many images show each class, and how many objects are of it.
fn counted(names: &[String], records: &[Record]) -> Vec<ClassCount> {
    let has_objects = records.iter().any(|record| record.objects.is_some());
    let class = |name: &String| ClassCount {
        name: name.clone(),
        images: 0,
        objects: has_objects.then_some(0),
    };
    let mut counts: Vec<ClassCount> = names.iter().map(class).collect();
    for record in records {
        for &class in &record.classes {
            if let Some(count) = counts.get_mut(class as usize) {
                count.images += 1;
            }
        }
        for &class in record.objects.iter().flatten() {
            if let Some(objects) = counts
                .get_mut(class as usize)
                .and_then(|count| count.objects.as_mut())
            {
                *objects += 1;
            }
        }
    }
    counts
}

#[cfg(test)]
mod tests;
