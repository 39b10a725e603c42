//! The layers of a network, each the owner of its tensors.

use std::collections::HashMap;

use super::plan::{KeptTensor, LayerPlan};

/// The tensors that a network keeps and the layers that own them, as they turn up.
#[derive(Debug, Default)]
pub(super) struct Layers {
    /// What the file has, by name.
    places: HashMap<String, usize>,
    /// The tensors of the file.
    pub tensors: Vec<KeptTensor>,
    /// The layers so far.
    plans: Vec<LayerPlan>,
    /// The layer that owns each tensor.
    owners: HashMap<usize, usize>,
}

impl Layers {
    /// No layers yet, of a file with these tensors.
    pub fn of(tensors: Vec<KeptTensor>) -> Self {
        let places = tensors
            .iter()
            .enumerate()
            .map(|(place, tensor)| (tensor.name.clone(), place));
        Self {
            places: places.collect(),
            tensors,
            ..Self::default()
        }
    }

    /// The place of the tensor of this name, if it is one that trains.
    pub fn place(&self, name: &str) -> Option<usize> {
        self.places.get(name).copied()
    }

    /// The shape of the tensor at a place.
    pub fn shape(&self, place: usize) -> &[usize] {
        &self.tensors[place].shape
    }

    /// The layer of this form: one that is there, or a new one.
    ///
    /// # Errors
    /// A tensor that another layer owns.
    pub fn layer(&mut self, plan: LayerPlan) -> Result<usize, String> {
        if let Some(known) = self.plans.iter().position(|known| *known == plan) {
            return Ok(known);
        }
        let tensors = plan.tensors();
        if let Some(taken) = tensors.iter().find(|tensor| self.owners.contains_key(tensor)) {
            let name = &self.tensors[*taken].name;
            return Err(format!(
                "reads `{name}`, which another operator uses in another way: exporters store equal tensors once, unless nothing is folded"
            ));
        }
        let layer = self.plans.len();
        self.owners
            .extend(tensors.into_iter().map(|tensor| (tensor, layer)));
        self.plans.push(plan);
        Ok(layer)
    }

    /// The layers, and the tensors that they own, with places among those.
    pub fn finish(self) -> (Vec<KeptTensor>, Vec<LayerPlan>, Vec<String>) {
        let is_owned = |place: usize| self.owners.contains_key(&place);
        let mut moved = HashMap::new();
        let (mut kept, mut idle) = (Vec::new(), Vec::new());
        for (place, tensor) in self.tensors.into_iter().enumerate() {
            if is_owned(place) {
                moved.insert(place, kept.len());
                kept.push(tensor);
            } else {
                idle.push(tensor.name);
            }
        }
        let layers = self.plans.into_iter().map(|layer| layer.moved(&moved));
        (kept, layers.collect(), idle)
    }
}

impl LayerPlan {
    fn moved(self, places: &HashMap<usize, usize>) -> Self {
        let to = |place: usize| places[&place];
        match self {
            Self::Conv { weight, bias, shape } => Self::Conv {
                weight: to(weight),
                bias: bias.map(to),
                shape,
            },
            Self::Linear {
                weight,
                bias,
                rows_are_inputs,
            } => Self::Linear {
                weight: to(weight),
                bias: bias.map(to),
                rows_are_inputs,
            },
            Self::BatchNorm {
                affine,
                statistics,
                momentum,
                epsilon,
            } => Self::BatchNorm {
                affine: affine.map(|tensors| tensors.map(to)),
                statistics: statistics.map(to),
                momentum,
                epsilon,
            },
            Self::LayerNorm { tensors, epsilon } => Self::LayerNorm {
                tensors: tensors.map(to),
                epsilon,
            },
            Self::Loose { tensor } => Self::Loose { tensor: to(tensor) },
        }
    }
}
