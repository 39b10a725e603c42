//! What may be decoded, and how.

/// What may be decoded, and how.
///
/// ```
/// use potstill_data::DecodeOptions;
/// assert_eq!(DecodeOptions::default().max_pixels, 178_956_970);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeOptions {
    /// Images of more pixels than this are refused by their header, before anything is allocated for them.
    pub max_pixels: u64,
    /// Whether an image is turned and mirrored as its EXIF orientation says, as by `ImageOps.exif_transpose`
    /// of Pillow. torchvision's loader does not.
    pub exif_orientation: bool,
}

/// Pillow's limit (twice `Image.MAX_IMAGE_PIXELS`), and stored rows and columns as they are.
impl Default for DecodeOptions {
    fn default() -> Self {
        Self {
            max_pixels: 178_956_970,
            exif_orientation: false,
        }
    }
}
