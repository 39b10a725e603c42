//! The windows of SSD: by which share they show an object at least is drawn first (Liu et al. 2016, section 2.2; the draws are those of
//! `RandomIoUCrop` of torchvision).

use potstill_random::Stream;

use super::window::{Window, random_place};
use crate::{BoundingBox, Target};

/// The intersections over union that are drawn from; `None` leaves the image whole.
const LEAST: [Option<f64>; 7] = [
    None,
    Some(0.0),
    Some(0.1),
    Some(0.3),
    Some(0.5),
    Some(0.7),
    Some(0.9),
];
/// Windows that are tried for one of them.
const TRIES: usize = 40;
/// How often another one is drawn; the image is left whole after that.
const ROUNDS: usize = 50;

/// A window, or `None` for the whole image. Images without objects stay whole.
pub(super) fn random_crop(
    size: [usize; 2],
    scale: f64,
    aspect: [f64; 2],
    target: &Target,
    stream: &mut Stream,
) -> Option<Window> {
    let boxes: Vec<BoundingBox> = match target {
        Target::Boxes(boxes) => boxes.iter().map(|own| own.bounds).collect(),
        Target::Instances(instances) => instances.iter().map(|own| own.bounds).collect(),
        _ => Vec::new(),
    };
    if boxes.is_empty() {
        return None;
    }
    for _ in 0..ROUNDS {
        let least = LEAST[stream.below(LEAST.len())]?;
        for _ in 0..TRIES {
            let window = random_window(size, scale, stream);
            let proportion = window.width as f64 / window.height as f64;
            if (aspect[0]..=aspect[1]).contains(&proportion) && shows(&window, &boxes) >= Some(least) {
                return Some(window);
            }
        }
    }
    None
}

/// A window whose sides are at least this share of the image's.
fn random_window(size: [usize; 2], scale: f64, stream: &mut Stream) -> Window {
    let [height, width] = size.map(|side| ((side as f64 * stream.uniform(scale, 1.0)) as usize).max(1));
    let [top, left] = random_place(size, [height, width], stream);
    Window {
        top,
        left,
        height,
        width,
    }
}

/// The greatest intersection over union of a window with a box whose centre it shows; `None` if it shows no centre.
fn shows(window: &Window, boxes: &[BoundingBox]) -> Option<f64> {
    let (left, top) = (window.left as f64, window.top as f64);
    let own = BoundingBox::new(left, top, left + window.width as f64, top + window.height as f64);
    let is_shown = |bounds: &&BoundingBox| {
        let [x, y] = bounds.centre();
        own.left < x && x < own.right && own.top < y && y < own.bottom
    };
    boxes
        .iter()
        .filter(is_shown)
        .map(|bounds| intersection_over_union(&own, bounds))
        .reduce(f64::max)
}

fn intersection_over_union(one: &BoundingBox, other: &BoundingBox) -> f64 {
    let common = BoundingBox::new(
        one.left.max(other.left),
        one.top.max(other.top),
        one.right.min(other.right),
        one.bottom.min(other.bottom),
    );
    let common = common.area();
    common / (one.area() + other.area() - common)
}

#[cfg(test)]
mod tests {
    use potstill_random::Seed;

    use super::{random_crop, shows};
    use crate::augment::window::Window;
    use crate::{BoundingBox, LabelledBox, Target};

    #[test]
    fn windows_keep_their_proportions_and_show_an_object() {
        let bounds = BoundingBox::new(60.0, 10.0, 90.0, 40.0);
        let target = Target::Boxes(vec![LabelledBox::new(0, bounds)]);
        let mut stream = Seed::new(3).stream("test", &[]);
        let mut cropped = 0;
        for _ in 0..300 {
            let Some(window) = random_crop([80, 100], 0.3, [0.5, 2.0], &target, &mut stream) else {
                continue;
            };
            cropped += 1;
            let Window {
                top,
                left,
                height,
                width,
            } = window;
            assert!(top + height <= 80 && left + width <= 100 && height >= 24 && width >= 30);
            assert!((0.5..=2.0).contains(&(width as f64 / height as f64)));
            assert!(shows(&window, &[bounds]).is_some());
        }
        // No window shows so small an object by more than half of itself but tight ones; the whole image is one choice of seven.
        assert!((150..300).contains(&cropped), "{cropped}");
        let empty = Target::Boxes(vec![]);
        assert_eq!(random_crop([80, 100], 0.3, [0.5, 2.0], &empty, &mut stream), None);
    }

    #[test]
    fn an_object_is_shown_by_its_centre() {
        let window = Window {
            top: 0,
            left: 0,
            height: 10,
            width: 10,
        };
        let at = |left: f64| BoundingBox::new(left, 0.0, left + 10.0, 10.0);
        assert_eq!(shows(&window, &[at(5.0)]), None, "its centre is on the edge");
        assert_eq!(shows(&window, &[at(0.0)]), Some(1.0));
        assert_eq!(shows(&window, &[at(4.0)]), Some(60.0 / 140.0));
    }
}
