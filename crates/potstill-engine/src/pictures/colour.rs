//! A colour for each class.

/// Red, green and blue of a class: hues that lie far apart for neighbouring classes, the same in every picture.
pub(super) fn of_class(class: u32) -> [u8; 3] {
    // Turned by the golden angle each hue lies in the widest gap between those before it.
    let hue = (f64::from(class) * 137.508) % 360.0;
    let lightness = [0.5, 0.38, 0.62][class as usize % 3];
    from_hsl(hue, 0.75, lightness)
}

/// Red, green and blue of a hue in degrees, a saturation and a lightness in `[0, 1]`.
fn from_hsl(hue: f64, saturation: f64, lightness: f64) -> [u8; 3] {
    let chroma = saturation * lightness.min(1.0 - lightness);
    [0.0, 8.0, 4.0].map(|offset: f64| {
        let place = (offset + hue / 30.0) % 12.0;
        let value = lightness - chroma * (place - 3.0).min(9.0 - place).clamp(-1.0, 1.0);
        (255.0 * value).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use super::{from_hsl, of_class};

    #[test]
    fn colours_are_those_of_css() {
        assert_eq!(from_hsl(0.0, 1.0, 0.5), [255, 0, 0]);
        assert_eq!(from_hsl(120.0, 1.0, 0.5), [0, 255, 0]);
        assert_eq!(from_hsl(240.0, 1.0, 0.25), [0, 0, 128]);
        let colours: std::collections::BTreeSet<_> = (0..91).map(of_class).collect();
        assert_eq!(colours.len(), 91);
    }
}
