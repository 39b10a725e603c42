//! A class for each pixel.

/// The class of every pixel of an image.
///
/// ```
/// use potstill_data::LabelMap;
/// let map = LabelMap { height: 2, width: 2, labels: vec![0, 0, 3, LabelMap::IGNORE] };
/// assert_eq!(map.classes(), [0, 3]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelMap {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// `height * width` classes, row by row; [`IGNORE`](Self::IGNORE) where there is none.
    pub labels: Vec<u8>,
}

impl LabelMap {
    /// The label of a pixel that counts neither for the loss nor for a metric: void, a border, padding.
    pub const IGNORE: u8 = 255;

    /// A map that says nothing about any pixel.
    pub fn ignored(height: usize, width: usize) -> Self {
        Self {
            height,
            width,
            labels: vec![Self::IGNORE; height * width],
        }
    }

    /// The classes that occur, ascending.
    pub fn classes(&self) -> Vec<u32> {
        let mut occurs = [false; 256];
        self.labels
            .iter()
            .for_each(|&label| occurs[usize::from(label)] = true);
        (0..u32::from(Self::IGNORE))
            .filter(|&class| occurs[class as usize])
            .collect()
    }

    /// Says what is wrong with the map of an image of this size.
    pub(super) fn problem(&self, [height, width]: [usize; 2]) -> Option<String> {
        if [self.height, self.width] != [height, width] {
            return Some(format!(
                "its label map has {}x{} where the image has {height}x{width}",
                self.height, self.width
            ));
        }
        let (found, expected) = (self.labels.len(), height * width);
        (found != expected).then(|| format!("its label map has {found} values for {expected} pixels"))
    }
}
