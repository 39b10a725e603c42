//! A reader of the few Python pickles that hold data sets: dicts, lists, strings, numbers and arrays of
//! bytes.
//!
//! A pickle is a program for a small stack machine. This one runs only the instructions that such files need
//! and knows only the four names numpy uses to rebuild an array; every other instruction or name is an error.
//! Nothing is ever imported or called. Instructions: `pickletools.py` of Python; arrays:
//! `numpy/_core/multiarray`, `_reconstruct` and `ndarray.__setstate__`.

use std::collections::HashMap;

/// A value; strings and arrays borrow from the file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value<'a> {
    /// `None`, and Booleans, which such files use only as flags.
    None,
    Bool(bool),
    Int(i64),
    /// A string of either kind: Python 2 wrote text as bytes.
    Bytes(&'a [u8]),
    Items(Vec<Value<'a>>),
    Dict(Vec<(Value<'a>, Value<'a>)>),
    /// An array of bytes (`uint8`) in C order.
    Array {
        shape: Vec<usize>,
        bytes: &'a [u8],
    },
    /// One of the names that numpy uses.
    Name(Name),
}

/// The names a pickle may mention.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Name {
    Reconstruct,
    NdArray,
    Dtype,
    /// The element type that was built with `Dtype`: unsigned bytes, the only one allowed.
    Uint8,
}

/// What is wrong, and at which byte.
#[derive(Debug)]
pub(crate) struct PickleError {
    pub offset: usize,
    pub problem: String,
}

/// Containers inside containers beyond this depth are refused: no data set needs them, and dropping them
/// would need stack.
const MAX_DEPTH: usize = 6;

impl<'a> Value<'a> {
    /// The entry of a dict.
    pub fn get(&self, key: &str) -> Option<&Value<'a>> {
        let Self::Dict(entries) = self else { return None };
        let is_key = |name: &Value<'a>| matches!(name, Self::Bytes(name) if *name == key.as_bytes());
        entries
            .iter()
            .find(|(name, _)| is_key(name))
            .map(|(_, value)| value)
    }

    /// The items of a list or tuple.
    pub fn items(&self) -> Option<&[Value<'a>]> {
        if let Self::Items(items) = self {
            Some(items)
        } else {
            None
        }
    }

    pub fn int(&self) -> Option<i64> {
        if let Self::Int(int) = self {
            Some(*int)
        } else {
            None
        }
    }

    pub fn text(&self) -> Option<String> {
        if let Self::Bytes(bytes) = self {
            Some(String::from_utf8_lossy(bytes).into_owned())
        } else {
            None
        }
    }

    fn depth(&self) -> usize {
        match self {
            Self::Items(items) => 1 + items.iter().map(Self::depth).max().unwrap_or(0),
            Self::Dict(entries) => {
                1 + entries
                    .iter()
                    .flat_map(|(key, value)| [key.depth(), value.depth()])
                    .max()
                    .unwrap_or(0)
            }
            _ => 0,
        }
    }
}

/// Reads a whole pickle.
pub(crate) fn load(bytes: &[u8]) -> Result<Value<'_>, PickleError> {
    let mut machine = Machine {
        bytes,
        at: 0,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
    };
    loop {
        let offset = machine.at;
        match machine.step() {
            Ok(Some(value)) => return Ok(value),
            Ok(None) => {}
            Err(problem) => return Err(PickleError { offset, problem }),
        }
    }
}

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    stack: Vec<Value<'a>>,
    marks: Vec<usize>,
    /// Values that a later instruction may repeat. Only ones without content of their own are kept, so that a
    /// small file cannot blow up the memory; data sets repeat nothing else.
    memo: HashMap<usize, Value<'a>>,
}

