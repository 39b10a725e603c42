//! What a detector gives for some images of a batch: those whose objects are known.

use potstill_ops::select_places;

use super::{
    BoxMaps, CellDetections, CellMaps, DefaultBoxDetections, DenseDetections, DenseLevelOutputs, Detections,
    RegionDetections,
};
use crate::Proposed;

impl Detections {
    /// Those of the images at these places of the batch, in this order.
    pub(crate) fn of_images(&self, places: &[usize]) -> Self {
        match self {
            Self::Regions(regions) => Self::Regions(regions.of_images(places)),
            Self::Dense(dense) => Self::Dense(dense.of_images(places)),
            Self::Cells(cells) => Self::Cells(cells.of_images(places)),
            Self::DefaultBoxes(boxes) => Self::DefaultBoxes(boxes.of_images(places)),
            Self::Places(own) => Self::Places(own.of_images(places)),
        }
    }
}

impl RegionDetections {
    /// What its heads leave behind goes to the same place as that of the whole batch.
    fn of_images(&self, places: &[usize]) -> Self {
        let proposed = self.proposed.iter().map(|level| Proposed {
            objectness: select_places(level.objectness.clone(), places),
            codes: select_places(level.codes.clone(), places),
        });
        Self {
            maps: self
                .maps
                .iter()
                .map(|map| select_places(map.clone(), places))
                .collect(),
            proposed: proposed.collect(),
            ..self.clone()
        }
    }
}

impl DenseDetections {
    fn of_images(&self, places: &[usize]) -> Self {
        let levels = self.levels.iter().map(|level| DenseLevelOutputs {
            size: level.size,
            logits: select_places(level.logits.clone(), places),
            codes: select_places(level.codes.clone(), places),
            centerness: level
                .centerness
                .as_ref()
                .map(|own| select_places(own.clone(), places)),
        });
        Self {
            levels: levels.collect(),
            ..self.clone()
        }
    }
}

impl CellDetections {
    fn of_images(&self, places: &[usize]) -> Self {
        let cells = CellMaps {
            objectness: select_places(self.cells.objectness.clone(), places),
            codes: select_places(self.cells.codes.clone(), places),
            logits: select_places(self.cells.logits.clone(), places),
        };
        Self {
            cells,
            ..self.clone()
        }
    }
}

impl DefaultBoxDetections {
    fn of_images(&self, places: &[usize]) -> Self {
        let maps = self.maps.iter().map(|map| BoxMaps {
            size: map.size,
            logits: select_places(map.logits.clone(), places),
            codes: select_places(map.codes.clone(), places),
        });
        Self {
            maps: maps.collect(),
            ..self.clone()
        }
    }
}
