//! The files that answers about places go to.

use std::{
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
        if let Some(folder) = &self.draw {
            let sheet = TileSheet {
                title: file.to_owned(),
                side: SIDE,
                rows: vec![vec![scene(image, said, &predictor.class_names)]],
            };
            write(&folder.join(flat_name(file, "svg")), sheet.svg()?.as_bytes())?;
        }
        if let (Some(folder), Target::Map(map)) = (&self.maps, &said.target) {
            let png = label_map_png([map.height, map.width], &map.labels)?;
            write(&folder.join(flat_name(file, "png")), &png)?;
        }
        Ok(())
    }

    pub fn end(&self) -> Result<(), Failure> {
        match &self.coco {
            Some((path, coco)) => coco.write(path),
            None => Ok(()),
        }
    }
}

/// The name of the file that is written for a picture: its path in one word, so that pictures of one name in two folders stay apart.
fn flat_name(file: &str, extension: &str) -> String {
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let words: Vec<&str> = stem
        .split(['/', '\\', ':'])
        .filter(|word| !word.is_empty() && *word != "." && *word != "..")
        .collect();
    format!("{}.{extension}", words.join("-"))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    potstill_base::write_atomically(path, bytes)
        .map_err(|error| Failure::Work(format!("cannot write {}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::flat_name;

    #[test]
    fn pictures_of_one_name_stay_apart() {
        assert_eq!(flat_name("a/b.c/1.png", "svg"), "a-b.c-1.svg");
        assert_eq!(flat_name("../a.tar:b/1.jpg", "png"), "a.tar-b-1.png");
    }
}
