//! A file run operator by operator, each after its memory was told and found to be little.
//!
//! A few bytes of a file can ask for terabytes: a constant of a stated shape, a row added to a column, a tensor beside itself forty
//! times over. What an operator makes is told from what it gets ([`Cost`]), so a run that goes through them one by one can stop
//! before. The survey of a file runs so, and so do images that are more than any before.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rten::{NodeId, Value};
use rten_tensor::{AsView, Layout};

use crate::{
    Array, OnnxError, OnnxNetwork,
    constants::Constant,
    cost::{Cost, Inputs},
};

/// Numbers that tensors may have together while a file runs, whatever the images: 256 MB.
const NUMBERS: f64 = 64e6;

/// The same for each number of the images: the maps of large images are large.
const NUMBERS_OF_ONE: f64 = 100.0;

/// Where the file says how many images there are at once, more numbers of images than these ask for no more.
const MOST_COUNTED: f64 = 1e7;

/// Multiplications of a run, whatever the images: a second or two.
const PRODUCTS: f64 = 4e10;

/// The same for each number of the images. A large transformer takes 400,000 of an image of 224x224.
const PRODUCTS_OF_ONE: f64 = 8e6;

/// What a stepwise run has found.
pub(crate) struct Steps {
    /// The shapes of all tensors, and whether they hold floats.
    pub tensors: HashMap<String, (Vec<usize>, bool)>,
    /// The tensors that were asked for.
    pub kept: Vec<Value>,
}

impl OnnxNetwork {
    /// Runs the file on images of `[N, C, H, W]`, and keeps the tensors of these names.
    ///
    /// # Errors
    /// An operator that would take too much, that fails, or whose inputs nothing makes.
    pub(crate) fn stepwise(&self, images: &Array, names: &[&str]) -> Result<Steps, OnnxError> {
        let failure = |reason: String| self.failure(images, reason);
        let all = images.values.len() as f64;
        let size = if self.fixed_batch().is_some() {
            all.min(MOST_COUNTED)
        } else {
            all
        };
        let mut budget = Budget {
            most: NUMBERS.max(size * NUMBERS_OF_ONE),
            live: 0.0,
            products: PRODUCTS.max(all * PRODUCTS_OF_ONE),
        };
        let order = self.graph.order().map_err(failure)?;
        let mut last_use = self.graph.last_use(&order);
        let kept: BTreeSet<&str> = names.iter().copied().collect();
        let mut live: HashMap<&str, Value> = HashMap::new();
        let mut known: HashMap<&str, Constant> = HashMap::new();
        let mut tensors = HashMap::new();
        let input = self.graph.inputs.first().map_or("", |input| input.name.as_str());
        known.insert(
            input,
            Constant {
                shape: images.shape.clone(),
                values: Vec::new(),
            },
        );
        for (step, &index) in order.iter().enumerate() {
            let node = &self.graph.nodes[index];
            let inputs = node.inputs.iter().map(|name| {
                let found = known
                    .get(name.as_str())
                    .or_else(|| self.graph.constants.get(name));
                found.filter(|_| !name.is_empty())
            });
            let cost = Cost::told(
                &node.kind,
                &node.settings,
                &Inputs(inputs.collect()),
                node.outputs.len(),
            );
            budget.spend(cost).map_err(|problem| {
                let made = node.outputs.first().map_or("", String::as_str);
                failure(format!(
                    "the operator {} that makes `{made}` {problem}",
                    node.kind
                ))
            })?;
            let outputs: Vec<(&str, NodeId)> = node
                .outputs
                .iter()
                .filter(|name| !name.is_empty())
                .filter_map(|name| Some((name.as_str(), self.node(name)?)))
                .collect();
            let made = self.one_step(images, input, node, &live, &outputs)?;
            for ((name, _), value) in outputs.into_iter().zip(made) {
                budget.live += value.len() as f64;
                let shape = value.shape().to_vec();
                let is_float = matches!(value, Value::FloatTensor(_));
                known.insert(
                    name,
                    Constant {
                        values: few(&value),
                        shape: shape.clone(),
                    },
                );
                tensors.insert(name.to_owned(), (shape, is_float));
                live.insert(name, value);
            }
            for name in last_use.remove(&step).unwrap_or_default() {
                if !kept.contains(name)
                    && let Some(value) = live.remove(name)
                {
                    budget.live -= value.len() as f64;
                }
            }
        }
        let kept = names.iter().map(|name| {
            let value = live.get(name).cloned();
            value.ok_or_else(|| failure(format!("nothing makes the tensor `{name}`")))
        });
        Ok(Steps {
            kept: kept.collect::<Result<_, _>>()?,
            tensors,
        })
    }
}

struct Budget {
    most: f64,
    live: f64,
    products: f64,
}

impl Budget {
    /// Whether an operator may run.
    fn spend(&mut self, cost: Cost) -> Result<(), String> {
        let numbers = self.live + cost.numbers;
        // An infinity of something that there is none of is no number.
        if numbers.is_nan() || numbers > self.most {
            return Err(format!(
                "would make {:.0} numbers beside {:.0}, and {:.0} are the most for such images",
                cost.numbers, self.live, self.most
            ));
        }
        self.products -= cost.products;
        if self.products < 0.0 {
            return Err("takes the file beyond the multiplications that are done for such images".to_owned());
        }
        Ok(())
    }
}

/// The values of a small tensor of whole numbers or floats, which may be the sizes of another.
fn few(value: &Value) -> Vec<f64> {
    const FEW: usize = 64;
    if value.len() > FEW {
        return Vec::new();
    }
    match value {
        Value::FloatTensor(tensor) => tensor.iter().map(|&number| f64::from(number)).collect(),
        Value::Int32Tensor(tensor) => tensor.iter().map(|&number| f64::from(number)).collect(),
        _ => Vec::new(),
    }
}

/// The operators at whose step a tensor is used for the last time.
pub(crate) type LastUse<'a> = BTreeMap<usize, Vec<&'a str>>;
