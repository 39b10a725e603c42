//! The page of all keys of a recipe.

use serde_json::Value;

use super::page;

const HEAD: &str = "\
# The keys of a recipe

A recipe is a TOML file. Keys that are not written have the default, or what the column says. Any of them
can be set on the command line, `train.epochs=3`, entries of arrays by their number from 0,
`methods.0.weight=0.5`. `potstill explain KEY` says the same about one key, and `potstill schema` prints a
JSON Schema by which an editor completes and checks a recipe.

";

/// The whole page: a section for each table.
pub fn page(keys: &[Value], methods: &[Value]) -> String {
    let recipe: Vec<&Value> = keys.iter().filter(|entry| !is_option(entry)).collect();
    let mut tables: Vec<&str> = Vec::new();
    for entry in &recipe {
        let table = table_of(entry);
        if !tables.contains(&table) {
            tables.push(table);
        }
    }
    let body = |table: &str| {
        let own = recipe.iter().copied().filter(|entry| table_of(entry) == table);
        page::keys(own.map(|entry| (name(entry), entry)))
    };
    let section = |&table: &&str| {
        let about = recipe
            .iter()
            .find(|entry| page::text(entry, "key") == table.trim_end_matches(".N"));
        let about = about.map(|entry| format!("{}\n\n", page::text(entry, "about")));
        // Teachers and phases have tables of the student's and of `[train]`.
        let mut others = tables.iter().filter(|other| !other.starts_with("teacher"));
        let keys = match others.find(|other| body(other) == body(table)) {
            Some(first) if *first != table => format!("It has the keys of {}.\n", title(first)),
            _ => body(table),
        };
        format!("## {}\n\n{}{keys}\n", title(table), about.unwrap_or_default())
    };
    let sections: String = tables.iter().map(section).collect();
    let methods: Vec<String> = methods.iter().map(method).collect();
    let head = page::GENERATED.to_owned() + HEAD;
    format!(
        "{head}{sections}A table `[teachers.NAME]` has the keys of `[teacher]`. The options of a method are in its page:\n{}.\n",
        methods.join(",\n")
    )
}

/// A link to the page of a method.
fn method(entry: &Value) -> String {
    let name = page::text(entry, "name");
    format!("[`{name}`](../methods/{name}.md)")
}

/// The last part of a key, with the kinds of table that have it, if not all do.
fn name(entry: &Value) -> String {
    let name = page::text(entry, "key").rsplit('.').next().unwrap_or_default();
    let kinds = entry["only_for"].as_array().into_iter().flatten();
    let kinds: Vec<&str> = kinds.filter_map(Value::as_str).collect();
    if kinds.is_empty() {
        format!("`{name}`")
    } else {
        format!("`{name}` ({})", kinds.join(", "))
    }
}

/// The path of the table that a key stands in.
fn table_of(entry: &Value) -> &str {
    page::text(entry, "key")
        .rsplit_once('.')
        .map_or("", |(table, _)| table)
}

/// Whether this is an option of a method. The keys of every method are for no kind alone.
fn is_option(entry: &Value) -> bool {
    page::text(entry, "key").starts_with("methods.N.")
        && entry["only_for"]
            .as_array()
            .is_some_and(|kinds| !kinds.is_empty())
}

fn title(table: &str) -> String {
    match table.strip_suffix(".N") {
        _ if table.is_empty() => "The top".to_owned(),
        Some(entries) => format!("`[[{entries}]]`"),
        None => format!("`[{}]`", table.replace(".N.", ".")),
    }
}
