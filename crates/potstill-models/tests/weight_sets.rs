//! Files of several networks, of other frameworks, and of parts of a network: taken as they say, asked about, or
//! refused with the reason.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::collections::BTreeMap;

use burn::tensor::Device;
use potstill_models::{
    BuildOptions, HeadWeights, Model, ModelError, Shortcut, find,
    weights::{self, Asked, StoredTensor, TensorFile, WeightSet},
};
use potstill_ops::Scope;
use potstill_random::Seed;

fn fresh(model: &str, classes: usize, seed: u64) -> Model {
    let options = BuildOptions {
        classes: Some(classes),
        ..BuildOptions::default()
    };
    let scope = Scope::new(&Device::flex(), Seed::new(seed), "test");
    find(model).unwrap().build(options, &scope).unwrap()
}

type Tensors = BTreeMap<String, StoredTensor>;

/// The tensors of a network by our own names, every value 100 times the tensor's place and so no two alike.
fn numbered(network: &Model, offset: f32) -> Tensors {
    let entries = network.parameters().entries();
    let tensor = |(place, entry): (usize, &potstill_ops::Entry)| {
        let length = entry.shape.iter().product();
        let shape = entry.shape.clone();
        let values = vec![100.0 * place as f32 + offset; length];
        (entry.path.clone(), StoredTensor { shape, values })
    };
    entries.iter().enumerate().map(tensor).collect()
}

fn below(prefix: &str, tensors: &Tensors) -> Tensors {
    let name = |(name, tensor): (&String, &StoredTensor)| (format!("{prefix}{name}"), tensor.clone());
    tensors.iter().map(name).collect()
}

fn file(parts: impl IntoIterator<Item = Tensors>) -> TensorFile {
    TensorFile {
        path: "all.pth".into(),
        tensors: parts.into_iter().flatten().collect(),
        others: BTreeMap::new(),
        metadata: BTreeMap::new(),
    }
}

/// The values that a network has after loading, one of each tensor, in its order.
fn loaded(network: &mut Model, file: &TensorFile, prefix: Option<&str>) -> Result<Vec<f32>, ModelError> {
    let set = WeightSet::choose(file, network, prefix, &Asked::CommandLine)?;
    set.load(network, HeadWeights::Kept)?;
    Ok(firsts(network))
}

fn firsts(network: &Model) -> Vec<f32> {
    let mut values = Vec::new();
    network.parameters().each(&mut |_, tensor| {
        values.push(tensor.into_data().try_to_vec::<f32>().unwrap()[0]);
    });
    values
}

/// What [`numbered`] wrote.
fn expected(network: &Model, offset: f32) -> Vec<f32> {
    let count = network.parameters().entries().len();
    (0..count).map(|place| 100.0 * place as f32 + offset).collect()
}

fn refusal(network: &mut Model, file: &TensorFile, prefix: Option<&str>) -> String {
    let before = firsts(network);
    let error = loaded(network, file, prefix).unwrap_err().to_string();
    assert_eq!(firsts(network), before, "nothing is loaded");
    error
}

#[test]
fn a_moving_average_is_taken_rather_than_what_it_averages_and_that_is_said() {
    let mut network = fresh("cifar_resnet8", 4, 1);
    for (plain, average) in [
        ("state_dict.", "state_dict_ema."),
        ("model.", "model_ema."),
        ("model.", "ema."),
        ("state_dict.module.", "ema_state_dict.module."),
        ("", "ema."),
        ("net.", "EMA.model."),
    ] {
        let both = file([
            below(plain, &numbered(&network, 1.0)),
            below(average, &numbered(&network, 2.0)),
        ]);
        let set = WeightSet::choose(&both, &network, None, &Asked::CommandLine).unwrap();
        let said = set.notes.join("\n");
        let average = average.trim_end_matches('.');
        assert!(
            said.contains(&format!("the average `{average}` is taken, as timm does")),
            "{said}"
        );
        let other = match plain.trim_end_matches('.') {
            "" => "`--prefix \"\"` takes the others".to_owned(),
            plain => format!("`--prefix {plain}` takes the others"),
        };
        assert!(said.contains(&other), "{said}");
        assert_eq!(
            loaded(&mut network, &both, None).unwrap(),
            expected(&network, 2.0)
        );
        let asked = plain.trim_end_matches('.');
        assert_eq!(
            loaded(&mut network, &both, Some(asked)).unwrap(),
            expected(&network, 1.0),
            "{asked}"
        );
    }
}

