//! Layers of any kind that are put into a network: their tensors and costs are the network's, it deploys as
//! it computes, and what cannot be is refused.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use burn::tensor::{Device, Tensor};
use potstill_models::{BuildOptions, Model, find, probe};
use potstill_ops::{Frozen, Insertion, LayerConfig, Point, Scope};
use potstill_random::Seed;

const KD_LAYER: LayerConfig = LayerConfig::KdLayer {
    templates: 8,
    alpha: 0.5,
};
const PROJECTOR: LayerConfig = LayerConfig::Projector {
    outputs: 64,
    reduction: 2,
    pooled: None,
};

fn scope() -> Scope {
    Scope::new(&Device::flex(), Seed::new(0), "test")
}

fn plain() -> Model {
    let entry = find("cifar_resnet8").unwrap();
    entry.build(BuildOptions::default(), &scope()).unwrap()
}

fn insertion(layer: LayerConfig) -> Insertion {
    Insertion {
        path: "layer".into(),
        point: Point::post("layer3.0"),
        layer,
    }
}

fn with(layer: LayerConfig) -> Model {
    let mut network = plain();
    network.insert(&insertion(layer), [32, 32], &scope()).unwrap();
    network
}

fn logits(network: &Model) -> Vec<f32> {
    let images = Tensor::ones([2, 32, 32, 3], &Device::flex());
    let logits = Model::logits(&Frozen::new(network), images).unwrap();
    logits.into_data().iter().collect()
}

#[test]
fn its_tensors_come_last_under_its_path_and_its_cost_is_counted() {
    for (layer, tensors, added) in [
        (KD_LAYER, 8, 2 * 64 * 8),
        (PROJECTOR, 15, 64 * 32 + 9 * 32 * 32 + 32 * 64),
    ] {
        let (before, after) = (plain(), with(layer));
        let paths = |network: &Model| -> Vec<String> {
            let entries = network.parameters().entries();
            entries.into_iter().map(|entry| entry.path).collect()
        };
        let (first, second) = (paths(&before), paths(&after));
        assert_eq!(second[..first.len()], first);
        let own = &second[first.len()..];
        assert_eq!(own.len(), tensors, "{own:?}");
        assert!(own.iter().all(|path| path.starts_with("layer.")), "{own:?}");

        let macs = |network| probe(network, [32, 32], &Device::flex()).unwrap().macs;
        assert_eq!(macs(&after), macs(&before) + 8 * 8 * added, "{layer}");
        let shape = probe(&after, [32, 32], &Device::flex()).unwrap();
        assert_eq!(shape.size(&Point::post("layer")), Some([8, 8, 64]));
        assert_ne!(logits(&before), logits(&after), "{layer}");
    }
}

#[test]
fn a_deployed_network_computes_what_it_computed() {
    for layer in [KD_LAYER, PROJECTOR] {
        let network = with(layer);
        for (deployed, kept) in logits(&network.deployed()).iter().zip(logits(&network)) {
            assert!((deployed - kept).abs() < 1e-5, "{layer}: {deployed}, {kept}");
        }
        assert_eq!(network.deployed().insertions(), [insertion(layer)]);
    }
}

#[test]
fn what_cannot_be_is_refused_with_the_reason() {
    let mut network = with(KD_LAYER);
    network.insert(&insertion(KD_LAYER), [32, 32], &scope()).unwrap();
    assert_eq!(network.insertions().len(), 1, "the same layer again is no change");
    let mut refusal = |insertion: &Insertion| {
        let error = network.insert(insertion, [32, 32], &scope()).unwrap_err();
        error.to_string()
    };
    assert_eq!(
        refusal(&insertion(PROJECTOR)),
        "the layer `layer` cannot be put into `cifar_resnet8`: it has one of that name at `layer3.0`, a KD layer of 8 templates \
         and alpha 0.5"
    );
    let elsewhere = |layer, point: &str| Insertion {
        path: "other".into(),
        point: point.parse().unwrap(),
        layer,
    };
    assert!(refusal(&elsewhere(PROJECTOR, "layer4")).ends_with("the network has no point `layer4`"));
    assert!(
        refusal(&elsewhere(PROJECTOR, "layer2.0"))
            .ends_with("the map at `layer2.0` has 32 channels, and what follows cannot take 64")
    );
    for (templates, reduction) in [(0, 0), (0, 65)] {
        let alpha = 1.0;
        let none = elsewhere(LayerConfig::KdLayer { templates, alpha }, "layer3.0");
        assert!(refusal(&none).ends_with("at least one template"));
        let outputs = 64;
        let none = elsewhere(
            LayerConfig::Projector {
                outputs,
                reduction,
                pooled: None,
            },
            "layer3.0",
        );
        assert!(refusal(&none).contains("at least one inner channel"));
    }
}

#[test]
fn a_wider_map_redraws_the_head_that_reads_it() {
    for (name, point, head) in [
        ("cifar_resnet8", "layer3.0", "linear.weight"),
        ("cifar_shufflenetv2", "conv2", "linear.weight"),
    ] {
        let entry = find(name).unwrap();
        let mut network = entry.build(BuildOptions::default(), &scope()).unwrap();
        let (outputs, reduction) = (96, 2);
        let projector = Insertion {
            path: "simkd".into(),
            point: Point::post(point),
            layer: LayerConfig::Projector {
                outputs,
                reduction,
                pooled: None,
            },
        };
        network.insert(&projector, [32, 32], &scope()).unwrap();
        let entries = network.parameters().entries();
        let last = entries.iter().find(|entry| entry.path == head).unwrap();
        assert_eq!(last.shape, [entry.classes, outputs], "{name}");
        let probe = probe(&network, [32, 32], &Device::flex()).unwrap();
        assert_eq!(probe.size(&Point::post("pool")), Some([1, 1, outputs]), "{name}");
        assert_eq!(logits(&network).len(), 2 * entry.classes);
    }
}
