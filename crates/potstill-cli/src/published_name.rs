//! What the tables of papers call the methods of a recipe.

use potstill_recipe::{MethodSpec, Recipe};

/// The name of the methods as published tables have it: `kd + ls` for KD of standardised logits, `wttm`, `ctkd (kd)`, `ickd + kd`. None of a
/// student alone.
pub fn published_name(recipe: &Recipe) -> Option<String> {
    let names: Vec<String> = recipe.methods.iter().map(of_method).collect();
    (!names.is_empty()).then(|| names.join(" + "))
}

fn of_method(method: &MethodSpec) -> String {
    let is_set = |option: &str| method.options.get(option).and_then(toml::Value::as_bool) == Some(true);
    let base = if method.kind == "ctkd" { "loss" } else { "base" };
    let base = method
        .options
        .get(base)
        .and_then(toml::Value::as_str)
        .unwrap_or("kd");
    let standardised = is_set("standardise");
    match method.kind.as_str() {
        "ttm" if is_set("weighted") => "wttm".to_owned(),
        "ctkd" if standardised && base == "kd" => "ctkd + ls".to_owned(),
        kind @ ("ctkd" | "sdd") => format!("{kind} ({base})"),
        kind if standardised => format!("{kind} + ls"),
        kind => kind.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use potstill_recipe::Recipe;

    use super::published_name;

    fn name(methods: &str) -> Option<String> {
        let text = r#"
            version = 1
            name = "x"
            data.train = "shapes"
            student.model = "cifar_resnet8"
            teacher.run = "runs/teacher"
            train = { epochs = 1, optimizer = { kind = "sgd", lr = 0.1 } }
        "#;
        published_name(&Recipe::from_text(text, "x.toml", &[format!("methods={methods}")]).unwrap())
    }

    #[test]
    fn methods_are_called_as_in_papers() {
        assert_eq!(name("[]"), None);
        for (methods, expected) in [
            ("[{ kind = 'dkd', beta = 8.0 }]", "dkd"),
            ("[{ kind = 'kd', standardise = true }]", "kd + ls"),
            ("[{ kind = 'ickd' }, { kind = 'kd' }]", "ickd + kd"),
            ("[{ kind = 'ttm' }]", "ttm"),
            ("[{ kind = 'ttm', weighted = true }]", "wttm"),
            ("[{ kind = 'ctkd' }]", "ctkd (kd)"),
            ("[{ kind = 'ctkd', loss = 'dkd' }]", "ctkd (dkd)"),
            ("[{ kind = 'ctkd', standardise = true }]", "ctkd + ls"),
            ("[{ kind = 'sdd', base = 'nkd' }]", "sdd (nkd)"),
        ] {
            assert_eq!(name(methods).unwrap(), expected);
        }
    }
}
