//! Files of a folder and of archives are read as far as they may be.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use zip::write::SimpleFileOptions;

use super::FileStore;

const TEXT: &[u8] = b"0123456789";

/// The same file in a folder, in a tar archive and in a zip archive.
fn stores(place: &Path) -> [PathBuf; 3] {
    let folder = place.join("folder");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("a.json"), TEXT).unwrap();
    let tar_file = place.join("a.tar");
    let mut archive = tar::Builder::new(File::create(&tar_file).unwrap());
    archive
        .append_path_with_name(folder.join("a.json"), "a.json")
        .unwrap();
    archive.into_inner().unwrap();
    let zip_file = place.join("a.zip");
    let mut archive = zip::ZipWriter::new(File::create(&zip_file).unwrap());
    archive
        .start_file("a.json", SimpleFileOptions::default())
        .unwrap();
    archive.write_all(TEXT).unwrap();
    archive.finish().unwrap();
    [folder, tar_file, zip_file]
}

#[test]
fn a_file_is_held_to_the_most_that_is_read_of_its_kind() {
    let place = tempfile::tempdir().unwrap();
    for path in stores(place.path()) {
        let listed = FileStore::list(&path).unwrap();
        let file = &listed.files[0];
        assert_eq!(&*listed.store.read_at_most(file, 10).unwrap(), TEXT);
        let refused = listed.store.read_at_most(file, 9).unwrap_err();
        let refused = format!("{refused} {:?}", std::error::Error::source(&refused));
        assert!(
            refused.contains("a.json") && refused.contains("10 bytes, and at most 9 are read"),
            "{refused}"
        );
    }
}

#[test]
fn the_beginning_of_a_file_is_had_without_the_rest() {
    let place = tempfile::tempdir().unwrap();
    for path in stores(place.path()) {
        let listed = FileStore::list(&path).unwrap();
        let beginning = |most: usize| listed.store.beginning(&listed.files[0], most).unwrap();
        assert_eq!(&*beginning(100), TEXT);
        let four = beginning(4);
        // Of a packed member it may be a few bytes less.
        let is_packed = path.extension().is_some_and(|kind| kind == "zip");
        assert!(four.len() == 4 || (is_packed && four.len() < 4), "{four:?}");
        assert!(TEXT.starts_with(&four), "{four:?}");
    }
    // A file that has far more than may be read: its beginning tells what it is, and takes no memory.
    let large = place.path().join("large.json");
    let file = File::create(&large).unwrap();
    (&file).write_all(b"{\"images\"").unwrap();
    file.set_len(1 << 30).unwrap();
    let (store, file) = FileStore::single(&large);
    assert!(store.read(&file).is_err());
    assert_eq!(&*store.beginning(&file, 9).unwrap(), b"{\"images\"");
}
