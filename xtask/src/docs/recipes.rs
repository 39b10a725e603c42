//! The page of all recipes.

use serde_json::Value;

use super::page;

const HEAD: &str = "\
# The recipes of the project

`potstill train NAME` runs one of them, `potstill plan NAME` shows what it will do. What to expect of each
stands in its file.

";

/// The whole page.
pub fn page(recipes: &[Value]) -> String {
    let mut page = page::GENERATED.to_owned() + HEAD + &page::row(&["recipe", "what it is"]) + "|---|---|\n";
    for recipe in recipes {
        let name = page::text(recipe, "name");
        page += &page::row(&[
            &format!("[`{name}`](../../recipes/{name}.toml)"),
            page::text(recipe, "about"),
        ]);
    }
    page
}
