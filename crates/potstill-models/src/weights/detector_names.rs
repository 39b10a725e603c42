//! What older files of torchvision call the tensors of detectors.
//!
//! | now | before |
//! |---|---|
//! | `rpn.head.conv.0.0.weight` | `rpn.head.conv.weight` |
//! | `roi_heads.mask_head.0.0.weight` … `3.0` | `roi_heads.mask_head.mask_fcn1.weight` … `mask_fcn4` |
//! | `head.classification_head.conv.0.0.weight` … `3.0` (RetinaNet) | `head.classification_head.conv.0.weight`, `.2`, `.4`, `.6` |
//! | `head.regression_head.conv.0.0.weight` … `3.0` (RetinaNet) | the same |

use std::collections::BTreeSet;

/// The present name of a tensor that has an older one; none if `known`, the names of the network, has it as it is, or does not have the
/// present one either. Whatever stands before the detector's own name stays.
pub(super) fn present_name(name: &str, known: &BTreeSet<String>) -> Option<String> {
    ["rpn.", "roi_heads.", "head."].into_iter().find_map(|part| {
        let at = name
            .find(part)
            .filter(|at| *at == 0 || name[..*at].ends_with('.'))?;
        let (before, own) = name.split_at(at);
        let present = renamed(own).filter(|present| !known.contains(own) && known.contains(present))?;
        Some(format!("{before}{present}"))
    })
}

/// An older name with its places as they are counted now.
fn renamed(own: &str) -> Option<String> {
    if let Some(kind) = own.strip_prefix("rpn.head.conv.") {
        return Some(format!("rpn.head.conv.0.0.{kind}"));
    }
    if let Some(rest) = own.strip_prefix("roi_heads.mask_head.mask_fcn") {
        let (place, kind) = rest.split_once('.')?;
        let place = place.parse::<usize>().ok()?.checked_sub(1)?;
        return Some(format!("roi_heads.mask_head.{place}.0.{kind}"));
    }
    let (head, rest) = own.split_once(".conv.")?;
    let (place, kind) = rest.split_once('.')?;
    // A ReLU stood behind each convolution.
    let place = place.parse::<usize>().ok().filter(|place| place % 2 == 0)? / 2;
    Some(format!("{head}.conv.{place}.0.{kind}"))
}

#[cfg(test)]
mod tests {
    use super::present_name;

    #[test]
    fn older_names_are_told() {
        let known = [
            "rpn.head.conv.0.0.weight",
            "roi_heads.mask_head.3.0.bias",
            "head.regression_head.conv.2.0.weight",
        ];
        let known = known.map(String::from).into();
        let present = |name: &str| present_name(name, &known);
        let is = |name: &str| Some(name.to_owned());
        assert_eq!(present("rpn.head.conv.weight"), is("rpn.head.conv.0.0.weight"));
        assert_eq!(
            present("model.roi_heads.mask_head.mask_fcn4.bias"),
            is("model.roi_heads.mask_head.3.0.bias")
        );
        assert_eq!(
            present("head.regression_head.conv.4.weight"),
            is("head.regression_head.conv.2.0.weight")
        );
        // Present names, those of other networks, and what is no place of a convolution.
        for name in [
            "rpn.head.conv.0.0.weight",
            "rpn.head.conv.bias",
            "head.regression_head.conv.3.weight",
            "roi_heads.mask_head.mask_fcn0.bias",
        ] {
            assert_eq!(present(name), None, "{name}");
        }
    }

    /// The convolutions of FCOS stand where RetinaNet's stood before.
    #[test]
    fn a_name_that_the_network_has_stays() {
        let known = ["head.a.conv.0.weight", "head.a.conv.0.0.weight"];
        let known = known.map(String::from).into();
        assert_eq!(present_name("head.a.conv.0.weight", &known), None);
    }
}
