//! How a recipe's images are opened.

use std::path::PathBuf;

use potstill_data::{ClassOrder, DataError, DecodeOptions, OpenOptions, Split};
use potstill_recipe::Data;

/// How the images of a split are opened. What a recipe says of class folders is for both splits.
///
/// # Errors
/// A list of classes that cannot be read.
pub(crate) fn open_options(data: &Data, split: Split) -> Result<OpenOptions, DataError> {
    let labels = match split {
        Split::Train => data.labels.as_ref(),
        Split::Validation | Split::Test => data.test_labels.as_ref().or(data.labels.as_ref()),
    };
    let usual = DecodeOptions::default();
    Ok(OpenOptions {
        class_order: data.class_order.as_deref().map(ClassOrder::read).transpose()?,
        labels: labels.map(PathBuf::from),
        decode: DecodeOptions {
            max_pixels: data.max_pixels.unwrap_or(usual.max_pixels),
            exif_orientation: data.exif_orientation.unwrap_or(usual.exif_orientation),
        },
        skip_unreadable: data.skip_unreadable.unwrap_or_default(),
        ..OpenOptions::default()
    })
}
