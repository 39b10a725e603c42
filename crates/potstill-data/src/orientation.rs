//! A word about images that are stored turned.

use crate::decode::{Header, Orientation};
use crate::{DataError, Dataset, ImageFiles};

/// How many images are looked at.
const LOOKED_AT: usize = 500;

/// The first of the images that are stored turned, how many there are, and how many were looked at. Of many images some are looked at,
/// evenly spread.
pub(crate) fn turned_images(
    count: usize,
    header: impl Fn(usize) -> Result<Header, DataError>,
) -> Option<(usize, usize, usize)> {
    let is_turned =
        |index: &usize| header(*index).is_ok_and(|header| header.orientation != Orientation::UPRIGHT);
    let looked_at = count.min(LOOKED_AT);
    let turned: Vec<usize> = (0..looked_at)
        .map(|at| at * count / looked_at.max(1))
        .filter(is_turned)
        .collect();
    Some((*turned.first()?, turned.len(), looked_at))
}

/// What to say where images have an EXIF orientation that is not followed.
pub(crate) fn orientation_note(images: &ImageFiles) -> Option<String> {
    if images.follows_orientation() {
        return None;
    }
    let (first, turned, looked_at) = turned_images(images.len(), |index| images.header(index))?;
    Some(format!(
        "{}: {turned} of {looked_at} images that were looked at have an EXIF orientation ({}). They are taken as they are stored, as \
         by torchvision; `data.exif_orientation = true` (`--exif-orientation`) turns them upright",
        images.name(),
        images.source(first)
    ))
}
