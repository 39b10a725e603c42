//! The ways in which a map stands in a file.

/// How a map `[N, H, W, C]` stands in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `[N, C, H, W]`.
    First,
    /// `[N, H, W, C]`.
    Last,
    /// `[N, C]`: a map of one place.
    Rows,
}

impl Form {
    pub const ALL: [Self; 3] = [Self::First, Self::Last, Self::Rows];

    /// Where an axis of `[N, H, W, C]` is.
    pub fn axis(self, axis: usize) -> i64 {
        match self {
            Self::First => [0, 2, 3, 1][axis],
            Self::Last => axis as i64,
            Self::Rows => i64::from(axis > 0),
        }
    }

    /// The shape of numbers for each channel.
    pub fn of_channels(self, channels: usize) -> Vec<usize> {
        match self {
            Self::First => vec![channels, 1, 1],
            Self::Last | Self::Rows => vec![channels],
        }
    }
}

/// The names of a map's tensors, in the forms that it has.
#[derive(Debug, Clone, Default)]
pub(super) struct Tensors {
    names: [Option<String>; 3],
    /// The form in which it was made.
    made: Option<Form>,
}

impl Tensors {
    /// Notes a tensor; the first one is the one that was made.
    pub fn note(&mut self, form: Form, name: String) {
        self.made.get_or_insert(form);
        self.names[form as usize] = Some(name);
    }

    pub fn get(&self, form: Form) -> Option<&String> {
        self.names[form as usize].as_ref()
    }

    /// The form in which it was made.
    pub fn made(&self) -> Form {
        self.made.unwrap_or(Form::First)
    }
}
