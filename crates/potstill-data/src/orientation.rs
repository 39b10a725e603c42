//! A word about images that are stored turned.

use crate::decode::Orientation;
use crate::{Dataset, ImageFiles};

/// How many images are looked at.
const LOOKED_AT: usize = 500;

/// What to say where images have an EXIF orientation that is not followed. Of many images some are looked at, evenly
/// spread.
pub(crate) fn orientation_note(images: &ImageFiles) -> Option<String> {
    if images.follows_orientation() {
        return None;
    }
    let count = images.len();
    let looked_at = count.min(LOOKED_AT);
    let is_turned = |index: &usize| {
        images
            .header(*index)
            .is_ok_and(|header| header.orientation != Orientation::UPRIGHT)
    };
    let turned: Vec<usize> = (0..looked_at)
        .map(|at| at * count / looked_at.max(1))
        .filter(is_turned)
        .collect();
    let first = *turned.first()?;
    Some(format!(
        "{}: {} of {looked_at} images that were looked at have an EXIF orientation ({}). They are taken as they are stored, as \
         by torchvision; `data.exif_orientation = true` (`--exif-orientation`) turns them upright",
        images.name(),
        turned.len(),
        images.source(first)
    ))
}
