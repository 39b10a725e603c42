//! Drawn shapes by name.

use crate::{DatasetEntry, Shapes, ShapesOptions, TargetKind};

pub(crate) const SHAPES: DatasetEntry = DatasetEntry {
    name: "shapes",
    targets: &[
        TargetKind::Class,
        TargetKind::Classes,
        TargetKind::Boxes,
        TargetKind::Instances,
        TargetKind::Map,
    ],
    classes: 12,
    shape: [32, 32, 3],
    has_validation: false,
    description: "drawn shapes on clutter, made on the fly; options size, classes, figures (several in a picture), train, test, seed",
    mean: &[0.5, 0.5, 0.5],
    std: &[0.24, 0.24, 0.24],
    licence: "none needed: the pictures are computed",
    downloads: &[],
    open: |request| {
        let options = ShapesOptions::parse(request.options)?;
        Ok(Box::new(Shapes::new(options, request.split, request.target)?))
    },
};

/// Drawn scenes for detection and segmentation: the same painter with other settings where nothing is said.
pub(crate) const SHAPES_SCENES: DatasetEntry = DatasetEntry {
    name: "shapes-scenes",
    targets: &[
        TargetKind::Boxes,
        TargetKind::Instances,
        TargetKind::Map,
        TargetKind::Classes,
    ],
    classes: 6,
    shape: [96, 96, 3],
    has_validation: false,
    description: "drawn scenes of several shapes with boxes, masks and label maps, made on the fly; options size, classes, objects, train, test, seed",
    licence: "none needed: the pictures are computed",
    open: |request| {
        let options = ShapesOptions::parse_scenes(request.options)?;
        let scenes = Shapes::new(options, request.split, request.target);
        Ok(Box::new(scenes.map_err(ShapesOptions::in_words_of_scenes)?))
    },
    ..SHAPES
};
