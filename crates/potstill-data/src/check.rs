//! Reads every image of a data set once and reports: counts, sizes, mean and std, and each file that cannot
//! be read.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::thread;

use serde::Serialize;

use crate::parallel::{guarded, map_indices};
use crate::{DataError, Dataset, Image, LeftOutGroup, OpenOptions, Split, TargetKind, open_with};

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
    /// How many images there are, with those that cannot be read.
    pub images: usize,
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
    /// True when every image can be read and every class has one.
    pub fn is_clean(&self) -> bool {
        self.unreadable.is_empty() && self.classes.iter().all(|class| class.images > 0)
    }
}

/// Opens a data set and checks it.
///
/// # Errors
/// Where the data set cannot be opened at all; a broken image is part of the report.
pub fn check(source: &str, split: Split, options: &OpenOptions) -> Result<CheckReport, DataError> {
    Ok(check_dataset(&*open_with(
        source,
        split,
        TargetKind::Class,
        options,
    )?))
}

/// Checks a data set, on all processors. The result does not depend on how many there are.
pub fn check_dataset(dataset: &dyn Dataset) -> CheckReport {
    let records = read_all(dataset);
    let readable = records.iter().flat_map(|record| &record.facts);
    let channels = readable.map(|facts| facts.sums.len()).next().unwrap_or(0);
    let mut total = Totals {
        sums: vec![[0; 2]; channels],
        pixels: 0,
        sizes: BTreeMap::new(),
    };
    let mut unreadable = Vec::new();
    let mut counts = vec![0; dataset.classes().len()];
    for (index, Record { classes, facts }) in records.iter().enumerate() {
        for &class in classes {
            if let Some(count) = counts.get_mut(class as usize) {
                *count += 1;
            }
        }
        let problem = match facts {
            Ok(facts) if facts.sums.len() == channels => {
                total.add(facts);
                continue;
            }
            Ok(facts) => format!(
                "has {} channels where the first image has {channels}",
                facts.sums.len()
            ),
            Err(reason) => reason.clone(),
        };
        unreadable.push(Unreadable {
            index,
            source: dataset.source(index),
            reason: problem,
        });
    }
    let (mean, std) = total.mean_and_std();
    let side = |pick: fn(usize, usize) -> usize, start: usize| {
        total.sizes.keys().fold([start; 2], |[h, w], &[height, width]| {
            [pick(h, height), pick(w, width)]
        })
    };
    let count = |(name, &images): (&String, &usize)| ClassCount {
        name: name.clone(),
        images,
    };
    CheckReport {
        name: dataset.name().to_owned(),
        images: dataset.len(),
        classes: dataset.classes().iter().zip(&counts).map(count).collect(),
        smallest: if total.sizes.is_empty() {
            [0; 2]
        } else {
            side(usize::min, usize::MAX)
        },
        largest: side(usize::max, 0),
        sizes: total.histogram(),
        mean,
        std,
        unreadable,
        left_out: dataset.info().left_out.groups(),
        notes: dataset.info().told(),
    }
}

/// What is kept of one image with its target.
struct Record {
    /// The classes that the target has; known of many an image that cannot be read.
    classes: Vec<u32>,
    /// What the pixels say, or why there is nothing to say.
    facts: Result<Facts, String>,
}

/// What is kept of the pixels of one image: whole numbers, so that the order of adding cannot matter.
struct Facts {
    size: [usize; 2],
    /// Sum and sum of squares of each channel.
    sums: Vec<[u64; 2]>,
}

struct Totals {
    sums: Vec<[u64; 2]>,
    pixels: u64,
    sizes: BTreeMap<[usize; 2], usize>,
}

impl Totals {
    fn add(&mut self, facts: &Facts) {
        for (total, sums) in self.sums.iter_mut().zip(&facts.sums) {
            *total = [total[0] + sums[0], total[1] + sums[1]];
        }
        self.pixels += (facts.size[0] * facts.size[1]) as u64;
        *self.sizes.entry(facts.size).or_default() += 1;
    }

    fn mean_and_std(&self) -> (Vec<f64>, Vec<f64>) {
        let count = self.pixels.max(1) as f64;
        let moments = |&[sum, squares]: &[u64; 2]| {
            let mean = sum as f64 / count;
            (
                mean / 255.0,
                (squares as f64 / count - mean * mean).max(0.0).sqrt() / 255.0,
            )
        };
        self.sums.iter().map(moments).unzip()
    }

