//! Copies of a module are independent of what becomes of the original, and rewriting keeps parameters trainable.

use burn::{
    module::{Module, Param, ParamId},
    tensor::{Device, Tensor},
};
use potstill_ops::{
    Activation, BatchNorm, BatchStatistics, Conv2d, Conv2dConfig, Frozen, Mode, Parameters, Pass, conv_norm,
};
use potstill_testing::numbers::{assert_near, gradients, map, scope, values};

/// The smallest network that has weights and statistics.
#[derive(Module, Debug)]
struct Unit {
    conv: Conv2d,
    norm: BatchNorm,
}

impl Unit {
    fn new() -> Self {
        let conv = Conv2d::he_normal(Conv2dConfig::new(2, 3, 3), &scope().at("conv"));
        Self {
            conv,
            norm: BatchNorm::new(3, &scope().at("norm")),
        }
    }

    fn forward(&self, pass: &mut Pass<'_>) -> Tensor<4> {
        let images = map([2, 2, 4, 4], |i| (i as f64).sin()).cast(burn::tensor::DType::F32);
        conv_norm(images, &self.conv, &self.norm, Activation::Relu, pass)
    }

    /// One step of training that moves every weight and every running statistic.
    fn learn(&mut self) {
        let mut pass = Pass::new(Mode::Batch);
        let y = self.forward(&mut pass);
        let mut tape = (y.clone() * y).mean().backward();
        self.update_with_gradients(&mut tape, &mut |_, value, gradient| value - gradient * 0.1 - 0.01);
        BatchStatistics::update_running_stats(&pass.into_batch_statistics(), self);
    }
}

fn state(module: &dyn Parameters) -> Vec<Vec<f64>> {
    let mut state = Vec::new();
    module.each(&mut |_, tensor| state.push(values(&tensor)));
    state
}

/// Whether every tensor of the module differs from what it was.
fn all_moved(module: &dyn Parameters, before: &[Vec<f64>]) -> bool {
    state(module)
        .iter()
        .zip(before)
        .all(|(now, before)| now != before)
}

#[test]
fn a_frozen_copy_stays_what_it_was() {
    let mut unit = Unit::new();
    unit.learn();
    let frozen = Frozen::new(&unit);
    let (before, output) = (
        state(&unit),
        values(&frozen.get().forward(&mut Pass::new(Mode::Running))),
    );
    assert_eq!(state(frozen.parameters()), before);
    unit.learn();
    assert!(all_moved(&unit, &before));
    assert_eq!(state(frozen.parameters()), before);
    assert_eq!(
        values(&frozen.get().forward(&mut Pass::new(Mode::Running))),
        output
    );
}

#[test]
fn a_clone_and_its_original_go_their_own_ways() {
    let mut unit = Unit::new();
    let mut clone = unit.clone();
    let before = state(&unit);
    unit.learn();
    assert!(all_moved(&unit, &before));
    assert_eq!(state(&clone), before);
    let trained = state(&unit);
    clone.learn();
    clone.learn();
    assert!(all_moved(&clone, &trained));
    assert_eq!(state(&unit), trained);
}

/// Whatever a layer keeps beside its tensors must not outlive them.
#[test]
fn a_module_answers_by_its_present_values_only() {
    let answer = |unit: &Unit| values(&Frozen::new(unit).get().forward(&mut Pass::new(Mode::Running)));
    let mut unit = Unit::new();
    let mut seen = vec![answer(&unit)];
    for changed in [
        "conv.weight",
        "norm.weight",
        "norm.bias",
        "norm.running_mean",
        "norm.running_var",
    ] {
        unit.forward(&mut Pass::new(Mode::Running));
        unit.rewrite(&mut |entry, value| (entry.path == changed).then(|| value * 0.5 + 0.1));
        let mut twin = Unit::new();
        let mut state = state(&unit).into_iter();
        twin.rewrite(&mut |_, value| {
            let now: Vec<f32> = state.next()?.into_iter().map(|value| value as f32).collect();
            Some(Tensor::from_data(now.as_slice(), &value.device()))
        });
        let tracked = values(&unit.forward(&mut Pass::new(Mode::Running)));
        assert_near(changed, &tracked, &answer(&twin), 1e-6);
        assert_eq!(answer(&unit), answer(&twin), "{changed}");
        assert!(!seen.contains(&answer(&unit)), "{changed}");
        seen.push(answer(&unit));
    }
}

#[test]
fn a_replaced_tensor_counts_at_once() {
    let run = |unit: &Unit| values(&unit.forward(&mut Pass::new(Mode::Running)));
    let halved = |param: &Param<Tensor<1>>| Param::initialized(ParamId::new(), param.val() * 0.5 + 0.1);
    let replace: [fn(&mut Unit) -> &mut Param<Tensor<1>>; 4] = [
        |unit| &mut unit.norm.weight,
        |unit| &mut unit.norm.bias,
        |unit| &mut unit.norm.running_mean,
        |unit| &mut unit.norm.running_var,
    ];
    let mut unit = Unit::new().valid();
    for (k, param) in replace.into_iter().enumerate() {
        let before = run(&unit);
        *param(&mut unit) = halved(param(&mut unit));
        assert_ne!(run(&unit), before, "tensor {k}");
        assert_eq!(run(&unit), run(&unit.clone()), "tensor {k}");
    }
    let before = run(&unit);
    unit.conv.weight = Param::initialized(ParamId::new(), unit.conv.weight.val() * 0.5);
    assert_ne!(run(&unit), before);
    assert_eq!(run(&unit), run(&unit.clone()));
}

#[test]
fn a_frozen_module_keeps_no_graph() {
    let frozen = Frozen::new(&Unit::new());
    let y = frozen.get().forward(&mut Pass::new(Mode::Running));
    assert!(!y.is_autodiff() && !y.is_require_grad());
}

#[test]
fn nothing_moves_in_a_forward_pass() {
    let unit = Unit::new();
    let before = state(&unit);
    for mode in [Mode::Batch, Mode::Running, Mode::RunningWithGradient] {
        unit.forward(&mut Pass::new(mode));
        assert_eq!(state(&unit), before, "{mode:?}");
    }
}

#[test]
fn rewritten_parameters_are_still_trained() {
    let mut unit = Unit::new();
    unit.rewrite(&mut |_, value| Some(value + 0.5));
    let tape = unit
        .forward(&mut Pass::new(Mode::Batch))
        .powi_scalar(2)
        .sum()
        .backward();
    let with_gradient: Vec<String> = gradients(&unit, &tape).into_keys().collect();
    assert_eq!(with_gradient, ["conv.weight", "norm.bias", "norm.weight"]);
}

#[test]
fn a_rewrite_keeps_what_it_is_told_to_keep() {
    let mut unit = Unit::new();
    let before = state(&unit);
    unit.rewrite(&mut |entry, value| {
        (entry.path == "norm.running_var").then(|| Tensor::full(value.dims(), 7.0, &Device::flex()))
    });
    let paths: Vec<String> = unit.entries().into_iter().map(|entry| entry.path).collect();
    for ((path, now), before) in paths.iter().zip(state(&unit)).zip(before) {
        assert_eq!(
            now,
            if path == "norm.running_var" {
                vec![7.0; 3]
            } else {
                before
            },
            "{path}"
        );
    }
}
