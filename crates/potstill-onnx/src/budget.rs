//! What a run may take, by the images that it is given.

use crate::{Array, cost::Cost};

/// Numbers that tensors may have together while a file runs, whatever the images: 256 MB.
const NUMBERS: f64 = 64e6;

/// The same for each number of the images: the maps of large images are large.
const NUMBERS_OF_ONE: f64 = 100.0;

/// Where the file says how many images there are at once, more numbers of images than these ask for no more.
const MOST_COUNTED: f64 = 1e7;

/// Multiplications of a run, whatever the images: a second or two.
const PRODUCTS: f64 = 4e10;

/// The same for each number of the images. A large transformer takes 400,000 of an image of 224x224.
const PRODUCTS_OF_ONE: f64 = 8e6;

/// Grey images have maps as large as those of coloured ones.
const CHANNELS: f64 = 3.0;

/// How much more than in proportion more images may take.
const MORE: f64 = 2.0;

/// Numbers that a run of fewer images can ask for by what it took, however much that was: 4 GB.
const MOST_SHOWN: f64 = 1e9;

/// What the images of a finished run were, and what the run took at most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Finished {
    /// Numbers of the images.
    size: f64,
    /// The most numbers at once.
    peak: f64,
}

/// What may still come.
#[derive(Debug)]
pub(crate) struct Budget {
    size: f64,
    most: f64,
    peak: f64,
    products: f64,
    /// Numbers that there are.
    pub live: f64,
}

impl Budget {
    /// What a run of these images may take. A run of fewer that has come to its end shows what they take: more images may take more
    /// in proportion. `is_fixed` says that the file states how many images there are.
    pub fn of(images: &Array, is_fixed: bool, finished: Option<Finished>) -> Self {
        Self::of_shape(&images.shape, is_fixed, finished)
    }

    fn of_shape(shape: &[usize], is_fixed: bool, finished: Option<Finished>) -> Self {
        let number = |(axis, &size): (usize, &usize)| match axis {
            1 => CHANNELS.max(size as f64),
            _ => size as f64,
        };
        let all: f64 = shape.iter().enumerate().map(number).product();
        let size = if is_fixed { all.min(MOST_COUNTED) } else { all };
        let in_proportion = finished.map_or(0.0, |run| MORE * run.peak * size / run.size.max(1.0));
        let shown = in_proportion.min(MOST_SHOWN);
        Self {
            size,
            most: NUMBERS.max(size * NUMBERS_OF_ONE).max(shown),
            peak: 0.0,
            products: PRODUCTS.max(all * PRODUCTS_OF_ONE),
            live: 0.0,
        }
    }

    /// Whether an operator may run.
    ///
    /// # Errors
    /// Why not.
    pub fn spend(&mut self, cost: Cost) -> Result<(), String> {
        let numbers = self.live + cost.numbers;
        // An infinity of something that there is none of is no number.
        if numbers.is_nan() || numbers > self.most {
            return Err(format!(
                "would make {:.0} numbers beside {:.0}, and {:.0} are the most for such images",
                cost.numbers, self.live, self.most
            ));
        }
        self.peak = numbers.max(self.peak);
        self.products -= cost.products;
        if self.products < 0.0 {
            return Err("takes the file beyond the multiplications that are done for such images".to_owned());
        }
        Ok(())
    }

    /// What a run that has come to its end has shown, or a larger one before it.
    pub fn finished(&self, before: Option<Finished>) -> Finished {
        let this = Finished {
            size: self.size,
            peak: self.peak,
        };
        before.filter(|before| before.size > this.size).unwrap_or(this)
    }
}

#[cfg(test)]
mod tests {
    use super::{Budget, Finished};
    use crate::cost::Cost;

    fn takes(budget: &mut Budget, numbers: f64) -> bool {
        let cost = Cost {
            numbers,
            products: 0.0,
        };
        budget.spend(cost).is_ok()
    }

    #[test]
    fn grey_images_may_take_what_coloured_ones_may() {
        for channels in [1, 3] {
            let mut budget = Budget::of_shape(&[1, channels, 1000, 1000], false, None);
            assert!(takes(&mut budget, 3e8));
            assert!(!takes(&mut budget, 3e8 + 1.0));
        }
        assert!(takes(
            &mut Budget::of_shape(&[1, 6, 1000, 1000], false, None),
            6e8
        ));
    }

    #[test]
    fn more_images_take_more_in_proportion() {
        let shape = |count: usize| [count, 3, 32, 32];
        let mut few = Budget::of_shape(&shape(2), false, None);
        assert!(takes(&mut few, 5e6));
        let finished = Some(few.finished(None));
        let fifty = |finished: Option<Finished>| Budget::of_shape(&shape(100), false, finished);
        assert!(!takes(&mut fifty(None), 50.0 * 5e6));
        assert!(takes(&mut fifty(finished), 50.0 * 5e6));
        // What grows by the square of the images does not pass, and neither does what fewer images show later.
        assert!(!takes(&mut fifty(finished), 50.0 * 50.0 * 5e6));
        let one = Budget::of_shape(&shape(1), false, finished);
        assert_eq!(Some(one.finished(finished)), finished);
    }

    #[test]
    fn what_fewer_images_show_is_believed_up_to_a_bound() {
        let mut few = Budget::of_shape(&[2, 3, 32, 32], false, None);
        // A constant that is there for any number of images.
        assert!(takes(&mut few, 6e7));
        let finished = Some(few.finished(None));
        let many = || Budget::of_shape(&[128, 3, 32, 32], false, finished);
        assert!(takes(&mut many(), 1e9));
        assert!(!takes(&mut many(), 1e9 + 1.0));
    }

    #[test]
    fn a_stated_number_of_images_counts_up_to_a_bound() {
        let shape = [1 << 20, 3, 32, 32];
        assert!(!takes(&mut Budget::of_shape(&shape, true, None), 1e9 + 1.0));
        assert!(takes(&mut Budget::of_shape(&shape, false, None), 1e9 + 1.0));
    }
}
