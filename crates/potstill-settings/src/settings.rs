//! The macros that make a struct, or an enum of structs, and its table of keys from one list.

/// Makes a struct that a table of a recipe is read into, and the table of its keys, each field from one line.
///
/// A field's sentence, type, range and default stand there once: the sentence is its documentation and its
/// explanation, the type decides what can be written for it.
///
/// ```
/// use potstill_settings::{Described, Kind, Presence, settings};
///
/// settings! {
///     /// How to train.
///     pub struct Training {
///         /// How many times to go through the images.
///         pub epochs: usize [at_least(1.0)] = example 12,
///         /// Images in a step.
///         pub batch: usize [at_least(1.0)] = default 64 (also "batch_size"),
///         /// The largest norm of all gradients together.
///         pub clip_norm: Option<f64> [above(0.0)] = without "no clipping" like 5.0,
///     }
/// }
///
/// let [epochs, batch, clip_norm] = Training::KEYS else { panic!("three fields") };
/// assert_eq!((epochs.name, epochs.presence, epochs.example), ("epochs", Presence::Required, Some("12")));
/// assert_eq!((batch.about, batch.presence), ("Images in a step.", Presence::Default("64")));
/// assert_eq!(clip_norm.phrase(), "a number above 0");
/// assert!(matches!(Training::KIND, Kind::Table { .. }));
/// ```
///
/// Behind `=` stands one of
/// * `example VALUE`: the key must be written, for example so;
/// * `default VALUE`: it has this default, and is written out with it;
/// * `quiet VALUE`: it has this default, which must be the type's own, and is not written out with it;
/// * `without "TEXT"`: it is optional, and this says what stands for it; `like VALUE` adds an example;
///
/// where values are TOML. Ranges are those of [`Range`](crate::Range). A first line `..name: Type,` flattens
/// another table into this one, and a last `+ { .. }` adds fields that are no keys. The calling crate needs
/// serde with `derive`.
#[macro_export]
macro_rules! settings {
    (
        $(#[doc = $doc:literal])+
        $(#[derive($($Trait:ident),+)])?
        $visibility:vis struct $Name:ident {
            .. $(#[doc = $flat_doc:literal])+ $flat_visibility:vis $flat:ident : $Flat:ty,
            $($fields:tt)*
        }
    ) => {
        $crate::settings! {
            @fields
            [$(#[doc = $doc])+ #[derive(Debug, Clone, PartialEq, $($($Trait),+)?)] $visibility struct $Name]
            [] [$Flat]
            { $(#[doc = $flat_doc])+ #[serde(flatten)] $flat_visibility $flat: $Flat, }
            []
            $($fields)*
        }
    };

    (
        $(#[doc = $doc:literal])+
        $(#[derive($($Trait:ident),+)])?
        $visibility:vis struct $Name:ident $(as $Kind:ident)? { $($fields:tt)* }
    ) => {
        $crate::settings! {
            @fields
            [$(#[doc = $doc])+ #[derive(Debug, Clone, PartialEq, $($($Trait),+)?)] $visibility struct $Name]
            [$($Kind)?] []
            {}
            []
            $($fields)*
        }
    };

    (@fields $head:tt $kind:tt $flat:tt { $($field:tt)* } [$($key:tt)*]
        $(#[doc = $doc:literal])+
        $visibility:vis $name:ident : $Type:ty $([$range:expr])? = example $example:tt $((also $($also:literal),+))?
        $(, $($rest:tt)*)?
    ) => {
        $crate::settings! {
            @fields $head $kind $flat
            { $($field)* $(#[doc = $doc])+ $visibility $name: $Type, }
            [$($key)* ($name, $Type, [$($range)?], Required, Some(stringify!($example)), [$($($also),+)?], [$($doc)+])]
            $($($rest)*)?
        }
    };

    (@fields $head:tt $kind:tt $flat:tt { $($field:tt)* } [$($key:tt)*]
        $(#[doc = $doc:literal])+
        $visibility:vis $name:ident : $Type:ty $([$range:expr])? = default $default:tt $((also $($also:literal),+))?
        $(, $($rest:tt)*)?
    ) => {
        $crate::settings! {
            @fields $head $kind $flat
            { $($field)* $(#[doc = $doc])+ $visibility $name: $Type, }
            [$($key)* ($name, $Type, [$($range)?], Default(stringify!($default)), None, [$($($also),+)?], [$($doc)+])]
            $($($rest)*)?
        }
    };

    (@fields $head:tt $kind:tt $flat:tt { $($field:tt)* } [$($key:tt)*]
        $(#[doc = $doc:literal])+
        $visibility:vis $name:ident : $Type:ty $([$range:expr])? = quiet $default:tt $((also $($also:literal),+))?
        $(, $($rest:tt)*)?
    ) => {
        $crate::settings! {
            @fields $head $kind $flat
            {
                $($field)*
                $(#[doc = $doc])+
                #[serde(skip_serializing_if = "potstill_settings::private::is_default")]
                $visibility $name: $Type,
            }
            [$($key)* ($name, $Type, [$($range)?], Default(stringify!($default)), None, [$($($also),+)?], [$($doc)+])]
            $($($rest)*)?
        }
    };

    (@fields $head:tt $kind:tt $flat:tt { $($field:tt)* } [$($key:tt)*]
        $(#[doc = $doc:literal])+
        $visibility:vis $name:ident : $Type:ty $([$range:expr])? = without $without:literal $(like $example:tt)?
        $((also $($also:literal),+))?
        $(, $($rest:tt)*)?
    ) => {
        $crate::settings! {
            @fields $head $kind $flat
            {
                $($field)*
                $(#[doc = $doc])+
                #[serde(skip_serializing_if = "Option::is_none")]
                $visibility $name: $Type,
            }
            [$($key)* (
                $name, $Type, [$($range)?], Optional($without), $crate::settings!(@example $($example)?), [$($($also),+)?], [$($doc)+]
            )]
            $($($rest)*)?
        }
    };

    (@fields [$($head:tt)+] [$($Kind:ident)?] [$($Flat:ty)?] { $($field:tt)* } [$($key:tt)*] $(+ { $($more:tt)* })?) => {
        #[derive(serde::Serialize, serde::Deserialize)]
        $($head)+ {
            $($field)*
            $($($more)*)?
        }

        $crate::settings! { @keys [$($head)+] [$($Kind)?] [$($Flat)?] [$($key)*] }
    };

    (@keys [$(#[$attribute:meta])+ $visibility:vis struct $Name:ident] [$($Kind:ident)?] [$($Flat:ty)?] [$(
        ($name:ident, $Type:ty, [$($range:expr)?], $presence:ident $(($text:expr))?, $example:expr, [$($also:literal),*], [$($about:literal)+])
    )*]) => {
        impl $Name {
            /// The keys that it has in a recipe.
            #[allow(unused_imports, reason = "not every table has ranges")]
            $visibility const KEYS: &'static [$crate::Key] = {
                use $crate::{above, at_least, at_most, not_empty};
                &[$($crate::Key {
                    name: stringify!($name),
                    kind: <$Type as $crate::Described>::KIND,
                    range: $crate::settings!(@range $($range)?),
                    presence: $crate::Presence::$presence $(($text))?,
                    about: concat!($($about),+).trim_ascii(),
                    example: $example,
                    also: &[$($also),*],
                }),*]
            };
        }

        impl $crate::Described for $Name {
            const KIND: $crate::Kind = $crate::settings!(@kind [$($Kind)?] [$($Flat)?]);
        }
    };

    (@example) => { None };
    (@example $example:tt) => { Some(stringify!($example)) };
    (@range) => { $crate::ANY };
    (@range $range:expr) => { $range };
    (@kind [] []) => { $crate::Kind::table(Self::KEYS) };
    (@kind [] [$Flat:ty]) => { <$Flat as $crate::Described>::KIND.beside(Self::KEYS) };
    (@kind [$Kind:ident] []) => { $crate::Kind::$Kind(Self::KEYS) };
}

/// Makes an enum that a table with a `kind` is read into: each variant has the name of its kind and, unless
/// it has no more keys, a struct made by [`settings!`](crate::settings!).
#[macro_export]
macro_rules! variants {
    (
        $(#[doc = $doc:literal])+
        $visibility:vis enum $Name:ident {
            $($(#[doc = $about:literal])+ $Variant:ident $(($Fields:ty))? = $kind:literal),+ $(,)?
        }
    ) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(tag = "kind")]
        $visibility enum $Name {
            $(
                $(#[doc = $about])+
                #[serde(rename = $kind)]
                $Variant $(($Fields))?
            ),+
        }

        impl $crate::Described for $Name {
            const KIND: $crate::Kind = $crate::Kind::Variants {
                variants: &[$($crate::Variant {
                    kind: $crate::Named {
                        name: $kind,
                        about: concat!($($about),+).trim_ascii(),
                    },
                    keys: $crate::variants!(@keys $($Fields)?),
                }),+],
                beside: &[],
            };
        }
    };

    (@keys) => { &[] };
    (@keys $Fields:ty) => { <$Fields>::KEYS };
}
