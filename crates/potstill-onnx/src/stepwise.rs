//! A file run operator by operator, each after its memory was told and found to be little.
//!
//! A few bytes of a file can ask for terabytes: a constant of a stated shape, a row added to a column, a tensor beside itself forty
//! times over. What an operator makes is told from what it gets ([`Cost`]), so a run that goes through them one by one can stop
//! before. The survey of a file runs so, and so do images that are more than any before.

use std::{
    collections::{BTreeSet, HashMap},
    sync::PoisonError,
};

use rten::{NodeId, Value};
use rten_tensor::{AsView, Layout};

use crate::{
    Array, OnnxError, OnnxNetwork,
    budget::Budget,
    constants::{Constant, FEW},
    cost::{Cost, Inputs},
    graph::Node,
};

/// What a stepwise run has found.
pub(crate) struct Steps {
    /// The shapes of all tensors, and whether they hold floats.
    pub tensors: HashMap<String, (Vec<usize>, bool)>,
    /// The tensors that were asked for.
    pub kept: Vec<Value>,
}

/// A run on its way.
struct Run<'a> {
    network: &'a OnnxNetwork,
    images: &'a Array,
    /// The name of the images.
    input: &'a str,
    budget: Budget,
    /// The tensors that are still read.
    live: HashMap<&'a str, Value>,
    /// The shapes of all, and the values of the small ones.
    known: HashMap<&'a str, Constant>,
    tensors: HashMap<String, (Vec<usize>, bool)>,
}

impl OnnxNetwork {
    /// Runs the file on images of `[N, C, H, W]`, and keeps the tensors of these names.
    ///
    /// # Errors
    /// An operator that would take too much, that fails, or whose inputs nothing makes.
    pub(crate) fn stepwise(&self, images: &Array, names: &[&str]) -> Result<Steps, OnnxError> {
        let failure = |reason: String| self.failure(images, reason);
        let order = self.graph.order().map_err(failure)?;
        let mut last_use = self.graph.last_use(&order);
        let kept: BTreeSet<&str> = names.iter().copied().collect();
        let mut run = Run::of(self, images);
        for (step, &index) in order.iter().enumerate() {
            run.step(&self.graph.nodes[index])?;
            let done = last_use.remove(&step).unwrap_or_default();
            run.let_go(done.into_iter().filter(|name| !kept.contains(name)));
        }
        let kept = names.iter().map(|name| {
            let value = run.live.get(name).cloned();
            value.ok_or_else(|| failure(format!("nothing makes the tensor `{name}`")))
        });
        let kept = kept.collect::<Result<_, _>>()?;
        let mut finished = self.finished.lock().unwrap_or_else(PoisonError::into_inner);
        *finished = Some(run.budget.finished(*finished));
        Ok(Steps {
            kept,
            tensors: run.tensors,
        })
    }
}

impl<'a> Run<'a> {
    fn of(network: &'a OnnxNetwork, images: &'a Array) -> Self {
        let finished = *network.finished.lock().unwrap_or_else(PoisonError::into_inner);
        let mut inputs = network.graph.inputs.iter();
        let input = inputs.next().map_or("", |input| input.name.as_str());
        let given = Constant {
            shape: images.shape.clone(),
            values: Vec::new(),
        };
        Self {
            network,
            images,
            input,
            budget: Budget::of(images, network.fixed_batch().is_some(), finished),
            live: HashMap::new(),
            known: HashMap::from([(input, given)]),
            tensors: HashMap::new(),
        }
    }

    /// Runs an operator, if the budget allows it.
    fn step(&mut self, node: &'a Node) -> Result<(), OnnxError> {
        let inputs = self.inputs(node);
        let told = if node.kind == "Slice" && inputs.shape(0).contains(&0) {
            // `rten` counts backwards from the last place of an axis.
            Err("slices a tensor of no values".into())
        } else {
            self.budget.spend(Cost::told(node, &inputs))
        };
        told.map_err(|problem| {
            let made = node.outputs.first().map_or("", String::as_str);
            let reason = format!("the operator {} that makes `{made}` {problem}", node.kind);
            self.network.failure(self.images, reason)
        })?;
        let outputs: Vec<(&str, NodeId)> = node
            .outputs
            .iter()
            .filter(|name| !name.is_empty())
            .filter_map(|name| Some((name.as_str(), self.network.node(name)?)))
            .collect();
        let made = self
            .network
            .one_step(self.images, self.input, node, &self.live, &outputs)?;
        for ((name, _), value) in outputs.into_iter().zip(made) {
            self.note(name, value);
        }
        Ok(())
    }

    /// What is known of the tensors that an operator reads.
    fn inputs(&self, node: &Node) -> Inputs<'_> {
        let constants = &self.network.graph.constants;
        let inputs = node.reads().map(|name| {
            let found = self.known.get(name).or_else(|| constants.get(name));
            found.filter(|_| !name.is_empty())
        });
        Inputs(inputs.collect())
    }

    fn note(&mut self, name: &'a str, value: Value) {
        self.budget.live += value.len() as f64;
        let shape = value.shape().to_vec();
        let is_float = matches!(value, Value::FloatTensor(_));
        let made = Constant {
            values: few(&value),
            shape: shape.clone(),
        };
        self.known.insert(name, made);
        self.tensors.insert(name.to_owned(), (shape, is_float));
        self.live.insert(name, value);
    }

    fn let_go<'b>(&mut self, names: impl Iterator<Item = &'b str>) {
        for name in names {
            if let Some(value) = self.live.remove(name) {
                self.budget.live -= value.len() as f64;
            }
        }
    }
}

/// The values of a small tensor of whole numbers or floats, which may be the sizes of another.
fn few(value: &Value) -> Vec<f64> {
    if value.len() > FEW {
        return Vec::new();
    }
    match value {
        Value::FloatTensor(tensor) => tensor.iter().map(|&number| f64::from(number)).collect(),
        Value::Int32Tensor(tensor) => tensor.iter().map(|&number| f64::from(number)).collect(),
        _ => Vec::new(),
    }
}
