//! How good a class map is: the mean intersection over union, and the pixels that are right.

use crate::{ClassResult, ConfusionMatrix, MetricInfo, Metrics};

/// The mean over the classes of intersection over union, in percent.
pub const MEAN_IOU: MetricInfo = MetricInfo::percent("miou", "mIoU", "mean_iou");
/// Percent of the labelled pixels that are told right.
pub const PIXEL_ACCURACY: MetricInfo = MetricInfo::percent("pixel_accuracy", "pixel accuracy", "accuracy");
/// The mean over the labelled classes of the percentage of their pixels that are told right.
pub const CLASS_ACCURACY: MetricInfo = MetricInfo::percent("class_accuracy", "class accuracy", "accuracy");
/// Intersection over union in percent, each class weighted by its labelled pixels.
pub const FREQUENCY_WEIGHTED_IOU: MetricInfo =
    MetricInfo::percent("frequency_weighted_iou", "frequency-weighted IoU", "mean_iou");

/// Counts the pixels of all images by their label and by what they were told to be.
///
/// One table stands for the whole set: the mean over images of their IoU is another number. Ignored pixels must not be added.
///
/// ```
/// use potstill_metrics::PixelConfusion;
///
/// let mut pixels = PixelConfusion::new(3);
/// for (label, told) in [(0, 0), (0, 0), (0, 1), (1, 1)] {
///     pixels.add(label, told);
/// }
/// assert_eq!(pixels.iou(), [Some(2.0 / 3.0), Some(0.5), None]);
/// assert_eq!(pixels.pixel_accuracy(), Some(0.75));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PixelConfusion {
    classes: usize,
    /// Row by row: a row is a label, a column what was told.
    counts: Vec<u64>,
    /// For each label the pixels that were told to be none of the classes.
    missed: Vec<u64>,
    /// For each label the images that have it.
    images: Vec<u64>,
}

impl PixelConfusion {
    /// No pixel yet, over so many classes.
    pub fn new(classes: usize) -> Self {
        Self {
            classes,
            counts: vec![0; classes * classes],
            missed: vec![0; classes],
            images: vec![0; classes],
        }
    }

    /// Adds a pixel. One whose label is no class is left out; one that was told to be no class (a network may have an answer for void) is
    /// missed: it counts to its label, and to nothing else.
    pub fn add(&mut self, label: usize, told: usize) {
        match (self.missed.get_mut(label), told < self.classes) {
            (Some(_), true) => self.counts[label * self.classes + told] += 1,
            (Some(missed), false) => *missed += 1,
            (None, _) => {}
        }
    }

    /// Adds the pixels of an image; `ignore` is the label of those that do not count.
    pub fn add_image(&mut self, labels: &[u8], told: &[usize], ignore: u8) {
        let mut has = vec![false; self.classes];
        for (&label, &told) in labels.iter().zip(told).filter(|(label, _)| **label != ignore) {
            self.add(usize::from(label), told);
            if let Some(has) = has.get_mut(usize::from(label)) {
                *has = true;
            }
        }
        let images = self.images.iter_mut().zip(has);
        images.for_each(|(images, has)| *images += u64::from(has));
    }

    /// The table, row by row: rows are labels.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    fn row(&self, class: usize) -> u64 {
        let told: u64 = self.counts[class * self.classes..(class + 1) * self.classes]
            .iter()
            .sum();
        told + self.missed[class]
    }

    /// All pixels with a label.
    fn labelled(&self) -> u64 {
        (0..self.classes).map(|class| self.row(class)).sum()
    }

    fn column(&self, class: usize) -> u64 {
        self.counts.iter().skip(class).step_by(self.classes).sum()
    }

    fn right(&self, class: usize) -> u64 {
        self.counts[class * self.classes + class]
    }

    fn each(&self, of: impl Fn(usize) -> [u64; 2]) -> Vec<Option<f64>> {
        let share = |[part, all]: [u64; 2]| (all > 0).then(|| part as f64 / all as f64);
        (0..self.classes).map(|class| share(of(class))).collect()
    }

    /// Intersection over union of each class; `None` for one that is neither labelled nor told anywhere.
    pub fn iou(&self) -> Vec<Option<f64>> {
        self.each(|class| {
            let right = self.right(class);
            [right, self.row(class) + self.column(class) - right]
        })
    }

    /// The share of the pixels of each class that are told right; `None` for one that is not labelled.
    pub fn class_accuracy(&self) -> Vec<Option<f64>> {
        self.each(|class| [self.right(class), self.row(class)])
    }

    /// The share of all pixels that are told right; `None` without pixels.
    pub fn pixel_accuracy(&self) -> Option<f64> {
        let all = self.labelled();
        let right: u64 = (0..self.classes).map(|class| self.right(class)).sum();
        (all > 0).then(|| right as f64 / all as f64)
    }

    /// The IoU of the classes, each counted by its share of the labelled pixels; `None` without pixels.
    pub fn frequency_weighted_iou(&self) -> Option<f64> {
        let all = self.labelled();
        let weighted = self.iou().into_iter().enumerate();
        let sum: f64 = weighted
            .filter_map(|(class, iou)| Some(self.row(class) as f64 * iou?))
            .sum();
        (all > 0).then(|| sum / all as f64)
    }

    /// [`MEAN_IOU`], [`PIXEL_ACCURACY`], [`CLASS_ACCURACY`] and [`FREQUENCY_WEIGHTED_IOU`]; a metric of nothing is left out.
    pub fn metrics(&self) -> Metrics {
        let found = [
            (&MEAN_IOU, mean(&self.iou())),
            (&PIXEL_ACCURACY, self.pixel_accuracy()),
            (&CLASS_ACCURACY, mean(&self.class_accuracy())),
            (&FREQUENCY_WEIGHTED_IOU, self.frequency_weighted_iou()),
        ];
        let found = found
            .into_iter()
            .filter_map(|(metric, value)| Some((metric, value?)));
        found.fold(Metrics::new(), |metrics, (metric, value)| {
            metrics.with(metric, 100.0 * value)
        })
    }

    /// Every class that is labelled somewhere, with the images that have it, the percentage of its pixels that are told right, and its IoU.
    pub fn by_class(&self, names: &[String]) -> Vec<ClassResult> {
        let found = self.iou().into_iter().zip(self.class_accuracy()).enumerate();
        let result = |(class, (iou, accuracy)): (usize, (Option<f64>, Option<f64>))| {
            Some(ClassResult {
                class: names.get(class).cloned().unwrap_or_else(|| class.to_string()),
                images: self.images[class],
                accuracy: Some(100.0 * accuracy?),
                average_precision: None,
                iou: iou.map(|iou| 100.0 * iou),
            })
        };
        found.filter_map(result).collect()
    }

    /// The table in pixels over the classes of these names; `None` where there are none, or others than were counted.
    pub fn matrix(&self, names: &[String]) -> Option<ConfusionMatrix> {
        (!names.is_empty() && names.len() == self.classes).then(|| ConfusionMatrix {
            classes: names.to_vec(),
            matrix: self.counts.chunks(self.classes).map(<[u64]>::to_vec).collect(),
        })
    }
}

/// The mean of what is there; `None` of nothing.
fn mean(values: &[Option<f64>]) -> Option<f64> {
    let known: Vec<f64> = values.iter().copied().flatten().collect();
    (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
}
