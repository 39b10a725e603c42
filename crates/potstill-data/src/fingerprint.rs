//! One number for the whole content of a data set.

use std::fmt;
use std::thread;

use potstill_base::{Digest, hexadecimal};

use crate::parallel::map_indices;
use crate::{BoundingBox, DataError, InstanceShape, ObjectNotes, Sample, Target};

/// A digest (SHA-256) of the content of a data set: the number of classes, and of every image in order its
/// size, its pixels and its target. Names of classes and files do not count.
///
/// Prepared work in a cache is found by it: two data sets have the same fingerprint if a network sees the
/// same in both.
///
/// ```
/// use potstill_data::{Dataset, Split, open};
/// let shapes = open("shapes:train=20,size=16", Split::Train)?;
/// let same = open("shapes:train=20,size=16", Split::Train)?;
/// let other = open("shapes:train=20,size=16,seed=1", Split::Train)?;
/// assert_eq!(shapes.fingerprint()?, same.fingerprint()?);
/// assert_ne!(shapes.fingerprint()?, other.fingerprint()?);
/// assert_eq!(shapes.fingerprint()?.to_string().len(), 64);
/// # Ok::<(), potstill_data::DataError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The 32 bytes of the digest.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads `images` samples, on all processors.
    pub(crate) fn compute(
        classes: usize,
        images: usize,
        read: impl Fn(usize) -> Result<Sample, DataError> + Sync,
    ) -> Result<Self, DataError> {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let digests = map_indices(images, threads, |index| Ok(digest(&read(index)?)))?;
        let mut hash = Digest::new();
        hash.update(count(classes));
        hash.update(count(images));
        hash.update(digests.as_flattened());
        Ok(Self(hash.bytes()))
    }
}

/// In hexadecimal digits.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hexadecimal(&self.0))
    }
}

/// The digest of one image with its target.
fn digest(sample: &Sample) -> [u8; 32] {
    let mut hash = Digest::new();
    hash.update(sample.image.shape().map(count).as_flattened());
    hash.update(&sample.image.pixels);
    hash.update(encoded(&sample.target));
    hash.bytes()
}

/// A target as bytes. Every list has its length in front of it, so that no two targets have the same bytes.
fn encoded(target: &Target) -> Vec<u8> {
    let mut bytes = Vec::new();
    match target {
        Target::Class(class) => {
            bytes.push(0);
            bytes.extend(class.to_le_bytes());
        }
        Target::Classes(classes) => {
            bytes.push(1);
            bytes.extend(count(classes.len()));
            bytes.extend(classes.iter().flat_map(|class| class.to_le_bytes()));
        }
        Target::Boxes(boxes) => {
            bytes.push(2);
            bytes.extend(count(boxes.len()));
            bytes.extend(
                boxes
                    .iter()
                    .flat_map(|labelled| object(labelled.class, &labelled.bounds)),
            );
            for (at, labelled) in boxes.iter().enumerate() {
                encode_notes(at, labelled.notes, &mut bytes);
            }
        }
        Target::Instances(instances) => {
            bytes.push(3);
            bytes.extend(count(instances.len()));
            for (at, instance) in instances.iter().enumerate() {
                bytes.extend(object(instance.class, &instance.bounds));
                encode_shape(&instance.shape, &mut bytes);
                encode_notes(at, instance.notes, &mut bytes);
            }
        }
        Target::Map(map) => {
            bytes.push(4);
            bytes.extend(count(map.labels.len()));
            bytes.extend(&map.labels);
        }
        Target::None => bytes.push(5),
    }
    bytes
}

/// An object of which no more is known adds nothing, and has the bytes that it had before there were notes.
fn encode_notes(at: usize, notes: ObjectNotes, bytes: &mut Vec<u8>) {
    if notes != ObjectNotes::default() {
        bytes.extend(count(at));
        bytes.extend([u8::from(notes.crowd), u8::from(notes.difficult)]);
        bytes.extend(notes.area.unwrap_or(-1.0).to_le_bytes());
    }
}

