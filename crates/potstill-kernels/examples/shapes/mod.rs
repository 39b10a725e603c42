//! The convolutions that are timed: those of small residual networks, depthwise ones, and some of larger images.

use potstill_kernels::ConvShape;

/// Images of a batch.
pub const IMAGES: usize = 16;

/// The shapes, in the order of the tables.
pub fn shapes() -> Vec<ConvShape> {
    let conv = |size, c_in, c_out, kernel, stride| {
        ConvShape::new(IMAGES, [size; 2], c_in, c_out, kernel).with_stride_padding(stride, kernel / 2)
    };
    let patches = |size, c_in, c_out, side| {
        ConvShape::new(IMAGES, [size; 2], c_in, c_out, side).with_stride_padding(side, 0)
    };
    vec![
        conv(32, 3, 16, 3, 1),
        conv(32, 16, 16, 3, 1),
        conv(32, 16, 32, 3, 2),
        conv(16, 32, 32, 3, 1),
        conv(16, 32, 64, 3, 2),
        conv(8, 64, 64, 3, 1),
        conv(32, 32, 32, 3, 1),
        conv(32, 64, 64, 3, 1),
        conv(32, 64, 128, 3, 2),
        conv(16, 128, 128, 3, 1),
        conv(8, 256, 256, 3, 1),
        conv(4, 512, 512, 3, 1),
        conv(56, 64, 64, 3, 1),
        conv(7, 512, 512, 3, 1),
        conv(32, 32, 64, 1, 1),
        conv(16, 128, 256, 1, 1),
        conv(16, 128, 256, 1, 2),
        conv(8, 256, 1024, 1, 1),
        conv(224, 3, 64, 7, 2),
        patches(224, 3, 192, 16),
        patches(224, 3, 96, 4),
        patches(28, 192, 384, 2),
        conv(32, 64, 64, 3, 1).with_groups(64),
        conv(28, 96, 96, 3, 2).with_groups(96),
        conv(16, 96, 96, 3, 1).with_groups(96),
    ]
}

/// A shape in a few letters.
pub fn name(shape: &ConvShape) -> String {
    let [k, _] = shape.kernel;
    let groups = if shape.groups > 1 { " depthwise" } else { "" };
    let (stride, c_in, c_out, size) = (shape.stride[0], shape.c_in, shape.c_out, shape.h);
    format!("{k}x{k} s{stride} {c_in}->{c_out} @{size}{groups}")
}

/// Numbers to compute with.
pub fn numbers(len: usize) -> Vec<f32> {
    (0..len).map(|i| ((i * 37 % 101) as f32 - 50.0) / 50.0).collect()
}
