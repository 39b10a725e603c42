//! A network of a program's own is a model like any other: it trains, freezes, copies, loads, saves and takes
//! inserted layers.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::collections::BTreeMap;

use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor},
};
use potstill_models::{
    FrozenModel, LastStage, Model, ModelError, Network, NetworkDescription, OutputKind, Outputs, StageEnd,
    probe,
    weights::{self, Asked, TensorFile, WeightSet},
};
use potstill_ops::{
    Activation, BatchNorm, BatchStatistics, Conv2d, Conv2dConfig, Insertion, LayerConfig, Linear, Mode,
    Parameters, Pass, Point, Scope, conv_norm_act, global_avg_pool,
};
use potstill_random::Seed;

/// A convolution, a scale for each channel, and a classifier.
#[derive(Module, Debug)]
struct Small {
    conv: Conv2d,
    norm: BatchNorm,
    scale: Param<Tensor<4>>,
    fc: Linear,
}

impl Network for Small {
    fn description(&self) -> NetworkDescription {
        NetworkDescription {
            stem: Some(Point::post("conv")),
            stage_ends: vec![StageEnd::activated("conv"), StageEnd::pooled()],
            last_stage: Some(LastStage {
                first_block: Point::post("conv"),
                last_map: Point::post("conv"),
            }),
            ..NetworkDescription::classifier("small", 4, "fc")
        }
    }

    fn forward(&self, images: Tensor<4>, pass: &mut Pass<'_>) -> Outputs {
        let relu = Activation::Relu;
        let map = conv_norm_act(images, &self.conv, &self.norm, None, relu, "conv", pass);
        let embedding = global_avg_pool(map * self.scale.val());
        let embedding = pass.show("pool", potstill_ops::PointSide::Post, embedding);
        Outputs::Logits(self.fc.forward(embedding.flatten(1, 3), pass))
    }

    fn refuses(&self, [height, width]: [usize; 2]) -> Option<String> {
        (height < 4 || width < 4).then(|| "it needs 4 rows and 4 columns".into())
    }
}

fn small(seed: u64) -> Small {
    let scope = Scope::new(&Device::flex(), Seed::new(seed), "test");
    Small {
        conv: Conv2d::he_normal(Conv2dConfig::new(3, 6, 3), &scope.at("conv")),
        norm: BatchNorm::new(6, &scope.at("norm")),
        scale: scope.normal("scale", [1, 1, 1, 6], 1.0),
        fc: Linear::new(6, 4, &scope.at("fc")),
    }
}

fn images() -> Tensor<4> {
    Tensor::<1>::from_floats(
        (0..2 * 8 * 8 * 3)
            .map(|i| (0.1 * i as f32).sin())
            .collect::<Vec<_>>()
            .as_slice(),
        &Device::flex(),
    )
    .reshape([2, 8, 8, 3])
}

fn logits(model: &Model) -> Vec<f32> {
    let logits = FrozenModel::from(model).logits(images()).unwrap();
    logits.into_data().iter().collect()
}

fn tensors(module: &dyn Parameters) -> BTreeMap<String, Vec<f32>> {
    let mut tensors = BTreeMap::new();
    module.each(&mut |entry, tensor| {
        tensors.insert(entry.path.clone(), tensor.into_data().iter().collect());
    });
    tensors
}

#[test]
fn it_computes_what_the_module_computes_and_has_its_tensors() {
    let (module, model) = (small(1), Model::own(small(1)));
    let own = Module::valid(&module).forward_logits();
    assert_eq!(logits(&model), own);
    assert_eq!(tensors(model.parameters()), tensors(&module));
    assert_eq!(model.parameters().entries()[5].path, "scale");
    assert_eq!((model.name(), model.classes(), model.channels()), ("small", 4, 3));
    assert_eq!(model.output_kind(), OutputKind::Logits);

    let probe = probe(&model, [8, 8], &Device::flex()).unwrap();
    assert_eq!(probe.size(&Point::post("conv")), Some([8, 8, 6]));
    assert_eq!(probe.macs, 8 * 8 * 6 * 27 + 6 * 4);
    assert_eq!(probe.parameters, 6 * 27 + 12 + 6 + 6 * 4 + 4);
    assert_eq!(FrozenModel::from(&model).stem(), Some(Point::post("conv")));
}

impl Small {
    fn forward_logits(&self) -> Vec<f32> {
        let outputs = self.forward(images(), &mut Pass::new(Mode::Running));
        outputs.into_logits().unwrap().into_data().iter().collect()
    }
}