fn encode_shape(shape: &InstanceShape, bytes: &mut Vec<u8>) {
    match shape {
        InstanceShape::Mask(mask) => {
            bytes.push(0);
            bytes.extend(count(mask.inside.len()));
            bytes.extend(mask.inside.iter().map(|&inside| u8::from(inside)));
        }
        InstanceShape::Polygons(polygons) => {
            bytes.push(1);
            bytes.extend(count(polygons.len()));
            for polygon in polygons {
                bytes.extend(count(polygon.points.len()));
                let coordinates = polygon.points.as_flattened().iter();
                bytes.extend(coordinates.flat_map(|value| value.to_le_bytes()));
            }
        }
    }
}

fn object(class: u32, bounds: &BoundingBox) -> impl Iterator<Item = u8> {
    let BoundingBox {
        left,
        top,
        right,
        bottom,
    } = *bounds;
    let edges = [left, top, right, bottom].map(f64::to_le_bytes);
    class.to_le_bytes().into_iter().chain(edges.into_iter().flatten())
}

fn count(count: usize) -> [u8; 8] {
    (count as u64).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use crate::{
        BoundingBox, DataError, Dataset, DatasetInfo, Image, InMemory, LabelledBox, Sample, Target,
        TargetKind,
    };

    fn image(height: usize, width: usize) -> Image {
        let pixels = (0..height * width).map(|at| at as u8).collect();
        Image {
            height,
            width,
            channels: 1,
            pixels,
        }
    }

    fn of(samples: Vec<(Image, u32)>, classes: &[&str]) -> String {
        let (images, labels) = samples.into_iter().unzip();
        let set = InMemory::classification(images, labels, classes).unwrap();
        set.fingerprint().unwrap().to_string()
    }

    #[test]
    fn pixels_sizes_labels_order_and_the_number_of_classes_count() {
        let base = of(vec![(image(2, 6), 0), (image(1, 1), 1)], &["a", "b"]);
        assert_eq!(
            of(vec![(image(2, 6), 0), (image(1, 1), 1)], &["other", "names"]),
            base
        );
        let others = [
            of(vec![(image(2, 6), 0), (image(1, 1), 0)], &["a", "b"]),
            of(vec![(image(3, 4), 0), (image(1, 1), 1)], &["a", "b"]),
            of(vec![(image(1, 1), 1), (image(2, 6), 0)], &["a", "b"]),
            of(vec![(image(2, 6), 0)], &["a", "b"]),
            of(vec![(image(2, 6), 0), (image(1, 1), 1)], &["a", "b", "c"]),
        ];
        assert!(others.iter().all(|other| *other != base));
    }

    #[test]
    fn a_box_that_moves_changes_it() {
        let with = |left: f64| {
            let bounds = BoundingBox::new(left, 0.0, 2.0, 2.0);
            let target = Target::Boxes(vec![LabelledBox::new(0, bounds)]);
            let info = DatasetInfo::new("one", TargetKind::Boxes, ["a"]);
            let set = InMemory::new(
                vec![Sample {
                    image: image(2, 2),
                    target,
                }],
                info,
            )
            .unwrap();
            set.fingerprint().unwrap()
        };
        assert_eq!(with(0.5), with(0.5));
        assert_ne!(with(0.5), with(0.25));
    }

    /// Counts how often it is read; its second image panics if told to.
    struct Counting(DatasetInfo, AtomicUsize, bool);

    impl Dataset for Counting {
        fn info(&self) -> &DatasetInfo {
            &self.0
        }
        fn len(&self) -> usize {
            3
        }
        fn sample(&self, index: usize) -> Result<Sample, DataError> {
            self.1.fetch_add(1, Ordering::SeqCst);
            assert!(!(self.2 && index == 1), "boom");
            Ok(Sample {
                image: image(1, 1),
                target: Target::Class(0),
            })
        }
    }

    #[test]
    fn it_is_computed_once_and_a_panic_is_an_error() {
        let set = |broken| {
            let info = DatasetInfo::new("counting", TargetKind::Class, ["a"]);
            Counting(info, AtomicUsize::new(0), broken)
        };
        let counting = set(false);
        assert_eq!(counting.fingerprint().unwrap(), counting.fingerprint().unwrap());
        assert_eq!(counting.1.load(Ordering::SeqCst), 3);
        let message = set(true).fingerprint().unwrap_err().to_string();
        assert!(
            message.contains("image 1 of counting") && message.contains("boom"),
            "{message}"
        );
    }
}
