//! What has to be said about a file, in a line each.

use std::collections::BTreeSet;

use potstill_base::quoted;

use super::{
    EXPORT_LINE, KeptTensor, LayerPlan, names,
    node::Node,
    shared::{Convolutions, Shared},
};

/// Names of a note that are written out.
const SHOWN: usize = 4;

/// What is known of a file when its notes are written.
pub(super) struct Told<'a> {
    /// Its operators.
    pub nodes: &'a [Node],
    /// The tensors that the network keeps.
    pub tensors: &'a [KeptTensor],
    /// Its layers.
    pub layers: &'a [LayerPlan],
    /// Names of tensors that several operators read.
    pub shared: Shared,
    /// How its convolutions are.
    pub convolutions: Convolutions,
    /// Names of tensors that nothing reads.
    pub idle: Vec<String>,
}

impl Told<'_> {
    /// All notes but those on what was switched off.
    pub fn notes(&self) -> Vec<String> {
        let all = [
            self.folded(),
            self.made_names(),
            self.shared(),
            self.buffers(),
            self.loose(),
            self.numbers(),
            self.idle(),
        ];
        all.into_iter().flatten().collect()
    }

    fn folded(&self) -> Option<String> {
        let Convolutions { all, biased, folded } = self.convolutions;
        let has_norm = self.nodes.iter().any(|node| node.kind.ends_with("Normalization"));
        let meant = match folded {
            0 if biased < 5 || has_norm => return None,
            0 => biased,
            folded => folded,
        };
        Some(format!(
            "{meant} of its {all} convolutions have a bias and no batch norm behind them, as exporters leave them that fold norms into \
             convolutions: if the network had some, it trains badly. Export it with them: {EXPORT_LINE}"
        ))
    }

    fn made_names(&self) -> Option<String> {
        let all = self.tensors.iter().map(|tensor| tensor.name.as_str());
        let made: Vec<&str> = all.filter(|name| !names::is_of_state_dict(name)).collect();
        (!made.is_empty()).then(|| {
            format!(
                "{} names that an exporter made: under them the weights will not load into the PyTorch module. To keep its names: \
                 {EXPORT_LINE}",
                listed(&made, "has", "have")
            )
        })
    }

    fn shared(&self) -> Option<String> {
        let shared: Vec<&str> = self.shared.iter().map(String::as_str).collect();
        (!shared.is_empty()).then(|| {
            format!(
                "{} read by several operators: one weight for all of them. If the module has one for each, the exporter merged what was \
                 equal; so that it does not: {EXPORT_LINE}",
                listed(&shared, "is", "are")
            )
        })
    }

    /// ONNX cannot tell a buffer from a parameter.
    fn buffers(&self) -> Option<String> {
        let statistics: BTreeSet<usize> = self.layers.iter().flat_map(LayerPlan::statistics).collect();
        let named = self.tensors.iter().enumerate();
        let named =
            named.filter(|(place, tensor)| !statistics.contains(place) && is_of_buffers(&tensor.name));
        let named: Vec<&str> = named.map(|(_, tensor)| tensor.name.as_str()).collect();
        (!named.is_empty()).then(|| {
            let freeze: Vec<String> = named.iter().map(|name| format!("\"{name}\"")).collect();
            format!(
                "{} like weights, and by name could be buffers of the module, which ONNX does not tell: `freeze = [{}]` keeps them",
                listed(&named, "trains", "train"),
                freeze.join(", ")
            )
        })
    }

    fn loose(&self) -> Option<String> {
        let loose = self.layers.iter().filter_map(|layer| match layer {
            LayerPlan::Loose { tensor } => Some(self.tensors[*tensor].name.as_str()),
            _ => None,
        });
        let loose: Vec<&str> = loose
            .filter(|name| names::is_of_state_dict(name) && !is_of_buffers(name) && !is_of_weights(name))
            .collect();
        (!loose.is_empty()).then(|| {
            format!(
                "{} read as no layer's weight, and train: `freeze` those that are buffers of the module",
                listed(&loose, "is", "are")
            )
        })
    }

    fn numbers(&self) -> Option<String> {
        let single = self.tensors.iter().filter(|tensor| tensor.values.len() == 1);
        let single: Vec<&str> = single
            .map(|tensor| tensor.name.as_str())
            .filter(|name| !name.contains('.') && names::is_of_state_dict(name))
            .collect();
        (!single.is_empty()).then(|| {
            format!(
                "{}, of one number, like a weight of the module: `freeze` keeps it",
                listed(&single, "trains", "train")
            )
        })
    }

    fn idle(&self) -> Option<String> {
        let idle = &self.idle;
        (!idle.is_empty()).then(|| format!("nothing reads its {}", quoted(idle.iter().map(String::as_str))))
    }
}

/// Some names, and how many more there are, with the verb of one or of several.
fn listed(all: &[&str], one: &str, several: &str) -> String {
    let shown = quoted(all.iter().copied().take(SHOWN));
    match all.len() {
        1 => format!("{shown} {one}"),
        few if few <= SHOWN => format!("{shown} {several}"),
        many => format!("{shown} and {} more {several}", many - SHOWN),
    }
}

fn last_word(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// Whether a module of that name is likely to be a buffer.
fn is_of_buffers(name: &str) -> bool {
    let last = last_word(name).to_ascii_lowercase();
    let words = [
        "mean", "std", "mask", "filt", "running_", "blur", "anchor", "grid", "coords", "freqs",
    ];
    !matches!(last.as_str(), "weight" | "bias") && words.iter().any(|word| last.contains(word))
}

/// Whether it is what modules call weights that no layer owns.
fn is_of_weights(name: &str) -> bool {
    let last = last_word(name);
    let words = [
        "weight",
        "bias",
        "gamma",
        "beta",
        "alpha",
        "scale",
        "token",
        "embed",
        "gain",
        "temperature",
        "ls1",
        "ls2",
    ];
    words.iter().any(|word| last.contains(word))
}

#[cfg(test)]
mod tests {
    use super::{is_of_buffers, is_of_weights, listed};

    #[test]
    fn names_tell_buffers_from_weights() {
        for name in ["3.mask", "mean", "norm.std", "pool.filt", "attn_mask"] {
            assert!(is_of_buffers(name), "{name}");
        }
        for name in ["mask.weight", "fc.bias", "cls_token"] {
            assert!(!is_of_buffers(name), "{name}");
        }
        assert!(is_of_weights("blocks.0.ls1.gamma") && !is_of_weights("blocks.0.table"));
    }

    #[test]
    fn many_names_are_counted() {
        assert_eq!(listed(&["a"], "is", "are"), "`a` is");
        assert_eq!(
            listed(&["a", "b", "c", "d", "e", "f"], "is", "are"),
            "`a`, `b`, `c`, `d` and 2 more are"
        );
    }
}
