//! Which anchors and regions of a batch a step of a two-stage detector learns from, and what they learn.

use potstill_detection::{BalancedSampler, BoxCoder, Corners, Match, Matcher};

use crate::{TermContext, detection::ImageObjects};

/// The anchors of a batch that were drawn.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SampledAnchors {
    /// Each by its place among all of the batch, one image after the other.
    pub rows: Vec<usize>,
    /// Whether it is on an object.
    pub is_object: Vec<bool>,
    /// The four numbers of the object's box, of those that are on one, in their order.
    pub codes: Vec<[f32; 4]>,
}

/// The regions of a batch that were drawn, one image after the other.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SampledRegions {
    /// The boxes of each image.
    pub boxes: Vec<Vec<Corners>>,
    /// The column of each: 0 for the background, else one more than its class.
    pub columns: Vec<usize>,
    /// Of each that is on an object the index of the object in its image.
    pub objects: Vec<Option<usize>>,
    /// The four numbers of the object's box, of those that are on one, in their order.
    pub codes: Vec<[f32; 4]>,
}

/// Draws anchors, the same `anchors` in each image, by what is true of it.
pub fn sample_anchors(
    anchors: &[Corners],
    truth: &[ImageObjects],
    sampler: &BalancedSampler,
    context: &TermContext<'_>,
) -> SampledAnchors {
    let (matcher, coder) = (Matcher::proposals(), BoxCoder::default());
    let mut sampled = SampledAnchors::default();
    for (image, objects) in truth.iter().enumerate() {
        let matches = matcher.matches(&objects.boxes, anchors);
        for at in drawn(&matches, sampler, "rpn", (image, context)) {
            let object = matches[at].object();
            sampled.rows.push(image * anchors.len() + at);
            sampled.is_object.push(object.is_some());
            let code = object.map(|object| coder.encode(objects.boxes[object], anchors[at]));
            sampled.codes.extend(code);
        }
    }
    sampled
}

/// Draws regions of each image from what was proposed there and the boxes of its objects, by what is true of it.
pub fn sample_regions(
    proposals: Vec<Vec<Corners>>,
    truth: &[ImageObjects],
    sampler: &BalancedSampler,
    context: &TermContext<'_>,
) -> SampledRegions {
    let (matcher, coder) = (Matcher::roi_heads(), BoxCoder::weighted());
    let mut sampled = SampledRegions::default();
    for (image, (mut regions, objects)) in proposals.into_iter().zip(truth).enumerate() {
        regions.extend(&objects.boxes);
        let matches = matcher.matches(&objects.boxes, &regions);
        let chosen = drawn(&matches, sampler, "roi", (image, context));
        for &at in &chosen {
            let object = matches[at].object();
            let class = object.map(|object| objects.classes[object]);
            sampled.columns.push(class.map_or(0, |class| class + 1));
            sampled.objects.push(object);
            let code = object.map(|object| coder.encode(objects.boxes[object], regions[at]));
            sampled.codes.extend(code);
        }
        sampled
            .boxes
            .push(chosen.into_iter().map(|at| regions[at]).collect());
    }
    sampled
}

/// Which of the image at this place of the batch take part, in ascending order. Each image has a stream of its own, named by its use and
/// by which image it is, so that neither a resumed run nor another order changes what is drawn. A copy that an augmentation made draws as
/// its original does.
fn drawn(
    matches: &[Match],
    sampler: &BalancedSampler,
    of: &str,
    (place, context): (usize, &TermContext<'_>),
) -> Vec<usize> {
    let [epoch, step] = context.counters;
    let image = context.indices.get(place).copied().unwrap_or(place);
    let mut stream = context.seed.stream(of, &[epoch, step, image as u64]);
    let sampled = sampler.sample(matches, &mut stream);
    let mut all = sampled.objects;
    all.extend(sampled.background);
    all.sort_unstable();
    all
}

impl SampledRegions {
    /// The places of those that are on an object.
    pub fn on_objects(&self) -> Vec<usize> {
        let places = self.columns.iter().enumerate();
        places
            .filter(|(_, column)| **column > 0)
            .map(|(at, _)| at)
            .collect()
    }

    /// Of each image the boxes that are on an object, with the index of the object.
    pub fn boxes_on_objects(&self) -> Vec<Vec<(Corners, usize)>> {
        let mut objects = self.objects.iter();
        let of_image = |boxes: &Vec<Corners>| {
            let own = boxes.iter().zip(objects.by_ref());
            own.filter_map(|(corners, object)| object.map(|object| (*corners, object)))
                .collect()
        };
        self.boxes.iter().map(of_image).collect()
    }
}
