//! What a file does with pixels before the network: degradation, order of channels, normalisation.

use potstill_onnx::write::{Attribute, GraphWriter};

/// How a degraded image gets its old size back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enlargement {
    /// Every pixel repeated.
    Nearest,
    /// Bilinear, the pixels' centres in line.
    Bilinear,
}

/// What becomes of pixels in `[0, 1]`, `[N, C, H, W]` of red, green, blue, before they are shown to the network.
#[derive(Debug, Clone, PartialEq)]
pub struct PixelInput {
    /// Height and width of the images that are given.
    pub size: [usize; 2],
    /// Squares of so many pixels along each side are averaged; 1 where nothing is degraded.
    pub shrink: usize,
    /// How the averages become an image of the old size; `None` where they stay small.
    pub enlargement: Option<Enlargement>,
    /// Whether the channels are put into the reverse order.
    pub reversed: bool,
    /// Subtracted from each channel, in the new order.
    pub mean: Vec<f32>,
    /// Divides each channel.
    pub std: Vec<f32>,
}

impl PixelInput {
    /// Whether the operators are those for images of this size.
    pub(super) fn is_sized(&self) -> bool {
        self.shrink > 1
    }

    /// Writes the operators, and gives the tensor that the network is shown.
    pub(super) fn lower(&self, images: String, graph: &mut GraphWriter) -> String {
        let mut x = images;
        if self.shrink > 1 {
            x = self.degraded(&x, graph);
        }
        if self.reversed {
            let order: Vec<i64> = (0..self.mean.len() as i64).rev().collect();
            let order = graph.list(&order);
            x = graph.node(
                "Gather",
                &[&x, &order],
                vec![Attribute::Int("axis", 1)],
                "reversed",
            );
        }
        let shape = [self.mean.len(), 1, 1];
        let inverse: Vec<f32> = self.std.iter().map(|std| 1.0 / std).collect();
        let mean = graph.floats("mean", &shape, &self.mean);
        let inverse = graph.floats("inverse_std", &shape, &inverse);
        x = graph.node("Sub", &[&x, &mean], vec![], "centred");
        graph.node("Mul", &[&x, &inverse], vec![], "normalised")
    }

    fn degraded(&self, x: &str, graph: &mut GraphWriter) -> String {
        let window = [self.shrink; 2];
        let attributes = vec![
            Attribute::sizes("kernel_shape", &window),
            Attribute::sizes("strides", &window),
        ];
        let small = graph.node("AveragePool", &[x], attributes, "degraded");
        let Some(enlargement) = self.enlargement else {
            return small;
        };
        let factor = self.shrink as f32;
        let scales = graph.floats("scales", &[4], &[1.0, 1.0, factor, factor]);
        let attributes = match enlargement {
            Enlargement::Nearest => vec![
                Attribute::Text("mode", "nearest"),
                Attribute::Text("coordinate_transformation_mode", "asymmetric"),
                Attribute::Text("nearest_mode", "floor"),
            ],
            Enlargement::Bilinear => vec![
                Attribute::Text("mode", "linear"),
                Attribute::Text("coordinate_transformation_mode", "half_pixel"),
            ],
        };
        graph.node("Resize", &[&small, "", &scales], attributes, "enlarged")
    }
}
