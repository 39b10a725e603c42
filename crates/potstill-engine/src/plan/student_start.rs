//! What becomes of a student before its first step: what it takes from the teacher, and what of it stays as it is.

use std::collections::{BTreeMap, BTreeSet};

use burn::tensor::Tensor;
use potstill_models::FrozenModel;
use potstill_ops::Role;

use super::{networks::PlannedStudent, teachers::PlannedTeacher};
use crate::error::EngineError;

impl PlannedStudent {
    /// Takes from a teacher every tensor whose path begins with one of these prefixes, and whose name and shape one of the teacher's has
    /// (`init_student` of FGD and MGD). Notes what was taken.
    ///
    /// # Errors
    /// A teacher in an ONNX file, whose tensors have other names; a prefix that takes nothing.
    pub fn inherit(&mut self, teacher: &PlannedTeacher, prefixes: &[String]) -> Result<(), EngineError> {
        let FrozenModel::Ours(network) = &teacher.network else {
            let reason = format!(
                "takes tensors by their names, and those of `{}`, an ONNX file, are not the student's",
                teacher.facts.network.model
            );
            return Err(EngineError::invalid_plan("student.inherit", reason));
        };
        let mut offered: BTreeMap<String, (Vec<usize>, Tensor<1>)> = BTreeMap::new();
        network.get().parameters().each(&mut |entry, value| {
            offered.insert(entry.path.clone(), (entry.shape.clone(), value));
        });
        let mut taken: BTreeMap<&String, usize> = prefixes.iter().map(|prefix| (prefix, 0)).collect();
        self.network.parameters_mut().rewrite(&mut |entry, _| {
            let mut of = prefixes
                .iter()
                .filter(|prefix| is_below(&entry.path, prefix))
                .peekable();
            of.peek()?;
            let (_, value) = offered
                .remove(&entry.path)
                .filter(|(shape, _)| *shape == entry.shape)?;
            of.for_each(|prefix| *taken.entry(prefix).or_default() += 1);
            Some(value)
        });
        if let Some((prefix, _)) = taken.iter().find(|(_, count)| **count == 0) {
            let reason = format!(
                "`{prefix}` takes nothing: no tensor below it has the same name and shape in the student and in the teacher `{}`{}",
                teacher.facts.name,
                self.places()
            );
            return Err(EngineError::invalid_plan("student.inherit", reason));
        }
        let of_each = taken
            .iter()
            .map(|(prefix, count)| format!("{count} of `{prefix}`"));
        let of_each: Vec<_> = of_each.collect();
        self.facts.notes.push(format!(
            "the student takes tensors from the teacher `{}`: {}",
            teacher.facts.name,
            of_each.join(", ")
        ));
        Ok(())
    }

    /// Lets the weights whose paths begin with one of these prefixes stay as they are. Notes how many they are.
    ///
    /// # Errors
    /// A prefix of no weight.
    pub fn freeze(&mut self, prefixes: &[String]) -> Result<(), EngineError> {
        let network = self.network.parameters();
        let weights: Vec<_> = network
            .entries()
            .into_iter()
            .filter(|entry| entry.role == Role::Weight)
            .collect();
        for prefix in prefixes {
            if !weights.iter().any(|entry| is_below(&entry.path, prefix)) {
                let reason = format!("the student has no weight below `{prefix}`{}", self.places());
                return Err(EngineError::invalid_plan("student.freeze", reason));
            }
        }
        let is_frozen = |path: &str| prefixes.iter().any(|prefix| is_below(path, prefix));
        let count = |shape: &[usize]| shape.iter().product::<usize>();
        let frozen = weights.iter().filter(|entry| is_frozen(&entry.path));
        let frozen: usize = frozen.map(|entry| count(&entry.shape)).sum();
        let all: usize = weights.iter().map(|entry| count(&entry.shape)).sum();
        if frozen == all {
            let reason = "nothing of the student is left to train".to_owned();
            return Err(EngineError::invalid_plan("student.freeze", reason));
        }
        self.network
            .parameters_mut()
            .freeze(&|entry| is_frozen(&entry.path));
        self.facts
            .notes
            .push(format!("{frozen} of the student's {all} parameters do not train"));
        Ok(())
    }

    /// The first steps of the paths of the student's tensors, for messages.
    fn places(&self) -> String {
        let entries = self.network.parameters().entries();
        let first = entries.iter().map(|entry| {
            let mut steps = entry.path.splitn(3, '.');
            [steps.next(), steps.next()]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join(".")
        });
        let first: BTreeSet<String> = first.collect();
        let shown: Vec<_> = first.into_iter().take(12).collect();
        format!("; its tensors are below {}", shown.join(", "))
    }
}

/// Whether a path is this one or begins with it, step by step.
fn is_below(path: &str, prefix: &str) -> bool {
    let rest = path.strip_prefix(prefix.trim_end_matches('.'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::is_below;

    #[test]
    fn a_prefix_ends_where_a_step_ends() {
        assert!(is_below("backbone.fpn.inner_blocks.0.0.weight", "backbone.fpn"));
        assert!(is_below("head.bias", "head.") && is_below("head", "head"));
        assert!(!is_below("layer10.0.weight", "layer1") && !is_below("head", "heads"));
    }
}
