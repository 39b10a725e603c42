//! The compressed text of a mask, as COCO's result files have it.
//!
//! Each run is written as a number in base 32 with a sign, the lowest digit first, a character for each digit: `48 + digit`, and 32 more
//! where another digit follows. From the fourth run on it is the difference to the run two before.

use super::{MaskError, RunMask};

/// Digits beyond this carry nothing: a run has at most 32 bits, and a difference one more.
const MOST_DIGITS: u32 = 7;

impl RunMask {
    /// The mask of an image of `[height, width]` from its compressed text.
    ///
    /// ```
    /// use potstill_metrics::RunMask;
    /// let mask = RunMask::from_text([2, 3], "231")?;
    /// assert_eq!((mask.counts(), mask.to_text()), (&[2, 3, 1][..], "231".to_owned()));
    /// # Ok::<(), potstill_metrics::MaskError>(())
    /// ```
    ///
    /// # Errors
    /// Characters that are none of the form, runs below 0, runs that do not add up to the pixels of the image.
    pub fn from_text(size: [usize; 2], text: &str) -> Result<Self, MaskError> {
        let mut counts: Vec<u32> = Vec::new();
        let mut characters = text.bytes().enumerate();
        while let Some((at, first)) = characters.next() {
            let wrong = |problem| MaskError::Text { at, problem };
            let mut value = number((at, first), &mut characters)?;
            if counts.len() > 2 {
                value += i64::from(counts[counts.len() - 2]);
            }
            counts.push(u32::try_from(value).map_err(|_| wrong("begins a run that no image has"))?);
        }
        Self::from_counts(size, counts)
    }

    /// The compressed text.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for (at, &count) in self.counts.iter().enumerate() {
            let before = if at > 2 { self.counts[at - 2] } else { 0 };
            write(i64::from(count) - i64::from(before), &mut text);
        }
        text
    }
}

/// The number that begins with this character.
fn number(
    (begin, first): (usize, u8),
    rest: &mut impl Iterator<Item = (usize, u8)>,
) -> Result<i64, MaskError> {
    let (mut value, mut at, mut character) = (0, begin, first);
    for place in 0..MOST_DIGITS {
        let digit = character
            .checked_sub(48)
            .filter(|digit| *digit < 64)
            .ok_or(MaskError::Text {
                at,
                problem: "is none of those that masks are written with",
            })?;
        value |= i64::from(digit & 31) << (5 * place);
        if digit & 32 == 0 {
            // The sign is the highest bit of the last digit.
            let sign = if digit & 16 == 0 {
                0
            } else {
                -1 << (5 * (place + 1))
            };
            return Ok(value | sign);
        }
        (at, character) = rest.next().ok_or(MaskError::Text {
            at,
            problem: "is the last, and says that another follows",
        })?;
    }
    let problem = "goes on with a number that no image has";
    Err(MaskError::Text { at: begin, problem })
}

fn write(mut value: i64, text: &mut String) {
    loop {
        let digit = (value & 31) as u8;
        value >>= 5;
        let is_last = if digit & 16 == 0 { value == 0 } else { value == -1 };
        let more = if is_last { 0 } else { 32 };
        text.push(char::from(48 + (digit | more)));
        if is_last {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::RunMask;

    #[test]
    fn what_is_no_mask_is_refused_with_the_place() {
        let said = |text| RunMask::from_text([2, 3], text).unwrap_err().to_string();
        assert_eq!(
            said("22"),
            "the runs of the mask cover 4 pixels, and an image of 2x3 (height x width) has 6"
        );
        assert_eq!(
            said("2 1"),
            "character 1 of the compressed mask is none of those that masks are written with"
        );
        assert_eq!(
            said("2R"),
            "character 1 of the compressed mask is the last, and says that another follows"
        );
        assert!(said("ooooooooooooo").contains("goes on with a number"));
        assert!(said("O").contains("begins a run that no image has"));
    }
}
