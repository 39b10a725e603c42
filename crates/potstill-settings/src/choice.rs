//! What all choices have in common, and the macro that makes one.

use std::fmt;

/// A setting that is one of a few names. Made by [`choice!`](crate::choice!).
pub trait Choice: Copy + Eq + Sized + 'static {
    /// Every value, in the order of the documentation.
    const ALL: &'static [Self];
    /// The names of these values, in the same order.
    const NAMES: &'static [Named];

    /// The name of this value.
    fn name(self) -> &'static str;
}

/// A name that can be chosen, and what it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named {
    /// The name.
    pub name: &'static str,
    /// What it stands for, in a sentence or two.
    pub about: &'static str,
}

/// A text that is none of the names of a choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownName {
    name: String,
    names: &'static [Named],
}

impl UnknownName {
    /// The error about the text `name` where one of `names` is expected.
    pub fn new(name: &str, names: &'static [Named]) -> Self {
        Self {
            name: name.to_owned(),
            names,
        }
    }
}

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self
            .names
            .iter()
            .map(|named| format!("`{}`", named.name))
            .collect();
        write!(f, "must be one of {}, not `{}`", names.join(", "), self.name)
    }
}

impl std::error::Error for UnknownName {}

/// Makes an enum whose variants have a name and a sentence: their documentation.
///
/// The enum is a [`Choice`](crate::Choice) with `FromStr`, `Display` and serde, all by these names. With
/// `= Variant` behind its name it has a default.
#[macro_export]
macro_rules! choice {
    (
        $(#[doc = $doc:literal])+
        $visibility:vis enum $Choice:ident $(= $default:ident)? {
            $($(#[doc = $about:literal])+ $Variant:ident = $name:literal),+ $(,)?
        }
    ) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        $visibility enum $Choice {
            $($(#[doc = $about])+ $Variant),+
        }

        impl $crate::Choice for $Choice {
            const ALL: &'static [Self] = &[$(Self::$Variant),+];
            const NAMES: &'static [$crate::Named] = &[$($crate::Named {
                name: $name,
                about: concat!($($about),+).trim_ascii(),
            }),+];

            fn name(self) -> &'static str {
                match self {
                    $(Self::$Variant => $name),+
                }
            }
        }

        impl $crate::Described for $Choice {
            const KIND: $crate::Kind = $crate::Kind::Choice(<Self as $crate::Choice>::NAMES);
        }

        $(impl Default for $Choice {
            fn default() -> Self {
                Self::$default
            }
        })?

        impl std::str::FromStr for $Choice {
            type Err = $crate::UnknownName;

            fn from_str(name: &str) -> Result<Self, Self::Err> {
                match name {
                    $($name => Ok(Self::$Variant),)+
                    _ => Err($crate::UnknownName::new(name, <Self as $crate::Choice>::NAMES)),
                }
            }
        }

        impl std::fmt::Display for $Choice {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad($crate::Choice::name(*self))
            }
        }

        impl $crate::private::serde::Serialize for $Choice {
            fn serialize<S: $crate::private::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str($crate::Choice::name(*self))
            }
        }

        impl<'de> $crate::private::serde::Deserialize<'de> for $Choice {
            fn deserialize<D: $crate::private::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name: std::borrow::Cow<'de, str> = $crate::private::serde::Deserialize::deserialize(deserializer)?;
                name.parse().map_err(|_| {
                    $crate::private::serde::de::Error::unknown_variant(&name, &[$($name),+])
                })
            }
        }
    };
}
