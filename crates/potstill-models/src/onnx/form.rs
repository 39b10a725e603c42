//! What the outputs of an ONNX file are, found by the shapes of its tensors.

use potstill_onnx::{OnnxError, OnnxNetwork, Survey};

use super::OnnxOutputs;
use crate::{DetectorKind, OutputKind, ScoreLayout};

/// What the outputs of a file are, and the names of their tensors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Form {
    /// A row of K logits for each image.
    Rows { logits: String, classes: usize },
    /// K logits for each place, `[N, K, h, w]`.
    Dense { logits: String, classes: usize },
    /// What `FastestDet` publishes, `[N, 1 + 4 + K, h, w]`: the probability of an object, its box, the probabilities of the classes.
    PublishedCells { output: String, classes: usize },
    /// The same before sigmoid and softmax: objectness `[N, 1, h, w]`, box `[N, 4, h, w]`, classes `[N, K, h, w]`.
    Cells { tensors: [String; 3], classes: usize },
    /// The class logits of a one-stage detector, each a question of its own: of each level `[N, A K, h, w]`, or of all together `[N, M, K]`.
    Places { logits: Vec<String>, classes: usize },
    /// Outputs that nothing is known of: features teach, by their names.
    Unread,
}

impl Form {
    /// The form of what is asked for.
    pub fn of(network: &OnnxNetwork, survey: &Survey, asked: &OnnxOutputs) -> Result<Self, OnnxError> {
        for name in &asked.logits {
            network.find(name)?;
        }
        match asked.kind {
            Some(OutputKind::Logits) => Self::rows(network, survey),
            Some(OutputKind::DenseLogits) => Self::dense(network, survey),
            Some(OutputKind::Boxes | OutputKind::Masks) => Self::detector(network, survey, asked),
            None => match survey.shape(network.logits()) {
                Some(shape) if is_row(shape) || !asked.logits.is_empty() => Self::rows(network, survey),
                _ => Ok(Self::Unread),
            },
        }
    }

    /// What the class scores of FastestDet's cells are of; `None` of other forms, whose places only a student knows.
    pub fn scores(&self, survey: &Survey) -> Option<ScoreLayout> {
        let (tensor, classes) = match self {
            Self::PublishedCells { output, classes } => (output, *classes),
            Self::Cells {
                tensors: [_, _, scores],
                classes,
            } => (scores, *classes),
            Self::Rows { .. } | Self::Dense { .. } | Self::Places { .. } | Self::Unread => return None,
        };
        let &[_, height, width] = survey.shape(tensor)? else {
            return None;
        };
        Some(ScoreLayout {
            kind: DetectorKind::Cells,
            maps: vec![[height * width, classes]],
        })
    }

    fn rows(network: &OnnxNetwork, survey: &Survey) -> Result<Self, OnnxError> {
        let shape = raw(network, survey, network.logits())?;
        if !is_row(shape) {
            let others = survey.named(|shape| shape.len() == 1);
            let problem = format!("not one row; there {others}");
            return Err(network.no_logits(network.logits(), survey.said(shape, &problem)));
        }
        Ok(Self::Rows {
            logits: network.logits().to_owned(),
            classes: shape[0],
        })
    }

    fn dense(network: &OnnxNetwork, survey: &Survey) -> Result<Self, OnnxError> {
        let shape = raw(network, survey, network.logits())?;
        let &[classes, _, _] = shape else {
            let others = survey.named(|shape| shape.len() == 3);
            let problem = format!("not a row of classes for each place, channels first; there {others}");
            return Err(network.no_logits(network.logits(), survey.said(shape, &problem)));
        };
        Ok(Self::Dense {
            logits: network.logits().to_owned(),
            classes,
        })
    }

