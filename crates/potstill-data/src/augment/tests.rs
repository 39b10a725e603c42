//! The pipeline as a whole: its text form, its randomness, its shapes, and scaling against Pillow.

use potstill_random::Seed;

use super::resample::resize;
use super::window::Window;
use super::{Augment, FloatImage, Interpolation, PadMode, Size, Step};
use crate::{
    BoundingBox, Image, LabelledBox, Loader, LoaderConfig, Sample, Split, Target, TargetKind, open_for,
};

#[derive(serde::Deserialize, serde::Serialize)]
struct Recipe {
    augment: Augment,
}

fn parse(text: &str) -> Result<Vec<Step>, String> {
    let recipe: Recipe = toml::from_str(&format!("augment = {text}")).map_err(|error| error.to_string())?;
    Ok(recipe.augment.steps().to_vec())
}

fn picture(height: usize, width: usize) -> Image {
    let pixels = (0..height * width * 3).map(|at| (at * 37 % 256) as u8).collect();
    Image {
        height,
        width,
        channels: 3,
        pixels,
    }
}

#[test]
fn the_text_form_is_names_and_tables() {
    let steps = parse(
        r#"["flip", { pad-crop = { pad = 4 } }, { pad-crop = { pad = 2, mode = "reflect" } },
            { random-resized-crop = { size = 24 } }, { resize = { size = [8, 9] } },
            { resize-shorter = { size = 7 } }, { center-crop = { size = 6 } }]"#,
    );
    let expected = vec![
        Step::Flip,
        Step::PadCrop {
            pad: 4,
            mode: PadMode::Zero,
        },
        Step::PadCrop {
            pad: 2,
            mode: PadMode::Reflect,
        },
        Step::RandomResizedCrop {
            size: Size::Square(24),
            scale: [0.08, 1.0],
            ratio: [0.75, 4.0 / 3.0],
            interpolation: Interpolation::Bilinear,
        },
        Step::resize(Size::Sides([8, 9])),
        Step::resize_shorter(7),
        Step::CentreCrop {
            size: Size::Square(6),
        },
    ];
    assert_eq!(steps.as_ref(), Ok(&expected));
    let text = toml::to_string(&Recipe {
        augment: Augment::new(expected.clone()).unwrap(),
    })
    .unwrap();
    assert_eq!(toml::from_str::<Recipe>(&text).unwrap().augment.steps(), expected);
}

