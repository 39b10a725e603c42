//! What the networks of a finished run say of some test images, as a picture.

use std::fs;

use potstill_models::FrozenModel;

use super::Run;
use crate::{
    error::EngineError,
    evaluate::Viewer,
    network_input::NetworkInput,
    pictures::{Answers, answers_svg},
};

/// How many images are drawn.
const IMAGES: usize = 8;

impl Run {
    /// Draws some of the images that the run is measured on, with the truth, and with what teachers and student say, where answers have a place in the image: boxes,
    /// masks and class maps.
    pub(super) fn draw_answers(&self) -> Result<(), EngineError> {
        let spec = &self.spec;
        let Some(folder) = self.folder().filter(|_| spec.task.pads_to().is_some()) else {
            return Ok(());
        };
        let mut networks: Vec<(String, FrozenModel, &NetworkInput)> = Vec::new();
        let names = spec.data.judged_by().classes();
        for (facts, teacher) in spec.teachers.iter().zip(&self.learner.teachers) {
            let network = teacher.network.frozen();
            if facts.answers(&network, spec.task.as_ref(), names) {
                networks.push((teacher.name.clone(), network, &teacher.input));
            }
        }
        let student = FrozenModel::from(&self.learner.student);
        networks.push(("student".into(), student, &self.learner.student_input));
        let columns = networks.iter().map(|(name, network, input)| Answers {
            name: name.clone(),
            viewer: Viewer {
                network,
                preprocess: spec.data.preprocess.clone(),
                input,
            },
        });
        let columns: Vec<Answers<'_>> = columns.collect();
        let title = format!("What the networks of {} say of some images", spec.settings.name);
        let picture = answers_svg(
            &title,
            spec.task.as_ref(),
            &columns,
            spec.data.judged_by(),
            IMAGES,
        )?;
        let pictures = folder.pictures();
        fs::create_dir_all(&pictures).map_err(EngineError::io("make the folder", &pictures))?;
        let path = pictures.join("answers.svg");
        potstill_base::write_atomically(&path, picture.as_bytes()).map_err(EngineError::io("write", path))
    }
}
