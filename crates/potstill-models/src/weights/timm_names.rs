//! timm's names for networks that are built here with torchvision's.
//!
//! timm's `mobilenetv2_100` and `efficientnet_b0` are torchvision's `mobilenet_v2` and `efficientnet_b0` layer
//! by layer (`_gen_mobilenet_v2` and `_gen_efficientnet` in `timm/models/efficientnet.py`): the same order, the
//! same padding, batch norms with the same epsilon. Its MobileNetV3 is not: the batch norms differ.

use std::collections::BTreeSet;

use crate::Model;

/// The network whose file has timm's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    MobileNetV2,
    EfficientNetB0,
}

/// A file that has timm's names.
pub(super) struct Timm(Family);

impl Timm {
    /// Whether `network` has other names in timm, and the file those.
    ///
    /// # Errors
    /// Why the file's network is not this one.
    pub fn find(names: &BTreeSet<&str>, network: &Model) -> Result<Option<Self>, String> {
        let is_timm = ["conv_stem.weight", "blocks.0.0.conv_dw.weight"]
            .into_iter()
            .all(|known| names.iter().any(|name| name.ends_with(known)));
        match network.name() {
            "mobilenet_v2" if is_timm => Ok(Some(Self(Family::MobileNetV2))),
            "efficientnet_b0" if is_timm => Ok(Some(Self(Family::EfficientNetB0))),
            "mobilenet_v3_small" | "mobilenet_v3_large" if is_timm => Err(
                "it has timm's names, and timm's MobileNetV3 is another network than torchvision's, which is built here: its batch \
                 norms add 1e-5 to the variance, torchvision's 0.001. Take torchvision's weights, or export the network to ONNX"
                    .into(),
            ),
            _ => Ok(None),
        }
    }

    /// What the names do not tell.
    pub fn note(&self) -> Option<String> {
        (self.0 == Family::EfficientNetB0).then(|| {
            "timm's names are taken as those of `efficientnet_b0`; weights of `tf_efficientnet_b0` have the same names, and give \
             other results here, where maps are padded alike on both sides"
                .into()
        })
    }

    /// torchvision's name of a tensor; `None` if timm's network has none of this name.
    pub fn ours(&self, name: &str) -> Option<String> {
        if let Some((before, inner)) = split(name, "blocks.") {
            return self.block(inner).map(|own| format!("{before}{own}"));
        }
        let ends = [
            ("conv_stem.", "features.0.0."),
            ("bn1.", "features.0.1."),
            ("conv_head.", self.last(0)),
            ("bn2.", self.last(1)),
            ("classifier.", "classifier.1."),
        ];
        ends.into_iter().find_map(|(theirs, ours)| {
            let (before, own) = split(name, theirs)?;
            Some(format!("{before}{ours}{own}"))
        })
    }

    /// torchvision's name of a tensor of a block, of timm's behind `blocks.`.
    fn block(&self, name: &str) -> Option<String> {
        let mut parts = name.splitn(3, '.');
        let stage: usize = parts.next()?.parse().ok()?;
        let block: usize = parts.next()?.parse().ok()?;
        let (layer, own) = parts.next()?.rsplit_once('.')?;
        let layers = self.layers(stage == 0);
        let (_, layer) = layers.iter().find(|(theirs, _)| *theirs == layer)?;
        let place = match self.0 {
            Family::MobileNetV2 => {
                let earlier: usize = MOBILENET_V2_BLOCKS.get(..stage)?.iter().sum();
                format!("features.{}.conv", 1 + earlier + block)
            }
            Family::EfficientNetB0 => format!("features.{}.{block}.block", stage + 1),
        };
        Some(format!("{place}.{layer}.{own}"))
    }

    /// The convolution and the norm behind the blocks.
    fn last(&self, part: usize) -> &'static str {
        match (self.0, part) {
            (Family::MobileNetV2, 0) => "features.18.0.",
            (Family::MobileNetV2, _) => "features.18.1.",
            (Family::EfficientNetB0, 0) => "features.8.0.",
            (Family::EfficientNetB0, _) => "features.8.1.",
        }
    }

    /// The layers of a block: `(timm's, torchvision's)`. The first block does not widen its map: it begins with
    /// the convolution of each channel by itself.
    fn layers(&self, is_first: bool) -> &'static [(&'static str, &'static str)] {
        match (self.0, is_first) {
            (Family::MobileNetV2, true) => {
                &[("conv_dw", "0.0"), ("bn1", "0.1"), ("conv_pw", "1"), ("bn2", "2")]
            }
            (Family::MobileNetV2, false) => &[
                ("conv_pw", "0.0"),
                ("bn1", "0.1"),
                ("conv_dw", "1.0"),
                ("bn2", "1.1"),
                ("conv_pwl", "2"),
                ("bn3", "3"),
            ],
            (Family::EfficientNetB0, true) => &[
                ("conv_dw", "0.0"),
                ("bn1", "0.1"),
                ("se.conv_reduce", "1.fc1"),
                ("se.conv_expand", "1.fc2"),
                ("conv_pw", "2.0"),
                ("bn2", "2.1"),
            ],
            (Family::EfficientNetB0, false) => &[
                ("conv_pw", "0.0"),
                ("bn1", "0.1"),
                ("conv_dw", "1.0"),
                ("bn2", "1.1"),
                ("se.conv_reduce", "2.fc1"),
                ("se.conv_expand", "2.fc2"),
                ("conv_pwl", "3.0"),
                ("bn3", "3.1"),
            ],
        }
    }
}

/// Blocks of each stage of MobileNetV2.
const MOBILENET_V2_BLOCKS: [usize; 7] = [1, 2, 3, 4, 3, 3, 1];

/// What stands before `part` in a name, a whole number of segments, and what stands behind it.
fn split<'a>(name: &'a str, part: &str) -> Option<(&'a str, &'a str)> {
    let is_segment = |at: &usize| *at == 0 || name[..*at].ends_with(['.', '/']);
    let at = name.match_indices(part).map(|(at, _)| at).find(is_segment)?;
    Some((&name[..at], &name[at + part.len()..]))
}
