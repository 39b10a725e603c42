//! Masks as runs: which pixels of an image belong to an object, as COCO's files and tools keep them.
//!
//! A mask is read column by column. The lengths of its runs alternate between pixels outside and inside; the first run is outside, and
//! may be empty. Everything here equals `pycocotools.mask`.

mod outline;
mod overlap;
mod text;

use std::fmt;

/// Which pixels belong to an object, as runs down the columns.
///
/// ```
/// use potstill_metrics::RunMask;
/// // Two rows of three pixels.
/// let mask = RunMask::from_rows([2, 3], &[false, true, true, false, true, false]);
/// assert_eq!(mask.counts(), [2, 3, 1]);
/// assert_eq!((mask.area(), mask.bounds()), (3, [1.0, 0.0, 2.0, 2.0]));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunMask {
    size: [usize; 2],
    counts: Vec<u32>,
}

/// Why numbers or a text are no mask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MaskError {
    /// The runs do not fill the image.
    Total {
        /// The sum of the runs.
        found: u64,
        /// Height and width.
        size: [usize; 2],
    },
    /// A text that is no compressed list of runs.
    Text {
        /// Where in it, from 0.
        at: usize,
        /// What is wrong there.
        problem: &'static str,
    },
    /// An image of more pixels than a run can count.
    TooLarge {
        /// Height and width.
        size: [usize; 2],
    },
}

impl std::error::Error for MaskError {}

impl fmt::Display for MaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Total {
                found,
                size: [height, width],
            } => write!(
                f,
                "the runs of the mask cover {found} pixels, and an image of {height}x{width} (height x width) has {}",
                *height as u64 * *width as u64
            ),
            Self::Text { at, problem } => write!(f, "character {at} of the compressed mask {problem}"),
            Self::TooLarge {
                size: [height, width],
            } => write!(
                f,
                "an image of {height}x{width} has more pixels than a mask can count"
            ),
        }
    }
}

impl RunMask {
    /// The mask of an image of `[height, width]` whose runs these are, down the columns.
    ///
    /// # Errors
    /// Runs that do not add up to the pixels of the image.
    pub fn from_counts(size: [usize; 2], counts: Vec<u32>) -> Result<Self, MaskError> {
        let pixels = pixels(size)?;
        let found = counts.iter().map(|&count| u64::from(count)).sum();
        if found != u64::from(pixels) {
            return Err(MaskError::Total { found, size });
        }
        Ok(Self { size, counts })
    }

    /// The mask of an image of `[height, width]` whose pixels are given row by row; what `inside` lacks is outside.
    pub fn from_rows([height, width]: [usize; 2], inside: &[bool]) -> Self {
        let at = |pixel: usize| inside.get(pixel % height * width + pixel / height);
        let columns = (0..height * width).map(|pixel| at(pixel).is_some_and(|inside| *inside));
        Self {
            size: [height, width],
            counts: runs(columns),
        }
    }

    /// The pixels row by row.
    pub fn to_rows(&self) -> Vec<bool> {
        let [height, width] = self.size;
        let mut rows = vec![false; height * width];
        for [begin, end] in self.inside() {
            for pixel in begin..end {
                rows[pixel % height * width + pixel / height] = true;
            }
        }
        rows
    }

    /// The mask without a pixel of an image of `[height, width]`.
    pub fn empty([height, width]: [usize; 2]) -> Self {
        let all = u32::try_from(height * width).unwrap_or(u32::MAX);
        Self {
            size: [height, width],
            counts: if all == 0 { Vec::new() } else { vec![all] },
        }
    }

    /// Height and width of the image.
    pub fn size(&self) -> [usize; 2] {
        self.size
    }

    /// The lengths of the runs down the columns, the first one outside.
    pub fn counts(&self) -> &[u32] {
        &self.counts
    }

    /// How many pixels belong to the object.
    pub fn area(&self) -> u64 {
        let inside = self.counts.iter().skip(1).step_by(2);
        inside.map(|&count| u64::from(count)).sum()
    }

    /// The smallest box around the pixels, as x, y, width and height; all 0 if there is none.
    pub fn bounds(&self) -> [f64; 4] {
        let height = self.size[0].max(1);
        let (mut low, mut high) = ([usize::MAX; 2], [0; 2]);
        for [begin, end] in self.inside().filter(|[begin, end]| begin < end) {
            let last = end - 1;
            let [left, right] = [begin / height, last / height];
            // A run that goes on in the next column touches the last row of this one and the first of that one.
            let [top, bottom] = if left == right {
                [begin % height, last % height]
            } else {
                [0, height - 1]
            };
            low = [low[0].min(left), low[1].min(top)];
            high = [high[0].max(right + 1), high[1].max(bottom + 1)];
        }
        if low[0] == usize::MAX {
            return [0.0; 4];
        }
        let [x, y] = low.map(|at| at as f64);
        [x, y, high[0] as f64 - x, high[1] as f64 - y]
    }

    /// First pixel and end of every run inside, down the columns.
    fn inside(&self) -> impl Iterator<Item = [usize; 2]> {
        let mut end = 0;
        let runs = self.counts.iter().map(move |&count| {
            let begin = end;
            end += count as usize;
            [begin, end]
        });
        runs.skip(1).step_by(2)
    }
}

/// The runs of pixels.
fn runs(pixels: impl Iterator<Item = bool>) -> Vec<u32> {
    let (mut counts, mut count, mut inside) = (Vec::new(), 0, false);
    for pixel in pixels {
        if pixel != inside {
            counts.push(count);
            (count, inside) = (0, pixel);
        }
        count += 1;
    }
    if count > 0 {
        counts.push(count);
    }
    counts
}

/// How many pixels an image has.
fn pixels(size: [usize; 2]) -> Result<u32, MaskError> {
    let [height, width] = size;
    let all = height.checked_mul(width).and_then(|all| u32::try_from(all).ok());
    all.ok_or(MaskError::TooLarge { size })
}
