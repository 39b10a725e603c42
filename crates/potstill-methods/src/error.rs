//! What can be wrong about a method.

use potstill_data::TargetKind;
use potstill_models::{DetectorKind, OutputError};
use potstill_recipe::RecipeError;
use potstill_tasks::{TaskError, TaskKind};

/// A method that cannot work with these networks or options, which is found before the first step, or a method that breaks its word.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MethodError {
    /// No method has this name.
    #[error("no method is called `{name}`; {hint}")]
    Unknown {
        /// The name that was asked for.
        name: String,
        /// The nearest name, or all names.
        hint: String,
    },
    /// A method that learns from a teacher, in a recipe that has none.
    #[error(
        "`{0}` learns from a teacher: add a [teacher] table, or take the method out for the student alone"
    )]
    NoTeacher(String),
    /// Logits that cannot be compared.
    #[error("`{method}` compares logits, but the teacher has {teacher} classes and the student {student}")]
    Classes {
        /// The method.
        method: &'static str,
        /// The teacher's classes.
        teacher: usize,
        /// The student's classes.
        student: usize,
    },
    /// A detector of which no scores are read.
    #[error(
        "`{method}` compares scores, and none of the teacher's outputs are read as scores of these classes: name their tensors \
         (`teacher.logits`), or take a method of features"
    )]
    NoScores {
        /// The method.
        method: &'static str,
    },
    /// Logits of other classes, or of the same in another order.
    #[error(
        "`{method}` compares logits class by class, and the teacher's classes are not those of the data in the same order: `{teacher}` \
         there is `{student}` here. A data set whose classes have the teacher's names and order is needed"
    )]
    ClassNames {
        /// The method.
        method: &'static str,
        /// The first of the teacher's classes that differs.
        teacher: String,
        /// The student's class in that place.
        student: String,
    },
    /// A teacher of another task, whose logits mean something else.
    #[error(
        "`{method}` compares probabilities, but the teacher was trained for `{teacher}` and the student is for `{student}`"
    )]
    OtherTask {
        /// The method.
        method: &'static str,
        /// The teacher's task.
        teacher: TaskKind,
        /// The student's.
        student: TaskKind,
    },
    /// Detectors whose scores are of other things.
    #[error(
        "`{method}` compares class scores one by one, and the student is {student}, the teacher {teacher}: take two of one kind, or a method \
         that reads their maps (`review-kd`, `cwd`, `pkd`, `mgd`, `fitnet`, `fgd`)"
    )]
    OtherDetector {
        /// The method.
        method: &'static str,
        /// The student.
        student: DetectorKind,
        /// The teacher.
        teacher: DetectorKind,
    },
    /// A teacher that tells no scores of the student's kind: a file.
    #[error(
        "`{method}` compares class scores one by one, and the student is {student}, whose scores this teacher has not: take a network of the \
         same kind, or a method that reads their maps (`pkd`, `cwd`, `fitnet`, `mgd`)"
    )]
    NoSuchScores {
        /// The method.
        method: &'static str,
        /// The student.
        student: DetectorKind,
    },
    /// Detectors of one kind whose scores are of other places.
    #[error(
        "`{method}` compares class scores one by one, and in map {map} of them (from 0, the finest) the student tells {} rows of {}, the \
         teacher {} of {}: take detectors with the same levels, anchors and classes, or a method that reads their maps (`pkd`, `cwd`)",
        student[0], student[1], teacher[0], teacher[1]
    )]
    OtherPlaces {
        /// The method.
        method: &'static str,
        /// The first map that differs.
        map: usize,
        /// Rows and scores of the student.
        student: [usize; 2],
        /// Of the teacher.
        teacher: [usize; 2],
    },
    /// A detector of a kind that a method cannot serve.
    #[error("`{method}` {reason}, and the student is {kind}: {cure}")]
    DetectorKind {
        /// The method.
        method: &'static str,
        /// The student.
        kind: DetectorKind,
        /// What the method does that it cannot do here.
        reason: &'static str,
        /// What to do.
        cure: &'static str,
    },
    /// A method that stands for the task's own loss, where that is more than a cross-entropy.
    #[error(
        "`{method}` stands for the task's own loss (`train.task_weight = 0`), and that of `{task}` teaches more than classes: proposals and \
         boxes would learn nothing. Take `kd` or a method of maps beside it"
    )]
    StandsForTask {
        /// The method.
        method: &'static str,
        /// The task.
        task: TaskKind,
    },
    /// A teacher that does not fit what is to become of it.
    #[error("`{method}` {reason}")]
    Teacher {
        /// The method.
        method: &'static str,
        /// Why, and what to do.
        reason: &'static str,
    },
    /// A point that the network does not have.
    #[error("`{method}` reads `{point}` of the {network}, which has no such point; {hint}")]
    NoPoint {
        /// The method.
        method: &'static str,
        /// The point.
        point: String,
        /// `student` or `teacher`.
        network: &'static str,
        /// The nearest point.
        hint: String,
    },
    /// A method that reads features of a network that knows no stages.
    #[error(
        "`{method}` reads features, and the recipe names no points of the {network}, which has no stages that it knows of (an ONNX \
         file): set `{option}`"
    )]
    NoStages {
        /// The method.
        method: &'static str,
        /// `student` or `teacher`.
        network: &'static str,
        /// The option that names points.
        option: &'static str,
    },
    /// A method that reads embeddings, of networks that say more of an image.
    #[error(
        "`{method}` compares embeddings of whole images, and networks for `{task}` have none: take `sp`, or a method of maps"
    )]
    NoEmbedding {
        /// The method.
        method: &'static str,
        /// The task.
        task: TaskKind,
    },
    /// A method that reads the last classifier of a network that has none of that form.
    #[error(
        "`{method}` reads the classifier of the {network}, and its logits do not come from one linear layer behind the mean of a map: take a \
         network that ends so (ResNet, WRN, VGG, MobileNetV1 and V2, ShuffleNet), or a method of maps or logits"
    )]
    NoLinearHead {
        /// The method.
        method: &'static str,
        /// `student` or `teacher`.
        network: &'static str,
    },
    /// A method that knows every training image by its index, in a step of images that have none of their own.
    #[error(
        "`{0}` knows every training image by its index, and the images of this step have none: take `rkd`, `pkt` or `cc`"
    )]
    NoIndices(&'static str),
    /// Training images whose targets cannot be read.
    #[error(transparent)]
    Data(#[from] potstill_data::DataError),
    /// A second view of the images that was not asked for.
    #[error(
        "there is no second view of the images in this step: `MethodInfo::second_view` has to say that it is looked at"
    )]
    NoSecondView,
    /// A classifier that was not asked for.
    #[error("no classifier is read in this step: `MethodInfo::heads` has to say whose is")]
    UnreadHead,
    /// A method that reads what a batch norm says of a point, of a point without one.
    #[error(
        "`{method}` reads the batch norm before the activation at `{point}` of the teacher, and there is none: name other points \
         (`teacher_points`), or take another method of maps"
    )]
    NoNorm {
        /// The method.
        method: &'static str,
        /// The point.
        point: String,
    },
    /// A point behind an activation, of a method that reads what comes before it.
    #[error(
        "`{method}` compares maps before their activation, and `{point}` of the {network} lies behind one: name `{before}`"
    )]
    BehindActivation {
        /// The method.
        method: &'static str,
        /// The point.
        point: String,
        /// `student` or `teacher`.
        network: &'static str,
        /// The point before the activation.
        before: String,
    },
    /// A method that compares one level with the next, with a single level.
    #[error(
        "`{0}` compares each map with the next, and there is one: name two points of each network or more"
    )]
    OneLevel(&'static str),
    /// Maps that must be equally wide, and are not.
    #[error(
        "`{method}` needs as many {what} in both maps, and the student has {} at `{}`, the teacher {} at `{}`: name other points, or take \
         a method with modules (`vid`, `fitnet`) or of relations (`sp`)",
        widths[0], points[0], widths[1], points[1]
    )]
    Widths {
        /// The method.
        method: &'static str,
        /// What is counted.
        what: &'static str,
        /// The student's point and the teacher's.
        points: [String; 2],
        /// How many each has.
        widths: [usize; 2],
    },
    /// Lists of points that do not pair up.
    #[error(
        "`{method}` pairs {student} points of the student with {teacher} of the teacher: name as many for one as for the other"
    )]
    Unpaired {
        /// The method.
        method: &'static str,
        /// The student's points.
        student: usize,
        /// The teacher's points.
        teacher: usize,
    },
    /// Pyramids without a common level.
    #[error(
        "`{method}` pairs levels by stride, and the student's ({student}) and the teacher's ({teacher}) have none in common: name points"
    )]
    NoCommonLevel {
        /// The method.
        method: &'static str,
        /// The student's strides.
        student: String,
        /// The teacher's.
        teacher: String,
    },
    /// Pyramids whose levels have other strides.
    #[error(
        "`{method}` reviews level by level, and level {level} of the student has stride {student}, that of the teacher {teacher}: take \
         networks with the same levels, or name points"
    )]
    Strides {
        /// The method.
        method: &'static str,
        /// The first level that differs, from the finest.
        level: usize,
        /// The student's stride there.
        student: String,
        /// The teacher's.
        teacher: String,
    },
    /// A method that tells the true class from others, where rows of logits have none, or several.
    #[error("`{0}` tells the true class of each row from the others, and the rows here have no single one")]
    NoRowClasses(&'static str),
    /// Class scores that exclude each other, where they do not.
    #[error(
        "`{0}` compares the scores of classes that exclude each other, and an image here may have several: take `kd`, or methods of features"
    )]
    SeveralClasses(&'static str),
    /// Class scores that tell nothing apart.
    #[error(
        "`{0}` compares the scores of classes, and there is one class: a softmax of it is 1 whatever the network says"
    )]
    OneClass(&'static str),
    /// Logits of no map.
    #[error("`{0}` compares logits place by place, and these are of no map")]
    NoLogitMap(&'static str),
    /// A training that ends before the method has done what it is there for.
    #[error(
        "`{method}` reviews for the first time in {unit} {needed}, and the recipe trains for {epochs}: train longer, or take {cure}"
    )]
    TooShort {
        /// The method.
        method: &'static str,
        /// What is counted: `epoch` or `virtual epoch`.
        unit: &'static str,
        /// What brings the review forward.
        cure: &'static str,
        /// Epochs of the recipe.
        epochs: usize,
        /// Epochs up to the first review.
        needed: usize,
    },
    /// A training that ends within a method's first stage.
    #[error(
        "`{method}` has the first {stage} epochs for itself, and the recipe trains for {epochs}: nothing would be learned of the task. Train longer, or set \
         `stage1_epochs` lower"
    )]
    NoSecondStage {
        /// The method.
        method: &'static str,
        /// Epochs of its stage.
        stage: usize,
        /// Epochs of the recipe.
        epochs: usize,
    },
    /// Maps that no whole pooling brings to the same size.
    #[error(
        "`{method}` compares the student at `{}` ({}x{}) with the teacher at `{}` ({}x{}), which is no whole multiple: name other points",
        student.0, student.1[0], student.1[1], teacher.0, teacher.1[0], teacher.1[1]
    )]
    Sizes {
        /// The method.
        method: &'static str,
        /// The student's point, with height and width of its map.
        student: (String, [usize; 2]),
        /// The teacher's.
        teacher: (String, [usize; 2]),
    },
    /// A method that cannot learn from the mean of several teachers.
    #[error(
        "`{method}` learns from one teacher, and {teachers} are named: name one of them (`teacher = \"...\"`)"
    )]
    OneTeacher {
        /// The entry.
        method: String,
        /// How many are named.
        teachers: usize,
    },
    /// A method without the loss that its facts promise.
    #[error("it has no loss: implement `Method::{0}`, or say otherwise in `MethodInfo::teacher`")]
    NoLoss(&'static str),
    /// A method with rounds of an augmentation that it does not have.
    #[error("it has rounds (`MethodInfo::rounds`) and no augmentation (`Method::augmentation`)")]
    NoAugmentation,
    /// Outputs or targets of another kind than the method needs.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// A network that gives outputs of another kind than the method needs.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// A method whose targets the task does not have.
    #[error(
        "`{method}` needs {} of each image ({reason}), and the task `{task}` gives {found}: take the method out",
        either(needed)
    )]
    Targets {
        /// The entry.
        method: String,
        /// The task's name.
        task: String,
        /// What it needs.
        needed: &'static [TargetKind],
        /// What there is.
        found: TargetKind,
        /// What the method does with the targets.
        reason: &'static str,
    },
    /// A method that needs labels, where the training images have none.
    #[error(
        "`{method}` needs labels ({reason}), and the images of `{images}` have none: take the method out"
    )]
    NoLabels {
        /// The entry.
        method: String,
        /// The training images.
        images: String,
        /// What the method does with the labels.
        reason: &'static str,
    },
    /// A method that needs the labels of all images, of which some have none.
    #[error(
        "`{method}` needs the label of every image ({reason}), and {labelled} of the {images} training images have one: take the method \
         out, or leave `data.labelled` out"
    )]
    FewLabels {
        /// The entry.
        method: String,
        /// How many training images have a label.
        labelled: usize,
        /// How many there are.
        images: usize,
        /// What the method does with the labels.
        reason: &'static str,
    },
    /// Outputs of a teacher of which only maps were asked for.
    #[error(
        "the teacher's heads did not run: `Method::teacher_at` has to say that its outputs are read in this step"
    )]
    UnreadOutputs,
    /// A map that was not read.
    #[error("{0}: `Method::reads` has to list it for this epoch")]
    Tap(#[from] potstill_ops::UnmetTap),
    /// A step before the preparation.
    #[error("nothing is prepared yet")]
    NotPrepared,
    /// The state of another method, or of the same one with other options.
    #[error("its state does not fit: {0}")]
    State(String),
    /// Text that names no point.
    #[error("`{method}`: {source}")]
    Point {
        /// The method.
        method: &'static str,
        /// Why.
        source: potstill_ops::PointError,
    },
    /// Work before the first step that cannot be done.
    #[error("`{method}` cannot prepare: {reason}")]
    Preparation {
        /// The method.
        method: &'static str,
        /// Why, and what to do.
        reason: String,
    },
    /// The training images or the teacher failed a preparation.
    #[error("{0}")]
    PrepareContext(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// An option that the method does not have, or a value of the wrong kind.
    #[error(transparent)]
    Options(#[from] RecipeError),
}

/// Kinds of target in words: `boxes or masks`.
fn either(kinds: &[TargetKind]) -> String {
    let kinds: Vec<_> = kinds.iter().map(TargetKind::to_string).collect();
    kinds.join(" or ")
}