impl<'a> Machine<'a> {
    /// Runs one instruction; gives the value of the whole pickle at its end.
    fn step(&mut self) -> Result<Option<Value<'a>>, String> {
        match self.byte()? {
            // PROTO, FRAME: nothing to do but to step over their argument.
            0x80 => drop(self.take(1)?),
            0x95 => drop(self.take(8)?),
            b'.' => return self.pop().map(Some),
            b'(' => self.marks.push(self.stack.len()),
            b'N' => self.stack.push(Value::None),
            0x88 => self.stack.push(Value::Bool(true)),
            0x89 => self.stack.push(Value::Bool(false)),
            b'J' => {
                let bits = self.unsigned(4)? as u32;
                self.stack.push(Value::Int(bits as i32 as i64));
            }
            b'K' => self.push_int(1)?,
            b'M' => self.push_int(2)?,
            // Strings by the width of their length: 1 byte, 4 bytes, 8 bytes.
            b'U' | b'C' | 0x8c => self.push_bytes(1)?,
            b'T' | b'B' | b'X' => self.push_bytes(4)?,
            0x8e | 0x8d => self.push_bytes(8)?,
            b']' | b')' => self.stack.push(Value::Items(Vec::new())),
            b'}' => self.stack.push(Value::Dict(Vec::new())),
            0x85 => self.push_tuple(1)?,
            0x86 => self.push_tuple(2)?,
            0x87 => self.push_tuple(3)?,
            b't' => {
                let items = self.pop_mark()?;
                self.push_items(items)?;
            }
            b'a' => {
                let item = self.pop()?;
                self.append(vec![item])?;
            }
            b'e' => {
                let items = self.pop_mark()?;
                self.append(items)?;
            }
            b's' => {
                let entry = self.pop_many(2)?;
                self.set_entries(entry)?;
            }
            b'u' => {
                let entries = self.pop_mark()?;
                self.set_entries(entries)?;
            }
            b'q' => self.memoize_at(1)?,
            b'r' => self.memoize_at(4)?,
            0x94 => self.memoize(self.memo.len()),
            b'h' => self.recall(1)?,
            b'j' => self.recall(4)?,
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.push_name(module, name)?;
            }
            0x93 => {
                let names = self.pop_many(2)?;
                let [Value::Bytes(module), Value::Bytes(name)] = names[..] else {
                    return Err("a name that is not made of two strings".to_owned());
                };
                self.push_name(module, name)?;
            }
            b'R' => self.call()?,
            b'b' => self.build()?,
            opcode => {
                return Err(format!(
                    "instruction 0x{opcode:02x} is not one that a data set needs"
                ));
            }
        }
        Ok(None)
    }

    fn byte(&mut self) -> Result<u8, String> {
        Ok(self.take(1)?[0])
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let rest = &self.bytes[self.at..];
        if count > rest.len() {
            return Err(format!(
                "the file ends where {count} more bytes are needed; get it again"
            ));
        }
        self.at += count;
        Ok(&rest[..count])
    }

    fn unsigned(&mut self, width: usize) -> Result<u64, String> {
        Ok(self
            .take(width)?
            .iter()
            .rev()
            .fold(0, |number, &byte| number << 8 | byte as u64))
    }

    fn line(&mut self) -> Result<&'a [u8], String> {
        let length = self.bytes[self.at..]
            .iter()
            .position(|&byte| byte == b'\n')
            .ok_or("a name without an end")?;
        Ok(&self.take(length + 1)?[..length])
    }

    fn pop(&mut self) -> Result<Value<'a>, String> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= floor {
            return Err("an instruction lacks its argument".to_owned());
        }
        self.stack
            .pop()
            .ok_or_else(|| "an instruction lacks its argument".to_owned())
    }

    fn pop_many(&mut self, count: usize) -> Result<Vec<Value<'a>>, String> {
        let mut values: Vec<_> = (0..count).map(|_| self.pop()).collect::<Result<_, _>>()?;
        values.reverse();
        Ok(values)
    }

    fn pop_mark(&mut self) -> Result<Vec<Value<'a>>, String> {
        let mark = self.marks.pop().ok_or("an instruction lacks its mark")?;
        Ok(self.stack.split_off(mark))
    }

    fn push_int(&mut self, width: usize) -> Result<(), String> {
        let number = self.unsigned(width)?;
        self.stack.push(Value::Int(number as i64));
        Ok(())
    }

    fn push_bytes(&mut self, width: usize) -> Result<(), String> {
        let length = self.unsigned(width)?;
        let bytes = self.take(usize::try_from(length).unwrap_or(usize::MAX))?;
        self.stack.push(Value::Bytes(bytes));
        Ok(())
    }

    fn push_tuple(&mut self, count: usize) -> Result<(), String> {
        let items = self.pop_many(count)?;
        self.push_items(items)
    }

    fn push_items(&mut self, items: Vec<Value<'a>>) -> Result<(), String> {
        shallow(&items)?;
        self.stack.push(Value::Items(items));
        Ok(())
    }

    fn append(&mut self, items: Vec<Value<'a>>) -> Result<(), String> {
        shallow(&items)?;
        let Some(Value::Items(list)) = self.stack.last_mut() else {
            return Err("items for something that is not a list".to_owned());
        };
        list.extend(items);
        Ok(())
    }

    fn set_entries(&mut self, keys_and_values: Vec<Value<'a>>) -> Result<(), String> {
        shallow(&keys_and_values)?;
        let Some(Value::Dict(dict)) = self.stack.last_mut() else {
            return Err("entries for something that is not a dict".to_owned());
        };
        let mut values = keys_and_values.into_iter();
        while let Some(key) = values.next() {
            dict.push((key, values.next().ok_or("a key without a value")?));
        }
        Ok(())
    }

    fn memoize_at(&mut self, width: usize) -> Result<(), String> {
        let slot = self.unsigned(width)? as usize;
        self.memoize(slot);
        Ok(())
    }

    fn memoize(&mut self, slot: usize) {
        let kept = match self.stack.last() {
            Some(Value::Items(_) | Value::Dict(_) | Value::Array { .. }) | None => Value::None,
            Some(value) => value.clone(),
        };
        self.memo.insert(slot, kept);
    }

    fn recall(&mut self, width: usize) -> Result<(), String> {
        let slot = self.unsigned(width)? as usize;
        match self.memo.get(&slot) {
            Some(Value::None) | None => Err(format!("repeats value {slot}, which is no string or number")),
            Some(value) => {
                self.stack.push(value.clone());
                Ok(())
            }
        }
    }

    fn push_name(&mut self, module: &[u8], name: &[u8]) -> Result<(), String> {
        let name = match (module, name) {
            (b"numpy.core.multiarray" | b"numpy._core.multiarray", b"_reconstruct") => Name::Reconstruct,
            (b"numpy", b"ndarray") => Name::NdArray,
            (b"numpy", b"dtype") => Name::Dtype,
            _ => {
                let (module, name) = (String::from_utf8_lossy(module), String::from_utf8_lossy(name));
                return Err(format!(
                    "mentions `{module}.{name}`, which no data set needs; do not trust this file"
                ));
            }
        };
        self.stack.push(Value::Name(name));
        Ok(())
    }

    /// `_reconstruct(ndarray, (0,), b"b")` is an empty array; `dtype("u1", ...)` is an element type.
    fn call(&mut self) -> Result<(), String> {
        let arguments = self.pop()?;
        let made = match (self.pop()?, arguments.items()) {
            (Value::Name(Name::Reconstruct), Some([Value::Name(Name::NdArray), ..])) => Value::Array {
                shape: vec![0],
                bytes: &[],
            },
            (Value::Name(Name::Dtype), Some([Value::Bytes(b"u1" | b"|u1"), ..])) => Value::Name(Name::Uint8),
            (Value::Name(Name::Dtype), _) => {
                return Err("an array of something other than bytes (u1)".to_owned());
            }
            _ => return Err("a call that a data set does not need".to_owned()),
        };
        self.stack.push(made);
        Ok(())
    }

    /// An array's state is (version, shape, element type, Fortran order, bytes); an element type's says
    /// nothing new.
    fn build(&mut self) -> Result<(), String> {
        let state = self.pop()?;
        match (self.stack.last_mut(), state.items()) {
            (Some(Value::Name(Name::Uint8)), Some(_)) => Ok(()),
            (Some(Value::Array { shape, bytes }), Some([_, sizes, dtype, order, Value::Bytes(content)])) => {
                let sizes: Option<Vec<usize>> = sizes.items().and_then(|sizes| {
                    sizes
                        .iter()
                        .map(|size| usize::try_from(size.int()?).ok())
                        .collect()
                });
                let count = sizes.as_ref().and_then(|sizes| {
                    sizes
                        .iter()
                        .try_fold(1usize, |product, &size| product.checked_mul(size))
                });
                if *dtype != Value::Name(Name::Uint8)
                    || *order != Value::Bool(false)
                    || count != Some(content.len())
                {
                    return Err("an array that is not rows of bytes, or lacks some of them".to_owned());
                }
                (*shape, *bytes) = (sizes.unwrap_or_default(), content);
                Ok(())
            }
            _ => Err("a state for something that is not an array".to_owned()),
        }
    }
}

fn shallow(items: &[Value<'_>]) -> Result<(), String> {
    if items.iter().any(|item| item.depth() >= MAX_DEPTH) {
        return Err("containers nested deeper than a data set needs".to_owned());
    }
    Ok(())
}

#[cfg(test)]
#[path = "pickle_tests.rs"]
pub(crate) mod tests;
