//! Every key of a recipe: its values, its default and a line of explanation. Those of `[train]` are in
//! [`crate::keys_of_train`].

use crate::keys_of_train::{OPTIMIZER, SCHEDULE, TRAIN};
use crate::schema::Kind::{Choice, Flag, List, Map, Number, OneOrMore, Open, Table, Text, Verbatim, Whole};
use crate::schema::{Key, Kind, Presence, Range};

pub(crate) const MANY: usize = usize::MAX;

const ANY: Range = Range {
    phrase: "",
    holds: |_| true,
    why: "",
};
pub(crate) const FROM_0: Range = Range {
    phrase: "of at least 0",
    holds: |x| x >= 0.0,
    why: "",
};
pub(crate) const FROM_1: Range = Range {
    phrase: "of at least 1",
    holds: |x| x >= 1.0,
    why: "",
};
pub(crate) const ABOVE_0: Range = Range {
    phrase: "above 0",
    holds: |x| x > 0.0,
    why: "",
};
pub(crate) const BELOW_1: Range = Range {
    phrase: "of at least 0 and below 1",
    holds: |x| (0.0..1.0).contains(&x),
    why: "",
};
pub(crate) const UP_TO_1: Range = Range {
    phrase: "above 0 and at most 1",
    holds: |x| x > 0.0 && x <= 1.0,
    why: "",
};

pub(crate) const FROM_0_TO_1: Range = Range {
    phrase: "of at least 0 and at most 1",
    holds: |x| (0.0..=1.0).contains(&x),
    why: "",
};

/// `range`, and why it is so.
pub(crate) const fn because(range: Range, why: &'static str) -> Range {
    Range { why, ..range }
}

pub(crate) const fn required(
    name: &'static str,
    kind: Kind,
    example: &'static str,
    about: &'static str,
) -> Key {
    Key {
        name,
        kind,
        presence: Presence::Required(example),
        about,
    }
}

pub(crate) const fn default(name: &'static str, kind: Kind, value: &'static str, about: &'static str) -> Key {
    Key {
        name,
        kind,
        presence: Presence::Default(value),
        about,
    }
}

pub(crate) const fn optional(
    name: &'static str,
    kind: Kind,
    without: &'static str,
    about: &'static str,
) -> Key {
    Key {
        name,
        kind,
        presence: Presence::Optional(without),
        about,
    }
}

/// The whole recipe.
pub(crate) static RECIPE: Kind = Table(&[
    required(
        "version",
        Whole(FROM_1),
        "1",
        "the version of this form of recipe; so far there is only 1",
    ),
    required(
        "name",
        Text,
        "\"my-run\"",
        "the name of the run and of its folder: a-z, 0-9, `.`, `_` and `-`",
    ),
    default(
        "task",
        Choice(&["classification", "multi-label"]),
        "\"classification\"",
        "what the networks are to do",
    ),
    default("seed", Whole(FROM_0), "0", "where every random draw starts from"),
    optional("about", Text, "nothing", "one line on what this is"),
    optional(
        "expect",
        Text,
        "nothing",
        "what to expect of it: accuracy, time, and where these numbers are from",
    ),
    required("data", Table(DATA), "train = \"cifar10\"", "what to learn from"),
    required(
        "student",
        Table(NETWORK),
        "model = \"cifar_resnet20\"",
        "the network to train",
    ),
    optional(
        "teacher",
        Table(TEACHER),
        "no teacher",
        "the network to learn from",
    ),
    optional(
        "teachers",
        Map(&Table(TEACHER)),
        "`teacher`, or no teacher",
        "several networks to learn from, each in a table of its own, `[teachers.NAME]`; not beside `teacher`",
    ),
    required("train", Table(TRAIN), "epochs = 12", "how to train"),
    default(
        "methods",
        List {
            of: &METHOD,
            least: 0,
            most: MANY,
        },
        "[]",
        "the distillation methods; none trains the student alone",
    ),
]);

const DATA: &[Key] = &[
    required(
        "train",
        Text,
        "\"cifar10\"",
        "the training images: a data set's name, or a path from the current folder",
    ),
    optional(
        "test",
        Text,
        "the test split of `data.train`",
        "the images to measure with",
    ),
    optional(
        "train_limit",
        Whole(FROM_1),
        "all",
        "train on this many images, as many of each class",
    ),
    optional(
        "few_samples",
        Number(UP_TO_1),
        "all",
        "train on this share of each class, rounded down, at least one image; not beside `train_limit`",
    ),
    optional(
        "few_samples_seed",
        Whole(FROM_0),
        "that of seed 0, whatever `seed` is",
        "which images `few_samples` takes; smaller shares are parts of larger ones",
    ),
    optional(
        "test_limit",
        Whole(FROM_1),
        "all",
        "measure with this many images, as many of each class",
    ),
    optional(
        "augment",
        Verbatim("the steps of an augmentation"),
        "none",
        "how training images are varied",
    ),
    optional(
        "min_visible",
        Number(FROM_0_TO_1),
        "0.3 of it",
        "the share of an object that must be left in an augmented image, in tasks with objects; one with less is dropped",
    ),
    optional(
        "augment_seed",
        Whole(FROM_0),
        "that of the recipe",
        "where the draws of the augmentation start from; runs with the same one see the same images",
    ),
    optional(
        "views",
        Whole(FROM_1),
        "a new view in every epoch",
        "augmented views of each image: epoch `e`, from 0, sees view `e % views`",
    ),
    default(
        "workers",
        Whole(because(FROM_1, "somebody has to read the images")),
        "1",
        "threads that read and augment images",
    ),
];

