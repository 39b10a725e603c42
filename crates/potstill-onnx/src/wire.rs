//! The shape of an ONNX file, seen before it is parsed.
//!
//! Parsers of Protocol Buffers follow messages in messages as deep as a file nests them, and two bytes of a file can be a message of
//! three hundred in memory; and they make room for as many bytes as a field states before they look whether
//! they are there. This goes over the fields of a file without recursion and without keeping anything, and refuses what no network
//! needs. Fields: <https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3>.

/// Messages in messages. A graph in an attribute of an operator is three deeper than the graph around it; types of sequences nest too.
const DEEPEST: usize = 64;

/// Messages of a file: operators, their attributes, weights, shapes.
const MOST_MESSAGES: usize = 400_000;

/// Operators of a file, with those of graphs in graphs. Swin-L has five thousand.
pub(crate) const MOST_OPERATORS: usize = 10_000;

/// The messages that hold others.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Message {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
    ValueInfo,
    Type,
    /// The type of a tensor, a sequence or a map.
    TypeOf,
    Shape,
    /// One that is only counted.
    Plain,
}

impl Message {
    /// What a field of this number is, if it is a message.
    fn field(self, number: u64) -> Option<Self> {
        Some(match (self, number) {
            (Self::Model, 7) | (Self::Attribute, 6 | 11) => Self::Graph,
            (Self::Model, 8 | 14 | 20 | 25) | (Self::Tensor, 13) | (Self::Shape, 1) => Self::Plain,
            (Self::Graph, 1) => Self::Node,
            (Self::Graph, 5) | (Self::Attribute, 5 | 10) => Self::Tensor,
            (Self::Graph, 11..=13) => Self::ValueInfo,
            (Self::Node, 5) => Self::Attribute,
            (Self::ValueInfo, 2) | (Self::TypeOf, 1) | (Self::Attribute, 14 | 15) => Self::Type,
            (Self::Type, 1 | 4 | 5 | 8 | 9) => Self::TypeOf,
            (Self::TypeOf, 2) => Self::Shape,
            _ => return None,
        })
    }
}

/// Refuses a file that nests too deep, holds too much, or states lengths that it does not have. What is wrong otherwise is left to the
/// parser.
pub(crate) fn check(bytes: &[u8]) -> Result<(), String> {
    let mut around = vec![(Message::Model, bytes.len())];
    let (mut at, mut messages, mut operators) = (0, 0, 0);
    while let Some(&(message, end)) = around.last() {
        if at >= end {
            around.pop();
            continue;
        }
        let Some(field) = bytes.get(at..end).and_then(Field::read) else {
            return Err(
                "it is no ONNX file (a part of it does not end inside of what it is a part of)".to_owned(),
            );
        };
        let Some(inner) = field
            .inner
            .and_then(|length| Some((message.field(field.number)?, length)))
        else {
            at += field.start + field.inner.unwrap_or(0);
            continue;
        };
        let (kind, length) = inner;
        at += field.start;
        messages += 1;
        operators += usize::from(kind == Message::Node);
        if messages > MOST_MESSAGES {
            return Err(format!(
                "it has more than {MOST_MESSAGES} parts, which no network has"
            ));
        }
        if operators > MOST_OPERATORS {
            return Err(format!(
                "it has more than {MOST_OPERATORS} operators, which is more than are run"
            ));
        }
        if around.len() > DEEPEST {
            return Err(format!("its graphs are nested more than {} deep", DEEPEST / 3));
        }
        around.push((kind, at + length));
    }
    Ok(())
}

/// The start of a field.
pub(crate) struct Field {
    pub number: u64,
    /// Bytes before its content; all of it where the content has no length of its own.
    pub start: usize,
    /// The length of a content that may be a message.
    pub inner: Option<usize>,
}

impl Field {
    /// The field at the start of these bytes; `None` where there is none that ends within them.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (key, after) = varint(bytes)?;
        let (number, form) = (key >> 3, key & 7);
        let (start, inner) = match form {
            0 => (after + varint(&bytes[after..])?.1, None),
            1 => (after + 8, None),
            5 => (after + 4, None),
            2 => {
                let (length, width) = varint(&bytes[after..])?;
                (after + width, Some(usize::try_from(length).ok()?))
            }
            _ => return None,
        };
        let end = start.checked_add(inner.unwrap_or(0))?;
        (end <= bytes.len()).then_some(Self { number, start, inner })
    }
}

/// A number of as many bytes as it needs, and how many that are.
fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut number = 0u64;
    for (at, &byte) in bytes.iter().take(10).enumerate() {
        number |= u64::from(byte & 0x7f) << (7 * at);
        if byte < 0x80 {
            return Some((number, at + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{MOST_MESSAGES, MOST_OPERATORS, check};

    fn varint(mut number: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while number >= 0x80 {
            bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        bytes.push(number as u8);
        bytes
    }

    /// A field that holds these bytes.
    fn field(number: usize, bytes: &[u8]) -> Vec<u8> {
        [varint(number << 3 | 2), varint(bytes.len()), bytes.to_vec()].concat()
    }

    fn of_nodes(nodes: &[u8]) -> Vec<u8> {
        field(7, nodes)
    }

    #[test]
    fn graphs_in_graphs_end() {
        let nested = |depth: usize| {
            // An operator with an attribute with a graph: 1, 5, 6.
            let graph = (0..depth).fold(field(1, &[]), |graph, _| field(1, &field(5, &field(6, &graph))));
            of_nodes(&graph)
        };
        assert_eq!(check(&nested(20)), Ok(()));
        for depth in [22, 5000] {
            assert!(
                check(&nested(depth))
                    .unwrap_err()
                    .contains("nested more than 21 deep")
            );
        }
        // A type of a sequence of sequences: 11, 2, then 4 and 1 in turn.
        let kind = (0..3000).fold(Vec::new(), |kind, _| field(4, &field(1, &kind)));
        assert!(check(&of_nodes(&field(11, &field(2, &kind)))).is_err());
    }

    #[test]
    fn small_parts_are_counted() {
        let few = of_nodes(&field(1, &[]).repeat(MOST_OPERATORS));
        assert_eq!(check(&few), Ok(()));
        let many = of_nodes(&field(1, &[]).repeat(MOST_OPERATORS + 1));
        assert!(check(&many).unwrap_err().contains("more than 10000 operators"));
        let shapes = of_nodes(&field(13, &[]).repeat(MOST_MESSAGES));
        assert!(check(&shapes).unwrap_err().contains("parts"));
    }

    #[test]
    fn lengths_are_held_to_what_there_is() {
        assert_eq!(check(&[]), Ok(()));
        for bytes in [
            &[0xff; 20][..],
            &[0x3a, 0x7f, 1],
            &[0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
            b"\x0b",
        ] {
            assert!(
                check(bytes).unwrap_err().contains("does not end inside"),
                "{bytes:?}"
            );
            assert!(check(&of_nodes(bytes)).is_err(), "{bytes:?}");
        }
    }
}
