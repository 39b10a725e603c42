//! Order, bits, errors and early ends of epochs.

use std::sync::Arc;

use potstill_random::Seed;

use super::{Batch, Loader, LoaderConfig};
use crate::augment::{PadMode, Step};
use crate::{Augment, DataError, Dataset, DatasetInfo, Image, Normalise, Sample, Target, TargetKind};

/// Images of one pixel, whose value is their index; some of them are trouble.
struct Numbers {
    count: usize,
    trouble: Option<(usize, Trouble)>,
    info: DatasetInfo,
}

impl Numbers {
    fn new(count: usize, trouble: Option<(usize, Trouble)>) -> Arc<Self> {
        let info = DatasetInfo::new("numbers", TargetKind::Class, ["0", "1", "2"]);
        Arc::new(Self { count, trouble, info })
    }
}

#[derive(Clone, Copy)]
enum Trouble {
    Broken,
    Panics,
    OtherSize,
}

impl Dataset for Numbers {
    fn info(&self) -> &DatasetInfo {
        &self.info
    }
    fn len(&self) -> usize {
        self.count
    }
    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        let side = match self.trouble {
            Some((at, Trouble::Broken)) if at == index => {
                return Err(DataError::Decode {
                    file: self.source(index),
                    reason: "it is broken".to_owned(),
                });
            }
            Some((at, Trouble::Panics)) if at == index => panic!("boom {index}"),
            Some((at, Trouble::OtherSize)) if at == index => 3,
            _ => 2,
        };
        // A delay that differs from image to image, so that several workers overtake each other.
        std::thread::sleep(std::time::Duration::from_micros(index as u64 * 7919 % 400));
        let image = Image {
            height: side,
            width: side,
            channels: 1,
            pixels: vec![index as u8; side * side],
        };
        let target = Target::Class(index as u32 % 3);
        Ok(Sample { image, target })
    }
    fn source(&self, index: usize) -> String {
        format!("{index}.jpg")
    }
}

fn loader(count: usize, trouble: Option<(usize, Trouble)>, config: LoaderConfig) -> Loader {
    let augment = Augment::new(vec![
        Step::Flip,
        Step::PadCrop {
            pad: 1,
            mode: PadMode::Zero,
        },
    ])
    .unwrap();
    Loader::new(Numbers::new(count, trouble), augment, config).unwrap()
}

fn config(workers: usize) -> LoaderConfig {
    LoaderConfig {
        batch: 8,
        workers,
        queue: 3,
        shuffle: true,
        drop_last: false,
        pad: false,
        seed: Seed::new(9),
        augment_seed: None,
        views: None,
        ..LoaderConfig::default()
    }
}

fn epoch(loader: &Loader, epoch: u64, skip: usize) -> Vec<Batch> {
    loader.epoch(epoch, skip).map(Result::unwrap).collect()
}

#[test]
fn bits_do_not_depend_on_workers_or_interruptions() {
    let alone = epoch(&loader(100, None, config(1)), 4, 0);
    let together = loader(100, None, config(3));
    assert_eq!(epoch(&together, 4, 0), alone);
    assert_eq!(epoch(&together, 4, 5), alone[5..]);
    assert_eq!(epoch(&together, 4, 100), []);
    assert_ne!(epoch(&together, 5, 0)[0].indices, alone[0].indices);
    assert_eq!(together.epoch(4, 5).size_hint().1, Some(8));
}

#[test]
fn an_epoch_is_every_image_once_with_its_label() {
    let loader = loader(30, None, config(2));
    let batches = epoch(&loader, 0, 0);
    assert_eq!((batches.len(), loader.batches_per_epoch()), (4, 4));
    assert_eq!(
        batches.iter().map(|batch| batch.shape).collect::<Vec<_>>(),
        [[8, 2, 2, 1], [8, 2, 2, 1], [8, 2, 2, 1], [6, 2, 2, 1]]
    );
    let mut seen = Vec::new();
    for batch in &batches {
        let labels = batch.labels().unwrap();
        for (at, &index) in batch.indices.iter().enumerate() {
            assert_eq!(labels[at], index as u32 % 3);
            let pixels = &batch.images[at * 4..][..4];
            assert!(
                pixels
                    .iter()
                    .all(|&value| value == 0.0 || value == index as f32 / 255.0)
            );
            seen.push(index);
        }
    }
    assert_ne!(seen, (0..30).collect::<Vec<_>>());
    seen.sort_unstable();
    assert_eq!(seen, (0..30).collect::<Vec<_>>());
}

#[test]
fn without_shuffling_the_order_is_that_of_the_indices_and_a_part_can_be_dropped() {
    let config = LoaderConfig {
        shuffle: false,
        drop_last: true,
        ..config(2)
    };
    let batches = epoch(&loader(30, None, config), 7, 0);
    let indices: Vec<usize> = batches.iter().flat_map(|batch| batch.indices.clone()).collect();
    assert_eq!(indices, (0..24).collect::<Vec<_>>());
}