const NETWORK: &[Key] = &[
    required("model", Text, "\"cifar_resnet20\"", "the network's name"),
    WEIGHTS,
    SHORTCUT,
    INPUT,
];

const TEACHER: &[Key] = &[
    optional(
        "run",
        Text,
        "`teacher.model` is needed",
        "the folder of a finished run whose student is the teacher",
    ),
    optional(
        "model",
        Text,
        "`teacher.run` or `teacher.onnx` is needed",
        "the network's name",
    ),
    WEIGHTS,
    SHORTCUT,
    optional(
        "onnx",
        Text,
        "`teacher.model` is needed",
        "an ONNX file of any network that takes images and gives logits",
    ),
    optional(
        "logits",
        Text,
        "the file's first output",
        "of an ONNX file: the name of the tensor of logits",
    ),
    INPUT,
    optional(
        "precision",
        Choice(&["single", "half"]),
        "single",
        "half: frozen convolutions in half precision where the machine has AVX512-FP16; not of an ONNX file",
    ),
    optional(
        "batch_norm",
        Choice(&["running", "batch"]),
        "running",
        "batch: a frozen teacher's batch norms take the statistics of each training batch; not of an ONNX file",
    ),
    optional(
        "optimizer",
        OPTIMIZER,
        "the phase's",
        "of a teacher that trains beside the student: the rule of its steps",
    ),
    optional(
        "schedule",
        SCHEDULE,
        "the phase's",
        "of a teacher that trains beside the student: its learning rate over the whole training",
    ),
    default(
        "cache",
        Flag,
        "false",
        "keep the outputs of a frozen teacher for the augmented images on disk, for every run over the same views",
    ),
    default(
        "cache_taps",
        Flag,
        "false",
        "keep the maps that methods read as well, not the logits alone",
    ),
    default(
        "cache_precision",
        Choice(&["single", "half"]),
        "\"single\"",
        "in what the outputs are kept; half takes half the space and rounds them",
    ),
];

const WEIGHTS: Key = optional(
    "weights",
    Text,
    "random",
    "the file of weights to start from, safetensors or PyTorch",
);
const SHORTCUT: Key = optional(
    "shortcut",
    Choice(&["a", "b"]),
    "as published",
    "of a CIFAR ResNet: a subsamples, b projects (He et al. 2015)",
);
const INPUT: Key = optional(
    "input",
    Table(INPUT_KEYS),
    "whole, normalised as is usual for the data set",
    "how the network takes an image",
);

const INPUT_KEYS: &[Key] = &[
    optional(
        "mean",
        List {
            of: &Number(ANY),
            least: 1,
            most: MANY,
        },
        "as is usual for the data set",
        "one value a channel, subtracted from pixels in [0, 1]",
    ),
    optional(
        "std",
        List {
            of: &Number(ABOVE_0),
            least: 1,
            most: MANY,
        },
        "as is usual for the data set",
        "one value a channel, then divided by",
    ),
    optional(
        "low_resolution",
        Table(LOW_RESOLUTION),
        "the whole image",
        "degrades the augmented image before it is normalised",
    ),
];

const LOW_RESOLUTION: &[Key] = &[
    required(
        "size",
        Whole(FROM_1),
        "8",
        "rows and columns that windows are averaged to; must divide those of the image",
    ),
    optional(
        "enlarge",
        Choice(&["nearest", "bilinear", "none"]),
        "nearest",
        "how the image gets its old size back; none feeds the network the small image",
    ),
];

static METHOD: Kind = Open(&[
    required(
        "kind",
        Text,
        "\"kd\"",
        "which method; every key that is not listed here is an option of that method",
    ),
    optional(
        "name",
        Text,
        "the kind, `kd-2` for the second entry of the kind `kd`",
        "the name of this entry in logs, checkpoints and phases: a-z, 0-9, `_` and `-`",
    ),
    default("weight", Number(FROM_0), "1.0", "the weight of its loss"),
    optional(
        "teacher",
        OneOrMore(&Text),
        "the only teacher",
        "the name of the teacher that it learns from, or an array of names: it learns from their average",
    ),
    optional(
        "teacher_weights",
        List {
            of: &Number(FROM_0),
            least: 1,
            most: MANY,
        },
        "equal weights",
        "the weight of each teacher in the average",
    ),
]);
