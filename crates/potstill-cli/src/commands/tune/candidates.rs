//! The cells that are tuned: those of the sweep, judged by validation images.

use potstill_methods::schema;
use potstill_recipe::{Sweep, SweepRun, Validation};

use crate::{commands::sweep::GridArguments, failure::Failure, printed::tell, recipes};

/// The share of the training images that chooses where the recipe holds none back.
const VALIDATION: f64 = 0.1;

/// The runs of the sweep, each with validation images.
pub fn of(sweep: &Sweep, grid: &GridArguments, quiet: bool) -> Result<Vec<SweepRun>, Failure> {
    let mut runs = sweep.runs(&schema(), &|name| recipes::base(name, &grid.file))?;
    let mut added = false;
    for run in &mut runs {
        if run.recipe.train.phases.is_some() {
            return Err(run
                .recipe
                .wrong(
                    "train.phases",
                    "cannot be shortened for the rounds of a tuning; it needs `train.epochs`",
                )
                .into());
        }
        if run.recipe.data.validation.is_none() {
            run.recipe.data.validation = Some(Validation::Share(VALIDATION));
            added = true;
        }
    }
    if added && !quiet {
        tell!(
            "a tenth of the training images is held back to choose by (`data.validation = {VALIDATION}`); the test images choose nothing"
        );
    }
    Ok(runs)
}