#[test]
fn trouble_is_an_error_that_names_the_file_and_ends_the_epoch() {
    let messages = [
        (Trouble::Broken, "20.jpg: cannot decode this image: it is broken"),
        (Trouble::Panics, "reading 20.jpg panicked: boom 20"),
        (
            Trouble::OtherSize,
            "20.jpg is 3x3x1 (height, width, channels) where its batch has 2x2x1",
        ),
    ];
    for (trouble, expected) in messages {
        for workers in [1, 3] {
            let config = LoaderConfig {
                shuffle: false,
                ..config(workers)
            };
            let results: Vec<_> = loader(100, Some((20, trouble)), config).epoch(0, 0).collect();
            assert_eq!(results.len(), 3, "two batches and the error");
            assert!(results[..2].iter().all(Result::is_ok));
            let message = results[2].as_ref().unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}

#[test]
fn batches_can_be_padded_to_a_multiple_and_keep_what_the_images_were() {
    let config = LoaderConfig {
        shuffle: false,
        pad: true,
        pad_multiple: 4,
        keep_truth: true,
        ..config(2)
    };
    let numbers = Numbers::new(16, Some((9, Trouble::OtherSize)));
    let augment = Augment::new(vec![Step::resize_shorter(5)]).unwrap();
    let batches = epoch(&Loader::new(numbers, augment, config).unwrap(), 0, 0);
    assert_eq!(batches[1].shape, [8, 8, 8, 1]);
    assert_eq!(batches[1].valid, [[5, 5]; 8]);
    let sizes: Vec<[usize; 2]> = batches[1].truth.iter().map(|truth| truth.size).collect();
    assert_eq!(sizes[..3], [[2, 2], [3, 3], [2, 2]], "before the resize");
    assert_eq!(batches[1].truth[1].target, batches[1].targets[1]);
}

#[test]
fn images_of_other_sizes_are_padded_where_that_is_asked_for() {
    let config = LoaderConfig {
        shuffle: false,
        pad: true,
        ..config(2)
    };
    let numbers = Numbers::new(16, Some((9, Trouble::OtherSize)));
    let loader = Loader::new(numbers, Augment::none(), config).unwrap();
    let batches = epoch(&loader, 0, 0);
    assert_eq!(batches[0].shape, [8, 2, 2, 1]);
    assert!(!batches[0].is_padded());
    let padded = &batches[1];
    assert_eq!((padded.shape, padded.is_padded()), ([8, 3, 3, 1], true));
    assert_eq!(
        padded.valid,
        [[2, 2], [3, 3], [2, 2], [2, 2], [2, 2], [2, 2], [2, 2], [2, 2]]
    );
    let (own, other) = (10.0 / 255.0, 9.0 / 255.0);
    let expected = [own, own, 0.0, own, own, 0.0, 0.0, 0.0, 0.0];
    assert_eq!(padded.images[9..18], [other; 9]);
    assert_eq!(padded.images[18..27], expected);
    let normalise = Normalise {
        mean: vec![0.5],
        std: vec![0.5],
    };
    let normalised = padded.normalised(&normalise).unwrap();
    let (own, padding) = ((own - 0.5) * 2.0, 0.0);
    let expected = [own, own, padding, own, own, padding, padding, padding, padding];
    assert_eq!(normalised[18..27], expected, "padding is not normalised");
    assert!(
        padded
            .normalised(&Normalise {
                mean: vec![0.5; 3],
                std: vec![0.5; 3]
            })
            .is_err()
    );
}

/// What each image looks like, by its index.
fn pictures(loader: &Loader, number: u64) -> Vec<(usize, Vec<f32>)> {
    let batches = epoch(loader, number, 0);
    let of_batch = |batch: &Batch| {
        let pixels = batch.images.chunks_exact(4).map(<[f32]>::to_vec);
        batch.indices.iter().copied().zip(pixels).collect::<Vec<_>>()
    };
    let mut pictures: Vec<_> = batches.iter().flat_map(of_batch).collect();
    pictures.sort_by_key(|(index, _)| *index);
    pictures
}

#[test]
fn few_views_come_again_in_another_order() {
    let plain = loader(100, None, config(2));
    let views = loader(
        100,
        None,
        LoaderConfig {
            views: Some(3),
            ..config(2)
        },
    );
    assert_eq!(
        epoch(&views, 2, 0),
        epoch(&plain, 2, 0),
        "the first views are those of the epochs"
    );
    assert_eq!(pictures(&views, 5), pictures(&plain, 2));
    assert_ne!(pictures(&views, 4), pictures(&views, 5));
    let order = |loader: &Loader, number| epoch(loader, number, 0)[0].indices.clone();
    assert_eq!(order(&views, 5), order(&plain, 5));
}

#[test]
fn the_augmentation_can_have_a_seed_of_its_own() {
    let with = |seed, augment_seed| {
        let config = LoaderConfig {
            seed: Seed::new(seed),
            augment_seed,
            ..config(2)
        };
        loader(100, None, config)
    };
    let own = with(1, Some(Seed::new(9)));
    assert_eq!(pictures(&own, 3), pictures(&with(9, None), 3));
    assert_eq!(
        epoch(&own, 3, 0)[0].indices,
        epoch(&with(1, None), 3, 0)[0].indices
    );
    assert_ne!(pictures(&own, 3), pictures(&with(1, None), 3));
}

#[test]
fn dropping_an_epoch_early_stops_its_workers() {
    let loader = loader(1000, None, config(3));
    for taken in 0..4 {
        let mut epoch = loader.epoch(0, 0);
        assert_eq!(epoch.by_ref().take(taken).flatten().count(), taken);
    }
    // Only this loader is left to hold what the workers held.
    assert_eq!(Arc::strong_count(&loader.shared), 1);
}

#[test]
fn a_loader_without_batches_is_refused() {
    let message = |count, config| {
        Loader::new(Numbers::new(count, None), Augment::none(), config)
            .err()
            .unwrap()
            .to_string()
    };
    assert!(message(0, config(1)).contains("`numbers`: the data set has no images"));
    assert!(
        message(
            5,
            LoaderConfig {
                batch: 0,
                ..config(1)
            }
        )
        .contains("batch must be at least 1")
    );
    let no_view = LoaderConfig {
        views: Some(0),
        ..config(1)
    };
    assert!(message(5, no_view).contains("views must be at least 1"));
    assert!(
        message(
            5,
            LoaderConfig {
                drop_last: true,
                ..config(1)
            }
        )
        .contains("5 images do not fill a batch of 8")
    );
}
