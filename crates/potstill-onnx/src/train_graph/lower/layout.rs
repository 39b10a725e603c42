//! Where the axes of a tensor of the file lie in our value of it.

use crate::train_graph::plan::Size;

/// The file's axes in our order: at our place `i` lies the file's axis `self.0[i]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout(pub Vec<usize>);

impl Layout {
    /// The file's own order.
    pub fn plain(rank: usize) -> Self {
        Self((0..rank).collect())
    }

    /// Channels last, of a tensor whose channels are its axis 1.
    pub fn channels_last(rank: usize) -> Self {
        Self(
            std::iter::once(0)
                .chain(2..rank)
                .chain((rank > 1).then_some(1))
                .collect(),
        )
    }

    /// The number of axes.
    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// Our place of an axis of the file.
    pub fn place(&self, axis: usize) -> usize {
        self.0.iter().position(|&own| own == axis).unwrap_or(axis)
    }

    /// Sizes of the file in our order.
    pub fn ordered<T: Copy>(&self, sizes: &[T]) -> Vec<T> {
        self.0.iter().map(|&axis| sizes[axis]).collect()
    }

    /// How a value in this layout is permuted to lie in another.
    pub fn to(&self, other: &Self) -> Vec<usize> {
        other.0.iter().map(|&axis| self.place(axis)).collect()
    }

    /// The layout of the same value once the file has transposed its axes: output axis `j` is input axis `order[j]`.
    pub fn transposed(&self, order: &[usize]) -> Self {
        let output = |axis: usize| order.iter().position(|&from| from == axis).unwrap_or(axis);
        Self(self.0.iter().map(|&axis| output(axis)).collect())
    }

    /// With axes of size 1 in front, as many as bring it to a rank.
    pub fn raised(&self, rank: usize) -> Self {
        let more = rank.saturating_sub(self.rank());
        Self((0..more).chain(self.0.iter().map(|axis| axis + more)).collect())
    }

    /// The same order with this axis last.
    pub fn with_last(&self, axis: usize) -> Self {
        let others = self.0.iter().copied().filter(|&own| own != axis);
        Self(others.chain([axis]).collect())
    }
}

/// How a reshape goes without moving more than it must: the layout that the value has to have before, and the one it has then.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reshaped {
    /// Before.
    pub before: Layout,
    /// After.
    pub after: Layout,
}

/// Finds which axes a reshape merges and splits. Axes that go together must lie together; the groups may lie in any order.
pub(super) fn reshaped(layout: &Layout, from: &[Size], to: &[Size]) -> Reshaped {
    let plain = || Reshaped {
        before: Layout::plain(from.len()),
        after: Layout::plain(to.len()),
    };
    let Some(groups) = groups(from, to) else {
        return plain();
    };
    // A group lies where the first of its axes lies that has more than one place, or else its first axis.
    let is_wide = |axis: &usize| from[*axis] != Size::Fixed(1);
    let anchor = |(axes, _): &&Group| {
        let wide = axes.clone().filter(is_wide).map(|axis| layout.place(axis)).min();
        wide.or_else(|| axes.clone().map(|axis| layout.place(axis)).min())
    };
    let mut ordered: Vec<&Group> = groups.iter().collect();
    ordered.sort_by_key(anchor);
    let before = Layout(ordered.iter().flat_map(|(axes, _)| axes.clone()).collect());
    let wide = |layout: &Layout| layout.0.iter().copied().filter(is_wide).collect::<Vec<_>>();
    Reshaped {
        // Axes of one place may lie anywhere.
        before: if wide(&before) == wide(layout) {
            layout.clone()
        } else {
            before
        },
        after: Layout(ordered.iter().flat_map(|(_, axes)| axes.clone()).collect()),
    }
}

/// Axes before and after, of one product.
type Group = (std::ops::Range<usize>, std::ops::Range<usize>);

