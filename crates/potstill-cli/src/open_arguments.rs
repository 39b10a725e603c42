//! What several commands ask about how images are opened.

use std::path::PathBuf;

use clap::Args;
use potstill_data::{ClassOrder, DataError, DecodeOptions, OpenOptions};

/// How files of images are opened; the keys of `[data]` by the same names.
#[derive(Debug, Args)]
pub struct OpenArguments {
    /// How class folders are numbered: natural (2 before 10), ascii as torchvision's ImageFolder (10 before 2), or a text file with the
    /// name of a class in each line; natural if not given, with a word where torchvision's is another.
    #[arg(long, value_name = "natural|ascii|FILE")]
    pub class_order: Option<String>,
    /// A CSV file with the class of each image, columns file and label and perhaps split, in place of class folders.
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    /// Images of more pixels are refused by their header; 178956970 if not given, as Pillow.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub max_pixels: Option<u64>,
    /// Leave out up to so many images that cannot be decoded.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub skip_unreadable: usize,
    /// Turn images upright as their EXIF orientation says.
    #[arg(long)]
    pub exif_orientation: bool,
}

impl OpenArguments {
    /// The options that the arguments mean.
    ///
    /// # Errors
    /// A list of classes that cannot be read.
    pub fn options(&self) -> Result<OpenOptions, DataError> {
        let usual = DecodeOptions::default();
        Ok(OpenOptions {
            class_order: self.class_order.as_deref().map(ClassOrder::read).transpose()?,
            labels: self.labels.clone(),
            decode: DecodeOptions {
                max_pixels: self.max_pixels.unwrap_or(usual.max_pixels),
                exif_orientation: self.exif_orientation,
            },
            skip_unreadable: self.skip_unreadable,
            ..OpenOptions::default()
        })
    }
}
