//! Tensors of an ONNX file, seen as maps, channels last.

use burn::tensor::{Device, Tensor, TensorData};
use potstill_onnx::Array;

/// How a tensor is seen as a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    /// `[C, H, W]`.
    Map([usize; 3]),
    /// `[skipped + side * side, C]`.
    Tokens {
        skipped: usize,
        side: usize,
        channels: usize,
    },
    /// `[C]`.
    Embedding(usize),
}

impl View {
    /// How a tensor of this shape (the batch left out) is seen; none if it is no map.
    pub fn of(shape: &[usize]) -> Option<Self> {
        match *shape {
            [c, h, w] => Some(Self::Map([c, h, w])),
            [tokens, channels] => [0, 1].into_iter().find_map(|skipped| {
                let side = tokens.checked_sub(skipped)?.isqrt();
                (side > 0 && skipped + side * side == tokens).then_some(Self::Tokens {
                    skipped,
                    side,
                    channels,
                })
            }),
            [channels] => Some(Self::Embedding(channels)),
            _ => None,
        }
    }

    /// The size `[H, W, C]` of the map.
    pub fn size(self) -> [usize; 3] {
        match self {
            Self::Map([c, h, w]) => [h, w, c],
            Self::Tokens { side, channels, .. } => [side, side, channels],
            Self::Embedding(channels) => [1, 1, channels],
        }
    }

    /// The map `[N, H, W, C]`.
    pub fn map(self, array: &Array, device: &Device) -> Tensor<4> {
        let count = array.shape.first().copied().unwrap_or(0);
        let [h, w, c] = self.size();
        let values = array.values.clone();
        match self {
            Self::Map(_) => Tensor::<4>::from_data(TensorData::new(values, [count, c, h, w]), device)
                .permute([0, 2, 3, 1]),
            Self::Tokens { skipped, side, .. } => {
                let tokens = side * side;
                Tensor::<3>::from_data(TensorData::new(values, [count, skipped + tokens, c]), device)
                    .narrow(1, skipped, tokens)
                    .reshape([count, h, w, c])
            }
            Self::Embedding(_) => Tensor::from_data(TensorData::new(values, [count, 1, 1, c]), device),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::View;

    #[test]
    fn tokens_of_a_square_are_a_map() {
        let size = |shape: &[usize]| View::of(shape).map(View::size);
        assert_eq!(size(&[8, 4, 6]), Some([4, 6, 8]));
        assert_eq!(size(&[196, 384]), Some([14, 14, 384]));
        assert_eq!(size(&[197, 384]), Some([14, 14, 384]));
        assert_eq!(size(&[198, 384]), None);
        assert_eq!(size(&[1, 5]), Some([1, 1, 5]));
        assert_eq!(size(&[64]), Some([1, 1, 64]));
        assert_eq!(size(&[12, 197, 197, 3]), None);
    }
}
