//! CIFAR-10 and CIFAR-100 by name.

use crate::dataset_entry::OpenRequest;
use crate::named::first_of;
use crate::open_path::open_path;
use crate::{CifarKind, DataError, Dataset, DatasetEntry, Download, OpenOptions, TargetKind};

pub(crate) const CIFAR10: DatasetEntry = DatasetEntry {
    name: CifarKind::Cifar10.name(),
    targets: &[TargetKind::Class],
    classes: 10,
    shape: [32, 32, 3],
    has_validation: false,
    description: "CIFAR-10, 50,000 and 10,000 photographs; binary or Python version, folder or tar.gz",
    mean: &[0.4914, 0.4822, 0.4465],
    std: &[0.2470, 0.2435, 0.2616],
    licence: "none stated; for research, with a citation of Krizhevsky (2009)",
    downloads: &[
        Download {
            name: "cifar10",
            url: "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
            file: "cifar-10-binary.tar.gz",
            md5: "c32a1d4ab5d03f1284b67883e8d87530",
        },
        Download {
            name: "cifar10-python",
            url: "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
            file: "cifar-10-python.tar.gz",
            md5: "c58f30108f718f92721af3b95e74349a",
        },
    ],
    open: |request| {
        let places = [
            "cifar10",
            "cifar-10-batches-bin",
            "cifar-10-binary.tar.gz",
            "cifar-10-batches-py",
            "cifar-10-python.tar.gz",
        ];
        open(&places, request)
    },
};

pub(crate) const CIFAR100: DatasetEntry = DatasetEntry {
    name: CifarKind::Cifar100.name(),
    targets: &[TargetKind::Class],
    classes: 100,
    shape: [32, 32, 3],
    has_validation: false,
    description: "CIFAR-100 (fine labels), 50,000 and 10,000 photographs; binary or Python version, folder or tar.gz",
    mean: &[0.5071, 0.4865, 0.4409],
    std: &[0.2673, 0.2564, 0.2762],
    licence: "none stated; for research, with a citation of Krizhevsky (2009)",
    downloads: &[
        Download {
            name: "cifar100",
            url: "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
            file: "cifar-100-binary.tar.gz",
            md5: "03b5dce01913d631647c71ecec9e9cb8",
        },
        Download {
            name: "cifar100-python",
            url: "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
            file: "cifar-100-python.tar.gz",
            md5: "eb9058c3a382ffc7106e4002c42a8d85",
        },
    ],
    open: |request| {
        let places = [
            "cifar100",
            "cifar-100-binary",
            "cifar-100-binary.tar.gz",
            "cifar-100-python",
            "cifar-100-python.tar.gz",
        ];
        open(&places, request)
    },
};

fn open(places: &[&str], request: &OpenRequest<'_>) -> Result<Box<dyn Dataset>, DataError> {
    request.options.only(&[])?;
    let path = first_of(request.root, places, "give its path")?;
    open_path(&path, request.split, &OpenOptions::default())
}
