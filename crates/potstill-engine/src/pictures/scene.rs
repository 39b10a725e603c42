//! An image with what is known or said about it drawn on it.

use potstill_data::{Image, LabelMap, Mask, Target};
use potstill_report::{MarkedBox, Tile};
use potstill_tasks::Prediction;

use super::colour;

/// How much of the image is hidden by a class map, and by the mask of an object, of 255.
const MAP: u8 = 150;
const MASK: u8 = 110;

/// An image with an answer drawn on it: boxes with their classes and scores, masks, or the colours of a class map. Detections with scores
/// below `least` are left out. A class of the whole image stands in the caption.
///
/// `names` are the classes, in the order of their numbers.
pub fn scene(image: &Image, said: &Prediction, names: &[String], least: f32) -> Tile {
    let Image {
        height,
        width,
        pixels: rgb,
        ..
    } = image.clone().into_rgb();
    let mut tile = Tile {
        height,
        width,
        rgb,
        ..Tile::default()
    };
    let name = |class: u32| {
        names
            .get(class as usize)
            .cloned()
            .unwrap_or_else(|| class.to_string())
    };
    let label = |class, place: usize| match said.scores.get(place) {
        Some(score) => format!("{} {:.0} %", name(class), 100.0 * score),
        None => name(class),
    };
    let is_shown = |place: usize| said.scores.get(place).is_none_or(|&score| score >= least);
    match &said.target {
        Target::Class(class) => tile.caption.push(label(*class, 0)),
        Target::Classes(classes) => {
            let words = classes
                .iter()
                .enumerate()
                .map(|(place, &class)| label(class, place));
            tile.caption.push(words.collect::<Vec<_>>().join(", "));
        }
        Target::Boxes(boxes) => {
            let shown = boxes.iter().enumerate().filter(|(place, _)| is_shown(*place));
            let marked = shown.map(|(place, object)| MarkedBox {
                edges: edges(&object.bounds),
                label: label(object.class, place),
                colour: colour::of_class(object.class),
            });
            tile.boxes = marked.collect();
        }
        Target::Instances(instances) => {
            let shown = instances.iter().enumerate().filter(|(place, _)| is_shown(*place));
            for (place, object) in shown {
                let colour = colour::of_class(object.class);
                cover(&mut tile, &object.shape.mask([height, width]), colour);
                tile.boxes.push(MarkedBox {
                    edges: edges(&object.bounds),
                    label: label(object.class, place),
                    colour,
                });
            }
        }
        Target::Map(map) => tile.overlay = map_overlay(map, [height, width]),
        Target::None => {}
    }
    tile
}

fn edges(bounds: &potstill_data::BoundingBox) -> [f64; 4] {
    [bounds.left, bounds.top, bounds.right, bounds.bottom]
}

/// Lays the mask of an object over the image.
fn cover(tile: &mut Tile, mask: &Mask, [red, green, blue]: [u8; 3]) {
    if [mask.height, mask.width] != [tile.height, tile.width] {
        return;
    }
    if tile.overlay.is_empty() {
        tile.overlay = vec![0; 4 * tile.height * tile.width];
    }
    let pixels = tile.overlay.chunks_exact_mut(4).zip(&mask.inside);
    for (pixel, _) in pixels.filter(|(_, inside)| **inside) {
        pixel.copy_from_slice(&[red, green, blue, MASK]);
    }
}

/// The colours of the classes; what has no label is left free. Nothing for a map of another size.
fn map_overlay(map: &LabelMap, size: [usize; 2]) -> Vec<u8> {
    if [map.height, map.width] != size {
        return Vec::new();
    }
    let of_pixel = |&label: &u8| match label {
        LabelMap::IGNORE => [0; 4],
        label => {
            let [red, green, blue] = colour::of_class(u32::from(label));
            [red, green, blue, MAP]
        }
    };
    map.labels.iter().flat_map(of_pixel).collect()
}

#[cfg(test)]
mod tests {
    use potstill_data::{BoundingBox, Image, Instance, InstanceShape, LabelMap, LabelledBox, Mask, Target};
    use potstill_tasks::Prediction;

    use super::scene;

    fn image() -> Image {
        Image {
            height: 1,
            width: 2,
            channels: 1,
            pixels: vec![10, 200],
        }
    }

    fn names() -> Vec<String> {
        vec!["cat".into(), "dog".into()]
    }

    #[test]
    fn unsure_detections_are_left_out_and_the_others_named() {
        let bounds = BoundingBox::new(0.0, 0.0, 1.0, 1.0);
        let boxes = [0, 1, 7].map(|class| LabelledBox::new(class, bounds));
        let said = Prediction {
            target: Target::Boxes(boxes.to_vec()),
            scores: vec![0.9, 0.29, 0.5],
        };
        let tile = scene(&image(), &said, &names(), 0.3);
        let labels: Vec<&str> = tile.boxes.iter().map(|marked| marked.label.as_str()).collect();
        assert_eq!(labels, ["cat 90 %", "7 50 %"]);
        assert_eq!(tile.rgb, [10, 10, 10, 200, 200, 200]);
    }

    #[test]
    fn maps_and_masks_lie_over_the_image() {
        let map = LabelMap {
            height: 1,
            width: 2,
            labels: vec![LabelMap::IGNORE, 1],
        };
        let said = |target| Prediction {
            target,
            scores: Vec::new(),
        };
        let overlay = scene(&image(), &said(Target::Map(map)), &names(), 0.3).overlay;
        assert_eq!((overlay[3], overlay[7] > 0), (0, true));
        let mask = Mask {
            height: 1,
            width: 2,
            inside: vec![true, false],
        };
        let bounds = mask.bounds().unwrap();
        let object = Instance::new(1, bounds, InstanceShape::Mask(mask));
        let tile = scene(&image(), &said(Target::Instances(vec![object])), &names(), 0.3);
        assert_eq!((tile.overlay[3] > 0, tile.overlay[7]), (true, 0));
        assert_eq!(tile.boxes[0].label, "dog");
    }
}
