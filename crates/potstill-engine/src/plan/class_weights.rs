//! How much each class counts in the loss.

use potstill_data::{Dataset, Target};
use potstill_recipe::{ClassWeightRule, ClassWeights};

use crate::error::EngineError;

/// A weight for each class of the training images.
///
/// # Errors
/// More or fewer weights than classes; a class without an image, which no weight balances.
pub(crate) fn class_weights(asked: &ClassWeights, train: &dyn Dataset) -> Result<Vec<f64>, EngineError> {
    let classes = train.classes();
    let refused = |reason: String| Err(EngineError::invalid_plan("train.class_weights", reason));
    let weights = match asked {
        ClassWeights::Each(weights) => weights.clone(),
        ClassWeights::Rule(ClassWeightRule::Balanced) => {
            let mut counts = vec![0_usize; classes.len()];
            for index in 0..train.len() {
                let target = train.target(index)?;
                if target == Target::None {
                    continue;
                }
                if let Some(count) = counts.get_mut(target.class()? as usize) {
                    *count += 1;
                }
            }
            if let Some(at) = counts.iter().position(|&count| count == 0) {
                return refused(format!(
                    "class `{}` has no training image, so that no weight balances it; write the weights out",
                    classes[at]
                ));
            }
            let labelled: usize = counts.iter().sum();
            let of_class = labelled as f64 / classes.len() as f64;
            counts.iter().map(|&count| of_class / count as f64).collect()
        }
    };
    if weights.len() == classes.len() {
        return Ok(weights);
    }
    refused(format!(
        "it has {} weights, and there are {} classes: {}",
        weights.len(),
        classes.len(),
        classes.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use potstill_data::{Image, InMemory};
    use potstill_recipe::{ClassWeightRule, ClassWeights};

    use super::class_weights;

    fn images(labels: &[u32]) -> InMemory {
        let image = Image {
            height: 1,
            width: 1,
            channels: 1,
            pixels: vec![0],
        };
        InMemory::classification(vec![image; labels.len()], labels.to_vec(), ["cat", "dog", "owl"]).unwrap()
    }

    #[test]
    fn balanced_classes_count_alike_in_all() {
        // By hand: 6 / (3 n) for n = 3, 2 and 1.
        let rule = ClassWeights::Rule(ClassWeightRule::Balanced);
        let weights = class_weights(&rule, &images(&[0, 1, 0, 2, 1, 0])).unwrap();
        assert_eq!(weights, [2.0 / 3.0, 1.0, 2.0]);
        let said = class_weights(&rule, &images(&[0, 1])).unwrap_err().to_string();
        assert_eq!(
            said,
            "`train.class_weights`: class `owl` has no training image, so that no weight balances it; write the weights out"
        );
    }

    #[test]
    fn each_class_needs_a_weight() {
        let each = |weights: &[f64]| class_weights(&ClassWeights::Each(weights.to_vec()), &images(&[0]));
        assert_eq!(each(&[1.0, 2.0, 0.5]).unwrap(), [1.0, 2.0, 0.5]);
        let said = each(&[1.0, 2.0]).unwrap_err().to_string();
        assert_eq!(
            said,
            "`train.class_weights`: it has 2 weights, and there are 3 classes: cat, dog, owl"
        );
    }
}
