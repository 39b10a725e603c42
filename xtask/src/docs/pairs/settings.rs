//! The published settings of methods, by figure and pair: what a choice of a sweep changes in the recipe of the student alone.

use super::Pair;

/// What a figure was made with.
pub struct Choice {
    /// The methods.
    pub kinds: Vec<&'static str>,
    /// The keys, in TOML.
    pub changes: String,
}

impl Choice {
    /// One method, beside the task's own loss.
    fn one(kind: &'static str, options: &str) -> Self {
        let options = if options.is_empty() {
            String::new()
        } else {
            format!(", {options}")
        };
        Self {
            kinds: vec![kind],
            changes: format!("methods = [{{ kind = \"{kind}\"{options} }}]"),
        }
    }

    /// The same with more keys.
    fn with(mut self, changes: &str) -> Self {
        self.changes += ", ";
        self.changes += changes;
        self
    }
}

/// The settings of a figure; none where they are not published.
pub fn choice(pair: &Pair<'_>, figure: &str) -> Option<Choice> {
    match pair.data {
        "cifar100" => common(figure).or_else(|| by_pair(pair, figure)),
        _ => imagenet(figure),
    }
}

/// Those that are the same for all pairs on CIFAR-100.
fn common(figure: &str) -> Option<Choice> {
    let one = Choice::one;
    Some(match figure {
        "kd" => one("kd", "weight = 0.9, temperature = 4.0").with("train.task_weight = 0.1"),
        "ctkd (kd)" => one("ctkd", "weight = 0.9").with("train.task_weight = 0.1"),
        "mlkd" => one("mlkd", "weight = 1.0").with("train.task_weight = 0.0"),
        "simkd" => one("simkd", "weight = 1.0, factor = 2").with("train.task_weight = 0.0"),
        "dist" => one("dist", "weight = 2.0, temperature = 4.0"),
        "fitnet" => one("fitnet", "weight = 100.0"),
        "at" => one("at", "weight = 1000.0"),
        "sp" => one("sp", "weight = 3000.0"),
        "cc" => one("cc", "weight = 0.02"),
        "vid" => one("vid", "weight = 1.0"),
        "rkd" => one("rkd", "weight = 1.0"),
        "pkt" => one("pkt", "weight = 30000.0"),
        "nst" => one("nst", "weight = 50.0"),
        "crd" => one("crd", "weight = 0.8"),
        "ofd" => one("ofd", "weight = 0.001"),
        "ickd" => one("ickd", "weight = 2.5"),
        // A first stage on top of the others.
        "ab" => one("ab", "weight = 1.0, stage1_epochs = 30").with(LONGER),
        "fsp" => one("fsp", "weight = 1.0, stage1_epochs = 30").with(LONGER),
        "ft" => one("ft", "weight = 200.0, stage1_epochs = 30").with(LONGER),
        _ => return None,
    })
}

/// 30 epochs more, before the others.
const LONGER: &str = "train.epochs = 270, train.schedule.at = [180, 210, 240]";

/// The settings of the methods that each pair has its own for.
struct OfPair {
    teacher: &'static str,
    student: &'static str,
    /// `beta` of DKD.
    dkd: Option<f64>,
    /// Temperature and weight of KD with standardised logits.
    kd_ls: Option<[f64; 2]>,
    /// Temperature, factor and `beta` of DKD with standardised logits.
    dkd_ls: Option<[f64; 3]>,
    /// Resolution, whether the maps are normalised, and weight of CAT-KD.
    cat_kd: Option<(usize, bool, f64)>,
    /// Weight of `ReviewKD`.
    review_kd: Option<f64>,
}

/// A pair without settings of its own.
const NONE: OfPair = OfPair {
    teacher: "",
    student: "",
    dkd: None,
    kd_ls: None,
    dkd_ls: None,
    cat_kd: None,
    review_kd: None,
};

