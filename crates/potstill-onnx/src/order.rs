//! The order in which operators can run.

use std::collections::{BTreeMap, HashMap};

use potstill_base::printable;

use crate::graph::Graph;

/// The tensors that are used for the last time at a step, by step.
pub(crate) type LastUse<'a> = BTreeMap<usize, Vec<&'a str>>;

impl Graph {
    /// The places of the operators in an order in which each comes after those that make what it reads.
    ///
    /// # Errors
    /// A tensor that nothing makes, or that is made out of itself.
    pub fn order(&self) -> Result<Vec<usize>, String> {
        let mut makers: HashMap<&str, usize> = HashMap::new();
        for (index, node) in self.nodes.iter().enumerate() {
            makers.extend(node.outputs.iter().map(|name| (name.as_str(), index)));
        }
        let is_given = |name: &str| {
            name.is_empty()
                || self.inputs.iter().any(|input| input.name == name)
                || self.constants.contains_key(name)
        };
        let mut readers: Vec<Vec<usize>> = vec![Vec::new(); self.nodes.len()];
        let mut missing = vec![0usize; self.nodes.len()];
        for (index, node) in self.nodes.iter().enumerate() {
            for name in node.reads().filter(|name| !is_given(name)) {
                let maker = makers.get(name).ok_or_else(|| {
                    let name = printable(name);
                    format!("nothing makes the tensor `{name}` that {} reads", node.kind)
                })?;
                readers[*maker].push(index);
                missing[index] += 1;
            }
        }
        // Those that can run, the first in the file at the end.
        let mut ready: Vec<usize> = (0..self.nodes.len())
            .rev()
            .filter(|&index| missing[index] == 0)
            .collect();
        let mut order = Vec::with_capacity(self.nodes.len());
        while let Some(index) = ready.pop() {
            order.push(index);
            for &reader in &readers[index] {
                missing[reader] -= 1;
                if missing[reader] == 0 {
                    ready.push(reader);
                }
            }
        }
        match missing.iter().position(|&count| count > 0) {
            None => Ok(order),
            Some(stuck) => {
                let name = self.nodes[stuck].outputs.first().map_or("", String::as_str);
                Err(format!(
                    "the tensor `{name}` is made out of itself, or out of one that is"
                ))
            }
        }
    }

    /// For each step of an order the tensors that it makes or reads, and no later one reads.
    pub fn last_use<'a>(&'a self, order: &[usize]) -> LastUse<'a> {
        let mut last: HashMap<&str, usize> = HashMap::new();
        for (step, &index) in order.iter().enumerate() {
            let node = &self.nodes[index];
            for name in node.outputs.iter().map(String::as_str).chain(node.reads()) {
                last.insert(name, step);
            }
        }
        let mut at: LastUse<'a> = LastUse::new();
        for (name, step) in last {
            at.entry(step).or_default().push(name);
        }
        at
    }
}