    fn histogram(&self) -> Vec<SizeCount> {
        let mut sizes: Vec<SizeCount> = self
            .sizes
            .iter()
            .map(|(&[height, width], &images)| SizeCount {
                height,
                width,
                images,
            })
            .collect();
        sizes.sort_by_key(|size| std::cmp::Reverse(size.images));
        sizes
    }
}

/// Reads every image, on as many threads as there are processors.
fn read_all(dataset: &dyn Dataset) -> Vec<Record> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let read = |index: usize| {
        let source = || dataset.source(index);
        let checked = || {
            let sample = dataset.sample(index)?;
            dataset.info().check(&sample, index)?;
            Ok(sample)
        };
        let sample = guarded(checked, source);
        let record = match sample {
            Ok(sample) => Record {
                classes: sample.target.classes(),
                facts: Ok(facts(&sample.image)),
            },
            Err(error) => {
                let target = guarded(|| dataset.target(index), source);
                Record {
                    classes: target.map_or_else(|_| Vec::new(), |target| target.classes()),
                    facts: Err(error.to_string()),
                }
            }
        };
        Ok::<_, Infallible>(record)
    };
    match map_indices(dataset.len(), threads, read) {
        Ok(records) => records,
    }
}

fn facts(image: &Image) -> Facts {
    let mut sums = vec![[0; 2]; image.channels];
    for pixel in image.pixels.chunks_exact(image.channels.max(1)) {
        for (sums, &value) in sums.iter_mut().zip(pixel) {
            *sums = [sums[0] + value as u64, sums[1] + value as u64 * value as u64];
        }
    }
    Facts {
        size: [image.height, image.width],
        sums,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{CheckReport, check_dataset};
    use crate::decode::tests::png_bytes;
    use crate::{OpenOptions, Split, registry};

    fn check(source: &str) -> CheckReport {
        super::check(source, Split::Train, &OpenOptions::default()).unwrap()
    }

    #[test]
    fn everything_is_counted_and_every_broken_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let write = |file: &str, bytes: &[u8]| {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        };
        write("cat/1.png", &png_bytes(2, 1, 3, &[0, 51, 255, 0, 153, 255]));
        write("cat/2.png", b"broken");
        write("dog/1.png", &png_bytes(1, 2, 3, &[0, 51, 255, 0, 153, 255]));
        write("dog/2.png", &png_bytes(2, 1, 3, &[0, 51, 255, 0, 153, 255]));
        write("dog/3.jpg", b"");
        write("dog/notes.md", b"good dog");
        let report = check(dir.path().to_str().unwrap());
        assert_eq!(
            (report.images, report.classes[0].images, report.classes[1].images),
            (5, 2, 3)
        );
        assert_eq!((report.smallest, report.largest), ([1, 1], [2, 2]));
        let sizes: Vec<_> = report
            .sizes
            .iter()
            .map(|size| (size.height, size.width, size.images))
            .collect();
        assert_eq!(sizes, [(1, 2, 2), (2, 1, 1)]);
        for (found, expected) in report
            .mean
            .iter()
            .chain(&report.std)
            .zip([0.0, 0.4, 1.0, 0.0, 0.2, 0.0])
        {
            assert!((found - expected).abs() < 1e-12, "{report:?}");
        }
        let broken: Vec<_> = report.unreadable.iter().map(|image| image.index).collect();
        assert_eq!(broken, [1, 4]);
        assert!(
            report.unreadable[0].source.ends_with("2.png") && report.unreadable[1].reason.contains("empty")
        );
        assert_eq!(report.left_out[0].example, "dog/notes.md");
        assert!(report.notes[0].ends_with("1 .md (dog/notes.md)") && !report.is_clean());
        assert!(
            serde_json::to_string(&report)
                .unwrap()
                .contains("\"largest\":[2,2]")
        );
    }

    #[test]
    fn the_registry_states_the_moments_of_shapes() {
        let report = check("shapes:train=1200");
        let entry = registry().iter().find(|entry| entry.name == "shapes").unwrap();
        for (found, stated) in report
            .mean
            .iter()
            .zip(entry.mean)
            .chain(report.std.iter().zip(entry.std))
        {
            // The means of single pictures spread by 0.2, so that of 1200 by 0.006.
            assert!((found - f64::from(*stated)).abs() < 0.02, "{report:?}");
        }
        assert!(report.is_clean());
    }

    #[test]
    fn an_empty_data_set_has_an_empty_report() {
        let empty = crate::open("shapes:train=0", Split::Train).unwrap();
        let report = check_dataset(&*empty);
        assert_eq!(
            (report.images, report.smallest, report.is_clean()),
            (0, [0, 0], false)
        );
    }
}