const PAIRS: &[OfPair] = &[
    OfPair {
        teacher: "cifar_wrn_40_2",
        student: "cifar_wrn_16_2",
        dkd: Some(6.0),
        kd_ls: Some([2.0, 9.0]),
        dkd_ls: Some([2.0, 12.0, 2.0]),
        cat_kd: Some((2, false, 12.0)),
        review_kd: Some(5.0),
    },
    OfPair {
        teacher: "cifar_wrn_40_2",
        student: "cifar_wrn_40_1",
        dkd: Some(6.0),
        kd_ls: Some([2.0, 9.0]),
        dkd_ls: Some([2.0, 12.0, 2.0]),
        cat_kd: Some((2, false, 1.5)),
        review_kd: Some(5.0),
    },
    OfPair {
        teacher: "cifar_resnet56",
        student: "cifar_resnet20",
        dkd: Some(2.0),
        kd_ls: Some([2.0, 9.0]),
        dkd_ls: Some([3.0, 18.0, 2.0]),
        cat_kd: Some((2, false, 0.7)),
        review_kd: Some(0.6),
    },
    OfPair {
        teacher: "cifar_resnet110",
        student: "cifar_resnet20",
        // Not certain.
        dkd: Some(2.0),
        kd_ls: Some([4.0, 12.0]),
        dkd_ls: Some([2.0, 15.0, 2.0]),
        ..NONE
    },
    OfPair {
        teacher: "cifar_resnet110",
        student: "cifar_resnet32",
        dkd: Some(2.0),
        kd_ls: Some([2.0, 9.0]),
        dkd_ls: Some([2.0, 15.0, 2.0]),
        cat_kd: Some((2, false, 1.8)),
        review_kd: Some(1.0),
    },
    OfPair {
        teacher: "cifar_resnet32x4",
        student: "cifar_resnet8x4",
        dkd: Some(8.0),
        kd_ls: Some([2.0, 9.0]),
        dkd_ls: Some([2.0, 9.0, 8.0]),
        cat_kd: Some((2, false, 15.0)),
        review_kd: Some(5.0),
    },
    OfPair {
        teacher: "cifar_vgg13",
        student: "cifar_vgg8",
        dkd: Some(6.0),
        kd_ls: Some([3.0, 9.0]),
        dkd_ls: Some([2.0, 15.0, 2.0]),
        cat_kd: Some((2, false, 4.5)),
        review_kd: Some(5.0),
    },
    OfPair {
        teacher: "cifar_vgg13",
        student: "cifar_mobilenetv2_x0_5",
        dkd: Some(6.0),
        kd_ls: Some([3.0, 9.0]),
        dkd_ls: Some([3.0, 9.0, 2.0]),
        cat_kd: Some((2, true, 15.0)),
        ..NONE
    },
    OfPair {
        teacher: "cifar_resnet50",
        student: "cifar_mobilenetv2_x0_5",
        dkd: Some(8.0),
        kd_ls: Some([3.0, 1.0]),
        dkd_ls: Some([2.0, 15.0, 2.0]),
        cat_kd: Some((2, true, 40.0)),
        ..NONE
    },
    OfPair {
        teacher: "cifar_resnet32x4",
        student: "cifar_shufflenetv1",
        dkd: Some(8.0),
        cat_kd: Some((4, true, 600.0)),
        review_kd: Some(5.0),
        ..NONE
    },
    OfPair {
        teacher: "cifar_resnet32x4",
        student: "cifar_shufflenetv2",
        dkd: Some(8.0),
        kd_ls: Some([2.0, 9.0]),
        dkd_ls: Some([2.0, 9.0, 8.0]),
        cat_kd: Some((4, true, 600.0)),
        review_kd: Some(8.0),
    },
    OfPair {
        teacher: "cifar_wrn_40_2",
        student: "cifar_shufflenetv1",
        dkd: Some(8.0),
        cat_kd: Some((4, true, 80.0)),
        review_kd: Some(5.0),
        ..NONE
    },
    OfPair {
        teacher: "cifar_resnet32x4",
        student: "cifar_wrn_16_2",
        kd_ls: Some([3.0, 9.0]),
        dkd_ls: Some([2.0, 9.0, 2.0]),
        ..NONE
    },
    OfPair {
        teacher: "cifar_resnet32x4",
        student: "cifar_wrn_40_2",
        kd_ls: Some([3.0, 9.0]),
        dkd_ls: Some([2.0, 9.0, 8.0]),
        ..NONE
    },
    OfPair {
        teacher: "cifar_wrn_40_2",
        student: "cifar_resnet8x4",
        kd_ls: Some([2.0, 9.0]),
        dkd_ls: Some([2.0, 18.0, 2.0]),
        ..NONE
    },
    OfPair {
        teacher: "cifar_wrn_40_2",
        student: "cifar_mobilenetv2_x0_5",
        kd_ls: Some([3.0, 9.0]),
        dkd_ls: Some([2.0, 15.0, 2.0]),
        ..NONE
    },
];

