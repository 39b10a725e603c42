//! The YAML at the top of a model card, with the keys of the Hugging Face hub's model card specification.

use super::CardFacts;

/// The front matter between its two rules, with a newline at its end.
pub(super) fn front_matter(facts: &CardFacts<'_>) -> String {
    let summary = facts.summary;
    let mut yaml = vec![
        "---".to_owned(),
        // `unknown` is the hub's own word for a licence that is not stated.
        format!("license: {}", quote(facts.license.unwrap_or("unknown"))),
        "library_name: potstill".to_owned(),
    ];
    if summary.task == "classification" {
        yaml.push("pipeline_tag: image-classification".to_owned());
    }
    yaml.push("tags:".to_owned());
    let distilled = summary.teacher.as_ref().map(|_| "knowledge-distillation");
    let tags = ["potstill"]
        .into_iter()
        .chain(distilled)
        .chain(summary.methods.iter().map(String::as_str));
    yaml.extend(tags.map(|tag| format!("- {}", quote(tag))));
    if let Some(name) = facts.data_name {
        // Only a name that was given: one guessed from a path would link to somebody else's images.
        yaml.push(format!("datasets:\n- {}", quote(name)));
    }
    yaml.push("metrics:\n- accuracy".to_owned());
    if let Some(teacher) = &summary.teacher {
        yaml.push(format!("base_model: {}", quote(&teacher.network.model)));
    }
    yaml.extend(model_index(facts));
    yaml.push("---\n".to_owned());
    yaml.join("\n")
}

/// The results as programs read them; none for a run that diverged.
fn model_index(facts: &CardFacts<'_>) -> Option<String> {
    let summary = facts.summary;
    let metrics = [("top-1", Some(summary.last.top1)), ("top-5", summary.last.top5)];
    let metrics: Vec<String> = metrics
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.filter(|value| value.is_finite())?)))
        .map(|(name, value)| {
            format!("\n    - type: accuracy\n      name: {name} accuracy, percent\n      value: {value:.2}")
        })
        .collect();
    if metrics.is_empty() {
        return None;
    }
    let task = if summary.task == "classification" {
        "image-classification"
    } else {
        &summary.task
    };
    let data = quote(facts.data_name());
    Some(format!(
        "model-index:\n- name: {}\n  results:\n  - task:\n      type: {}\n    dataset:\n      name: {data}\n      \
         type: {data}\n      split: test\n    metrics:{}",
        quote(&summary.name),
        quote(task),
        metrics.concat()
    ))
}

/// A string in double quotes. What JSON escapes is what YAML escapes.
fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
