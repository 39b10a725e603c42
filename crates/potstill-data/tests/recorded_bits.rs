//! Bits of pictures and batches for classification, recorded before targets moved with images: results that
//! were measured with them stay comparable.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use potstill_data::{Augment, Dataset, Loader, LoaderConfig, Split, augment::Step, open};
use potstill_random::Seed;

/// FNV-1a, 64 bits.
fn digest(bytes: impl IntoIterator<Item = u8>) -> u64 {
    bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn pictures(source: &str, split: Split) -> u64 {
    let shapes = open(source, split).unwrap();
    digest((0..60).flat_map(|index| shapes.image(index).unwrap().pixels))
}

#[test]
fn drawn_pictures() {
    let found = [
        pictures("shapes", Split::Train),
        pictures("shapes", Split::Test),
        pictures("shapes:size=48,classes=5,seed=3", Split::Train),
        pictures("shapes:size=96,classes=6", Split::Train),
    ];
    assert_eq!(
        found,
        [
            0x3601_c0b2_bad6_19c6,
            0x68e1_5749_3bbd_8ea7,
            0xc08a_e237_1ace_ad5c,
            0x4420_b438_6bbe_4a7c,
        ]
    );
}

#[derive(serde::Deserialize)]
struct Steps {
    augment: Vec<Step>,
}

fn epoch(steps: &str) -> u64 {
    let steps: Steps = toml::from_str(&format!("augment = {steps}")).unwrap();
    let config = LoaderConfig {
        batch: 16,
        shuffle: true,
        seed: Seed::new(5),
        ..LoaderConfig::default()
    };
    let data = open("shapes:size=40,train=48", Split::Train).unwrap();
    let loader = Loader::new(data.into(), Augment::new(steps.augment).unwrap(), config).unwrap();
    let batches = (2..4)
        .flat_map(|epoch| loader.epoch(epoch, 0))
        .map(Result::unwrap);
    digest(batches.flat_map(|batch| {
        let pixels = batch
            .images
            .iter()
            .flat_map(|value| value.to_bits().to_le_bytes());
        let indices = batch.indices.iter().map(|&index| index as u8);
        pixels.chain(indices).collect::<Vec<u8>>()
    }))
}

#[test]
fn augmented_batches() {
    let found = [
        epoch("[]"),
        epoch(r#"[{ pad-crop = { pad = 4, mode = "reflect" } }, "flip"]"#),
        epoch(r#"["flip", { pad-crop = { pad = 5 } }]"#),
        epoch("[{ random-resized-crop = { size = [24, 28] } }]"),
        epoch(r#"[{ resize-shorter = { size = 36 } }, { centre-crop = { size = 32 } }, "flip"]"#),
        epoch("[{ resize = { size = [50, 30] } }]"),
    ];
    assert_eq!(
        found,
        [
            0xef0f_95d3_600a_c0e9,
            0x2661_e527_7db1_419e,
            0x985f_6782_f95f_30d1,
            0x9c42_881f_8640_499e,
            0x2c3e_3488_f488_66ad,
            0x4777_4536_eacf_7cd1,
        ]
    );
}