/// Those that each pair on CIFAR-100 has its own for.
fn by_pair(pair: &Pair<'_>, figure: &str) -> Option<Choice> {
    let own = PAIRS
        .iter()
        .find(|own| own.teacher == pair.teacher && own.student == pair.student)?;
    let one = |kind, options: String| Some(Choice::one(kind, &options));
    match figure {
        "dkd" => one("dkd", format!("temperature = 4.0, beta = {:?}", own.dkd?)),
        "review-kd" => one("review-kd", format!("weight = {:?}", own.review_kd?)),
        "cat-kd" => {
            let (resolution, normalise, weight) = own.cat_kd?;
            one(
                "cat-kd",
                format!("weight = {weight:?}, resolution = {resolution}, normalise = {normalise}"),
            )
        }
        "kd + ls" => {
            let [temperature, weight] = own.kd_ls?;
            let options = format!("weight = {weight:?}, temperature = {temperature:?}, standardise = true");
            Some(Choice::one("kd", &options).with("train.task_weight = 0.1"))
        }
        "mlkd + ls" => {
            let lighter = pair.teacher == "cifar_vgg13" || pair.student == "cifar_shufflenetv2";
            let weight = if lighter { 6.0 } else { 9.0 };
            let options =
                format!("weight = 1.0, temperature = 2.0, kd_weight = {weight:?}, standardise = true");
            Some(Choice::one("mlkd", &options).with("train.task_weight = 0.0"))
        }
        // The factor is on both parts of DKD.
        "dkd + ls" => {
            let [temperature, factor, beta] = own.dkd_ls?;
            one(
                "dkd",
                format!(
                    "temperature = {temperature:?}, alpha = {factor:?}, beta = {:?}, standardise = true",
                    factor * beta
                ),
            )
        }
        _ => None,
    }
}

/// Those of both pairs on ImageNet.
fn imagenet(figure: &str) -> Option<Choice> {
    let one = Choice::one;
    let half = "train.batch = 256, train.optimizer.lr = 0.1";
    Some(match figure {
        "kd" => one("kd", "weight = 0.5, temperature = 1.0").with("train.task_weight = 0.5"),
        "at" => one("at", "weight = 1000.0"),
        "wsld" => one("wsld", "weight = 2.5, temperature = 2.0"),
        "dkd" => one("dkd", "temperature = 1.0, beta = 0.5, ramp_epochs = 1"),
        "nkd" => one("nkd", "weight = 1.0, temperature = 1.0, gamma = 1.5"),
        "mgd" => one("mgd", "weight = 1.0"),
        "srrl" => one("srrl", "weight = 1.0"),
        "dist" => one("dist", "weight = 2.0, temperature = 1.0").with(half),
        "crd" => one("crd", "weight = 0.8").with(half),
        _ => return None,
    })
}