#[test]
fn mistakes_in_the_text_are_told() {
    let message = |text| parse(text).unwrap_err();
    assert!(message(r#"["flop"]"#).contains("unknown variant `flop`, expected one of `flip`, `pad-crop`"));
    let field = message("[{ pad-crop = { pads = 4 } }]");
    assert!(
        field.contains("pads") && field.contains("expected `pad` or `mode`"),
        "{field}"
    );
    assert!(message("[{ resize = { size = 0 } }]").contains("augmentation `resize`: size must be between 1"));
    let scale = message("[{ random-resized-crop = { size = 8, scale = [0.5, 0.1] } }]");
    assert!(scale.contains("0 < least <= greatest <= 1"), "{scale}");
    assert!(message("[{ pad-crop = { pad = 99999999999 } }]").contains("pad must be at most"));
}

#[test]
fn nothing_but_seed_epoch_and_index_decides() {
    let augment = Augment::new(vec![
        Step::Flip,
        Step::PadCrop {
            pad: 4,
            mode: PadMode::Zero,
        },
    ])
    .unwrap();
    let image = picture(8, 8);
    let draw = |seed, epoch, index| augment.apply(&image, Seed::new(seed), epoch, index).unwrap();
    assert_eq!(draw(1, 2, 3), draw(1, 2, 3));
    // Two of the 162 outcomes are seldom alike; of 20 pairs nearly none is.
    let differing =
        |other: &dyn Fn(usize) -> FloatImage| (0..20).filter(|&at| other(at) != draw(1, 2, at)).count();
    assert!(differing(&|at| draw(2, 2, at)) > 15);
    assert!(differing(&|at| draw(1, 3, at)) > 15);
    assert!(differing(&|at| draw(1, 2, at + 20)) > 15);
}

#[test]
fn half_of_the_images_are_flipped_and_all_are_bytes_over_255() {
    let image = Image {
        height: 1,
        width: 2,
        channels: 1,
        pixels: vec![0, 51],
    };
    assert_eq!(
        Augment::none().apply(&image, Seed::new(0), 0, 0).unwrap().pixels,
        [0.0, 0.2]
    );
    let augment = Augment::new(vec![Step::Flip]).unwrap();
    let flipped = (0..1000)
        .filter(|&at| augment.apply(&image, Seed::new(0), 0, at).unwrap().pixels[0] > 0.0)
        .count();
    assert!((440..560).contains(&flipped), "{flipped}");
}

#[test]
fn the_shape_is_foretold() {
    let pipelines = [
        vec![
            Step::Flip,
            Step::PadCrop {
                pad: 3,
                mode: PadMode::Reflect,
            },
        ],
        vec![Step::RandomResizedCrop {
            size: Size::Sides([5, 9]),
            scale: [0.1, 1.0],
            ratio: [0.5, 2.0],
            interpolation: Interpolation::Bicubic,
        }],
        vec![
            Step::resize_shorter(15),
            Step::CentreCrop {
                size: Size::Square(14),
            },
        ],
        vec![Step::resize_shorter(6)],
        vec![Step::resize(Size::Sides([20, 3]))],
    ];
    for steps in pipelines {
        let augment = Augment::new(steps).unwrap();
        for image in [picture(10, 13), picture(17, 11)] {
            for pipeline in [&augment, &augment.for_evaluation()] {
                let made = pipeline.apply(&image, Seed::new(0), 0, 0).unwrap();
                assert_eq!(
                    made.shape(),
                    pipeline.output_shape(image.shape()),
                    "{:?}",
                    pipeline.steps()
                );
                assert_eq!(made.pixels.len(), made.height * made.width * made.channels);
                assert!(
                    made.pixels
                        .iter()
                        .all(|value| (-1e-6..=1.000_001).contains(value))
                );
            }
            let evaluated = |seed, epoch| {
                augment
                    .for_evaluation()
                    .apply(&image, Seed::new(seed), epoch, 0)
                    .unwrap()
            };
            assert_eq!(evaluated(0, 0), evaluated(1, 5), "nothing random is left");
        }
    }
}

/// Pillow 13.0, mode "F", `Image.resize(size, BILINEAR)` of the 5x7 picture
/// `(row-major index * 37 % 101) / 101`.
#[test]
fn scaling_is_that_of_pillow() {
    let pixels: Vec<f32> = (0..35).map(|at| (at * 37 % 101) as f32 / 101.0).collect();
    let image = FloatImage {
        height: 5,
        width: 7,
        channels: 1,
        pixels,
    };
    let close = |found: &FloatImage, expected: &[f32]| {
        assert_eq!(found.pixels.len(), expected.len());
        let worst = found
            .pixels
            .iter()
            .zip(expected)
            .map(|(f, e)| (f - e).abs())
            .fold(0.0, f32::max);
        assert!(worst < 2e-6, "{worst}: {:?}", found.pixels);
    };
    let smaller = [0.488_749, 0.441_441, 0.526_295, 0.461_618, 0.530_047, 0.518_645];
    let bilinear = Interpolation::Bilinear;
    close(&resize(&image, Window::whole([5, 7]), [2, 3], bilinear), &smaller);
    // Rows 1 to 4 and columns 2 to 6, cropped and then scaled.
    #[rustfmt::skip]
    let greater = [
        0.297_030, 0.553_465, 0.346_535, 0.139_604, 0.396_040,
        0.438_119, 0.519_554, 0.362_624, 0.280_693, 0.537_129,
        0.720_297, 0.451_733, 0.394_802, 0.562_871, 0.819_307,
        0.752_475, 0.483_911, 0.426_980, 0.595_050, 0.851_485,
        0.534_653, 0.616_089, 0.459_158, 0.377_228, 0.633_663,
        0.425_743, 0.682_178, 0.475_248, 0.268_317, 0.524_752,
    ];
    close(
        &resize(
            &image,
            Window {
                top: 1,
                left: 2,
                height: 3,
                width: 4,
            },
            [6, 5],
            bilinear,
        ),
        &greater,
    );
}

#[test]
fn all_offsets_of_a_padded_crop_occur() {
    let step = |mode| Augment::new(vec![Step::PadCrop { pad: 1, mode }]).unwrap();
    let image = Image {
        height: 1,
        width: 1,
        channels: 1,
        pixels: vec![255],
    };
    let zero = step(PadMode::Zero);
    let hits = (0..9000)
        .filter(|&index| zero.apply(&image, Seed::new(1), 0, index).unwrap().pixels == [1.0])
        .count();
    // One of the nine offsets keeps the only pixel: 1000 expected, standard deviation 30.
    assert!((880..1120).contains(&hits), "{hits}");
    let refused = step(PadMode::Reflect)
        .apply(&image, Seed::new(1), 0, 0)
        .unwrap_err();
    assert!(refused.to_string().contains("cannot be mirrored"), "{refused}");
}

/// A picture with a bright square, which is its one object.
fn with_square(left: usize) -> Sample {
    let inside = |at: usize| (8..14).contains(&(at / 24)) && (left..left + 6).contains(&(at % 24));
    let pixels = (0..24 * 24).map(|at| if inside(at) { 255 } else { 0 }).collect();
    let [x, y] = [left as f64, 8.0];
    let bounds = BoundingBox::new(x, y, x + 6.0, y + 6.0);
    Sample {
        image: Image {
            height: 24,
            width: 24,
            channels: 1,
            pixels,
        },
        target: Target::Boxes(vec![LabelledBox::new(5, bounds)]),
    }
}

/// Whatever the steps do, the bright pixels stay in the box, and fill it where nothing is turned.
#[test]
fn the_box_stays_around_its_object() {
    let affine = Step::Affine {
        degrees: 30.0,
        translate: 0.2,
        scale: [0.8, 1.3],
        shear: 10.0,
    };
    let window = Step::RandomResizedCrop {
        size: Size::Sides([20, 28]),
        scale: [0.4, 1.0],
        ratio: [0.6, 1.6],
        interpolation: Interpolation::Bilinear,
    };
    let pad_crop = Step::PadCrop {
        pad: 6,
        mode: PadMode::Zero,
    };
    let straight = vec![Step::Flip, pad_crop, window, Step::resize_shorter(30)];
    let turned = [vec![affine], straight.clone()].concat();
    for (steps, fills) in [(straight, true), (turned, false)] {
        let augment = Augment::new(steps).unwrap().with_min_visible(0.0);
        let mut seen = 0;
        for index in 0..200 {
            let (image, target) = augment
                .apply_to(with_square(index % 18), Seed::new(3), 0, index)
                .unwrap();
            let Target::Boxes(boxes) = target else {
                panic!("another kind")
            };
            let bright = (0..image.pixels.len()).filter(|&at| image.pixels[at] > 0.5);
            let points = bright.map(|at| [(at % image.width) as f64 + 0.5, (at / image.width) as f64 + 0.5]);
            let Some(found) = BoundingBox::around(points) else {
                continue;
            };
            seen += 1;
            let bounds = boxes[0].bounds;
            // Interpolation makes edges uncertain by a pixel or so of the enlarged picture.
            let gaps = [
                found.left - bounds.left,
                found.top - bounds.top,
                bounds.right - found.right,
                bounds.bottom - found.bottom,
            ];
            assert!(gaps.iter().all(|gap| *gap > -1.5), "{index}: {gaps:?}");
            assert!(!fills || gaps.iter().all(|gap| *gap < 2.0), "{index}: {gaps:?}");
        }
        assert!(seen > 150, "{seen}");
    }
}

#[test]
fn objects_that_have_left_the_image_are_dropped() {
    let cut = |size, least| {
        let steps = vec![Step::CentreCrop {
            size: Size::Square(size),
        }];
        let augment = Augment::new(steps).unwrap().with_min_visible(least);
        // Columns 4 to 10 and rows 8 to 14.
        augment.apply_to(with_square(4), Seed::new(0), 0, 0).unwrap().1
    };
    let bounds = BoundingBox::new(0.0, 2.0, 4.0, 8.0);
    let kept = Target::Boxes(vec![LabelledBox::new(5, bounds)]);
    assert_eq!(cut(12, 0.6), kept, "4 of 6 columns are left");
    assert_eq!(cut(12, 0.7), Target::Boxes(vec![]));
    assert_eq!(cut(4, 0.0), Target::Boxes(vec![]), "nothing is left");
    // Shares multiply: two thirds of what two thirds are left of are less than a half.
    let twice = [16, 12].map(|size| Step::CentreCrop {
        size: Size::Square(size),
    });
    let augment = Augment::new(twice.to_vec()).unwrap().with_min_visible(0.6);
    assert_eq!(
        augment.apply_to(with_square(4), Seed::new(0), 0, 0).unwrap().1,
        kept
    );
    let augment = augment.with_min_visible(0.67);
    assert_eq!(
        augment.apply_to(with_square(4), Seed::new(0), 0, 0).unwrap().1,
        Target::Boxes(vec![])
    );
}

#[test]
fn a_step_that_cannot_move_the_target_is_refused_by_name() {
    let reflect = Step::PadCrop {
        pad: 1,
        mode: PadMode::Reflect,
    };
    let augment = Augment::new(vec![Step::Flip, reflect]).unwrap();
    for kind in [TargetKind::Boxes, TargetKind::Instances] {
        let refused = augment.check_target(kind).unwrap_err().to_string();
        assert!(
            refused.starts_with("augmentation `pad-crop`: mode = \"reflect\""),
            "{refused}"
        );
    }
    for kind in [TargetKind::Class, TargetKind::Classes, TargetKind::Map] {
        augment.check_target(kind).unwrap();
    }
    assert!(augment.apply_to(with_square(4), Seed::new(0), 0, 0).is_err());
    let scenes = open_for("shapes:train=8,figures=1", Split::Train, TargetKind::Boxes).unwrap();
    assert!(Loader::new(scenes.into(), augment, LoaderConfig::default()).is_err());
}