#[test]
fn networks_that_fit_equally_well_are_asked_about() {
    let mut network = fresh("cifar_resnet8", 4, 1);
    let both = file([
        below("state_dict.student.", &numbered(&network, 1.0)),
        below("state_dict.teacher.", &numbered(&network, 2.0)),
    ]);
    let said = refusal(&mut network, &both, None);
    // 37 tensors: 7 convolutions, 7 batch norms of 4, and the last layer of 2. Convolutions of 432 + 2 x 2304 + 4608 +
    // 9216 + 18432 + 36864 numbers, norms of 2 x 240 and a last layer of 65 x 4.
    for part in [
        "all.pth has weights of this network 2 times",
        "state_dict.student: 37 tensors, 74900 parameters",
        "state_dict.teacher: 37 tensors",
        "say which, for example `--prefix state_dict.teacher`",
    ] {
        assert!(said.contains(part), "`{part}` is not in: {said}");
    }
    for (prefix, offset) in [("student", 1.0), ("teacher", 2.0), ("state_dict.teacher.", 2.0)] {
        assert_eq!(
            loaded(&mut network, &both, Some(prefix)).unwrap(),
            expected(&network, offset)
        );
    }
    let said = refusal(&mut network, &both, Some("state_dict"));
    assert!(
        said.contains("the prefix `state_dict` does not say which"),
        "{said}"
    );
    let said = refusal(&mut network, &both, Some("pupil"));
    assert!(
        said.contains("no weights of this network below the prefix `pupil`, but below"),
        "{said}"
    );
    assert!(said.contains("state_dict.student: 37 tensors"), "{said}");

    let in_recipe = WeightSet::choose(&both, &network, None, &Asked::Recipe("student".into()));
    let said = in_recipe.unwrap_err().to_string();
    assert!(
        said.contains("`student.weights = { file = \"all.pth\", prefix = \"state_dict.teacher\" }`"),
        "{said}"
    );
    let four = file(
        ["student.", "teacher.", "student_ema.", "teacher_ema."]
            .map(|prefix| below(prefix, &numbered(&network, prefix.len() as f32))),
    );
    let said = refusal(&mut network, &four, None);
    assert!(said.contains("4 times"), "{said}");
}

#[test]
fn the_same_weights_twice_are_one_network() {
    let mut network = fresh("cifar_resnet8", 4, 1);
    let twice = file(["a.", "b."].map(|prefix| below(prefix, &numbered(&network, 1.0))));
    assert_eq!(
        loaded(&mut network, &twice, None).unwrap(),
        expected(&network, 1.0)
    );
}

#[test]
fn a_larger_network_beside_is_no_candidate() {
    let mut network = fresh("cifar_resnet8", 4, 1);
    let larger = numbered(&fresh("cifar_resnet14", 4, 1), 2.0);
    let wider = numbered(&fresh("cifar_resnet8x4", 4, 1), 3.0);
    let both = file([
        below("student.", &numbered(&network, 1.0)),
        below("teacher.", &larger),
        below("wide.", &wider),
    ]);
    assert_eq!(
        loaded(&mut network, &both, None).unwrap(),
        expected(&network, 1.0)
    );
}

