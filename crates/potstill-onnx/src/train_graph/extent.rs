//! Whether the steps of a network are the same for images of another size.

use super::{Step, TrainGraph, source::GraphSource};

impl TrainGraph {
    /// Whether images of this size `[H, W]` take the same steps. The file is read again for that size: who states sizes, pools a whole map by a
    /// window, or adds places to it, takes other steps, or none at all.
    pub fn takes_size(&self, [height, width]: [usize; 2]) -> bool {
        let [own_height, own_width, channels] = self.image;
        if [height, width] == [own_height, own_width] {
            return true;
        }
        let source = GraphSource::of_kept(&self.skeleton, &self.file).map(GraphSource::with_open_size);
        let read = Self::of(source, &self.file, None, [height, width, channels]);
        let read = read.and_then(|read| read.for_classes(self.classes));
        read.is_ok_and(|read| read.layers == self.layers && are_alike(&read.steps, &self.steps))
    }
}

/// Whether steps do the same; the sizes of maps between them may differ.
fn are_alike(these: &[Step], those: &[Step]) -> bool {
    let pairs = these.iter().zip(those);
    these.len() == those.len()
        && pairs
            .into_iter()
            .all(|(a, b)| (&a.op, &a.inputs, a.output) == (&b.op, &b.inputs, b.output))
}
