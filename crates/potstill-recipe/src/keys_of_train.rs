//! Every key of `[train]`: how long, in what phases, by which optimizer and schedule.

use crate::keys::{ABOVE_0, BELOW_1, FROM_0, FROM_1, MANY, UP_TO_1, because, default, optional, required};
use crate::schema::Kind::{Choice, Flag, List, Number, Table, Text, Variants, Whole};
use crate::schema::{Key, Kind, Variant};

pub(crate) const TRAIN: &[Key] = &[
    optional(
        "epochs",
        Whole(FROM_1),
        "`train.phases` say it",
        "how many times to go through the training images",
    ),
    default("batch", Whole(FROM_1), "64", "images in a step"),
    default(
        "eval_batch",
        Whole(FROM_1),
        "256",
        "images at a time when measuring; changes no result",
    ),
    default(
        "task_weight",
        Number(FROM_0),
        "1.0",
        "the weight of the task's own loss, the cross-entropy",
    ),
    default(
        "label_smoothing",
        Number(because(BELOW_1, "at 1 the labels would say nothing")),
        "0.0",
        "the share of each label given to all classes",
    ),
    optional(
        "clip_norm",
        Number(ABOVE_0),
        "no clipping",
        "the largest norm of all gradients together; longer ones are shortened",
    ),
    default(
        "drop_last",
        Flag,
        "true",
        "leave out the last batch of an epoch if it is not full",
    ),
    required(
        "optimizer",
        OPTIMIZER,
        "{ kind = \"sgd\", lr = 0.1, momentum = 0.9 }",
        "the rule of a step",
    ),
    default(
        "schedule",
        SCHEDULE,
        "{ kind = \"constant\" }",
        "how the learning rate changes",
    ),
    optional(
        "phases",
        List {
            of: &Table(PHASE),
            least: 1,
            most: MANY,
        },
        "one phase that trains everything",
        "what trains when, one after the other",
    ),
];

const PHASE: &[Key] = &[
    required("name", Text, "\"warm\"", "the phase's name in logs"),
    required("epochs", Whole(FROM_1), "1", "its length"),
    optional(
        "trains",
        List {
            of: &Text,
            least: 1,
            most: MANY,
        },
        "everything",
        "what is trained in it: `student`, `teacher`, or the kind of a method for its modules",
    ),
    optional("optimizer", OPTIMIZER, "`train.optimizer`", "its optimizer"),
    optional(
        "schedule",
        SCHEDULE,
        "`train.schedule`",
        "its schedule, counted from the phase's start",
    ),
];

pub(crate) const OPTIMIZER: Kind = Variants(&[
    Variant {
        kind: "sgd",
        keys: &[LR, SGD],
    },
    Variant {
        kind: "adam",
        keys: &[LR, ADAM, &[DECAY_0]],
    },
    Variant {
        kind: "adamw",
        keys: &[LR, ADAM, &[DECAY_W]],
    },
]);

const LR: &[Key] = &[required("lr", Number(ABOVE_0), "0.1", "the learning rate")];

const SGD: &[Key] = &[
    default(
        "momentum",
        Number(because(BELOW_1, "at 1 a past gradient would never fade")),
        "0.0",
        "how much of the last step's direction is kept",
    ),
    default("nesterov", Flag, "false", "look ahead along the momentum"),
    default(
        "dampening",
        Number(BELOW_1),
        "0.0",
        "how much less of the gradient enters the momentum",
    ),
    DECAY_0,
];

const ADAM: &[Key] = &[
    default(
        "betas",
        List {
            of: &Number(because(BELOW_1, "at 1 a past gradient would never fade")),
            least: 2,
            most: 2,
        },
        "[0.9, 0.999]",
        "how slowly the averages of the gradient and of its square forget",
    ),
    default("eps", Number(ABOVE_0), "1e-8", "keeps the division finite"),
];

const DECAY_0: Key = default(
    "weight_decay",
    Number(FROM_0),
    "0.0",
    "pulls weights to 0, as a part of the gradient",
);
const DECAY_W: Key = default(
    "weight_decay",
    Number(FROM_0),
    "0.01",
    "pulls weights to 0, apart from the gradient",
);

pub(crate) const SCHEDULE: Kind = Variants(&[
    Variant {
        kind: "constant",
        keys: &[PACE],
    },
    Variant {
        kind: "milestones",
        keys: &[MILESTONES, PACE],
    },
    Variant {
        kind: "cosine",
        keys: &[
            &[default(
                "min_lr",
                Number(FROM_0),
                "0.0",
                "the learning rate that it comes down to",
            )],
            PACE,
        ],
    },
    Variant {
        kind: "poly",
        keys: &[
            &[default(
                "power",
                Number(ABOVE_0),
                "1.0",
                "the power of the share of epochs left",
            )],
            PACE,
        ],
    },
]);

const MILESTONES: &[Key] = &[
    required(
        "at",
        List {
            of: &Whole(FROM_1),
            least: 1,
            most: MANY,
        },
        "[150, 180, 210]",
        "the epochs (the first is 0) from which on the rate is multiplied by `gamma` once more",
    ),
    default("gamma", Number(UP_TO_1), "0.1", "the factor at each milestone"),
];

const PACE: &[Key] = &[
    default(
        "per",
        Choice(&["epoch", "step"]),
        "\"epoch\"",
        "whether the rate changes between epochs or at each step",
    ),
    default(
        "warmup_epochs",
        Whole(FROM_0),
        "0",
        "epochs in which the rate first grows to `lr`",
    ),
    default(
        "warmup_start",
        Number(UP_TO_1),
        "0.1",
        "the share of `lr` that warm-up starts from",
    ),
];
