//! The operators of a file with their attributes.

use std::collections::BTreeMap;

use rten_onnx::onnx::{AttributeProto, NodeProto};

use super::literal::Literal;

/// One operator.
#[derive(Debug, Clone, Default)]
pub(super) struct Node {
    /// Its kind: `Conv`, `Relu`, ...
    pub kind: String,
    /// The operator set it is from; empty for that of ONNX.
    pub domain: String,
    /// Its name, or that of its first output.
    pub name: String,
    /// The tensors it reads; an empty name is one left out.
    pub inputs: Vec<String>,
    /// The tensors it makes.
    pub outputs: Vec<String>,
    attributes: BTreeMap<String, Attribute>,
}

#[derive(Debug, Clone)]
enum Attribute {
    Whole(Vec<i64>),
    Number(f32),
    Text(String),
    Tensor(Literal),
}

impl Node {
    /// Reads a node; an attribute of another kind than operators here have is left out.
    pub fn of(node: &NodeProto) -> Result<Self, String> {
        let first = node.output.first().cloned().unwrap_or_default();
        let name = node.name.clone().filter(|name| !name.is_empty()).unwrap_or(first);
        let mut attributes = BTreeMap::new();
        for attribute in &node.attribute {
            if let Some(read) = Attribute::of(attribute)? {
                attributes.insert(attribute.name.clone().unwrap_or_default(), read);
            }
        }
        Ok(Self {
            kind: node.op_type.clone().unwrap_or_default(),
            domain: node.domain.clone().unwrap_or_default(),
            name,
            inputs: node.input.clone(),
            outputs: node.output.clone(),
            attributes,
        })
    }

    /// One without attributes.
    #[cfg(test)]
    pub fn plain(kind: &str, inputs: &[&str], output: &str) -> Self {
        Self {
            kind: kind.into(),
            inputs: inputs.iter().map(|&name| name.to_owned()).collect(),
            outputs: vec![output.into()],
            ..Self::default()
        }
    }

    /// The tensor at an input; none if it is left out.
    pub fn input(&self, at: usize) -> Option<&str> {
        self.inputs
            .get(at)
            .map(String::as_str)
            .filter(|name| !name.is_empty())
    }

    /// The first output.
    pub fn output(&self) -> &str {
        self.outputs.first().map_or("", String::as_str)
    }

    /// A list of whole numbers.
    pub fn list(&self, name: &str) -> Option<&[i64]> {
        match self.attributes.get(name) {
            Some(Attribute::Whole(list)) => Some(list),
            _ => None,
        }
    }

    /// A whole number.
    pub fn whole(&self, name: &str, otherwise: i64) -> i64 {
        let list = self.list(name);
        list.and_then(|list| list.first()).copied().unwrap_or(otherwise)
    }

    /// A number.
    pub fn number(&self, name: &str, otherwise: f32) -> f32 {
        match self.attributes.get(name) {
            Some(Attribute::Number(number)) => *number,
            _ => otherwise,
        }
    }

    /// A word.
    pub fn text<'a>(&'a self, name: &str, otherwise: &'a str) -> &'a str {
        match self.attributes.get(name) {
            Some(Attribute::Text(text)) => text,
            _ => otherwise,
        }
    }

    /// What an operator called `Constant` gives.
    pub fn constant(&self) -> Option<Literal> {
        let whole = |name: &str| match self.attributes.get(name) {
            Some(Attribute::Whole(list)) => Some(list.clone()),
            _ => None,
        };
        if let Some(Attribute::Tensor(tensor)) = self.attributes.get("value") {
            return Some(tensor.clone());
        }
        if let Some(Attribute::Number(number)) = self.attributes.get("value_float") {
            return Some(Literal::floats(Vec::new(), vec![*number]));
        }
        if let Some(value) = whole("value_int") {
            return Some(Literal::whole(Vec::new(), value));
        }
        if let Some(Attribute::Tensor(tensor)) = self.attributes.get("value_floats") {
            return Some(tensor.clone());
        }
        let list = whole("value_ints")?;
        Some(Literal::whole(vec![list.len()], list))
    }
}

impl Attribute {
    fn of(attribute: &AttributeProto) -> Result<Option<Self>, String> {
        if let Some(tensor) = &attribute.t {
            return Ok(Literal::of(tensor)?.map(Self::Tensor));
        }
        if let Some(number) = attribute.f {
            return Ok(Some(Self::Number(number)));
        }
        if let Some(text) = &attribute.s {
            return Ok(Some(Self::Text(text.clone())));
        }
        if !attribute.floats.is_empty() {
            let floats = attribute.floats.clone();
            return Ok(Some(Self::Tensor(Literal::floats(vec![floats.len()], floats))));
        }
        let whole: Vec<i64> = attribute
            .i
            .into_iter()
            .chain(attribute.ints.iter().copied())
            .collect();
        // An empty list of whole numbers is one, too.
        Ok(Some(Self::Whole(whole)))
    }
}
