//! Classes of images that are not the names of their folders: from a table, or from a small file beside each image.

mod siblings;
mod table;

use crate::layout::Layout;
use crate::natural_order;

/// The classes of files, and what there is to say about them.
pub(crate) struct Labelled {
    pub layout: Layout,
    pub notes: Vec<String>,
}

/// By class, then in natural order of the paths.
fn sorted(mut images: Vec<(usize, u32)>, names: &[String]) -> Vec<(usize, u32)> {
    images.sort_by(|a, b| {
        let by_path = || natural_order::compare(&names[a.0], &names[b.0]);
        a.1.cmp(&b.1).then_with(by_path)
    });
    images
}
