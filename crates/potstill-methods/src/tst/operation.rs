//! The fourteen operations, in the order of the learned parameters.

use potstill_data::pil_ops::PilOp;

/// One operation that the augmentation may draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Brighter or darker.
    Brightness,
    /// More or less colourful.
    Colour,
    /// More or less contrast.
    Contrast,
    /// Sharper or smoother.
    Sharpness,
    /// Fewer tones.
    Posterize,
    /// Light tones inverted.
    Solarize,
    /// Rows shifted.
    ShearX,
    /// Columns shifted.
    ShearY,
    /// Moved to the right or left.
    TranslateX,
    /// Moved down or up.
    TranslateY,
    /// Turned.
    Rotate,
    /// An even histogram.
    Equalize,
    /// A negative.
    Invert,
    /// A rectangle left out.
    Cutout,
}

/// How an operation is made differentiable in its magnitude.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// By a colour network.
    Colour,
    /// By an affine network.
    Affine,
    /// Not at all: it has no magnitude.
    Fixed,
}

/// How many operations have a magnitude: the first eleven.
pub const MAGNITUDES: usize = 11;

/// How many steps the tables of magnitudes have.
pub const BINS: usize = 10;

impl Operation {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Brightness,
        Self::Colour,
        Self::Contrast,
        Self::Sharpness,
        Self::Posterize,
        Self::Solarize,
        Self::ShearX,
        Self::ShearY,
        Self::TranslateX,
        Self::TranslateY,
        Self::Rotate,
        Self::Equalize,
        Self::Invert,
        Self::Cutout,
    ];

    /// The name in metrics and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Brightness => "brightness",
            Self::Colour => "colour",
            Self::Contrast => "contrast",
            Self::Sharpness => "sharpness",
            Self::Posterize => "posterize",
            Self::Solarize => "solarize",
            Self::ShearX => "shear-x",
            Self::ShearY => "shear-y",
            Self::TranslateX => "translate-x",
            Self::TranslateY => "translate-y",
            Self::Rotate => "rotate",
            Self::Equalize => "equalize",
            Self::Invert => "invert",
            Self::Cutout => "cutout",
        }
    }

    /// How it is made differentiable.
    pub fn kind(self) -> Kind {
        match self as usize {
            0..6 => Kind::Colour,
            6..MAGNITUDES => Kind::Affine,
            _ => Kind::Fixed,
        }
    }

    /// Whether its magnitude may be negative where the bank is trained.
    pub fn is_signed(self) -> bool {
        self.kind() != Kind::Fixed && !matches!(self, Self::Posterize | Self::Solarize)
    }

    /// The real operation at one of the ten steps of its table (Cubuk et al. 2019), on images of this height and width. Cutout
    /// has none.
    pub fn pil_op(self, bin: usize, negative: bool, [height, width]: [usize; 2]) -> Option<PilOp> {
        let share = bin.min(BINS - 1) as f64 / (BINS - 1) as f64;
        let signed = |greatest: f64| {
            if negative {
                -share * greatest
            } else {
                share * greatest
            }
        };
        let factor = (1.0 + signed(0.9)) as f32;
        let pixels = |side: usize| signed(150.0 / 331.0 * side as f64) as i32;
        Some(match self {
            Self::Brightness => PilOp::Brightness(factor),
            Self::Colour => PilOp::Colour(factor),
            Self::Contrast => PilOp::Contrast(factor),
            Self::Sharpness => PilOp::Sharpness(factor),
            Self::Posterize => PilOp::Posterize(8 - (bin.min(BINS - 1) / 2) as u32),
            Self::Solarize => PilOp::Solarize(255.0 * (1.0 - share)),
            Self::ShearX => PilOp::ShearX(signed(0.3)),
            Self::ShearY => PilOp::ShearY(signed(0.3)),
            Self::TranslateX => PilOp::TranslateX(pixels(width)),
            Self::TranslateY => PilOp::TranslateY(pixels(height)),
            Self::Rotate => PilOp::Rotate(signed(30.0)),
            Self::Equalize => PilOp::Equalize,
            Self::Invert => PilOp::Invert,
            Self::Cutout => return None,
        })
    }
}
