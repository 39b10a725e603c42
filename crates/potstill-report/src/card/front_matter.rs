//! The YAML at the top of a model card, with the keys of the Hugging Face hub's model card specification.

use indexmap::IndexSet;
use potstill_metrics::{MetricInfo, Unit};

use super::{CardFacts, task};

/// The front matter between its two rules, with a newline at its end.
pub(super) fn front_matter(facts: &CardFacts<'_>) -> String {
    let summary = facts.summary;
    let mut yaml = vec![
        "---".to_owned(),
        licence(facts.license),
        "library_name: potstill".to_owned(),
    ];
    yaml.extend(task::pipeline(&summary.task).map(|tag| format!("pipeline_tag: {tag}")));
    yaml.push("tags:".to_owned());
    let distilled = (!summary.teachers.is_empty()).then_some("knowledge-distillation");
    let tags = ["potstill"]
        .into_iter()
        .chain(distilled)
        .chain(summary.methods.iter().map(String::as_str));
    yaml.extend(tags.map(|tag| format!("- {}", quote(tag))));
    if let Some(name) = facts.data_name {
        // Only a name that was given: one guessed from a path would link to somebody else's images.
        yaml.push(format!("datasets:\n- {}", quote(name)));
    }
    let families: IndexSet<&str> = measured(facts)
        .map(|(metric, _)| metric.family.as_ref())
        .collect();
    if !families.is_empty() {
        yaml.push("metrics:".to_owned());
        yaml.extend(families.into_iter().map(|family| format!("- {family}")));
    }
    match &summary.teachers[..] {
        [] => {}
        [only] => yaml.push(format!("base_model: {}", quote(&only.network.model))),
        several => {
            yaml.push("base_model:".to_owned());
            yaml.extend(
                several
                    .iter()
                    .map(|teacher| format!("- {}", quote(&teacher.network.model))),
            );
        }
    }
    yaml.extend(model_index(facts));
    yaml.push("---\n".to_owned());
    yaml.join("\n")
}

/// The licence as the hub has it: an identifier in small letters, `other` with a name, or its own word for one that is not stated.
fn licence(stated: Option<&str>) -> String {
    let is_identifier = |text: &str| {
        text.chars()
            .all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.' | '+'))
    };
    match stated {
        None => "license: \"unknown\"".to_owned(),
        Some(text) if is_identifier(text) => format!("license: {}", quote(&text.to_lowercase())),
        Some(text) => format!("license: \"other\"\nlicense_name: {}", quote(text)),
    }
}

/// What was measured in percent after the last epoch, without what is no number.
fn measured<'a>(facts: &CardFacts<'a>) -> impl Iterator<Item = (&'a MetricInfo, f64)> {
    let summary = facts.summary;
    let metrics = summary
        .metrics
        .iter()
        .filter(|metric| metric.unit == Unit::Percent);
    let values = metrics.filter_map(|metric| Some((metric, summary.last_metrics().of(metric)?)));
    values.filter(|(_, value)| value.is_finite())
}

/// The results as programs read them; none for a run that diverged.
fn model_index(facts: &CardFacts<'_>) -> Option<String> {
    let summary = facts.summary;
    let metrics: Vec<String> = measured(facts)
        .map(|(MetricInfo { family, label, .. }, value)| {
            format!("\n    - type: {family}\n      name: {label}, percent\n      value: {value:.2}")
        })
        .collect();
    if metrics.is_empty() {
        return None;
    }
    let task = task::pipeline(&summary.task).unwrap_or(&summary.task);
    let data = quote(facts.data_name());
    Some(format!(
        "model-index:\n- name: {}\n  results:\n  - task:\n      type: {}\n    dataset:\n      name: {data}\n      \
         type: {data}\n      split: {}\n    metrics:{}",
        quote(&summary.name),
        quote(task),
        summary.measured_on().word(),
        metrics.concat()
    ))
}

/// A string in double quotes. What JSON escapes is what YAML escapes.
fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
