//! The last layer of a network, as files store it.

use std::collections::BTreeMap;

use super::StoredTensor;

/// Whether a path is the head's, or stands beside it in the same container: `classifier.0` where the last layer
/// is `classifier.3`.
pub(super) fn is_of_head(path: &str, head: &str) -> bool {
    let root = head.split('.').next().unwrap_or(head);
    is_below(path, root)
}

/// Whether a path stands below another.
pub(super) fn is_below(path: &str, above: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.starts_with('.'))
}

/// Renames a last layer that stands in a container of its own to where the network has it: `fc.1` of
/// `Sequential(Dropout, Linear)` in the place of `fc`, or `classifier` in the place of `Sequential`'s
/// `classifier.1`. It is done only if nothing else with weights is in the container.
pub(super) fn find_last_layer(tensors: &mut BTreeMap<String, &StoredTensor>, head: &str) {
    if tensors.contains_key(&format!("{head}.weight")) {
        return;
    }
    let is_linear = |path: &str| tensors.get(path).is_some_and(|tensor| tensor.shape.len() == 2);
    let containers = std::iter::once(head).chain(head.rsplit_once('.').map(|(container, _)| container));
    let layer = containers.into_iter().find_map(|container| {
        let inside: Vec<&String> = tensors.keys().filter(|path| is_below(path, container)).collect();
        let layer = inside.iter().find_map(|path| path.strip_suffix(".weight"))?;
        let is_alone = inside
            .iter()
            .all(|path| [format!("{layer}.weight"), format!("{layer}.bias")].contains(path));
        (is_alone && is_linear(&format!("{layer}.weight"))).then(|| layer.to_owned())
    });
    let Some(layer) = layer else { return };
    for part in ["weight", "bias"] {
        if let Some(tensor) = tensors.remove(&format!("{layer}.{part}")) {
            tensors.insert(format!("{head}.{part}"), tensor);
        }
    }
}
