//! The recipes that come with the binary, by name.

use std::path::Path;

use clap::Args;
use potstill_methods::schema;
use potstill_recipe::Recipe;

use crate::failure::Failure;

/// A recipe and what overrides it.
#[derive(Debug, Args)]
pub struct RecipeArguments {
    /// A recipe file, the folder of a run, or a name of `potstill list recipes`.
    pub recipe: String,
    /// `key=value`, dotted, as often as needed: `train.epochs=3 methods.0.weight=2`.
    #[arg(value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,
}

/// Name and text of files of the `recipes/` folder.
macro_rules! recipes {
    ($($name:literal)*) => {
        &[$(($name, include_str!(concat!("../../../recipes/", $name, ".toml")))),*]
    };
}

/// Every recipe of the `recipes/` folder.
pub static RECIPES: &[(&str, &str)] = recipes! {
    "demo-teacher"
    "demo-student"
    "quick-ekd"
    "quick-letkd"
    "quick-multi-label"
    "quick-multi-label-teacher"
    "quick-tskd"
    "quick-tst"
    "comparison-cifar10"
    "comparison-mnist"
    "comparison-mnist-teacher"
    "cifar10-jpeg-resnet56-resnet20-ekd"
    "cifar10-jpeg-resnet56-resnet20-ekd-few-samples"
    "cifar10-jpeg-resnet56-resnet20-ekd-low-resolution"
    "cifar10-jpeg-resnet56-resnet20-kd"
    "cifar10-jpeg-resnet56-resnet20-letkd"
    "cifar10-jpeg-resnet56-resnet20-review-kd"
    "cifar10-jpeg-resnet56-resnet20-tskd"
    "cifar10-jpeg-resnet56-resnet20-tst"
    "cifar10-jpeg-teacher"
    "cifar100-resnet110-resnet20-letkd"
    "cifar100-resnet110-resnet20-tst"
    "cifar100-resnet110-resnet32-ekd"
    "cifar100-resnet110-resnet32-letkd"
    "cifar100-resnet110-resnet32-review-kd"
    "cifar100-resnet110-resnet32-tskd"
    "cifar100-resnet110-resnet32-tst"
    "cifar100-resnet32x4-resnet8x4-ekd"
    "cifar100-resnet32x4-resnet8x4-letkd"
    "cifar100-resnet32x4-resnet8x4-review-kd"
    "cifar100-resnet32x4-resnet8x4-tskd"
    "cifar100-resnet32x4-resnet8x4-tst"
    "cifar100-resnet32x4-shufflenetv1-letkd"
    "cifar100-resnet32x4-shufflenetv1-review-kd"
    "cifar100-resnet32x4-shufflenetv1-tskd"
    "cifar100-resnet32x4-shufflenetv1-tst"
    "cifar100-resnet32x4-shufflenetv2-letkd"
    "cifar100-resnet32x4-shufflenetv2-review-kd"
    "cifar100-resnet32x4-shufflenetv2-tskd"
    "cifar100-resnet50-mobilenetv2-letkd"
    "cifar100-resnet50-mobilenetv2-review-kd"
    "cifar100-resnet50-mobilenetv2-tskd"
    "cifar100-resnet50-vgg8-review-kd"
    "cifar100-resnet56-resnet20-ekd"
    "cifar100-resnet56-resnet20-letkd"
    "cifar100-resnet56-resnet20-review-kd"
    "cifar100-resnet56-resnet20-tskd"
    "cifar100-resnet56-resnet20-tst"
    "cifar100-vgg13-mobilenetv2-review-kd"
    "cifar100-vgg13-mobilenetv2-tskd"
    "cifar100-vgg13-mobilenetv2-tst"
    "cifar100-vgg13-vgg8-ekd"
    "cifar100-vgg13-vgg8-review-kd"
    "cifar100-vgg13-vgg8-tskd"
    "cifar100-vgg13-vgg8-tst"
    "cifar100-wrn28-10-wrn16-2-tst"
    "cifar100-wrn40-2-shufflenetv1-letkd"
    "cifar100-wrn40-2-shufflenetv1-review-kd"
    "cifar100-wrn40-2-shufflenetv1-tskd"
    "cifar100-wrn40-2-shufflenetv1-tst"
    "cifar100-wrn40-2-wrn16-2-ekd"
    "cifar100-wrn40-2-wrn16-2-letkd"
    "cifar100-wrn40-2-wrn16-2-review-kd"
    "cifar100-wrn40-2-wrn16-2-tskd"
    "cifar100-wrn40-2-wrn16-2-tst"
    "cifar100-wrn40-2-wrn40-1-ekd"
    "cifar100-wrn40-2-wrn40-1-letkd"
    "cifar100-wrn40-2-wrn40-1-review-kd"
    "cifar100-wrn40-2-wrn40-1-tskd"
    "cifar100-wrn40-2-wrn40-1-tst"
    "cifar100-wrn40-4-wrn16-2-tst"
};

/// Reads the recipe at a path, or the one that comes with the binary under this name.
pub fn read(name_or_path: &str, overrides: &[String]) -> Result<Recipe, Failure> {
    let path = Path::new(name_or_path);
    if !path.exists()
        && let Some((name, text)) = RECIPES.iter().find(|(name, _)| *name == name_or_path)
    {
        return Ok(schema().read_text(text, &format!("{name}.toml"), overrides)?);
    }
    let inside = path.join("recipe.toml");
    let path = if inside.is_file() { &inside } else { path };
    Ok(schema().read_path(path, overrides)?)
}