#[test]
fn an_average_of_the_weights_alone_is_left_and_that_is_said() {
    let mut network = fresh("cifar_resnet8", 4, 1);
    let mut weights = numbered(&network, 2.0);
    weights.retain(|name, _| !name.contains("running"));
    let both = file([below("model.", &numbered(&network, 1.0)), below("ema.", &weights)]);
    let set = WeightSet::choose(&both, &network, None, &Asked::CommandLine).unwrap();
    let said = set.notes.join("\n");
    assert!(
        said.contains("`ema` has only 21 of the network's tensors"),
        "{said}"
    );
    assert_eq!(
        loaded(&mut network, &both, None).unwrap(),
        expected(&network, 1.0)
    );
}

/// The same tensors with the last layer elsewhere.
fn with_head(tensors: &Tensors, ours: &str, theirs: &str) -> Tensors {
    let rename = |(name, tensor): (&String, &StoredTensor)| {
        let renamed = match name.strip_prefix(&format!("{ours}.")) {
            Some(part @ ("weight" | "bias")) => format!("{theirs}.{part}"),
            _ => name.clone(),
        };
        (renamed, tensor.clone())
    };
    tensors.iter().map(rename).collect()
}

#[test]
fn a_last_layer_in_a_container_of_its_own_is_found() {
    for (model, ours, theirs) in [
        ("cifar_resnet8", "linear", "fc.1"),
        ("cifar_resnet8", "linear", "classifier.0"),
        ("cifar_wrn_16_1", "fc", "fc.2"),
        ("mobilenet_v2", "classifier.1", "classifier"),
        ("mobilenet_v2", "classifier.1", "classifier.1.1"),
    ] {
        let mut network = fresh(model, 4, 1);
        let file = file([with_head(&numbered(&network, 1.0), ours, theirs)]);
        assert_eq!(
            loaded(&mut network, &file, None).unwrap(),
            expected(&network, 1.0),
            "{model}, {theirs}"
        );
        let set = WeightSet::choose(&file, &network, None, &Asked::Program).unwrap();
        assert_eq!(set.classes(), Some(4));
    }
}

#[test]
fn a_head_of_several_layers_is_refused() {
    let mut network = fresh("cifar_resnet8", 4, 1);
    let mut tensors = with_head(&numbered(&network, 1.0), "linear", "fc.2");
    let hidden = StoredTensor {
        shape: vec![64, 64],
        values: vec![1.0; 64 * 64],
    };
    tensors.insert("fc.0.weight".into(), hidden);
    let said = refusal(&mut network, &file([tensors]), None);
    for part in [
        "linear.weight",
        "linear.0.weight",
        "linear.2.weight",
        "has another last layer",
    ] {
        assert!(said.contains(part), "`{part}` is not in: {said}");
    }
}

#[test]
fn a_backbone_with_a_head_beside_it_is_one_network() {
    for (model, ours) in [("cifar_resnet8", "linear"), ("resnet18", "fc")] {
        for (before, theirs) in [("", "head.fc"), ("state_dict.", "head.fc"), ("model.", "fc")] {
            let mut network = fresh(model, 4, 1);
            let tensors = numbered(&network, 1.0).into_iter().map(|(name, tensor)| {
                let renamed = match name.strip_prefix(&format!("{ours}.")) {
                    Some(part) => format!("{before}{theirs}.{part}"),
                    None => format!("{before}backbone.{name}"),
                };
                (renamed, tensor)
            });
            let file = file([tensors.collect()]);
            assert_eq!(
                loaded(&mut network, &file, None).unwrap(),
                expected(&network, 1.0),
                "{model}, {before}{theirs}"
            );
        }
    }
}

#[test]
fn values_that_are_no_numbers_are_refused_by_the_name_of_their_tensor() {
    for broken in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut network = fresh("cifar_resnet8", 4, 1);
        let mut tensors = numbered(&network, 1.0);
        tensors.get_mut("layer2.0.conv1.weight").unwrap().values[7] = broken;
        let said = refusal(&mut network, &file([tensors]), None);
        assert!(
            said.contains("not finite numbers: `layer2.0.conv1.weight` (1 of 4608)"),
            "{said}"
        );
        assert!(
            said.contains("all.pth") && said.contains("earlier checkpoint"),
            "{said}"
        );
    }
}