    /// Of a detector that names no tensors and has outputs of another form only the features are read.
    fn detector(network: &OnnxNetwork, survey: &Survey, asked: &OnnxOutputs) -> Result<Self, OnnxError> {
        let is_named = !asked.logits.is_empty();
        let names: Vec<String> = if is_named {
            asked.logits.clone()
        } else {
            network.outputs().to_vec()
        };
        let mut shapes = Vec::with_capacity(names.len());
        for name in &names {
            match survey.shape(name) {
                Some(shape) => shapes.push(shape),
                None if is_named => return Err(network.no_logits(name, NO_ROWS.into())),
                None => return Ok(Self::Unread),
            }
        }
        let form = Self::of_shapes(&names, &shapes, asked.classes);
        // What maps are has to be said, but of the published one: boxes look like classes, and three maps may be probabilities.
        let form = form.filter(|form| is_named || matches!(form, Self::PublishedCells { .. }));
        if let Some(form) = form {
            // What FastestDet publishes are probabilities.
            if is_named && !matches!(form, Self::PublishedCells { .. }) {
                names.iter().try_for_each(|name| not_activated(network, name))?;
            }
            return Ok(form);
        }
        if !is_named {
            return Ok(Self::Unread);
        }
        let classes = asked
            .classes
            .map_or_else(|| "K".to_owned(), |classes| classes.to_string());
        let columns = asked
            .classes
            .map_or_else(|| "5 + K".to_owned(), |classes| (5 + classes).to_string());
        let all: Vec<String> = names
            .iter()
            .zip(&shapes)
            .map(|(name, shape)| format!("`{name}` {shape:?}"))
            .collect();
        let problem = format!(
            "of {} classes nothing is known that is {}: FastestDet gives one map of {columns} channels, or three of 1, 4 and {classes} \
             before sigmoid and softmax; a one-stage detector gives for each level a map with a multiple of {classes} channels, or \
             [places, {classes}] for all. Other classes than the data's cannot be compared; leave `logits` out to teach by features alone",
            classes,
            all.join(", ")
        );
        Err(network.no_logits(&names[0], problem))
    }

    fn of_shapes(names: &[String], shapes: &[&[usize]], classes: Option<usize>) -> Option<Self> {
        let fits = |found: usize| found > 0 && classes.is_none_or(|classes| classes == found);
        match (names, shapes) {
            ([output], [[channels, _, _]]) if *channels > 5 && fits(channels - 5) => {
                return Some(Self::PublishedCells {
                    output: output.clone(),
                    classes: channels - 5,
                });
            }
            ([a, b, c], [[1, h, w], [4, h1, w1], [found, h2, w2]])
                if fits(*found) && [h, w] == [h1, w1] && [h, w] == [h2, w2] =>
            {
                return Some(Self::Cells {
                    tensors: [a, b, c].map(Clone::clone),
                    classes: *found,
                });
            }
            _ => {}
        }
        let classes = classes?;
        let is_level = |shape: &&[usize]| match **shape {
            [channels, _, _] => channels > 0 && channels.is_multiple_of(classes),
            [_, columns] => columns == classes && names.len() == 1,
            _ => false,
        };
        (!names.is_empty() && shapes.iter().all(is_level)).then(|| Self::Places {
            logits: names.to_vec(),
            classes,
        })
    }

    /// The tensors that the outputs are made of.
    pub fn tensors(&self) -> Vec<&str> {
        match self {
            Self::Rows { logits, .. } | Self::Dense { logits, .. } => vec![logits],
            Self::PublishedCells { output, .. } => vec![output],
            Self::Cells { tensors, .. } => tensors.iter().map(String::as_str).collect(),
            Self::Places { logits, .. } => logits.iter().map(String::as_str).collect(),
            Self::Unread => Vec::new(),
        }
    }

    pub fn classes(&self) -> usize {
        match self {
            Self::Rows { classes, .. }
            | Self::Dense { classes, .. }
            | Self::PublishedCells { classes, .. }
            | Self::Cells { classes, .. }
            | Self::Places { classes, .. } => *classes,
            Self::Unread => 0,
        }
    }

