//! Sizes of images on the command line.

/// Reads `32x48`, height and width, or `32` for a square.
pub fn image_size(text: &str) -> Result<[usize; 2], String> {
    let side = |text: &str| text.parse().ok().filter(|side| *side > 0);
    let size = match text.split_once('x') {
        Some((height, width)) => side(height).zip(side(width)),
        None => side(text).map(|side| (side, side)),
    };
    size.map(|(height, width)| [height, width])
        .ok_or_else(|| "write height and width as 32x48, or one number for a square".into())
}

#[cfg(test)]
mod tests {
    use super::image_size;

    #[test]
    fn a_size_is_one_number_or_two() {
        assert_eq!(image_size("224"), Ok([224; 2]));
        assert_eq!(image_size("32x48"), Ok([32, 48]));
        for wrong in ["", "0", "32x", "x", "32x0", "-3", "3.5"] {
            assert!(image_size(wrong).is_err(), "{wrong}");
        }
    }
}
