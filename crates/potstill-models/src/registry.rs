//! Every network by name: one line each.

use potstill_ops::Scope;

use crate::{CifarResNet, CifarResNetConfig, Classifier, ModelError, Shortcut};

/// One network that can be built by name.
#[derive(Debug, Clone, Copy)]
pub struct ModelEntry {
    /// The name in recipes and on the command line.
    pub name: &'static str,
    /// What it is, in a line.
    pub about: &'static str,
    /// The input's height and width that the published network takes; others work where the maps do not vanish.
    pub input: [usize; 2],
    /// Classes of the published network.
    pub classes: usize,
    family: Family,
}

#[derive(Debug, Clone, Copy)]
enum Family {
    CifarResNet {
        depth: usize,
        widths: [usize; 4],
        shortcut: Shortcut,
    },
}

/// What a user decides about a network.
#[derive(Debug, Clone, Copy, Default)]
pub struct BuildOptions {
    /// Output classes; the published number if none.
    pub classes: Option<usize>,
    /// Image channels; 3 if none.
    pub channels: Option<usize>,
    /// The shortcut of a residual network for small images; the published one if none.
    pub shortcut: Option<Shortcut>,
}

const fn thin(name: &'static str, depth: usize, about: &'static str) -> ModelEntry {
    let family = Family::CifarResNet {
        depth,
        widths: [16, 16, 32, 64],
        shortcut: Shortcut::Subsample,
    };
    ModelEntry {
        name,
        about,
        input: [32, 32],
        classes: 10,
        family,
    }
}

const fn times_four(name: &'static str, depth: usize, about: &'static str) -> ModelEntry {
    let family = Family::CifarResNet {
        depth,
        widths: [32, 64, 128, 256],
        shortcut: Shortcut::Projection,
    };
    ModelEntry {
        name,
        about,
        input: [32, 32],
        classes: 100,
        family,
    }
}

static REGISTRY: &[ModelEntry] = &[
    thin(
        "cifar_resnet8",
        8,
        "ResNet-8 for 32x32 images (He et al. 2015, section 4.2), shortcut A",
    ),
    thin(
        "cifar_resnet14",
        14,
        "ResNet-14 for 32x32 images (He et al. 2015, section 4.2), shortcut A",
    ),
    thin(
        "cifar_resnet20",
        20,
        "ResNet-20 for 32x32 images (He et al. 2015, section 4.2), shortcut A",
    ),
    thin(
        "cifar_resnet32",
        32,
        "ResNet-32 for 32x32 images (He et al. 2015, section 4.2), shortcut A",
    ),
    thin(
        "cifar_resnet44",
        44,
        "ResNet-44 for 32x32 images (He et al. 2015, section 4.2), shortcut A",
    ),
    thin(
        "cifar_resnet56",
        56,
        "ResNet-56 for 32x32 images (He et al. 2015, section 4.2), shortcut A",
    ),
    thin(
        "cifar_resnet110",
        110,
        "ResNet-110 for 32x32 images (He et al. 2015, section 4.2), shortcut A",
    ),
    times_four(
        "cifar_resnet8x4",
        8,
        "ResNet-8x4 of the CIFAR-100 distillation benchmark (Tian et al. 2020), shortcut B",
    ),
    times_four(
        "cifar_resnet32x4",
        32,
        "ResNet-32x4 of the CIFAR-100 distillation benchmark (Tian et al. 2020), shortcut B",
    ),
];

/// Every network, in the order of the documentation.
pub fn registry() -> &'static [ModelEntry] {
    REGISTRY
}

/// The network with this name.
///
/// # Errors
/// [`ModelError::UnknownModel`] with the nearest name.
pub fn find(name: &str) -> Result<&'static ModelEntry, ModelError> {
    REGISTRY.iter().find(|entry| entry.name == name).ok_or_else(|| {
        let nearest = REGISTRY
            .iter()
            .map(|entry| (strsim::damerau_levenshtein(entry.name, name), entry.name))
            .min()
            .filter(|(distance, nearest)| *distance <= nearest.len() / 2);
        let hint = match nearest {
            Some((_, nearest)) => format!("did you mean `{nearest}`?"),
            None => "`potstill list models` names them all".into(),
        };
        ModelError::UnknownModel {
            name: name.into(),
            hint,
        }
    })
}

impl ModelEntry {
    /// Builds the network with fresh weights from the scope's streams.
    ///
    /// # Errors
    /// An option that the network does not have, or a number that makes no network.
    pub fn build(&self, options: BuildOptions, scope: &Scope) -> Result<Classifier, ModelError> {
        let classes = options.classes.unwrap_or(self.classes);
        let channels = options.channels.unwrap_or(3);
        if classes == 0 || channels == 0 {
            let what = format!("{classes} classes and {channels} image channels: both must be at least 1");
            return Err(ModelError::Impossible {
                model: self.name.into(),
                what,
            });
        }
        match self.family {
            Family::CifarResNet {
                depth,
                widths,
                shortcut,
            } => {
                let shortcut = options.shortcut.unwrap_or(shortcut);
                if shortcut == Shortcut::Subsample && widths[0] != widths[1] {
                    let reason = "its first stage is wider than its stem, which needs the projection (\"b\")";
                    return Err(ModelError::Option {
                        model: self.name.into(),
                        option: "shortcut = \"a\"",
                        reason,
                    });
                }
                let config = CifarResNetConfig {
                    depth,
                    widths,
                    shortcut,
                    channels,
                    classes,
                };
                Ok(Classifier::CifarResNet(CifarResNet::new(config, scope)))
            }
        }
    }
}
