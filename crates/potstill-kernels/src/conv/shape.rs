//! The shape of a two-dimensional convolution, and the lengths of the slices that go with it.

use crate::KernelError;
use crate::error::expect_length;

/// A convolution of `[n, h, w, c_in]` with weights `[c_out, c_in / groups, kh, kw]` to `[n, oh, ow, c_out]`.
/// Pairs are `[vertical, horizontal]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConvShape {
    /// Images in the batch; may be zero.
    pub n: usize,
    /// Input height.
    pub h: usize,
    /// Input width.
    pub w: usize,
    /// Input channels.
    pub c_in: usize,
    /// Output channels.
    pub c_out: usize,
    /// Kernel size.
    pub kernel: [usize; 2],
    /// Step of the kernel over the input.
    pub stride: [usize; 2],
    /// Zeros around the input, on both sides.
    pub padding: [usize; 2],
    /// Distance of kernel taps in the input.
    pub dilation: [usize; 2],
    /// Groups of channels that do not mix.
    pub groups: usize,
}

impl ConvShape {
    /// A square kernel with stride 1, no padding, no dilation, one group.
    pub fn new(n: usize, [h, w]: [usize; 2], c_in: usize, c_out: usize, kernel: usize) -> Self {
        Self {
            n,
            h,
            w,
            c_in,
            c_out,
            kernel: [kernel; 2],
            stride: [1; 2],
            padding: [0; 2],
            dilation: [1; 2],
            groups: 1,
        }
    }

    /// The same with this stride and padding in both directions.
    #[must_use]
    pub fn with_stride_padding(self, stride: usize, padding: usize) -> Self {
        Self {
            stride: [stride; 2],
            padding: [padding; 2],
            ..self
        }
    }

    /// The same with this many groups.
    #[must_use]
    pub fn with_groups(self, groups: usize) -> Self {
        Self { groups, ..self }
    }

    /// Output height and width: `(size + 2 padding - dilation (kernel - 1) - 1) / stride + 1`; zero where the kernel does
    /// not fit.
    pub fn out_size(&self) -> [usize; 2] {
        let size = [self.h, self.w];
        std::array::from_fn(|d| {
            let reach = self.dilation[d] * self.kernel[d].saturating_sub(1) + 1;
            let room = size[d] + 2 * self.padding[d];
            if room < reach || self.stride[d] == 0 {
                0
            } else {
                (room - reach) / self.stride[d] + 1
            }
        })
    }

    /// Elements of the input.
    pub fn input_len(&self) -> usize {
        self.n * self.h * self.w * self.c_in
    }

    /// Elements of the output.
    pub fn output_len(&self) -> usize {
        let [oh, ow] = self.out_size();
        self.n * oh * ow * self.c_out
    }

    /// Elements of the weights.
    pub fn weight_len(&self) -> usize {
        self.c_out * (self.c_in / self.groups) * self.kernel[0] * self.kernel[1]
    }

    /// Floating-point operations of one pass (forward, or either gradient): two per multiply-add, taps that fall on the
    /// padding included.
    pub fn flops(&self) -> u64 {
        let per_output = self.c_in / self.groups.max(1) * self.kernel[0] * self.kernel[1];
        2 * self.output_len() as u64 * per_output as u64
    }

    /// Checks that this describes a convolution.
    ///
    /// # Errors
    /// [`KernelError::Shape`] when a size that must be positive is zero, channels do not divide into the groups, the kernel
    /// is larger than the padded input, or an element count overflows.
    pub fn validate(&self) -> Result<(), KernelError> {
        let fail = |reason: String| Err(KernelError::Shape { reason });
        let positive = [
            ("h", self.h),
            ("w", self.w),
            ("c_in", self.c_in),
            ("c_out", self.c_out),
            ("kernel", self.kernel[0].min(self.kernel[1])),
            ("stride", self.stride[0].min(self.stride[1])),
            ("dilation", self.dilation[0].min(self.dilation[1])),
            ("groups", self.groups),
        ];
        if let Some((name, _)) = positive.iter().find(|(_, value)| *value == 0) {
            return fail(format!("{name} is zero"));
        }
        if !self.c_in.is_multiple_of(self.groups) || !self.c_out.is_multiple_of(self.groups) {
            let Self {
                c_in, c_out, groups, ..
            } = self;
            return fail(format!(
                "{groups} groups do not divide {c_in} input and {c_out} output channels"
            ));
        }
        if self.overflows() {
            return fail("a size or an element count overflows".to_owned());
        }
        if self.out_size().contains(&0) {
            let Self {
                kernel,
                dilation,
                padding,
                h,
                w,
                ..
            } = self;
            return fail(format!(
                "kernel {kernel:?} with dilation {dilation:?} does not fit input {h}x{w} with padding {padding:?}"
            ));
        }
        Ok(())
    }

    /// Whether the batch has no image.
    pub(crate) fn is_empty(&self) -> bool {
        self.n == 0
    }

    /// Whether every channel is a group of its own.
    pub(crate) fn is_depthwise(&self) -> bool {
        self.groups > 1 && self.groups == self.c_in && self.groups == self.c_out
    }

    /// A pointwise convolution sees no neighbours: its pixels may be cut into rows freely. The same convolution with rows of
    /// a length that suits the tiles, all images in one.
    pub(crate) fn flattened(self) -> Self {
        /// Long enough for any tile, short enough for many tasks.
        const LONGEST_ROW: usize = 256;
        let pointwise = self.kernel == [1, 1] && self.stride == [1, 1] && self.padding == [0, 0];
        let pixels = self.n * self.h * self.w;
        if !pointwise || pixels == 0 {
            return self;
        }
        let w = (1..=LONGEST_ROW.min(pixels))
            .rev()
            .find(|w| pixels.is_multiple_of(*w))
            .unwrap_or(1);
        if w <= self.w {
            self
        } else {
            Self {
                n: 1,
                h: pixels / w,
                w,
                ..self
            }
        }
    }

    /// Checks the shape, and the slices of one pass: name, expected and actual length.
    pub(crate) fn check<const N: usize>(
        &self,
        slices: impl FnOnce(&Self) -> [(&'static str, usize, usize); N],
    ) -> Result<(), KernelError> {
        self.validate()?;
        slices(self)
            .into_iter()
            .try_for_each(|(name, expected, got)| expect_length(name, expected, got))
    }

    /// Whether any length, or twice any padded size, is beyond `isize` (with room for packing).
    fn overflows(&self) -> bool {
        let product = |factors: &[usize]| {
            factors
                .iter()
                .try_fold(64_usize, |product, &f| product.checked_mul(f))
        };
        let reach = |d: usize| self.dilation[d].checked_mul(self.kernel[d]);
        let padded = |d: usize, size: usize| {
            let size = self.padding[d].checked_mul(2).and_then(|p| p.checked_add(size));
            size.zip(reach(d))
                .and_then(|(a, b)| a.checked_add(b))
                .and_then(|s| s.checked_add(self.stride[d]))
        };
        let (Some(h), Some(w)) = (padded(0, self.h), padded(1, self.w)) else {
            return true;
        };
        let channels = self.c_in.max(self.c_out);
        let lengths = [
            product(&[self.n.max(1), h, w, channels]),
            product(&[self.c_in, self.c_out, self.kernel[0], self.kernel[1]]),
            product(&[self.stride[0], self.stride[1], self.kernel[0], self.kernel[1]]),
        ];
        lengths.iter().any(|l| l.is_none_or(|l| l > isize::MAX as usize))
    }
}
