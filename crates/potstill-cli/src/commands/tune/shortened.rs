//! A recipe for fewer epochs than its own.

use potstill_recipe::{Decay, Milestones, Recipe};

/// The recipe for so many epochs, with a schedule that goes through all its parts in them. What the options of methods count in epochs stays.
pub fn shortened(mut recipe: Recipe, epochs: usize) -> Recipe {
    let whole = recipe.total_epochs().max(1);
    if epochs >= whole {
        return recipe;
    }
    // Beyond 64 bits, for counts are the writer's.
    let share = |count: usize| {
        let product = count as u128 * epochs as u128 + whole as u128 / 2;
        (product / whole as u128) as usize
    };
    let schedule = &mut recipe.train.schedule;
    schedule.warmup_epochs = share(schedule.warmup_epochs);
    schedule.warmup_steps = share(schedule.warmup_steps);
    if let Decay::Milestones(Milestones { at, .. }) = &mut schedule.decay {
        let mut shares: Vec<usize> = at.iter().map(|epoch| share(*epoch)).collect();
        shares.retain(|epoch| (1..epochs).contains(epoch));
        shares.dedup();
        *at = shares;
        if at.is_empty() {
            schedule.decay = Decay::Constant;
        }
    }
    recipe.train.epochs = Some(epochs);
    recipe
}

#[cfg(test)]
mod tests {
    use potstill_recipe::Recipe;

    use super::shortened;

    fn recipe(schedule: &str) -> Recipe {
        let text = format!(
            "version = 1\nname = \"x\"\ndata.train = \"shapes\"\nstudent.model = \"cifar_resnet8\"\n[train]\nepochs = 240\n\
             optimizer = {{ kind = \"sgd\", lr = 0.1 }}\nschedule = {schedule}\n"
        );
        Recipe::from_text(&text, "x.toml", &[]).unwrap()
    }

    /// The share of the rate that is left in each epoch.
    fn rates(recipe: &Recipe) -> Vec<f64> {
        let epochs = recipe.total_epochs();
        let rate = |epoch| recipe.train.schedule.lr(1.0, epoch, 0, 1, epochs);
        (0..epochs).map(rate).collect()
    }

    #[test]
    fn milestones_and_warm_up_shrink_with_the_epochs() {
        let recipe =
            recipe("{ kind = \"milestones\", at = [150, 180, 210], gamma = 0.1, warmup_epochs = 24 }");
        // By hand: 150 of 240 is 5 of 8, 180 is 6, 210 is 7; 24 is 0.8, that is 1.
        let short = shortened(recipe.clone(), 8);
        let expected = [0.1, 1.0, 1.0, 1.0, 1.0, 0.1, 0.01, 0.001];
        for (found, expected) in rates(&short).iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{:?}", rates(&short));
        }
        // Of 2 epochs 150 to 210 are 1.25 to 1.75: one milestone is left. Of a single epoch nothing can fall.
        assert_eq!(rates(&shortened(recipe.clone(), 2)), [1.0, 0.1]);
        assert_eq!(rates(&shortened(recipe.clone(), 1)), [1.0]);
        assert_eq!(shortened(recipe.clone(), 240), recipe);
    }

    #[test]
    fn a_cosine_comes_down_in_any_number_of_epochs() {
        let short = shortened(recipe("{ kind = \"cosine\" }"), 2);
        let rates = rates(&short);
        assert_eq!(rates.len(), 2);
        assert!((rates[0] - 1.0).abs() < 1e-12 && (rates[1] - 0.5).abs() < 1e-12);
    }
}
