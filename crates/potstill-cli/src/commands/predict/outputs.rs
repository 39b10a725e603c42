//! The files that answers about places go to.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use clap::Args;
use potstill_data::{Image, Target};
use potstill_engine::{Predictor, scene};
use potstill_report::{TileSheet, label_map_png};
use potstill_tasks::Prediction;

use super::coco_file::CocoFile;
use crate::failure::Failure;

/// What a network that tells places writes.
#[derive(Debug, Args)]
pub struct PlacesArguments {
    /// Of a detector: print detections of at least this score.
    #[arg(long, default_value_t = 0.3, value_name = "SCORE")]
    pub min_score: f32,
    /// Of a detector: write all detections as a COCO result file, under the ids of the annotations.
    #[arg(long, value_name = "FILE", requires = "annotations")]
    pub coco: Option<PathBuf>,
    /// The COCO annotations whose ids of images and categories the result file uses.
    #[arg(long, value_name = "FILE", requires = "coco")]
    pub annotations: Option<PathBuf>,
    /// Draw each picture with what is found in it, as an SVG file in this folder.
    #[arg(long, value_name = "FOLDER")]
    pub draw: Option<PathBuf>,
    /// Of a segmenter: write the class of every pixel as a grey PNG of 8 bits for each picture, in this folder.
    #[arg(long, value_name = "FOLDER")]
    pub maps: Option<PathBuf>,
}

/// The longer side of a drawn picture.
const SIDE: usize = 640;

/// The open outputs.
pub(super) struct Outputs {
    coco: Option<(PathBuf, CocoFile)>,
    draw: Option<PathBuf>,
    maps: Option<PathBuf>,
    min_score: f32,
    /// The names of files so far, without extension.
    names: BTreeSet<String>,
}

impl PlacesArguments {
    /// A network that tells what a whole picture shows has no places.
    pub(super) fn refuse_for_classes(&self) -> Result<(), Failure> {
        let asked = [
            ("--coco", self.coco.is_some()),
            ("--draw", self.draw.is_some()),
            ("--maps", self.maps.is_some()),
        ];
        match asked.iter().find(|(_, is_asked)| *is_asked) {
            Some((name, _)) => Err(Failure::Usage(format!(
                "`{name}` is for detectors and segmenters, and this network tells what a whole picture shows"
            ))),
            None => Ok(()),
        }
    }

    pub(super) fn open(&self, predictor: &Predictor) -> Result<Outputs, Failure> {
        let coco = self.coco.as_ref().zip(self.annotations.as_ref());
        let coco = coco.map(|(file, annotations)| {
            Ok::<_, Failure>((file.clone(), CocoFile::new(annotations, predictor)?))
        });
        for folder in self.draw.iter().chain(&self.maps) {
            fs::create_dir_all(folder)
                .map_err(|error| Failure::Work(format!("cannot make {}: {error}", folder.display())))?;
        }
        Ok(Outputs {
            coco: coco.transpose()?,
            draw: self.draw.clone(),
            maps: self.maps.clone(),
            min_score: self.min_score,
            names: BTreeSet::new(),
        })
    }
}

impl Outputs {
    pub fn add(
        &mut self,
        file: &str,
        image: &Image,
        said: &Prediction,
        predictor: &Predictor,
    ) -> Result<(), Failure> {
        if let Some((_, coco)) = &mut self.coco {
            coco.add(file, [image.height, image.width], said)?;
        }
        let name = self.free_name(file);
        if let Some(folder) = &self.draw {
            let sheet = TileSheet {
                title: file.to_owned(),
                side: SIDE,
                rows: vec![vec![scene(image, said, &predictor.class_names, self.min_score)]],
            };
            write(&folder.join(format!("{name}.svg")), sheet.svg()?.as_bytes())?;
        }
        if let (Some(folder), Target::Map(map)) = (&self.maps, &said.target) {
            let png = label_map_png([map.height, map.width], &map.labels)?;
            write(&folder.join(format!("{name}.png")), &png)?;
        }
        Ok(())
    }

    /// The name of the files that are written for a picture: two pictures have never the same.
    fn free_name(&mut self, file: &str) -> String {
        let name = flat_name(file);
        let numbered = (2..).map(|number| format!("{name}-{number}"));
        let mut names = std::iter::once(name.clone()).chain(numbered);
        let free = names.find(|name| self.names.insert(name.clone()));
        free.unwrap_or(name)
    }

    pub fn end(&self) -> Result<(), Failure> {
        match &self.coco {
            Some((path, coco)) => coco.write(path),
            None => Ok(()),
        }
    }
}

/// The path of a picture in one word, without its extension.
fn flat_name(file: &str) -> String {
    let words = file.split(['/', '\\', ':']);
    let mut words: Vec<&str> = words
        .filter(|word| !word.is_empty() && *word != "." && *word != "..")
        .collect();
    if let Some(last) = words.last_mut() {
        *last = last.rsplit_once('.').map_or(*last, |(stem, _)| stem);
    }
    words.join("-")
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    potstill_base::write_atomically(path, bytes)
        .map_err(|error| Failure::Work(format!("cannot write {}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::{Outputs, flat_name};

    #[test]
    fn pictures_of_one_name_stay_apart() {
        assert_eq!(flat_name("a/b.c/1.png"), "a-b.c-1");
        assert_eq!(flat_name("../a.tar:b/1.jpg"), "a.tar-b-1");
        assert_eq!(flat_name("photos.v2/img1"), "photos.v2-img1");
        let mut outputs = Outputs {
            coco: None,
            draw: None,
            maps: None,
            min_score: 0.3,
            names: std::collections::BTreeSet::new(),
        };
        let names = ["x.jpg", "x.png", "a-b/c.png", "a/b-c.png", "../x"].map(|file| outputs.free_name(file));
        assert_eq!(names, ["x", "x-2", "a-b-c", "a-b-c-2", "x-3"]);
    }
}
