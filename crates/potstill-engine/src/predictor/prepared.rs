//! A data set as a network takes it: its classes by name, its channels, its first image looked at.

use std::sync::Arc;

use potstill_data::{ClassMatch, Dataset, InChannels};
use potstill_tasks::fits_classes;

use super::Predictor;
use crate::{error::EngineError, preprocess::Preprocess};

/// A data set as a network takes it.
#[derive(Clone)]
pub struct Prepared {
    /// The images, with the network's numbers for their classes.
    pub data: Arc<dyn Dataset>,
    /// Classes of the network of which there is no image.
    pub missing_classes: Vec<String>,
    /// What was done, a sentence each.
    pub notes: Vec<String>,
}

impl Predictor {
    /// Prepares a data set for the network. Its classes are matched by name: those of the data may be fewer, never others. Where
    /// nothing says what the network's classes are called, they are matched by position, and there must be as many.
    ///
    /// # Errors
    /// Classes that the network does not know, no images, images that it does not take.
    pub fn prepare(&self, data: Arc<dyn Dataset>) -> Result<Prepared, EngineError> {
        check_images(data.as_ref())?;
        let found = self.classes_of(data.as_ref())?;
        let notes = self.notes(&found, data.name(), data.classes().len());
        let data = found.apply(data, &self.class_names)?;
        let missing_classes = match found {
            ClassMatch::ByName { missing, .. } => missing,
            ClassMatch::Same | ClassMatch::ByNumber { .. } | ClassMatch::ByPosition => Vec::new(),
        };
        let prepared = self.in_channels(Prepared {
            data,
            missing_classes,
            notes,
        })?;
        self.check(prepared.data.as_ref())?;
        Ok(self.with_preprocess_noted(prepared))
    }

    /// The same with a note on the fixed steps, if there are any.
    pub(super) fn with_preprocess_noted(&self, mut prepared: Prepared) -> Prepared {
        if self.preprocess != Preprocess::default() {
            prepared.notes.push(self.preprocess.to_string());
        }
        prepared
    }

    /// The same images in as many channels as the network takes.
    pub(super) fn in_channels(&self, prepared: Prepared) -> Result<Prepared, EngineError> {
        let [_, _, found] = prepared.data.shape(0)?;
        let colours = match (found, self.network.channels()) {
            (1, 3) => "grey, and their one channel is repeated",
            (3, 1) => "in colours, and are made grey (luma of ITU-R 601)",
            _ => return Ok(prepared),
        };
        let mut notes = prepared.notes;
        notes.push(format!("the images of {} are {colours}", prepared.data.name()));
        Ok(Prepared {
            data: Arc::new(InChannels::new(prepared.data, self.network.channels())),
            notes,
            ..prepared
        })
    }

    /// How the classes of `data` are those of the network.
    fn classes_of(&self, data: &dyn Dataset) -> Result<ClassMatch, EngineError> {
        let (outputs, named) = (self.network.classes(), self.class_names.len());
        if named > 0 && named != outputs {
            let reason = format!("{} has {outputs} outputs and {named} class names", self.name);
            return Err(EngineError::invalid_plan("class_names", reason));
        }
        let found = ClassMatch::of(data.name(), data.classes(), &self.class_names)?;
        let theirs = data.classes().len();
        if found == ClassMatch::ByPosition && !fits_classes(self.task, outputs, theirs) {
            return Err(EngineError::ClassCount {
                network: self.name.clone(),
                classes: outputs,
                data: data.name().to_owned(),
                theirs,
            });
        }
        Ok(found)
    }

    fn notes(&self, found: &ClassMatch, data: &str, theirs: usize) -> Vec<String> {
        match found {
            ClassMatch::Same => Vec::new(),
            ClassMatch::ByName { missing, .. } if missing.is_empty() => {
                vec![format!(
                    "the classes of {data} are in another order, and are matched by name"
                )]
            }
            ClassMatch::ByName { missing, .. } => {
                vec![format!(
                    "{data} has no images of {} of the network's {} classes: {}",
                    missing.len(),
                    self.network.classes(),
                    shortened(missing)
                )]
            }
            ClassMatch::ByNumber { .. } => vec![format!(
                "the classes of {data} are called by numbers, which are taken for the network's, counted from 0"
            )],
            ClassMatch::ByPosition if self.network.classes() > theirs => vec![format!(
                "the network's last answer is none of the {theirs} classes of {data}: it counts as a pixel that was missed"
            )],
            ClassMatch::ByPosition if self.class_names.is_empty() => vec![format!(
                "nothing says what the network's classes are called: those of {data} are taken in their order"
            )],
            ClassMatch::ByPosition => vec![format!(
                "the network's classes are called by numbers: those of {data} are taken in their order"
            )],
        }
    }
}

/// Whether there is an image at all.
pub(super) fn check_images(data: &dyn Dataset) -> Result<(), EngineError> {
    if data.is_empty() {
        let reason = format!("`{}` has no images", data.name());
        return Err(EngineError::invalid_plan("data", reason));
    }
    Ok(())
}

/// The first names of a list, and how many more there are.
fn shortened(names: &[String]) -> String {
    const SHOWN: usize = 12;
    match names.len().checked_sub(SHOWN) {
        Some(more @ 1..) => format!("{} and {more} more", names[..SHOWN].join(", ")),
        _ => names.join(", "),
    }
}
