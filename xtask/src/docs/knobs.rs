//! The table of a method's options in its page.

use serde_json::Value;

use super::{Error, page};

/// The page with a table of the options of this method, each by its path below the entry of the method.
pub fn page(page: &str, method: &str, keys: &[Value]) -> Result<String, Error> {
    let options = keys.iter().filter(|entry| entry["only_for"][0] == method);
    let options = options.filter_map(|entry| {
        let path = page::text(entry, "key").strip_prefix("methods.N.")?;
        Some((format!("`{path}`"), entry))
    });
    page::replace(page, "knobs", &page::keys(options))
}
