//! The recipes that come with the binary, by name.

use std::path::Path;

use potstill_recipe::Recipe;

use crate::failure::Failure;

/// Every recipe of the `recipes/` folder: name and text.
pub static RECIPES: &[(&str, &str)] = &[
    ("demo-teacher", include_str!("../../../recipes/demo-teacher.toml")),
    ("demo-student", include_str!("../../../recipes/demo-student.toml")),
    (
        "cifar10-jpeg-teacher",
        include_str!("../../../recipes/cifar10-jpeg-teacher.toml"),
    ),
    (
        "cifar10-jpeg-resnet56-resnet20-kd",
        include_str!("../../../recipes/cifar10-jpeg-resnet56-resnet20-kd.toml"),
    ),
    (
        "cifar10-jpeg-resnet56-resnet20-review-kd",
        include_str!("../../../recipes/cifar10-jpeg-resnet56-resnet20-review-kd.toml"),
    ),
    (
        "cifar100-resnet56-resnet20-review-kd",
        include_str!("../../../recipes/cifar100-resnet56-resnet20-review-kd.toml"),
    ),
    (
        "cifar100-resnet110-resnet32-review-kd",
        include_str!("../../../recipes/cifar100-resnet110-resnet32-review-kd.toml"),
    ),
    (
        "cifar100-resnet32x4-resnet8x4-review-kd",
        include_str!("../../../recipes/cifar100-resnet32x4-resnet8x4-review-kd.toml"),
    ),
    (
        "cifar100-wrn40-2-wrn16-2-review-kd",
        include_str!("../../../recipes/cifar100-wrn40-2-wrn16-2-review-kd.toml"),
    ),
    (
        "cifar100-wrn40-2-wrn40-1-review-kd",
        include_str!("../../../recipes/cifar100-wrn40-2-wrn40-1-review-kd.toml"),
    ),
    (
        "cifar100-wrn40-2-shufflenetv1-review-kd",
        include_str!("../../../recipes/cifar100-wrn40-2-shufflenetv1-review-kd.toml"),
    ),
    (
        "cifar100-resnet32x4-shufflenetv1-review-kd",
        include_str!("../../../recipes/cifar100-resnet32x4-shufflenetv1-review-kd.toml"),
    ),
    (
        "cifar100-resnet32x4-shufflenetv2-review-kd",
        include_str!("../../../recipes/cifar100-resnet32x4-shufflenetv2-review-kd.toml"),
    ),
    (
        "cifar100-vgg13-vgg8-review-kd",
        include_str!("../../../recipes/cifar100-vgg13-vgg8-review-kd.toml"),
    ),
    (
        "cifar100-vgg13-mobilenetv2-review-kd",
        include_str!("../../../recipes/cifar100-vgg13-mobilenetv2-review-kd.toml"),
    ),
    (
        "cifar100-resnet50-mobilenetv2-review-kd",
        include_str!("../../../recipes/cifar100-resnet50-mobilenetv2-review-kd.toml"),
    ),
    (
        "cifar100-resnet50-vgg8-review-kd",
        include_str!("../../../recipes/cifar100-resnet50-vgg8-review-kd.toml"),
    ),
    (
        "cifar100-resnet56-resnet20-ekd",
        include_str!("../../../recipes/cifar100-resnet56-resnet20-ekd.toml"),
    ),
    (
        "cifar100-resnet110-resnet32-ekd",
        include_str!("../../../recipes/cifar100-resnet110-resnet32-ekd.toml"),
    ),
    (
        "cifar100-resnet32x4-resnet8x4-ekd",
        include_str!("../../../recipes/cifar100-resnet32x4-resnet8x4-ekd.toml"),
    ),
    (
        "cifar100-wrn40-2-wrn16-2-ekd",
        include_str!("../../../recipes/cifar100-wrn40-2-wrn16-2-ekd.toml"),
    ),
    (
        "cifar100-wrn40-2-wrn40-1-ekd",
        include_str!("../../../recipes/cifar100-wrn40-2-wrn40-1-ekd.toml"),
    ),
    (
        "cifar100-vgg13-vgg8-ekd",
        include_str!("../../../recipes/cifar100-vgg13-vgg8-ekd.toml"),
    ),
    (
        "cifar10-jpeg-resnet56-resnet20-ekd",
        include_str!("../../../recipes/cifar10-jpeg-resnet56-resnet20-ekd.toml"),
    ),
    (
        "cifar10-jpeg-resnet56-resnet20-ekd-low-resolution",
        include_str!("../../../recipes/cifar10-jpeg-resnet56-resnet20-ekd-low-resolution.toml"),
    ),
    (
        "cifar10-jpeg-resnet56-resnet20-ekd-few-samples",
        include_str!("../../../recipes/cifar10-jpeg-resnet56-resnet20-ekd-few-samples.toml"),
    ),
    ("quick-ekd", include_str!("../../../recipes/quick-ekd.toml")),
];

/// Reads the recipe at a path, or the one that comes with the binary under this name.
pub fn read(name_or_path: &str, overrides: &[String]) -> Result<Recipe, Failure> {
    let path = Path::new(name_or_path);
    if !path.exists()
        && let Some((name, text)) = RECIPES.iter().find(|(name, _)| *name == name_or_path)
    {
        return Ok(Recipe::from_text(text, &format!("{name}.toml"), overrides)?);
    }
    let inside = path.join("recipe.toml");
    let path = if inside.is_file() { &inside } else { path };
    Ok(Recipe::from_path(path, overrides)?)
}
