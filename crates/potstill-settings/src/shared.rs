//! The settings that several crates share.

use crate::choice;

choice! {
    /// In what numbers are computed or kept.
    pub enum Precision = Single {
        /// Single precision, 32 bits.
        Single = "single",
        /// Half precision, 16 bits. Numbers beyond 65504 become infinite.
        Half = "half",
    }
}

choice! {
    /// By which statistics batch norms normalise.
    pub enum BatchNorms = Running {
        /// The running ones, which came with the weights: evaluation mode.
        Running = "running",
        /// Those of the batch, as in a PyTorch network in training mode. The running ones do not move.
        Batch = "batch",
    }
}

choice! {
    /// What a block of a ResNet for CIFAR adds where the map's size changes (He et al. 2015, section 4.2).
    pub enum Shortcut {
        /// Option A: every second row and column, with zeros for half of the new channels before and half
        /// after. It has no parameters.
        Subsample = "a",
        /// Option B: a 1x1 convolution with batch norm.
        Projection = "b",
    }
}

choice! {
    /// Whether the last layer of a network starts from a file of weights as all others do.
    pub enum HeadWeights = Kept {
        /// It has the file's weights, which must be there and fit.
        Kept = "kept",
        /// It starts anew, for other classes. The file's is left out.
        New = "new",
    }
}

choice! {
    /// In which order a network takes the colours of a pixel.
    pub enum ChannelOrder = Rgb {
        /// Red, green, blue.
        Rgb = "rgb",
        /// Blue, green, red.
        Bgr = "bgr",
    }
}

#[cfg(test)]
mod tests {
    use super::{BatchNorms, ChannelOrder, HeadWeights, Precision, Shortcut};
    use crate::Choice;

    /// Text, serde and the list of names agree on every value.
    fn assert_one_spelling<C>()
    where
        C: Choice + std::str::FromStr + std::fmt::Display + std::fmt::Debug,
        C: serde::Serialize + serde::de::DeserializeOwned,
    {
        assert_eq!(C::ALL.len(), C::NAMES.len());
        for (&value, named) in C::ALL.iter().zip(C::NAMES) {
            assert_eq!(value.name(), named.name);
            assert_eq!(value.to_string(), named.name);
            assert_eq!(named.name.parse().ok(), Some(value));
            let json = serde_json::to_string(&value).expect("a name is JSON");
            assert_eq!(json, format!("\"{}\"", named.name));
            assert_eq!(serde_json::from_str::<C>(&json).ok(), Some(value));
            assert!(
                named.about.ends_with('.') && !named.about.starts_with(' '),
                "{named:?}"
            );
        }
    }

    #[test]
    fn every_value_has_one_spelling() {
        assert_one_spelling::<Precision>();
        assert_one_spelling::<BatchNorms>();
        assert_one_spelling::<Shortcut>();
        assert_one_spelling::<ChannelOrder>();
        assert_one_spelling::<HeadWeights>();
    }

    #[test]
    fn a_foreign_name_is_refused_with_all_that_there_are() {
        let error = serde_json::from_str::<Shortcut>("\"c\"").expect_err("there is no option C");
        assert!(
            error
                .to_string()
                .starts_with("unknown variant `c`, expected `a` or `b`"),
            "{error}"
        );
        let error = "Half"
            .parse::<Precision>()
            .expect_err("names are in small letters");
        assert_eq!(error.to_string(), "must be one of `single`, `half`, not `Half`");
    }

    #[test]
    fn defaults_are_what_a_network_does_unasked() {
        assert_eq!(Precision::default(), Precision::Single);
        assert_eq!(BatchNorms::default(), BatchNorms::Running);
        assert_eq!(HeadWeights::default(), HeadWeights::Kept);
    }
}
