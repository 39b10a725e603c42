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

/// What may still come.
#[derive(Debug)]
pub(crate) struct Budget {
    most: f64,
    products: f64,
    /// Numbers that there are.
    pub live: f64,
}

impl Budget {
    /// What a run of these images may take. `is_fixed` says that the file states how many images there are.
    pub fn of(images: &Array, is_fixed: bool) -> Self {
        let all = images.values.len() as f64;
        let size = if is_fixed { all.min(MOST_COUNTED) } else { all };
        Self {
            most: NUMBERS.max(size * NUMBERS_OF_ONE),
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
        self.products -= cost.products;
        if self.products < 0.0 {
            return Err("takes the file beyond the multiplications that are done for such images".to_owned());
        }
        Ok(())
    }
}
