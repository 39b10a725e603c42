//! Data sets written into a temporary folder.

use std::fs;
use std::path::{Path, PathBuf};

use potstill_data::{DataError, Dataset, OpenOptions, Split, TargetKind, open_with};
use tempfile::TempDir;

/// A folder that is filled file by file.
pub struct Files(TempDir);

impl Files {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    /// A grey picture.
    pub fn picture(&self, name: &str, [height, width]: [usize; 2]) {
        self.write(
            name,
            png_bytes(
                [height, width],
                png::ColorType::Rgb,
                png::BitDepth::Eight,
                &vec![90; height * width * 3],
            ),
        );
    }

    /// A grey file of labels.
    pub fn labels(&self, name: &str, size: [usize; 2], values: &[u8]) {
        self.write(
            name,
            png_bytes(size, png::ColorType::Grayscale, png::BitDepth::Eight, values),
        );
    }

    pub fn open(&self, target: TargetKind) -> Result<Box<dyn Dataset>, DataError> {
        open_with(
            self.path().to_str().unwrap(),
            Split::Train,
            target,
            &OpenOptions::default(),
        )
    }

    /// Messages without the folder's own name.
    pub fn cleaned(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.path().display()), "")
    }
}

pub fn png_bytes(
    [height, width]: [usize; 2],
    color: png::ColorType,
    depth: png::BitDepth,
    samples: &[u8],
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width as u32, height as u32);
    encoder.set_color(color);
    encoder.set_depth(depth);
    if color == png::ColorType::Indexed {
        // Colours that are no indices.
        encoder.set_palette((0..768u32).map(|at| (at * 7 % 256) as u8).collect::<Vec<u8>>());
    }
    encoder.write_header().unwrap().write_image_data(samples).unwrap();
    bytes
}
