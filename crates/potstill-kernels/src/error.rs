//! What can be wrong with a call: a shape that makes no sense, or a slice that does not fit it.

use std::fmt;

/// Why a kernel refused its arguments. Nothing has been written when one of these is returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KernelError {
    /// A convolution shape that describes no convolution.
    Shape {
        /// Which rule the shape breaks, with its values.
        reason: String,
    },
    /// A slice whose length does not match the shape.
    Length {
        /// Name of the argument.
        argument: &'static str,
        /// Number of elements the shape asks for.
        expected: usize,
        /// Number of elements given.
        got: usize,
    },
    /// An instruction set that this machine does not have, or whose name is unknown.
    Isa {
        /// The name asked for.
        name: String,
    },
    /// An activation whose derivative cannot be read from its output.
    Gate {
        /// The activation asked for.
        activation: &'static str,
    },
    /// A region that lies nowhere.
    Region {
        /// Its index.
        index: usize,
        /// How many images there are.
        images: usize,
    },
}

impl fmt::Display for KernelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape { reason } => write!(f, "impossible convolution shape: {reason}"),
            Self::Length {
                argument,
                expected,
                got,
            } => {
                write!(
                    f,
                    "`{argument}` has {got} elements where the shape needs {expected}"
                )
            }
            Self::Isa { name } => {
                write!(
                    f,
                    "instruction set `{name}` is not available here (use avx512, avx2, neon or portable)"
                )
            }
            Self::Gate { activation } => write!(
                f,
                "the derivative of {activation} cannot be read from its output; give its input (`GateSource::Input`)"
            ),
            Self::Region { index, images } => write!(
                f,
                "region {index} must have numbers for corners, and lie in one of {images} images"
            ),
        }
    }
}

impl std::error::Error for KernelError {}

/// Refuses rows of nothing.
pub(crate) fn expect_columns(columns: usize) -> Result<(), KernelError> {
    if columns == 0 {
        let reason = "rows without columns".into();
        return Err(KernelError::Shape { reason });
    }
    Ok(())
}

/// `Ok` when a slice of `got` elements is what the shape asks for.
pub(crate) fn expect_length(argument: &'static str, expected: usize, got: usize) -> Result<(), KernelError> {
    if expected == got {
        Ok(())
    } else {
        Err(KernelError::Length {
            argument,
            expected,
            got,
        })
    }
}
