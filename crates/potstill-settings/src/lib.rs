//! Settings that are one of a few names: each is one enum, whoever reads it.
//!
//! [`choice!`] makes an enum whose variants have a name and a sentence. A recipe, a config file and the
//! command line read it by that name, and lists, help and documentation take both from [`Choice::NAMES`]:
//!
//! ```
//! use potstill_settings::{Choice, choice};
//!
//! choice! {
//!     /// Which side of an activation.
//!     pub enum Side {
//!         /// Before it.
//!         Pre = "pre",
//!         /// After it.
//!         Post = "post",
//!     }
//! }
//!
//! assert_eq!("post".parse(), Ok(Side::Post));
//! assert_eq!(Side::Pre.name(), "pre");
//! assert_eq!(Side::NAMES[1].about, "After it.");
//! assert_eq!("past".parse::<Side>().unwrap_err().to_string(), "must be one of `pre`, `post`, not `past`");
//! ```
//!
//! The settings that several crates share are here: [`Precision`], [`BatchNorms`] and [`Shortcut`]. One that
//! a single crate knows stands where it is used.

mod choice;
mod described;
mod key;
mod range;
mod settings;
mod shared;

pub use choice::{Choice, Named, UnknownName};
pub use described::Described;
pub use key::{Key, Kind, Presence, Variant};
pub use range::{ANY, Bound, Range, above, at_least, at_most, not_empty};
pub use shared::{BatchNorms, ChannelOrder, HeadWeights, Precision, Shortcut};

/// What the macros need in the crate that calls them.
#[doc(hidden)]
pub mod private {
    pub use serde;

    /// Whether a value is the default of its type.
    pub fn is_default<T: Default + PartialEq>(value: &T) -> bool {
        *value == T::default()
    }
}
