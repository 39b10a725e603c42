//! What masks have in common.

use super::RunMask;

impl RunMask {
    /// The pixels of either mask. Where the images differ in size, those of this one.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        if self.size != other.size {
            return self.clone();
        }
        let mut counts = Vec::with_capacity(self.counts.len().max(other.counts.len()));
        let (mut inside, mut count) = (false, 0);
        for (length, is_here, is_there) in pieces(self, other) {
            if (is_here || is_there) != inside {
                counts.push(count);
                (inside, count) = (!inside, 0);
            }
            count += length;
        }
        if count > 0 {
            counts.push(count);
        }
        Self {
            size: self.size,
            counts,
        }
    }

    /// How many pixels two masks have in common; 0 where the images differ in size.
    pub fn intersection(&self, other: &Self) -> u64 {
        if self.size != other.size {
            return 0;
        }
        let common = pieces(self, other).filter(|(_, is_here, is_there)| *is_here && *is_there);
        common.map(|(length, ..)| u64::from(length)).sum()
    }
}

/// Both masks cut where either changes: length, whether it is inside the one, and the other.
fn pieces<'a>(one: &'a RunMask, other: &'a RunMask) -> impl Iterator<Item = (u32, bool, bool)> + 'a {
    let mut sides = [one, other].map(|mask| (mask.counts.iter().copied(), 0_u32, true));
    std::iter::from_fn(move || {
        for (runs, left, inside) in &mut sides {
            while *left == 0 {
                *left = runs.next()?;
                *inside = !*inside;
            }
        }
        let length = sides[0].1.min(sides[1].1);
        for (_, left, _) in &mut sides {
            *left -= length;
        }
        Some((length, sides[0].2, sides[1].2))
    })
}
