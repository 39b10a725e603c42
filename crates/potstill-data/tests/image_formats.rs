//! Small files of every image format that is read, held to Pillow's `convert("RGB")` of them: `tools/image_formats_reference.py`.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use potstill_data::decode;
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    file: String,
    height: usize,
    width: usize,
    rgb: String,
}

fn bytes(hexadecimal: &str) -> Vec<u8> {
    let digits = hexadecimal.as_bytes().chunks_exact(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// How many levels a decoder of a lossy format may differ from libjpeg and libwebp.
fn allowed(name: &str) -> u8 {
    match name {
        "webp" | "webp with alpha" => 2,
        "jpeg progressive" => 6,
        _ if name.starts_with("jpeg") => 3,
        _ => 0,
    }
}

#[test]
fn every_format_gives_the_pixels_of_pillow() {
    let reference: Reference = serde_json::from_str(include_str!("reference/image_formats.json")).unwrap();
    let mut wrong = Vec::new();
    for case in &reference.cases {
        let image = match decode(&bytes(&case.file), &case.name) {
            Ok(image) => image,
            Err(error) => {
                wrong.push(error.to_string());
                continue;
            }
        };
        let expected = bytes(&case.rgb);
        if image.shape() != [case.height, case.width, 3] {
            wrong.push(format!("{}: {:?}", case.name, image.shape()));
            continue;
        }
        let differences = image
            .pixels
            .iter()
            .zip(&expected)
            .map(|(found, pixel)| found.abs_diff(*pixel));
        let most = differences.max().unwrap();
        if most > allowed(&case.name) {
            wrong.push(format!(
                "{}: {most} levels\n found {:?}\n Pillow {expected:?}",
                case.name, image.pixels
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        reference.cases.len(),
        wrong.join("\n")
    );
}

#[test]
fn a_file_that_is_cut_is_an_error_and_never_a_panic() {
    let reference: Reference = serde_json::from_str(include_str!("reference/image_formats.json")).unwrap();
    for case in &reference.cases {
        let file = bytes(&case.file);
        for end in (0..file.len()).step_by(7) {
            if let Err(error) = decode(&file[..end], "cut") {
                let message = error.to_string();
                assert!(
                    message.starts_with("cut: cannot decode this image: "),
                    "{message}"
                );
            }
        }
        for at in (0..file.len()).step_by(11) {
            let mut changed = file.clone();
            changed[at] ^= 0xff;
            let _ = decode(&changed, "changed");
        }
    }
}
