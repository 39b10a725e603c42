//! One run that tells the shape of every tensor of a file.

use crate::{Array, OnnxError, OnnxNetwork, graph::Node, images::pictured};

/// What a survey found.
#[derive(Debug, Clone)]
pub struct Survey {
    /// The shapes of all tensors of floats that keep the batch apart, for one image: name and shape without the batch, in the order
    /// in which the file lists them.
    pub tensors: Vec<(String, Vec<usize>)>,
    /// The size `[C, H, W]` of the images that it was run on.
    pub image: [usize; 3],
    /// Multiply-accumulate operations of the convolutions and matrix products for one image.
    pub macs: u64,
}

/// Numbers of images at once, as many as a file is made for: four hundred of 224x224.
const MOST_NUMBERS: f64 = 64e6;

/// As many images as tell a batch from one image.
const IMAGES: usize = 2;

impl OnnxNetwork {
    /// Runs the file on two grey images of `[C, H, W]` and notes every tensor.
    ///
    /// # Errors
    /// Images that do not fit, an operator that fails on them.
    pub fn survey(&self, [channels, height, width]: [usize; 3]) -> Result<Survey, OnnxError> {
        let count = self.fixed_batch().unwrap_or(IMAGES);
        let images = self.grey(count, [channels, height, width])?;
        self.check(&images.shape)?;
        let found = self.stepwise(&images, &[])?.tensors;
        let tensors: Vec<(String, Vec<usize>)> = self
            .graph
            .computed()
            .filter_map(|name| match found.get(name) {
                Some((shape, true)) => match shape.as_slice() {
                    [rows, rest @ ..] if *rows == count && !rest.is_empty() => {
                        Some((name.to_owned(), rest.to_vec()))
                    }
                    _ => None,
                },
                _ => None,
            })
            .collect();
        let shape_of = |name: &str| {
            let weight = || self.graph.weights.get(name).cloned();
            found.get(name).map(|(shape, _)| shape.clone()).or_else(weight)
        };
        let macs: u64 = self
            .graph
            .nodes
            .iter()
            .map(|node| products(node, &shape_of))
            .sum();
        Ok(Survey {
            image: [channels, height, width],
            tensors,
            macs: macs / count as u64,
        })
    }

    /// Grey images of a size that somebody asks for, and as many as the file states.
    fn grey(&self, count: usize, [channels, height, width]: [usize; 3]) -> Result<Array, OnnxError> {
        let shape = vec![count, channels, height, width];
        let numbers = shape.iter().map(|&size| size as f64).product::<f64>();
        let mut images = Array {
            values: Vec::new(),
            shape,
        };
        if numbers > MOST_NUMBERS {
            return Err(self.failure(
                &images,
                format!("{numbers:.0} numbers of images at once are too many"),
            ));
        }
        images.values = vec![0.0; numbers as usize];
        Ok(images)
    }
}

impl Survey {
    /// The shape of a tensor for one image, without the batch; `None` of one that is no tensor of floats with a row for each image.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        let mut tensors = self.tensors.iter();
        tensors
            .find(|(known, _)| known == name)
            .map(|(_, shape)| shape.as_slice())
    }

    /// The last tensors whose shape is of a kind, in words: ``are `fc` of [10]``.
    pub fn named(&self, is_wanted: impl Fn(&[usize]) -> bool) -> String {
        let wanted = self.tensors.iter().filter(|(_, shape)| is_wanted(shape));
        let rows: Vec<_> = wanted
            .map(|(name, shape)| match shape[..] {
                [size] => format!("`{name}` of {size}"),
                _ => format!("`{name}` of {shape:?}"),
            })
            .collect();
        match rows.len() {
            0 => "is no such tensor".to_owned(),
            count => format!("are {}", rows[count.saturating_sub(4)..].join(", ")),
        }
    }

    /// What a tensor is, and what about that is a problem.
    pub fn said(&self, shape: &[usize], problem: &str) -> String {
        let [channels, height, width] = self.image;
        let image = pictured(&[1, channels, height, width]);
        format!("it is {shape:?} for an image of {image}, {problem}")
    }
}

/// Multiplications of an operator, for the whole batch; 0 for all but convolutions and matrix products.
fn products(node: &Node, shape_of: &dyn Fn(&str) -> Option<Vec<usize>>) -> u64 {
    let shape = |names: &[String], i: usize| names.get(i).and_then(|name| shape_of(name));
    let Some(out) = shape(&node.outputs, 0) else {
        return 0;
    };
    let out: usize = out.iter().product();
    let each = match node.kind.as_str() {
        "Conv" => shape(&node.inputs, 1).map(|weight| weight[1..].iter().product()),
        "MatMul" => shape(&node.inputs, 0).and_then(|rows| rows.last().copied()),
        // The inner size, whichever way round the weight lies: products of all sizes are (n k) (k m) = (n m) k^2.
        "Gemm" => shape(&node.inputs, 0).zip(shape(&node.inputs, 1)).map(|(a, b)| {
            inner_size(
                a.iter()
                    .product::<usize>()
                    .saturating_mul(b.iter().product::<usize>()),
                out,
            )
        }),
        _ => None,
    };
    out.saturating_mul(each.unwrap_or(0)) as u64
}

fn inner_size(products: usize, out: usize) -> usize {
    products.checked_div(out).unwrap_or(0).isqrt()
}
