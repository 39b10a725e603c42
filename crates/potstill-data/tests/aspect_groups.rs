//! Batches of upright images alone and of lying ones alone.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::sync::Arc;

use potstill_data::{
    Augment, Batch, BoundingBox, DatasetInfo, Image, InMemory, LabelledBox, Loader, LoaderConfig, Sample,
    Target, TargetKind,
};
use potstill_random::Seed;

/// Seven upright and nine lying images.
fn batches(aspect_groups: bool, drop_last: bool) -> Vec<Batch> {
    let sample = |index: usize| {
        let [height, width] = if index % 16 < 7 { [6, 4] } else { [3, 5] };
        Sample {
            image: Image {
                height,
                width,
                channels: 1,
                pixels: vec![index as u8; height * width],
            },
            target: Target::Boxes(vec![LabelledBox::new(0, BoundingBox::new(0.0, 0.0, 2.0, 2.0))]),
        }
    };
    let info = DatasetInfo::new("mixed", TargetKind::Boxes, ["a"]);
    let data = InMemory::new((0..16).map(sample).collect(), info).unwrap();
    let config = LoaderConfig {
        batch: 3,
        shuffle: true,
        pad: true,
        drop_last,
        aspect_groups,
        seed: Seed::new(5),
        ..LoaderConfig::default()
    };
    let loader = Loader::new(Arc::new(data), Augment::none(), config).unwrap();
    loader.epoch(0, 0).map(Result::unwrap).collect()
}

#[test]
fn only_what_is_left_over_is_mixed() {
    let grouped = batches(true, false);
    assert_eq!((grouped.len(), batches(false, false).len()), (6, 6));
    let padded = |batches: &[Batch]| batches.iter().filter(|batch| batch.is_padded()).count();
    // Seven are two batches and one image, nine are three batches.
    assert_eq!(padded(&grouped), 0);
    assert!(padded(&batches(false, false)) > 2);
    let mut indices: Vec<usize> = grouped.iter().flat_map(|batch| batch.indices.clone()).collect();
    indices.sort_unstable();
    assert_eq!(indices, (0..16).collect::<Vec<_>>());
    assert_eq!(batches(true, true).len(), 5);
}
