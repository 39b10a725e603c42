//! Files of images in class folders, `[SPLIT/]CLASS/FILE`, as `ImageFolder` of torchvision; in a folder or an archive.

use std::path::Path;

use crate::class_order::difference;
use crate::dataset::name_of;
use crate::decode::{Header, decode_with};
use crate::file_store::{FileStore, Listed, StoredFile};
use crate::labelled::Labelled;
use crate::layout::{self, Layout};
use crate::orientation::orientation_note;
use crate::{
    DataError, Dataset, DatasetInfo, DecodeOptions, LeftOut, LeftOutReason, OpenOptions, Sample, Split,
    Target, TargetKind,
};

/// Files of images with their classes, read and decoded when asked for. Every image has three channels.
///
/// ```no_run
/// use potstill_data::{Dataset, ImageFiles, OpenOptions, Split};
/// // pets/train/cat/1.jpg, pets/train/dog/1.webp, ...; also in pets.tar, pets.tar.gz, pets.tar.xz and pets.zip
/// let pets = ImageFiles::open("pets".as_ref(), Split::Train, &OpenOptions::default())?;
/// println!("{} images of {}", pets.len(), pets.classes().join(", "));
/// # Ok::<(), potstill_data::DataError>(())
/// ```
#[derive(Debug)]
pub struct ImageFiles {
    info: DatasetInfo,
    store: FileStore,
    images: Vec<(StoredFile, u32)>,
    decode: DecodeOptions,
}

impl ImageFiles {
    /// Lists the images of a split. Without folders named `train`, `test` or `val` all images belong to either split.
    ///
    /// # Errors
    /// Where a folder cannot be listed or an archive is broken (with the member and the byte), the split is not there,
    /// no class has an image, or the classes are not those of the order that is asked for.
    pub fn open(path: &Path, split: Split, options: &OpenOptions) -> Result<Self, DataError> {
        let Listed {
            store,
            files,
            dead_links,
        } = FileStore::list(path)?;
        let names: Vec<String> = files.iter().map(|file| file.name.clone()).collect();
        let Labelled { layout, notes } = match &options.labels {
            Some(table) => Labelled::by_table(table, path, &names, split, options.class_order.as_ref())?,
            None => match Labelled::by_siblings(&store, &files, options.class_order.as_ref())? {
                Some(labelled) => labelled,
                None => by_folders(path, &names, split, options)?,
            },
        };
        let Layout {
            classes,
            images,
            left_out,
            has_splits,
        } = layout;
        let mut told = LeftOut::default();
        for (reason, at) in left_out {
            told.add(reason, names[at].clone());
        }
        for link in dead_links {
            told.add(LeftOutReason::DeadLink, link);
        }
        let mut info = DatasetInfo::new(name_of(path, split), TargetKind::Class, classes)
            .with_left_out(told)
            .with_splits(has_splits || is_split_file(path, split));
        info.notes.extend(notes);
        let images = images.into_iter().map(|(at, label)| (files[at].clone(), label));
        let mut opened = Self {
            images: images.collect(),
            decode: options.decode,
            store,
            info,
        };
        let note = orientation_note(&opened);
        opened.info.notes.extend(note);
        Ok(opened)
    }

    /// What the header of an image says.
    pub(crate) fn header(&self, index: usize) -> Result<Header, DataError> {
        self.in_range(index)?;
        self.store.header(&self.images[index].0, &self.decode)
    }

    /// Whether images are turned as their EXIF orientation says.
    pub(crate) fn follows_orientation(&self) -> bool {
        self.decode.exif_orientation
    }
}

/// Whether a path is one of `train.tar` and `test.tar`, or of the folders `train` and `test`.
fn is_split_file(path: &Path, split: Split) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.split('.').next().unwrap_or_default();
    split.folders().contains(&stem)
}

fn by_folders(
    path: &Path,
    names: &[String],
    split: Split,
    options: &OpenOptions,
) -> Result<Labelled, DataError> {
    let order = options.class_order.as_ref();
    let layout = layout::arrange(names, split, order)
        .map_err(|reason| DataError::format(path, format!("{} files", names.len()), reason.problem(split)))?;
    let note = match order {
        None => difference(&name_of(path, split), &layout.classes),
        Some(_) => None,
    };
    Ok(Labelled {
        layout,
        notes: note.into_iter().collect(),
    })
}

impl Dataset for ImageFiles {
    fn info(&self) -> &DatasetInfo {
        &self.info
    }

    fn len(&self) -> usize {
        self.images.len()
    }

    fn target(&self, index: usize) -> Result<Target, DataError> {
        self.in_range(index)?;
        Ok(Target::Class(self.images[index].1))
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        let target = self.target(index)?;
        let bytes = self.store.read(&self.images[index].0)?;
        let image = decode_with(&bytes, &self.source(index), &self.decode)?;
        Ok(Sample { image, target })
    }

    fn shape(&self, index: usize) -> Result<[usize; 3], DataError> {
        Ok(self.header(index)?.shape(&self.decode))
    }

    fn source(&self, index: usize) -> String {
        self.images
            .get(index)
            .map_or_else(String::new, |(file, _)| self.store.source(&file.name))
    }
}

#[cfg(test)]
#[path = "image_files_tests.rs"]
mod tests;