#[test]
fn whole_numbers_in_the_place_of_weights_are_refused_and_counters_are_not() {
    let mut network = fresh("cifar_resnet8", 4, 1);
    let mut whole = file([numbered(&network, 1.0)]);
    whole
        .others
        .insert("bn1.num_batches_tracked".into(), "int64".into());
    whole.others.insert("seen".into(), "bool".into());
    assert!(loaded(&mut network, &whole, None).is_ok());
    for (kind, part) in [("int8", "quantised"), ("float8_e4m3fn", "32-bit floats")] {
        let mut file = whole.clone();
        file.tensors.remove("layer1.0.conv1.weight");
        file.others.insert("layer1.0.conv1.weight".into(), kind.into());
        let said = refusal(&mut network, &file, None);
        assert!(
            said.contains("`layer1.0.conv1.weight`") && said.contains(kind) && said.contains(part),
            "{said}"
        );
    }
}

#[test]
fn all_but_the_head_starts_a_network_of_other_classes() {
    let stored = numbered(&fresh("cifar_resnet8", 10, 1), 1.0);
    for theirs in ["linear", "fc.1"] {
        let file = file([with_head(&stored, "linear", theirs)]);
        let mut network = fresh("cifar_resnet8", 4, 1);
        let before = firsts(&network);
        let said = refusal(&mut network, &file, None);
        assert!(said.contains("only the classifier differs"), "{said}");
        let set = WeightSet::choose(&file, &network, None, &Asked::Recipe("student".into())).unwrap();
        let said = set.load(&mut network, HeadWeights::Kept).unwrap_err().to_string();
        assert!(said.contains("`student.head = \"new\"`"), "{said}");

        let set = WeightSet::choose(&file, &network, None, &Asked::Program).unwrap();
        let left_out = set.load(&mut network, HeadWeights::New).unwrap();
        assert_eq!(left_out, ["linear.bias", "linear.weight"]);
        let (after, last) = (firsts(&network), before.len() - 2);
        assert_eq!(after[..last], expected(&network, 1.0)[..last]);
        assert_eq!(after[last..], before[last..], "the head is as it was drawn");
    }
}

#[test]
fn the_file_tells_shortcut_classes_and_channels() {
    let options = |shortcut| BuildOptions {
        classes: Some(7),
        channels: Some(1),
        shortcut: Some(shortcut),
        ..BuildOptions::default()
    };
    let scope = Scope::new(&Device::flex(), Seed::new(1), "test");
    let entry = find("cifar_resnet8").unwrap();
    for shortcut in [Shortcut::Projection, Shortcut::Subsample] {
        let stored = entry.build(options(shortcut), &scope).unwrap();
        let file = file([below("module.", &numbered(&stored, 1.0))]);
        let other = fresh("cifar_resnet8", 10, 2);
        let set = WeightSet::choose(&file, &other, None, &Asked::Program).unwrap();
        assert_eq!(
            (set.classes(), set.channels(), set.shortcut()),
            (Some(7), Some(1), Some(shortcut))
        );
        assert_eq!(weights::shortcut_of(&stored), shortcut);
    }
}

#[test]
fn a_distilled_deit_is_refused_with_the_reason() {
    let mut network = fresh("deit_tiny_patch16_224", 4, 1);
    let mut tensors = numbered(&network, 1.0);
    let row = StoredTensor {
        shape: vec![1, 1, 192],
        values: vec![0.0; 192],
    };
    tensors.insert("dist_token".into(), row);
    let head = tensors["head.weight"].clone();
    tensors.insert("head_dist.weight".into(), head);
    let said = refusal(&mut network, &file([tensors]), None);
    assert!(
        said.contains("distilled DeiT") && said.contains("head_dist"),
        "{said}"
    );
}