#[test]
fn a_training_step_moves_all_its_tensors_and_no_copys() {
    let mut model = Model::own(small(1));
    let (copy, frozen) = (model.clone(), FrozenModel::from(&model));
    let before = logits(&model);
    let mut pass = Pass::new(Mode::Batch);
    let loss = model.forward(images(), &mut pass).into_logits().unwrap();
    let mut gradients = loss.powi_scalar(2).sum().backward();
    let mut moved = Vec::new();
    let parameters = model.parameters_mut();
    parameters.update_with_gradients(&mut gradients, &mut |entry, value, gradient| {
        moved.push(entry.path.clone());
        value - gradient * 0.01
    });
    BatchStatistics::update_running_stats(&pass.into_batch_statistics(), parameters);
    assert_eq!(
        moved,
        [
            "conv.weight",
            "norm.weight",
            "norm.bias",
            "scale",
            "fc.weight",
            "fc.bias"
        ]
    );
    let (old, new) = (tensors(copy.parameters()), tensors(model.parameters()));
    for (path, values) in &new {
        assert_ne!(values, &old[path], "{path} stays");
    }
    assert_ne!(logits(&model), before);
    assert_eq!(logits(&copy), before);
    let frozen: Vec<f32> = frozen.logits(images()).unwrap().into_data().iter().collect();
    assert_eq!(frozen, before);
}

#[test]
fn its_weights_go_to_a_file_and_come_back() {
    let (model, mut other) = (Model::own(small(1)), Model::own(small(2)));
    assert_ne!(logits(&model), logits(&other));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("small.safetensors");
    weights::save(&model, &BTreeMap::new(), &file).unwrap();
    weights::load(&mut other, &TensorFile::read(&file).unwrap()).unwrap();
    assert_eq!(logits(&model), logits(&other));
    let file = TensorFile::read(&file).unwrap();
    let set = WeightSet::choose(&file, &other, None, &Asked::Program).unwrap();
    assert_eq!(set.classes(), Some(4));
}

#[test]
fn it_takes_inserted_layers_and_refuses_what_it_cannot_take() {
    let mut model = Model::own(small(1));
    let before = logits(&model);
    let (templates, alpha) = (3, 0.5);
    let insertion = |layer| Insertion {
        path: "inserted".into(),
        point: Point::post("conv"),
        layer,
    };
    let scope = Scope::new(&Device::flex(), Seed::new(3), "test");
    let layer = insertion(LayerConfig::KdLayer { templates, alpha });
    model.insert(&layer, [8, 8], &scope).unwrap();
    assert_ne!(logits(&model), before);

    let (outputs, reduction) = (12, 2);
    let wider = Insertion {
        path: "wider".into(),
        ..insertion(LayerConfig::Projector {
            outputs,
            reduction,
            pooled: None,
        })
    };
    let error = model.insert(&wider, [8, 8], &scope).unwrap_err();
    assert!(
        error.to_string().contains("what follows cannot take 12"),
        "{error}"
    );

    let error = model.check([2, 8, 3]).unwrap_err();
    assert!(matches!(error, ModelError::Input { .. }));
    assert!(error.to_string().ends_with("it needs 4 rows and 4 columns"));
}

/// A network that describes itself as it is told to.
#[derive(Module, Debug)]
struct Described {
    small: Small,
    #[module(skip)]
    description: NetworkDescription,
}

impl Network for Described {
    fn description(&self) -> NetworkDescription {
        self.description.clone()
    }

    fn forward(&self, images: Tensor<4>, pass: &mut Pass<'_>) -> Outputs {
        self.small.forward(images, pass)
    }
}

#[test]
fn a_network_that_is_not_as_it_is_described_is_refused_by_the_probe() {
    let small = small(1);
    let told = small.description();
    let refusal = |description: NetworkDescription| {
        let small = small.clone();
        let model = Model::own(Described { small, description });
        probe(&model, [8, 8], &Device::flex()).unwrap_err().to_string()
    };
    let told = || told.clone();
    assert_eq!(
        refusal(NetworkDescription { classes: 5, ..told() }),
        "`small` is not as it is described: it gives logits of 4 classes, not of 5"
    );
    let output_kind = OutputKind::DenseLogits;
    assert!(
        refusal(NetworkDescription {
            output_kind,
            ..told()
        })
        .contains("one row of logits for each image, not")
    );
    let stage_ends = vec![StageEnd::activated("conv"), StageEnd::activated("layer2")];
    assert!(
        refusal(NetworkDescription { stage_ends, ..told() }).ends_with("does not come by the point `layer2`")
    );
    let stem = Some(Point::post("stem"));
    assert!(refusal(NetworkDescription { stem, ..told() }).ends_with("the point `stem`"));
}
