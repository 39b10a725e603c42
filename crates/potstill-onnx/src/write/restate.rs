//! Another number of classes in the operators between the last layer and the logits.

use rten_onnx::onnx::{DataType, NodeProto, TensorProto};

use super::{FilledGraph, graph::tensor};

impl FilledGraph {
    /// Lets the operators between the last layer and the logits state so many classes, as `view(-1, 10)` does, and the output too.
    ///
    /// # Errors
    /// A size of theirs that is computed in a way that cannot be changed.
    pub fn restate(&mut self, classes: usize) -> Result<(), String> {
        let Some(stated) = self.stated_classes().filter(|&stated| stated != classes as i64) else {
            return Ok(());
        };
        let mut name = self.logits().to_owned();
        for _ in 0..self.graph.node.len() {
            let Some(at) = self.maker_of(&name) else { break };
            let node = &self.graph.node[at];
            if matches!(node.op_type.as_deref(), Some("Gemm" | "MatMul" | "Conv")) {
                break;
            }
            if node.op_type.as_deref() == Some("Reshape") {
                self.restate_input(at, 1, [stated, classes as i64])?;
            }
            match self.graph.node[at].input.first() {
                Some(before) => name.clone_from(before),
                None => break,
            }
        }
        Ok(())
    }

    /// The classes that the output states.
    fn stated_classes(&self) -> Option<i64> {
        let kind = self.graph.output[0].r#type.as_ref()?.tensor_type.as_ref()?;
        kind.shape.as_ref()?.dim.last()?.dim_value
    }

    /// Replaces the last of the numbers at an input of an operator.
    fn restate_input(&mut self, at: usize, input: usize, [from, to]: [i64; 2]) -> Result<(), String> {
        let Some(name) = self.graph.node[at].input.get(input).cloned() else {
            return Ok(());
        };
        if let Some(numbers) = self.whole_numbers(&name) {
            if numbers.last() == Some(&from) {
                self.put_list(at, input, &numbers, to);
            }
            return Ok(());
        }
        let computed = || Err(format!("the size `{name}` of its logits is computed"));
        let Some(maker) = self.maker_of(&name).filter(|_| self.readers(&name) == 1) else {
            return computed();
        };
        let node = &self.graph.node[maker];
        match node.op_type.as_deref() {
            Some("Concat") => self.restate_input(maker, node.input.len().saturating_sub(1), [from, to]),
            Some("Unsqueeze" | "Cast" | "Identity") => self.restate_input(maker, 0, [from, to]),
            _ => computed(),
        }
    }

    /// Gives an operator a list of its own at an input: these numbers, the last one another.
    fn put_list(&mut self, at: usize, input: usize, numbers: &[i64], last: i64) {
        let mut numbers = numbers.to_vec();
        numbers.last_mut().into_iter().for_each(|number| *number = last);
        let name = self.part().name_like("potstill.classes");
        let bytes = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        let old = self.graph.node[at].input[input].clone();
        let is_scalar = self.dims(&old).is_some_and(<[i64]>::is_empty);
        let shape = if is_scalar {
            Vec::new()
        } else {
            vec![numbers.len()]
        };
        self.graph
            .initializer
            .push(tensor(&name, &shape, DataType::INT64, bytes));
        self.graph.node[at].input[input] = name;
    }

    fn maker_of(&self, name: &str) -> Option<usize> {
        let makes = |node: &NodeProto| node.output.iter().any(|output| output == name);
        self.graph.node.iter().position(makes)
    }

    /// The tensor of this name that is written in the file, as a weight or by an operator called `Constant`.
    fn written(&self, name: &str) -> Option<&TensorProto> {
        let mut weights = self.graph.initializer.iter();
        weights
            .find(|weight| weight.name.as_deref() == Some(name))
            .or_else(|| {
                let node = &self.graph.node[self.maker_of(name)?];
                let is_constant = node.op_type.as_deref() == Some("Constant");
                node.attribute.first().filter(|_| is_constant)?.t.as_ref()
            })
    }

    fn dims(&self, name: &str) -> Option<&[i64]> {
        self.written(name).map(|tensor| tensor.dims.as_slice())
    }

    fn whole_numbers(&self, name: &str) -> Option<Vec<i64>> {
        let tensor = self.written(name)?;
        if tensor.data_type != Some(DataType::INT64) {
            return None;
        }
        Some(match &tensor.raw_data {
            Some(raw) => raw
                .borrow()
                .as_chunks()
                .0
                .iter()
                .map(|&bytes| i64::from_le_bytes(bytes))
                .collect(),
            None => tensor.int64_data.clone(),
        })
    }
}
