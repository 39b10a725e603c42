//! From what files store to red, green, blue.

/// Repeats each grey value.
pub(crate) fn of_grey(grey: impl IntoIterator<Item = u8>) -> Vec<u8> {
    grey.into_iter().flat_map(|value| [value; 3]).collect()
}

/// Keeps the first three of each pixel's channels: transparency is dropped, as by Pillow's `convert("RGB")`.
pub(crate) fn without_alpha(pixels: &[u8]) -> Vec<u8> {
    pixels
        .chunks_exact(4)
        .flat_map(|pixel| [pixel[0], pixel[1], pixel[2]])
        .collect()
}

/// Looks indices up in a palette of red, green, blue; one beyond its end is a grey of that value.
pub(crate) fn of_palette(indices: &[u8], palette: &[u8]) -> Vec<u8> {
    indices
        .iter()
        .flat_map(|&index| {
            let at = 3 * usize::from(index);
            match palette.get(at..at + 3) {
                Some(&[red, green, blue]) => [red, green, blue],
                _ => [index; 3],
            }
        })
        .collect()
}

/// Ink to light, as Pillow does it.
pub(crate) fn of_cmyk(pixels: &[u8]) -> Vec<u8> {
    let mixed = |pixel: &[u8]| {
        let light = 255 - u32::from(pixel[3]);
        [pixel[0], pixel[1], pixel[2]].map(|ink| {
            let product = u32::from(ink) * light + 128;
            light.saturating_sub(((product >> 8) + product) >> 8) as u8
        })
    };
    pixels.chunks_exact(4).flat_map(mixed).collect()
}

/// Luma and chroma to light, by the formula of JFIF.
pub(crate) fn of_ycbcr(pixels: &[u8]) -> Vec<u8> {
    let mixed = |pixel: &[u8]| {
        let [luma, blue, red] = [pixel[0], pixel[1], pixel[2]].map(f32::from);
        let (blue, red) = (blue - 128.0, red - 128.0);
        let light = [
            luma + 1.402 * red,
            luma - 0.344_136 * blue - 0.714_136 * red,
            luma + 1.772 * blue,
        ];
        light.map(|value| value.round().clamp(0.0, 255.0) as u8)
    };
    pixels.chunks_exact(3).flat_map(mixed).collect()
}

/// Numbers of fewer bits than a byte, `columns` to a row; each row starts at a byte.
pub(crate) fn unpacked(bytes: &[u8], bits: usize, columns: usize) -> Vec<u8> {
    let mask = ((1u16 << bits) - 1) as u8;
    let value = |row: &[u8], column: usize| {
        let first = column * bits;
        (row[first / 8] >> (8 - bits - first % 8)) & mask
    };
    let stride = (columns * bits).div_ceil(8).max(1);
    bytes
        .chunks_exact(stride)
        .flat_map(|row| (0..columns).map(move |column| value(row, column)))
        .collect()
}
