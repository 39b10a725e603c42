//! Which places attend to each other.

use std::ops::Range;

use crate::KernelError;
use crate::error::expect_length;

/// Self-attention inside of windows of maps. A row of T tokens is a map of height 1 and one window.
///
/// Maps hold queries, keys and values of all heads one behind the other, `[N, H, W, 3 heads width]`; what comes out is
/// `[N, H, W, heads width]`. Windows are read where they lie, so that nothing is moved: with a `shift` the window at the top left
/// begins so many rows down and columns right, and windows come round the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttentionShape {
    /// N.
    pub images: usize,
    /// Height and width of the maps.
    pub size: [usize; 2],
    /// Height and width of a window, which divide those of the maps.
    pub window: [usize; 2],
    /// Rows and columns that the windows are moved by.
    pub shift: [usize; 2],
    /// Heads.
    pub heads: usize,
    /// Channels of a head.
    pub width: usize,
}

impl AttentionShape {
    /// Attention of whole rows of tokens.
    pub fn of_rows(images: usize, tokens: usize, heads: usize, width: usize) -> Self {
        Self {
            images,
            size: [1, tokens],
            window: [1, tokens],
            shift: [0, 0],
            heads,
            width,
        }
    }

    /// Channels of all heads.
    pub fn channels(&self) -> usize {
        self.heads * self.width
    }

    /// Tokens that attend to each other: the places of a window.
    pub fn tokens(&self) -> usize {
        self.window[0] * self.window[1]
    }

    /// Windows of all images, image by image and row by row.
    pub fn sequences(&self) -> usize {
        self.images * self.windows()
    }

    /// Rows of the maps.
    pub(super) fn rows(&self) -> usize {
        self.images * self.size[0] * self.size[1]
    }

    /// Windows of an image.
    fn windows(&self) -> usize {
        (self.size[0] / self.window[0]) * (self.size[1] / self.window[1])
    }

    /// The rows of the maps that are the tokens of a sequence.
    pub(super) fn rows_of(&self, sequence: usize) -> Vec<usize> {
        let [height, width] = self.size;
        let [tall, wide] = self.window;
        let (image, window) = (sequence / self.windows(), sequence % self.windows());
        let across = width / wide;
        let [down, right] = [
            window / across * tall + self.shift[0],
            window % across * wide + self.shift[1],
        ];
        let place = |token: usize| {
            let (y, x) = ((down + token / wide) % height, (right + token % wide) % width);
            (image * height + y) * width + x
        };
        (0..self.tokens()).map(place).collect()
    }

    /// Refuses shapes without tokens or channels, and windows that do not divide the maps.
    pub(super) fn validate(&self) -> Result<(), KernelError> {
        let divides = (0..2).all(|d| self.window[d] > 0 && self.size[d].is_multiple_of(self.window[d]));
        if divides && self.heads > 0 && self.width > 0 && self.size[0] * self.size[1] > 0 {
            return Ok(());
        }
        let reason = format!(
            "attention of {} heads of {} channels in windows of {:?} on maps of {:?}",
            self.heads, self.width, self.window, self.size
        );
        Err(KernelError::Shape { reason })
    }

    /// How many groups of sequences have a bias of their own.
    pub(super) fn groups(&self, bias: Option<&[f32]>) -> Result<usize, KernelError> {
        let Some(bias) = bias else { return Ok(1) };
        let each = self.heads * self.tokens() * self.tokens();
        let groups = bias.len() / each;
        let fits = groups > 0 && self.sequences().is_multiple_of(groups);
        expect_length("bias", if fits { groups * each } else { each }, bias.len())?;
        Ok(groups)
    }
}

/// Multiplications that are worth a task.
const TASK: usize = 512 * 1024;
/// Tasks that share sums of a bias's gradient, at least, if there are sequences enough.
const SHARED: usize = 32;

/// How the heads of all sequences are dealt out to tasks: by the shape alone. A task takes one head and some sequences whose
/// bias is the same.
#[derive(Clone, Copy)]
pub(super) struct Tasks {
    groups: usize,
    heads: usize,
    /// Sequences of a group.
    members: usize,
    /// Tasks of a head of a group.
    pub parts: usize,
}

impl Tasks {
    pub fn new(shape: &AttentionShape, groups: usize, sums_bias: bool) -> Self {
        let members = shape.sequences() / groups;
        let work = 2 * shape.tokens() * shape.tokens() * shape.width;
        let parts = if sums_bias {
            // Each part has sums of its own, of the size of the bias.
            SHARED.div_ceil(groups * shape.heads)
        } else {
            members.div_ceil((TASK / work).max(1))
        };
        Self {
            groups,
            heads: shape.heads,
            members,
            parts: parts.clamp(1, members.max(1)),
        }
    }

    pub fn count(&self) -> usize {
        self.parts * self.groups * self.heads
    }

    /// Part, group, head and the members of the group of a task. Neighbouring tasks are heads of the same sequences.
    pub fn get(&self, task: usize) -> (usize, usize, usize, Range<usize>) {
        let (head, rest) = (task % self.heads, task / self.heads);
        let (group, part) = (rest % self.groups, rest / self.groups);
        let members = part * self.members / self.parts..(part + 1) * self.members / self.parts;
        (part, group, head, members)
    }

    /// The sequence that is a member of a group.
    pub fn sequence(&self, group: usize, member: usize) -> usize {
        member * self.groups + group
    }
}
