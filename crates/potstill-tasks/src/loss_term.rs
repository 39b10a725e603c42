//! One term of a loss.

use burn::tensor::Tensor;

/// One term of the loss, or a metric that is logged beside it.
#[derive(Debug, Clone)]
pub struct LossTerm {
    /// The name in logs and metrics. That of a method's term begins with the name of the method's entry in the recipe; if it does not,
    /// the entry's name is put in front of it: `mine.mse`.
    pub name: String,
    /// A tensor with one element.
    pub value: Tensor<1>,
    /// A factor at this moment (a ramp), besides the weight in the recipe; `None` for a metric, which no gradient comes from.
    pub factor: Option<f64>,
}

impl LossTerm {
    /// A term that gradients come from.
    pub fn loss(name: impl Into<String>, value: Tensor<1>) -> Self {
        let (name, factor) = (name.into(), Some(1.0));
        Self { name, value, factor }
    }

    /// The same with a factor of the method's own.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        let factor = self.factor.map(|_| factor);
        Self { factor, ..self }
    }

    /// A metric.
    pub fn metric(name: impl Into<String>, value: Tensor<1>) -> Self {
        Self {
            name: name.into(),
            value,
            factor: None,
        }
    }
}
