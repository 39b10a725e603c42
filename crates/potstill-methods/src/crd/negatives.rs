//! Which images an image is held against.

use std::ops::Range;

use potstill_random::Stream;

/// The training images by class: negatives of an image are drawn from those of all other classes.
#[derive(Debug, Clone)]
pub(crate) struct ImagesByClass {
    /// The class of each image.
    classes: Vec<u32>,
    /// All images, class by class.
    order: Vec<u32>,
    /// Where the images of each class stand in that order.
    places: Vec<Range<usize>>,
}

impl ImagesByClass {
    /// Of the class of each image, in their order.
    pub fn of(classes: Vec<u32>) -> Self {
        let count = classes.iter().max().map_or(0, |&last| last as usize + 1);
        let mut order: Vec<u32> = (0..).take(classes.len()).collect();
        order.sort_by_key(|&image| classes[image as usize]);
        let mut start = 0;
        let places = (0..count).map(|class| {
            let own = order[start..].iter();
            let own = own.take_while(|&&image| classes[image as usize] as usize == class);
            let place = start..start + own.count();
            start = place.end;
            place
        });
        let places = places.collect();
        Self {
            classes,
            order,
            places,
        }
    }

    /// How many images there are.
    pub fn count(&self) -> usize {
        self.classes.len()
    }

    /// The least number of images of other classes that any image has.
    pub fn fewest_others(&self) -> usize {
        let most = self.places.iter().map(Range::len).max().unwrap_or(0);
        self.count() - most
    }

    /// An image of the class of this one, which may be itself.
    pub fn of_same_class(&self, image: usize, stream: &mut Stream) -> usize {
        let own = self.own(image);
        self.order[own.start + stream.below(own.len())] as usize
    }

    /// Appends `count` images of other classes than this one's, each at most once, if there are as many (Floyd's sampling: as many draws as
    /// images). `taken` is room for a mark of each image, and left as it was found: without one.
    pub fn draw_others(
        &self,
        image: usize,
        count: usize,
        stream: &mut Stream,
        (taken, drawn): (&mut [bool], &mut Vec<i64>),
    ) {
        let own = self.own(image);
        let others = self.count() - own.len();
        // The others stand before and behind the own ones.
        let at = |place: usize| {
            if place < own.start {
                place
            } else {
                place + own.len()
            }
        };
        let first = drawn.len();
        for last in others.saturating_sub(count)..others {
            let place = at(stream.below(last + 1));
            let place = if taken[place] { at(last) } else { place };
            taken[place] = true;
            drawn.push(place as i64);
        }
        for drawn in &mut drawn[first..] {
            taken[*drawn as usize] = false;
            *drawn = i64::from(self.order[*drawn as usize]);
        }
    }

    /// Where the images of the class of this one stand.
    fn own(&self, image: usize) -> Range<usize> {
        self.places[self.classes[image] as usize].clone()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use potstill_random::Seed;

    use super::ImagesByClass;

    #[test]
    fn negatives_are_of_other_classes_and_each_comes_once() {
        // Class 2 has no image.
        let classes = vec![1, 0, 3, 1, 1, 0, 3, 1];
        let images = ImagesByClass::of(classes.clone());
        assert_eq!((images.count(), images.fewest_others()), (8, 4));
        let mut taken = vec![false; 8];
        for (image, class) in classes.iter().enumerate() {
            let mut seen = BTreeSet::new();
            for draw in 0..40 {
                let mut stream = Seed::new(3).stream("test", &[image as u64, draw]);
                let mut drawn = vec![7];
                images.draw_others(image, 3, &mut stream, (&mut taken, &mut drawn));
                let own: BTreeSet<usize> = drawn[1..].iter().map(|&other| other as usize).collect();
                assert_eq!((drawn.len(), own.len()), (4, 3));
                assert!(
                    own.iter().all(|&other| classes[other] != *class),
                    "{image}: {own:?}"
                );
                assert!(taken.iter().all(|is_taken| !is_taken));
                seen.extend(own);
                assert_eq!(classes[images.of_same_class(image, &mut stream)], *class);
            }
            let others = classes.iter().filter(|other| *other != class).count();
            assert_eq!(seen.len(), others, "some are never drawn");
        }
    }
}
