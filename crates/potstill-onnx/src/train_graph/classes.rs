//! The same network for other classes.

use super::{LayerPlan, TrainGraph, head::HeadPlan};
use crate::{OnnxError, write::FilledGraph};

impl TrainGraph {
    /// Its last layer, to be drawn anew where that is asked for.
    ///
    /// # Errors
    /// Logits that do not come straight from a layer.
    pub fn new_head(&self) -> Result<&HeadPlan, OnnxError> {
        self.head.as_ref().ok_or_else(|| OnnxError::NotTrainable {
            file: self.file.clone(),
            reason: "its head cannot start anew (`head = \"new\"`), for its logits do not come straight from a linear layer. Leave `head` \
                     out, or begin with all of it fresh: `init = \"fresh\"`"
                .into(),
        })
    }

    /// The same network for other classes: its last layer, whose tensors have as many rows then, is to be drawn anew.
    ///
    /// # Errors
    /// No classes, logits that do not come straight from a layer, operators behind it that state the number of classes in a way that the
    /// file cannot be written with another.
    pub fn for_classes(mut self, classes: usize) -> Result<Self, OnnxError> {
        if classes == self.classes {
            return Ok(self);
        }
        let advice = format!("Export the network with {classes} classes");
        let refused = |file, reason: String| OnnxError::NotTrainable {
            file,
            reason: format!(
                "it tells {} classes apart, not {classes}, and {reason}",
                self.classes
            ),
        };
        let Some(head) = self.head.clone().filter(|_| classes > 0) else {
            let reason = format!(
                "its logits do not come straight from a linear layer that could be drawn anew. {advice}"
            );
            return Err(refused(self.file, reason));
        };
        if head.is_restated() {
            let restated = FilledGraph::parse(&self.skeleton).and_then(|mut file| file.restate(classes));
            if let Err(reason) = restated {
                let reason = format!("{reason}. {advice}, or with `flatten(1)` in the place of a `view`");
                return Err(refused(self.file, reason));
            }
        }
        head.restate(&mut self.steps, self.classes, classes);
        let axis = match self.layers[head.layer] {
            LayerPlan::Linear { rows_are_inputs, .. } => usize::from(rows_are_inputs),
            _ => 0,
        };
        for tensor in self.layers[head.layer].tensors() {
            let tensor = &mut self.tensors[tensor];
            let axis = if tensor.shape.len() == 1 { 0 } else { axis };
            tensor.shape[axis] = classes;
            tensor.values = vec![0.0; tensor.shape.iter().product()].into();
        }
        self.classes = classes;
        Ok(self)
    }
}
