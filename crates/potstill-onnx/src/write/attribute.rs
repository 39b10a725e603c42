//! How an operator works, as its node states it.

use rten_onnx::onnx::{AttributeProto, AttributeType};

/// An attribute of an operator.
#[derive(Debug, Clone, PartialEq)]
pub enum Attribute {
    /// A whole number.
    Int(&'static str, i64),
    /// A list of whole numbers.
    Ints(&'static str, Vec<i64>),
    /// A number.
    Float(&'static str, f32),
    /// A word.
    Text(&'static str, &'static str),
}

impl Attribute {
    /// A list of sizes.
    pub fn sizes(name: &'static str, sizes: &[usize]) -> Self {
        Self::Ints(name, sizes.iter().map(|&size| size as i64).collect())
    }

    pub(super) fn message(self) -> AttributeProto {
        let empty = AttributeProto::default();
        let (name, kind, filled) = match self {
            Self::Int(name, i) => {
                let i = Some(i);
                (name, AttributeType::INT, AttributeProto { i, ..empty })
            }
            Self::Ints(name, ints) => (name, AttributeType::INTS, AttributeProto { ints, ..empty }),
            Self::Float(name, f) => {
                let f = Some(f);
                (name, AttributeType::FLOAT, AttributeProto { f, ..empty })
            }
            Self::Text(name, text) => {
                let s = Some(text.to_owned());
                (name, AttributeType::STRING, AttributeProto { s, ..empty })
            }
        };
        AttributeProto {
            name: Some(name.into()),
            r#type: Some(kind),
            ..filled
        }
    }
}
