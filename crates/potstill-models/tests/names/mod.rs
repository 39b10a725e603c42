//! The names of a network in one number, as the shared vectors have it.

use potstill_base::Digest;
use potstill_models::Model;

/// The first 16 digits of the SHA-256 of the lines `name [shape]` in their order, with the counters that PyTorch's batch norms have and its
/// frozen ones have not.
pub fn digest(network: &Model, counters: bool) -> String {
    let mut lines = Vec::new();
    for entry in network.parameters().entries() {
        let name = network.names().published_name(&entry.path);
        lines.push(format!("{name} {:?}", entry.shape));
        if let (Some(norm), true) = (name.strip_suffix("running_var"), counters) {
            lines.push(format!("{norm}num_batches_tracked []"));
        }
    }
    Digest::of(lines.join("\n"))[..16].to_owned()
}
