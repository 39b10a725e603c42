//! MNIST by name.

use crate::dataset_entry::OpenRequest;
use crate::named::first_of;
use crate::{DataError, Dataset, DatasetEntry, MnistIdx, TargetKind};

pub(crate) const MNIST: DatasetEntry = DatasetEntry {
    name: "mnist",
    targets: &[TargetKind::Class],
    classes: 10,
    shape: [28, 28, 1],
    has_validation: false,
    description: "MNIST, 60,000 and 10,000 digits; IDX files, also gzipped; option channels (1 or 3)",
    mean: &[0.1307],
    std: &[0.3081],
    licence: "CC BY-SA 3.0 (as commonly given)",
    downloads: &[],
    open,
};

fn open(request: &OpenRequest<'_>) -> Result<Box<dyn Dataset>, DataError> {
    request.options.only(&["channels"])?;
    let mut channels = 1usize;
    request.options.number("channels", &mut channels)?;
    let folder = first_of(
        request.root,
        &["mnist", "MNIST/raw", "MNIST"],
        "put the four IDX files of MNIST there",
    )?;
    let mnist = MnistIdx::from_folder(&folder, request.split)?;
    match channels {
        1 => Ok(Box::new(mnist)),
        3 => Ok(Box::new(mnist.with_three_channels())),
        _ => Err(DataError::DatasetOption {
            dataset: MNIST.name.to_owned(),
            option: format!("channels={channels}"),
            problem: "is either 1 or 3".to_owned(),
            nearest: None,
        }),
    }
}
