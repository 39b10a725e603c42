//! Types that say what a recipe can write for them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::Kind;

/// A type that is read from a recipe.
pub trait Described {
    /// What its value can be.
    const KIND: Kind;
}

impl Described for String {
    const KIND: Kind = Kind::Text;
}

impl Described for PathBuf {
    const KIND: Kind = Kind::Text;
}

impl Described for bool {
    const KIND: Kind = Kind::Flag;
}

impl Described for u32 {
    const KIND: Kind = Kind::Whole;
}

impl Described for u64 {
    const KIND: Kind = Kind::Whole;
}

impl Described for usize {
    const KIND: Kind = Kind::Whole;
}

impl Described for f64 {
    const KIND: Kind = Kind::Number;
}

impl<T: Described> Described for Option<T> {
    const KIND: Kind = T::KIND;
}

impl<T: Described> Described for Vec<T> {
    const KIND: Kind = Kind::List {
        of: &T::KIND,
        length: None,
    };
}

impl<T: Described, const N: usize> Described for [T; N] {
    const KIND: Kind = Kind::List {
        of: &T::KIND,
        length: Some(N),
    };
}

impl<T: Described> Described for BTreeMap<String, T> {
    const KIND: Kind = Kind::Map(&T::KIND);
}
