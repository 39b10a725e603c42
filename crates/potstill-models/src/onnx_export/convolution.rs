//! Convolutions, batch norms, layer norms and linear layers.

use potstill_onnx::write::{Attribute, fold_scale, fold_shift, scale_rows};
use potstill_ops::{Conv2dConfig, TracedMap, TracedNorm, Weight};

use super::{
    forms::Form,
    lowering::{Lowering, numbers},
};

impl Lowering<'_> {
    pub(super) fn convolution(
        &mut self,
        map: TracedMap,
        x: TracedMap,
        config: &Conv2dConfig,
        (weight, bias): (&Weight, Option<&Weight>),
        norm: Option<&TracedNorm>,
    ) {
        let x = self.get(x, Form::First);
        let Conv2dConfig {
            kernel,
            stride,
            padding: [above, left],
            dilation,
            groups,
            ..
        } = *config;
        let attributes = vec![
            Attribute::sizes("kernel_shape", &kernel),
            Attribute::sizes("strides", &stride),
            Attribute::sizes("pads", &[above, left, above, left]),
            Attribute::sizes("dilations", &dilation),
            Attribute::Int("group", groups as i64),
        ];
        let folded = norm.filter(|_| !self.keep_norms);
        let kernels = if let Some(norm) = folded {
            self.folded(weight, bias, norm)
        } else {
            let bias = bias.map(|bias| self.weight(bias));
            (self.weight(weight), bias)
        };
        let inputs: Vec<&str> = [Some(&x), Some(&kernels.0), kernels.1.as_ref()]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect();
        match norm {
            Some(norm) if self.keep_norms => {
                let convolved = self.inner("Conv", &inputs, attributes);
                self.normalise(map, &convolved, norm);
            }
            _ => {
                self.emit(map, Form::First, "Conv", &inputs, attributes);
            }
        }
    }

    /// Kernels and bias that do what the convolution and the batch norm behind it do, in double precision until the end.
    fn folded(
        &mut self,
        weight: &Weight,
        bias: Option<&Weight>,
        norm: &TracedNorm,
    ) -> (String, Option<String>) {
        let [gamma, beta, mean, variance] =
            [&norm.weight, &norm.bias, &norm.running_mean, &norm.running_var].map(numbers);
        let bias = bias.map_or_else(|| vec![0.0; gamma.len()], numbers);
        let scale = fold_scale(&gamma, &variance, norm.epsilon);
        let mut kernels = numbers(weight);
        scale_rows(&mut kernels, &scale);
        let shift = fold_shift(&beta, &mean, &bias, &scale);
        let name = self.name_of(weight);
        let shift_name = match name.strip_suffix("weight") {
            Some(path) => format!("{path}bias"),
            None => format!("{name}.bias"),
        };
        let kernels = self.weight_as(weight, &weight.shape.clone(), &kernels);
        let shift = self.graph.floats(&shift_name, &[shift.len()], &shift);
        (kernels, Some(shift))
    }

    pub(super) fn batch_norm(&mut self, map: TracedMap, x: TracedMap, norm: &TracedNorm) {
        let x = self.get(x, Form::First);
        self.normalise(map, &x, norm);
    }

    fn normalise(&mut self, map: TracedMap, x: &str, norm: &TracedNorm) {
        let [gamma, beta, mean, variance] =
            [&norm.weight, &norm.bias, &norm.running_mean, &norm.running_var].map(|of| self.weight(of));
        let epsilon = vec![Attribute::Float("epsilon", norm.epsilon as f32)];
        let inputs = [x, &gamma, &beta, &mean, &variance];
        self.emit(map, Form::First, "BatchNormalization", &inputs, epsilon);
    }

    pub(super) fn layer_norm(
        &mut self,
        map: TracedMap,
        x: TracedMap,
        [weight, bias]: [&Weight; 2],
        epsilon: f64,
    ) {
        let form = self.by_place(map);
        let x = self.get(x, form);
        let (weight, bias) = (self.weight(weight), self.weight(bias));
        let attributes = vec![
            Attribute::Int("axis", -1),
            Attribute::Float("epsilon", epsilon as f32),
        ];
        self.emit(map, form, "LayerNormalization", &[&x, &weight, &bias], attributes);
    }

    /// Rows go through `Gemm`, which takes weights as they are; places through `MatMul`, which takes them transposed.
    pub(super) fn linear(&mut self, map: TracedMap, x: TracedMap, weight: &Weight, bias: Option<&Weight>) {
        let form = self.by_place(map);
        let x = self.get(x, form);
        if form == Form::Rows {
            let bias = bias.map(|bias| self.weight(bias));
            let weight = self.weight(weight);
            let inputs: Vec<&str> = [Some(&x), Some(&weight), bias.as_ref()]
                .into_iter()
                .flatten()
                .map(String::as_str)
                .collect();
            self.emit(map, form, "Gemm", &inputs, vec![Attribute::Int("transB", 1)]);
            return;
        }
        let transposed = self.transposed(weight);
        match bias {
            Some(bias) => {
                let product = self.inner("MatMul", &[&x, &transposed], vec![]);
                let bias = self.weight(bias);
                self.emit(map, form, "Add", &[&product, &bias], vec![]);
            }
            None => {
                self.emit(map, form, "MatMul", &[&x, &transposed], vec![]);
            }
        }
    }

    /// A weight `[O, I]` as `[I, O]`: written so, or turned by an operator where weights are to stay as they are.
    fn transposed(&mut self, weight: &Weight) -> String {
        if self.keep_norms {
            let weight = self.weight(weight);
            let perm = vec![Attribute::Ints("perm", vec![1, 0])];
            return self.inner("Transpose", &[&weight], perm);
        }
        let (values, rows) = (numbers(weight), weight.shape[0]);
        let columns = weight.shape[1];
        let turned: Vec<f32> = (0..values.len())
            .map(|at| values[at % rows * columns + at / rows])
            .collect();
        let name = format!("{}.transposed", self.name_of(weight));
        self.graph.floats(&name, &[columns, rows], &turned)
    }
}
