//! The guide to methods: a table for each group of them, between the words on choosing.

use serde_json::Value;

use super::{Error, page};

/// The groups, as the registry names them.
const GROUPS: [&str; 5] = ["logits", "teacher-free", "maps", "relations", "schemes"];

/// The page with its tables.
pub fn page(page: &str, methods: &[Value]) -> Result<String, Error> {
    let known = |method: &&Value| GROUPS.contains(&page::text(method, "group"));
    if let Some(other) = methods.iter().find(|method| !known(method)) {
        return Err(format!("the group of {} has no table in docs/methods.md", other["name"]).into());
    }
    GROUPS.iter().try_fold(page.to_owned(), |page, group| {
        let own = methods
            .iter()
            .filter(|method| page::text(method, "group") == *group);
        page::replace(&page, group, &table(own))
    })
}

fn table<'a>(methods: impl Iterator<Item = &'a Value>) -> String {
    let head = ["method", "paper", "needs", "costs", "usual weight", "tasks"];
    let mut table = page::row(&head) + "|---|---|---|---|---|---|\n";
    for method in methods {
        let text = |key| page::text(method, key);
        let name = text("name");
        let link = format!("[`{name}`](methods/{name}.md): {}", text("about"));
        let paper = format!("{}, {}", text("paper"), method["year"]);
        let cells = [
            &link,
            &paper,
            text("needs"),
            text("cost"),
            text("weight"),
            &tasks(method),
        ];
        table += &page::row(&cells);
    }
    table
}

/// The tasks that a method serves, with what it does not do on them.
fn tasks(method: &Value) -> String {
    let names = method["tasks"].as_array().into_iter().flatten();
    let names: Vec<&str> = names.filter_map(Value::as_str).collect();
    match page::text(method, "limits") {
        "" => names.join(", "),
        limits => format!("{} ({limits})", names.join(", ")),
    }
}
