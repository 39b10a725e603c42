//! CIFAR-10 and CIFAR-100 (Krizhevsky, 2009), whichever form they were read from.

use crate::{DataError, Dataset, DatasetInfo, Image, Sample, Split, Target, TargetKind};

/// Rows and columns of every image.
pub(crate) const SIDE: usize = 32;
/// Bytes of an image: 3 planes of 32x32.
pub(crate) const IMAGE_BYTES: usize = 3 * SIDE * SIDE;

/// Which of the two.
///
/// ```
/// use potstill_data::CifarKind;
/// assert_eq!(CifarKind::Cifar10.class_names()[3], "cat");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CifarKind {
    /// Ten classes.
    Cifar10,
    /// A hundred classes; the twenty coarse ones are not read.
    Cifar100,
}

impl CifarKind {
    /// The name in the registry.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cifar10 => "cifar10",
            Self::Cifar100 => "cifar100",
        }
    }

    /// The official class names in label order, for copies that lack the file with the names.
    pub fn class_names(self) -> Vec<String> {
        let names = match self {
            Self::Cifar10 => CIFAR10_CLASSES,
            Self::Cifar100 => CIFAR100_CLASSES,
        };
        names.split_whitespace().map(str::to_owned).collect()
    }
}

/// One split of CIFAR-10 or CIFAR-100, held in memory (150 MB for a training split).
///
/// ```no_run
/// use potstill_data::{Cifar, CifarKind, Dataset, Split};
/// let test = Cifar::from_binary(CifarKind::Cifar10, "data/cifar-10-binary.tar.gz".as_ref(), Split::Test)?;
/// assert_eq!(test.len(), 10_000);
/// # Ok::<(), potstill_data::DataError>(())
/// ```
#[derive(Debug)]
pub struct Cifar {
    info: DatasetInfo,
    labels: Vec<u32>,
    /// Images one after the other, each three planes (CHW) as in the files.
    planes: Vec<u8>,
    /// Name and number of records of each file.
    files: Vec<(String, usize)>,
}

impl Cifar {
    pub(crate) fn new(kind: CifarKind, split: Split, classes: Option<Vec<String>>) -> Self {
        Self {
            info: DatasetInfo::new(
                format!("{} {split}", kind.name()),
                TargetKind::Class,
                classes.unwrap_or_else(|| kind.class_names()),
            ),
            labels: Vec::new(),
            planes: Vec::new(),
            files: Vec::new(),
        }
    }

    /// Adds a file's images; `planes` has [`IMAGE_BYTES`] for each label.
    pub(crate) fn add_file(&mut self, file: &str, labels: &[u32], planes: &[u8]) -> Result<(), DataError> {
        let wrong = |record: usize, problem: String| DataError::Format {
            file: file.to_owned(),
            place: format!("record {record}"),
            problem,
        };
        if planes.len() != labels.len() * IMAGE_BYTES {
            let problem = format!(
                "{} labels but {} bytes of images; get the file again",
                labels.len(),
                planes.len()
            );
            return Err(wrong(labels.len(), problem));
        }
        if let Some(record) = labels
            .iter()
            .position(|&label| label as usize >= self.info.classes.len())
        {
            let problem = format!(
                "label {} where there are {} classes; get the file again",
                labels[record],
                self.info.classes.len()
            );
            return Err(wrong(record, problem));
        }
        self.labels.extend_from_slice(labels);
        self.planes.extend_from_slice(planes);
        self.files.push((file.to_owned(), labels.len()));
        Ok(())
    }
}

impl Dataset for Cifar {
    fn info(&self) -> &DatasetInfo {
        &self.info
    }

    fn len(&self) -> usize {
        self.labels.len()
    }

    fn target(&self, index: usize) -> Result<Target, DataError> {
        self.in_range(index)?;
        Ok(Target::Class(self.labels[index]))
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        let target = self.target(index)?;
        let planes = &self.planes[index * IMAGE_BYTES..][..IMAGE_BYTES];
        let (red, rest) = planes.split_at(SIDE * SIDE);
        let (green, blue) = rest.split_at(SIDE * SIDE);
        let pixels = red
            .iter()
            .zip(green)
            .zip(blue)
            .flat_map(|((&r, &g), &b)| [r, g, b])
            .collect();
        let image = Image {
            height: SIDE,
            width: SIDE,
            channels: 3,
            pixels,
        };
        Ok(Sample { image, target })
    }

    fn shape(&self, index: usize) -> Result<[usize; 3], DataError> {
        self.in_range(index)?;
        Ok([SIDE, SIDE, 3])
    }

    fn source(&self, index: usize) -> String {
        let mut record = index;
        for (file, records) in &self.files {
            if record < *records {
                return format!("record {record} of {file}");
            }
            record -= records;
        }
        format!("record {index} (there are {})", self.len())
    }
}

const CIFAR10_CLASSES: &str = "airplane automobile bird cat deer dog frog horse ship truck";
const CIFAR100_CLASSES: &str = "apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus
    butterfly camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur
    dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster
    man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree
    plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail
    snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor train trout
    tulip turtle wardrobe whale willow_tree wolf woman worm";

#[cfg(test)]
pub(crate) mod tests {
    use super::{CifarKind, IMAGE_BYTES};

    /// An image whose planes hold 0, 1, 2, ... from `start` (mod 251, so that planes differ).
    pub(crate) fn planes(start: usize) -> Vec<u8> {
        (0..IMAGE_BYTES).map(|at| ((start + at) % 251) as u8).collect()
    }

    #[test]
    fn there_are_as_many_names_as_classes() {
        assert_eq!(CifarKind::Cifar10.class_names().len(), 10);
        let names = CifarKind::Cifar100.class_names();
        assert_eq!(names.len(), 100);
        assert!(names.is_sorted(), "the official order is alphabetical");
    }
}
