//! Checkpoints of the first version, which had no number, knew one metric, the top-1 accuracy, and kept the states of methods as texts.

use std::collections::BTreeMap;

use potstill_metrics::TOP1;
use serde_json::{Value, json};

/// The same state in the form of today.
pub(super) fn upgraded(mut state: Value) -> Result<Value, serde_json::Error> {
    let top1 = TOP1.name;
    state["version"] = json!(2);
    if let Some(best) = state["best"].as_object_mut() {
        let value = best.remove("top1").unwrap_or_default();
        best.insert("metrics".into(), json!({ top1.as_ref(): value }));
    }
    if let Some(totals) = state["totals"].as_object_mut() {
        let hits = totals
            .remove("hits")
            .and_then(|hits| hits.as_u64())
            .unwrap_or_default();
        totals.insert("counts".into(), json!({ top1.as_ref(): hits as f64 }));
    }
    let texts = state["methods"].take();
    state["states"] = states(texts)?;
    Ok(state)
}

/// The states of methods by entry, from texts by `ENTRY.memory` and `ENTRY.augmentation`.
fn states(texts: Value) -> Result<Value, serde_json::Error> {
    let texts: Option<BTreeMap<String, String>> = serde_json::from_value(texts)?;
    let mut states = BTreeMap::new();
    for (name, text) in texts.unwrap_or_default() {
        let id = name
            .strip_suffix(".memory")
            .or(name.strip_suffix(".augmentation"));
        states.insert(
            id.unwrap_or(&name).to_owned(),
            serde_json::from_str::<Value>(&text)?,
        );
    }
    serde_json::to_value(states)
}

#[cfg(test)]
mod tests {
    use potstill_metrics::{MetricSet, Metrics, TOP1};

    use crate::{
        checkpoint::{Checkpoint, Position},
        plan::timeline::RunEpoch,
    };

    /// The state of a run that Potstill 0.1.0 was told to stop in the middle of its second epoch.
    const STATE: &str = include_str!("../../tests/version_1/checkpoint.json");

    #[test]
    fn metrics_get_names() {
        let state = Checkpoint::parse(STATE).unwrap();
        assert_eq!(
            state.position,
            Position {
                epoch: RunEpoch(1),
                step: 32
            }
        );
        let best = state.best.unwrap();
        assert_eq!((best.epoch, best.metrics), (1, Metrics::new().with(&TOP1, 10.0)));
        let set = MetricSet {
            headline: TOP1,
            others: vec![],
        };
        assert_eq!(
            state.totals.metrics(&set),
            Metrics::new().with(&TOP1, 100.0 * (290.0 / 1024.0))
        );
        assert_eq!(
            state.totals.terms,
            [("cross_entropy".to_owned(), 2_059.068_515_777_588)]
        );
        assert_eq!(state.updates.values().copied().max(), Some(82));
    }

    #[test]
    fn the_texts_of_a_method_become_its_state() {
        let texts = r#""methods":{"tskd.memory":"{\"epochs\":[1]}","tst.augmentation":"7"}"#;
        let text = STATE.replace("\"methods\":{}", texts);
        assert_ne!(text, STATE);
        let states = Checkpoint::parse(&text).unwrap().states;
        assert_eq!(
            serde_json::json!(states),
            serde_json::json!({"tskd": {"epochs": [1]}, "tst": 7})
        );
    }

    #[test]
    fn a_newer_checkpoint_is_called_that() {
        let newer = STATE.replacen('{', "{\"version\":4,", 1);
        let error = Checkpoint::parse(&newer).unwrap_err();
        assert!(
            error.contains("version 4") && error.contains("up to 3"),
            "{error}"
        );
    }
}
