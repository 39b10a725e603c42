//! The recipe of a pair: the benchmark's protocol, the student alone; a method is an override.

use super::{Error, GENERATED, Pair, short};

/// The data set of a pair as people write it.
pub fn data_name(pair: &Pair<'_>) -> &'static str {
    if pair.data == "cifar100" {
        "CIFAR-100"
    } else {
        "ImageNet"
    }
}

/// The whole file.
pub fn text(pair: &Pair<'_>) -> Result<String, Error> {
    let name = pair.name();
    let protocol = match pair.data {
        "cifar100" => cifar100(pair),
        "imagenet" => imagenet(pair),
        other => return Err(format!("no protocol is known for pairs on {other}").into()),
    };
    let example = match pair.data {
        "cifar100" => "'methods=[{ kind = \"kd\", weight = 0.9 }]' train.task_weight=0.1",
        _ => "'methods=[{ kind = \"kd\", weight = 0.5, temperature = 1 }]' train.task_weight=0.5",
    };
    Ok(format!(
        "{GENERATED}# {} on {} under the benchmark's protocol: as it is, the student alone. A method is an override,\n\
         #     potstill train {name} {example} name=kd\n\
         # and `potstill sweep {name}` runs every method with its published settings.\n\
         version = 1\n\
         name = \"{name}\"\n\
         about = \"{} on {}: the published protocol, the method is an override\"\n\
         expect = \"\"\"\n{}\"\"\"\n\n{protocol}",
        pair.in_words(),
        data_name(pair),
        pair.in_words(),
        data_name(pair),
        expect(pair),
    ))
}

/// The published figures, in lines.
fn expect(pair: &Pair<'_>) -> String {
    let mut figures: Vec<(&str, f64)> = pair.figures().map(|(name, top1)| (name.as_str(), top1)).collect();
    figures.sort_by(|one, other| other.1.total_cmp(&one.1));
    let mut text = format!(
        "Published top-1 on the test images in percent, mostly of the best epoch: {:.2} for the teacher, {:.2} for the student alone;",
        pair.top1("teacher_top1"),
        pair.top1("student_top1"),
    );
    let mut length = 0;
    for (index, (name, top1)) in figures.iter().enumerate() {
        let end = if index + 1 == figures.len() { "." } else { "," };
        let figure = format!("{name} {top1:.2}{end}");
        // A line of a width that is read.
        if index == 0 || length + figure.len() > 118 {
            text.push('\n');
            length = 0;
        } else {
            text.push(' ');
        }
        length += figure.len() + 1;
        text += &figure;
    }
    text + "\nNot run here yet."
}

fn cifar100(pair: &Pair<'_>) -> String {
    let input = "input = { mean = [0.5071, 0.4867, 0.4408], std = [0.2675, 0.2565, 0.2761] }";
    // The light networks of other families take a fifth.
    let light = ["mobilenet", "shufflenet"]
        .iter()
        .any(|family| pair.student.contains(family));
    let rate = if light { "0.01" } else { "0.05" };
    format!(
        "[data]\n\
         train = \"cifar100\"\n\
         augment = [{{ pad-crop = {{ pad = 4 }} }}, \"flip\"]\n\n\
         [student]\n\
         model = \"{}\"\n{}{input}\n\n\
         [teacher]\n\
         model = \"{}\"\n{}\
         # Put a teacher trained on CIFAR-100 here.\n\
         weights = \"teachers/cifar100-{}.safetensors\"\n\
         # It must be what the teacher was trained with.\n\
         {input}\n\n\
         [train]\n\
         epochs = 240\n\
         batch = 64\n\
         optimizer = {{ kind = \"sgd\", lr = {rate}, momentum = 0.9, weight_decay = 5e-4 }}\n\
         # After these epochs, counted from 1.\n\
         schedule = {{ kind = \"milestones\", at = [150, 180, 210], gamma = 0.1 }}\n",
        pair.student,
        shortcut(pair.student),
        pair.teacher,
        shortcut(pair.teacher),
        short(pair.teacher),
    )
}

/// The small residual networks of the benchmark project where the channels change.
fn shortcut(model: &str) -> &'static str {
    let has_both = ["20", "32", "56", "110"]
        .iter()
        .any(|depth| model == format!("cifar_resnet{depth}"));
    if has_both { "shortcut = \"b\"\n" } else { "" }
}

fn imagenet(pair: &Pair<'_>) -> String {
    format!(
        "[data]\n\
         # Folders of classes; put ImageNet there.\n\
         train = \"imagenet/train\"\n\
         test = \"imagenet/val\"\n\
         augment = [{{ random-resized-crop = {{ size = 224 }} }}, \"flip\"]\n\
         test_augment = [{{ resize-shorter = {{ size = 256 }} }}, {{ centre-crop = {{ size = 224 }} }}]\n\n\
         [student]\n\
         model = \"{}\"\n\
         input = {{ mean = [0.485, 0.456, 0.406], std = [0.229, 0.224, 0.225] }}\n\n\
         [teacher]\n\
         model = \"{}\"\n\
         # Put torchvision's weights (IMAGENET1K_V1) here.\n\
         weights = \"teachers/imagenet-{}.pth\"\n\
         input = {{ mean = [0.485, 0.456, 0.406], std = [0.229, 0.224, 0.225] }}\n\n\
         [train]\n\
         epochs = 100\n\
         batch = 512\n\
         optimizer = {{ kind = \"sgd\", lr = 0.2, momentum = 0.9, weight_decay = 1e-4 }}\n\
         schedule = {{ kind = \"milestones\", at = [30, 60, 90], gamma = 0.1 }}\n",
        pair.student,
        pair.teacher,
        short(pair.teacher),
    )
}