/// The groups of axes with equal products, in the file's order; none where the products do not come out even.
fn groups(from: &[Size], to: &[Size]) -> Option<Vec<Group>> {
    let mut groups = Vec::new();
    let (mut i, mut j) = (0, 0);
    while i < from.len() && j < to.len() {
        let (first, start) = (i, j);
        let (mut a, mut b) = (product(from[i])?, product(to[j])?);
        (i, j) = (i + 1, j + 1);
        while a != b {
            let widen_from = if a.0 == b.0 { a.1 < b.1 } else { a.0 < b.0 };
            let (sizes, at, into) = if widen_from {
                (from, &mut i, &mut a)
            } else {
                (to, &mut j, &mut b)
            };
            let (images, size) = product(*sizes.get(*at)?)?;
            *into = (into.0 + images, into.1.checked_mul(size)?);
            *at += 1;
        }
        groups.push((first..i, start..j));
    }
    // What is left has one place each.
    let rest = |sizes: &[Size]| sizes.iter().all(|&size| size == Size::Fixed(1));
    if !rest(&from[i..]) || !rest(&to[j..]) {
        return None;
    }
    match groups.last_mut() {
        Some((before, after)) => {
            before.end = from.len();
            after.end = to.len();
        }
        None => groups.push((0..from.len(), 0..to.len())),
    }
    Some(groups)
}

/// A size as a power of the batch and a factor.
fn product(size: Size) -> Option<(u32, usize)> {
    match size {
        Size::Fixed(0) | Size::PerImage(0) => None,
        Size::Fixed(size) => Some((0, size)),
        Size::PerImage(size) => Some((1, size)),
    }
}

#[cfg(test)]
mod tests {
    use super::{Layout, Reshaped, reshaped};
    use crate::train_graph::plan::Size::{Fixed, PerImage};

    #[test]
    fn a_map_becomes_tokens_where_it_lies() {
        // [N, 8, 4, 4] to [N, 8, 16], with channels last before and after.
        let found = reshaped(
            &Layout::channels_last(4),
            &[PerImage(1), Fixed(8), Fixed(4), Fixed(4)],
            &[PerImage(1), Fixed(8), Fixed(16)],
        );
        let expected = Reshaped {
            before: Layout(vec![0, 2, 3, 1]),
            after: Layout(vec![0, 2, 1]),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn groups_of_channels_are_split_and_merged_where_they_lie() {
        let map = [PerImage(1), Fixed(8), Fixed(4), Fixed(4)];
        let split = [PerImage(1), Fixed(2), Fixed(4), Fixed(4), Fixed(4)];
        let found = reshaped(&Layout::channels_last(4), &map, &split);
        assert_eq!(found.after, Layout(vec![0, 3, 4, 1, 2]));
        let swapped = found.after.transposed(&[0, 2, 1, 3, 4]);
        let merged = reshaped(
            &swapped,
            &[PerImage(1), Fixed(4), Fixed(2), Fixed(4), Fixed(4)],
            &map,
        );
        assert_eq!(merged.before, Layout(vec![0, 3, 4, 1, 2]));
        assert_eq!(merged.after, Layout::channels_last(4));
        assert_eq!(swapped.to(&merged.before), [0, 1, 2, 4, 3]);
    }

    #[test]
    fn windows_merge_into_the_batch() {
        let from = [PerImage(1), Fixed(2), Fixed(2), Fixed(2), Fixed(2), Fixed(8)];
        let found = reshaped(&Layout::plain(6), &from, &[PerImage(4), Fixed(4), Fixed(8)]);
        assert_eq!(found.before, Layout::plain(6));
        assert_eq!(found.after, Layout::plain(3));
    }

    #[test]
    fn axes_of_one_place_come_and_go() {
        let found = reshaped(
            &Layout::channels_last(4),
            &[PerImage(1), Fixed(8), Fixed(1), Fixed(1)],
            &[PerImage(1), Fixed(8)],
        );
        assert_eq!(found.before, Layout::channels_last(4));
        assert_eq!(found.after, Layout::plain(2));
    }
}