    pub fn kind(&self) -> OutputKind {
        match self {
            Self::Rows { .. } => OutputKind::Logits,
            Self::Dense { .. } => OutputKind::DenseLogits,
            Self::PublishedCells { .. } | Self::Cells { .. } | Self::Places { .. } | Self::Unread => {
                OutputKind::Boxes
            }
        }
    }

    pub fn answers(&self) -> bool {
        !matches!(self, Self::Places { .. } | Self::Unread)
    }

    pub fn describe(&self) -> String {
        let of = |what: &str, classes: &usize| format!("{what} of {classes} classes");
        let what = match self {
            Self::Rows { classes, .. } => of("a row of logits", classes),
            Self::Dense { classes, .. } => of("logits for each place", classes),
            Self::PublishedCells { classes, .. } => of("objects, boxes and probabilities", classes),
            Self::Cells { classes, .. } => of("objects, boxes and logits", classes),
            Self::Places { classes, .. } => of("logits of a detector's places", classes),
            Self::Unread => return "no output is read: features teach, by the names of their tensors".into(),
        };
        let names: Vec<String> = self.tensors().iter().map(|name| format!("`{name}`")).collect();
        format!("{what}: {}", names.join(", "))
    }
}

const NO_ROWS: &str = "it has no row for each image, or holds no floats";

/// Whether a tensor has one row for each image.
pub(super) fn is_row(shape: &[usize]) -> bool {
    !shape.is_empty() && shape[1..].iter().all(|&size| size == 1)
}

/// The shape of a tensor of logits, which are no probabilities.
fn raw<'a>(network: &OnnxNetwork, survey: &'a Survey, name: &str) -> Result<&'a [usize], OnnxError> {
    not_activated(network, name)?;
    survey
        .shape(name)
        .ok_or_else(|| network.no_logits(name, NO_ROWS.into()))
}

fn not_activated(network: &OnnxNetwork, name: &str) -> Result<(), OnnxError> {
    match network.activation_before(name) {
        None => Ok(()),
        Some((kind, before)) => {
            let reason = format!("it comes out of a {kind}; set `logits = \"{before}\"`, what goes in");
            Err(network.no_logits(name, reason))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Form;

    #[test]
    fn outputs_of_detectors_are_told_by_their_shapes() {
        let of = |shapes: &[&[usize]], classes: Option<usize>| {
            let names: Vec<String> = (0..shapes.len()).map(|at| format!("o{at}")).collect();
            Form::of_shapes(&names, shapes, classes)
        };
        assert!(matches!(
            of(&[&[85, 22, 22]], None),
            Some(Form::PublishedCells { classes: 80, .. })
        ));
        assert!(matches!(
            of(&[&[85, 22, 22]], Some(80)),
            Some(Form::PublishedCells { .. })
        ));
        assert_eq!(of(&[&[85, 22, 22]], Some(3)), None);
        let heads: [&[usize]; 3] = [&[1, 22, 22], &[4, 22, 22], &[80, 22, 22]];
        assert!(matches!(
            of(&heads, Some(80)),
            Some(Form::Cells { classes: 80, .. })
        ));
        // 80 classes at 9 anchors of two levels, and all of them in one.
        let levels: [&[usize]; 2] = [&[720, 4, 4], &[720, 2, 2]];
        assert!(matches!(
            of(&levels, Some(80)),
            Some(Form::Places { classes: 80, .. })
        ));
        assert!(matches!(of(&[&[180, 80]], Some(80)), Some(Form::Places { .. })));
        assert_eq!(of(&levels, None), None, "who knows how many anchors");
        assert_eq!(
            of(&[&[4, 4, 4], &[80, 4, 4]], Some(80)),
            None,
            "boxes are no classes"
        );
        assert_eq!(of(&[], Some(80)), None);
    }
}
