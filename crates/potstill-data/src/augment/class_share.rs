//! Windows in which no class takes up too much: a street is mostly road, and a window of road alone teaches little.

use potstill_random::Stream;

use super::window::random_place;
use crate::{LabelMap, Target};

/// How many windows are drawn before the last one is taken as it is (`RandomCrop` of `MMSegmentation`).
const TRIES: usize = 10;

/// The top and left of a window of this size; where the image has a label map and a share is given, of one in which no class fills more of
/// what is labelled.
pub(super) fn random_offset(
    size: [usize; 2],
    inner: [usize; 2],
    most: Option<f64>,
    target: &Target,
    stream: &mut Stream,
) -> [usize; 2] {
    let mut offset = random_place(size, inner, stream);
    let (Some(most), Target::Map(map)) = (most, target) else {
        return offset;
    };
    for _ in 1..TRIES {
        if greatest_share(map, offset, inner) <= most {
            break;
        }
        offset = random_place(size, inner, stream);
    }
    offset
}

/// The share of the class that fills most of a window, of what is labelled there; 1 where nothing is.
fn greatest_share(map: &LabelMap, [top, left]: [usize; 2], [height, width]: [usize; 2]) -> f64 {
    let mut counts = [0usize; 256];
    let (bottom, right) = ((top + height).min(map.height), (left + width).min(map.width));
    for y in top..bottom {
        for &label in &map.labels[y * map.width + left..y * map.width + right] {
            counts[usize::from(label)] += 1;
        }
    }
    counts[usize::from(LabelMap::IGNORE)] = 0;
    let all: usize = counts.iter().sum();
    let most = counts.iter().max().copied().unwrap_or(0);
    if all == 0 { 1.0 } else { most as f64 / all as f64 }
}

#[cfg(test)]
mod tests {
    use potstill_random::Seed;

    use super::{greatest_share, random_offset};
    use crate::{LabelMap, Target};

    #[test]
    fn windows_of_one_class_are_drawn_again() {
        // The left half is class 0, the right half class 1: a window of four columns has both at columns 1 to 3 only.
        let labels = (0..4).flat_map(|_| [0, 0, 0, 0, 1, 1, 1, 1]).collect();
        let map = LabelMap {
            height: 4,
            width: 8,
            labels,
        };
        assert_eq!(greatest_share(&map, [0, 1], [4, 4]), 0.75);
        assert_eq!(greatest_share(&LabelMap::ignored(4, 8), [0, 0], [4, 4]), 1.0);
        let target = Target::Map(map);
        let mut stream = Seed::new(1).stream("test", &[]);
        let mut lefts = |most| -> Vec<usize> {
            (0..200)
                .map(|_| random_offset([4, 8], [4, 4], most, &target, &mut stream)[1])
                .collect()
        };
        assert!(lefts(None).contains(&0));
        let mixed = lefts(Some(0.75));
        // Of ten windows all are outside of 1 to 3 once in 3000 times.
        assert!(
            mixed.iter().filter(|left| (1..=3).contains(*left)).count() > 195,
            "{mixed:?}"
        );
    }
}
