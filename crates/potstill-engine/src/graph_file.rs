//! A network that comes from an ONNX file and trains.

use std::path::{Path, PathBuf};

use potstill_models::{GraphNetwork, GraphStart, GraphWeights, HeadWeights, Model, TrainGraph};
use potstill_ops::Scope;
use potstill_recipe::{Init, OnnxStudent};

use crate::error::EngineError;

/// An ONNX file that a network is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct GraphFile {
    /// The file.
    pub file: PathBuf,
    /// What the network is called; as its file if `None`.
    pub called: Option<String>,
    /// The name of its tensor of logits; its first output if `None`.
    pub logits: Option<String>,
    /// How it begins.
    pub start: GraphStart,
    /// The size `[H, W, C]` of the images that it sees.
    pub image: [usize; 3],
    /// Whether it is what a run keeps of a file.
    pub is_kept: bool,
}

impl GraphFile {
    /// What a recipe says of a student in a file that sees images of this size.
    pub(crate) fn of(spec: &OnnxStudent, image: [usize; 3]) -> Self {
        Self {
            file: spec.onnx.clone(),
            called: None,
            logits: spec.logits.clone(),
            start: GraphStart {
                weights: match spec.init {
                    Init::File => GraphWeights::File,
                    Init::Fresh => GraphWeights::Fresh,
                },
                head: spec.head,
            },
            image,
            is_kept: false,
        }
    }

    /// What a run keeps of a file that was called so, to be given its weights.
    pub(crate) fn kept(file: PathBuf, called: Option<String>, image: [usize; 3]) -> Self {
        Self {
            file,
            called,
            logits: None,
            start: GraphStart::default(),
            image,
            is_kept: true,
        }
    }

    /// What the network is called.
    pub(crate) fn name(&self) -> String {
        if let Some(called) = &self.called {
            return called.clone();
        }
        let name = self.file.file_name().unwrap_or(self.file.as_os_str());
        name.to_string_lossy().into_owned()
    }

    /// Builds the network for so many classes, or as many as the file has. Gives what has to be said about it, in a line each.
    ///
    /// # Errors
    /// A file that does not train, or not for such images or so many classes; one of which something else was read than what it is.
    pub(crate) fn build(
        &self,
        classes: Option<usize>,
        scope: &Scope,
    ) -> Result<(Model, Vec<String>), EngineError> {
        if !self.is_kept && !self.file.exists() {
            let reason = format!(
                "there is no file {}. A run that goes on, or is done again, needs the file that it began with, too",
                self.file.display()
            );
            return Err(EngineError::invalid_plan("student.onnx", reason));
        }
        let read = if self.is_kept {
            TrainGraph::reopen(&self.file, self.image)
        } else {
            TrainGraph::open(&self.file, self.logits.as_deref(), self.image)
        };
        let graph = read.map_err(potstill_models::ModelError::from)?;
        let classes = classes.unwrap_or(graph.classes);
        let name = self.name();
        let mut notes: Vec<String> = graph.notes.iter().map(|note| format!("{name}: {note}")).collect();
        let has_new_head = self.start.head == HeadWeights::New;
        match &graph.head {
            Some(head) if classes != graph.classes => notes.push(format!(
                "{name} has {} classes: its last layer, `{}`, is drawn anew for {classes}",
                graph.classes, head.path
            )),
            Some(head) if has_new_head => {
                notes.push(format!("{name}: its last layer, `{}`, is drawn anew", head.path));
            }
            _ => {}
        }
        let ends = graph.stages.ends.iter().map(|end| format!("`{}`", end.post));
        let ends: Vec<String> = ends.collect();
        notes.push(match ends.as_slice() {
            [] => format!(
                "{name}: no ends of stages were found; methods that read some need their points named"
            ),
            ends => format!(
                "{name}: its stages end at {}, as was found by its graph; a method may name others",
                ends.join(", ")
            ),
        });
        if self.start.weights == GraphWeights::Fresh {
            notes.extend(left_note(&name, &graph));
        }
        let is_as_in_file = self.start == GraphStart::default() && classes == graph.classes;
        let network = if is_as_in_file {
            GraphNetwork::proven(graph, scope)?
        } else {
            // What was read is held to the file before other weights come in.
            GraphNetwork::proven(graph.clone(), scope)?;
            GraphNetwork::build(graph, classes, self.start, scope)?
        };
        Ok((network.called(name).into_model(), notes))
    }
}

/// What is said of weights that are neither of a layer nor drawn.
fn left_note(name: &str, graph: &TrainGraph) -> Option<String> {
    const SHOWN: usize = 3;
    let (left, numbers) = graph.left_by_fresh();
    let statistics = graph.statistics();
    let tensors = graph.tensors.iter().enumerate();
    let learned = tensors.filter(|(place, _)| !statistics.contains(place));
    let all: usize = learned.map(|(_, tensor)| tensor.values.len()).sum();
    (!left.is_empty()).then(|| {
        let shown: Vec<String> = left.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
        let more = if left.len() > SHOWN { ", ..." } else { "" };
        format!(
            "{name}: of {all} weights {numbers} keep the file's values, which are no layer's ({}{more}); the others are fresh",
            shown.join(", ")
        )
    })
}

/// Where the file lies whose name a `config.json` or a checkpoint states: beside it, or in the folder of its run.
pub(crate) fn beside(stated: &Path, of: &Path) -> PathBuf {
    let name = stated.file_name().unwrap_or(stated.as_os_str());
    let near = of.with_file_name(name);
    let above = of.parent().and_then(Path::parent).map(|folder| folder.join(name));
    match above {
        Some(above) if !near.is_file() && above.is_file() => above,
        _ => near,
    }
}
