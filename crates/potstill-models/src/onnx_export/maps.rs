//! Element by element, window by window, and parts of maps.

use potstill_onnx::write::{Attribute, Opset};
use potstill_ops::{Activation, Border, Gate, TracedMap, Weight, Window};

use super::{
    forms::Form,
    lowering::{Lowering, numbers},
};

/// The end of a slice that goes to the end.
const TO_THE_END: i64 = i64::MAX;

impl Lowering<'_> {
    pub(super) fn activate(&mut self, map: TracedMap, x: TracedMap, activation: Activation) {
        let form = self.made(x);
        let x = self.get(x, form);
        match activation {
            Activation::Identity => {
                self.emit(map, form, "Identity", &[&x], vec![]);
            }
            Activation::Relu => {
                self.emit(map, form, "Relu", &[&x], vec![]);
            }
            Activation::Relu6 => {
                let [least, most] = [0.0, 6.0].map(|bound| self.graph.number(bound));
                self.emit(map, form, "Clip", &[&x, &least, &most], vec![]);
            }
            Activation::LeakyRelu(slope) => {
                self.emit(
                    map,
                    form,
                    "LeakyRelu",
                    &[&x],
                    vec![Attribute::Float("alpha", slope)],
                );
            }
            Activation::HardSwish => {
                self.emit(map, form, "HardSwish", &[&x], vec![]);
            }
            Activation::Silu => {
                let gate = self.inner("Sigmoid", &[&x], vec![]);
                self.emit(map, form, "Mul", &[&x, &gate], vec![]);
            }
            Activation::Gelu if self.graph.opset() == Opset::V20 => {
                self.emit(map, form, "Gelu", &[&x], vec![]);
            }
            Activation::Gelu => self.gelu(map, form, &x),
        }
    }

    /// `x (1 + erf(x / sqrt(2))) / 2`, as PyTorch exports it.
    fn gelu(&mut self, map: TracedMap, form: Form, x: &str) {
        let [root, one, half] = [std::f32::consts::SQRT_2, 1.0, 0.5].map(|number| self.graph.number(number));
        let scaled = self.inner("Div", &[x, &root], vec![]);
        let error = self.inner("Erf", &[&scaled], vec![]);
        let raised = self.inner("Add", &[&error, &one], vec![]);
        let product = self.inner("Mul", &[x, &raised], vec![]);
        self.emit(map, form, "Mul", &[&product, &half], vec![]);
    }

    pub(super) fn gate(&mut self, map: TracedMap, x: TracedMap, gate: Gate) {
        let form = self.made(x);
        let x = self.get(x, form);
        let (kind, attributes) = match gate {
            Gate::Sigmoid => ("Sigmoid", vec![]),
            Gate::HardSigmoid => {
                let slope = Attribute::Float("alpha", 1.0 / 6.0);
                ("HardSigmoid", vec![slope, Attribute::Float("beta", 0.5)])
            }
        };
        self.emit(map, form, kind, &[&x], attributes);
    }

    /// A sum or product of two maps.
    pub(super) fn of_two(&mut self, map: TracedMap, kind: &'static str, maps: &[TracedMap]) {
        let form = self.common(maps);
        let both: Vec<String> = maps.iter().map(|&of| self.get(of, form)).collect();
        let both: Vec<&str> = both.iter().map(String::as_str).collect();
        self.emit(map, form, kind, &both, vec![]);
    }

    pub(super) fn times(&mut self, map: TracedMap, x: TracedMap, factor: f64) {
        let form = self.made(x);
        let x = self.get(x, form);
        let factor = self.graph.number(factor as f32);
        self.emit(map, form, "Mul", &[&x, &factor], vec![]);
    }

    pub(super) fn scale(&mut self, map: TracedMap, x: TracedMap, scale: &Weight) {
        let form = self.made(x);
        let x = self.get(x, form);
        let shape = form.of_channels(self.channels(map));
        let scale = self.weight_as(scale, &shape, &numbers(scale));
        self.emit(map, form, "Mul", &[&x, &scale], vec![]);
    }

    pub(super) fn inverse_length(&mut self, map: TracedMap, x: TracedMap, scale: &Weight) {
        let form = self.made(x);
        let x = self.get(x, form);
        let length = self.reduce((map, form), "ReduceL2", &x, &[form.axis(3)], true);
        let least = self.graph.number(1e-12);
        let length = self.inner("Max", &[&length, &least], vec![]);
        let scale = self.weight(scale);
        self.emit(map, form, "Div", &[&scale, &length], vec![]);
    }

    pub(super) fn pool(
        &mut self,
        map: TracedMap,
        x: TracedMap,
        kind: &'static str,
        window: Window,
        border: Option<Border>,
    ) {
        let x = self.get(x, Form::First);
        let Window {
            kernel,
            stride,
            padding: [above, left],
        } = window;
        let mut attributes = vec![
            Attribute::sizes("kernel_shape", &kernel),
            Attribute::sizes("strides", &stride),
            Attribute::sizes("pads", &[above, left, above, left]),
        ];
        if let Some(border) = border {
            let counted = i64::from(border == Border::Counted);
            attributes.push(Attribute::Int("count_include_pad", counted));
        }
        self.emit(map, Form::First, kind, &[&x], attributes);
    }

    pub(super) fn mean(&mut self, map: TracedMap, x: TracedMap) {
        match self.made(x) {
            Form::Last => {
                let x = self.get(x, Form::Last);
                self.reduce((map, Form::Last), "ReduceMean", &x, &[1, 2], false);
            }
            Form::First | Form::Rows => {
                let x = self.get(x, Form::First);
                self.emit(map, Form::First, "GlobalAveragePool", &[&x], vec![]);
            }
        }
    }

    pub(super) fn resample(&mut self, map: TracedMap, x: TracedMap, [rows, columns]: [&Weight; 2]) {
        let x = self.get(x, Form::First);
        let [rows, columns] = [rows, columns].map(|matrix| self.weight(matrix));
        let mixed = self.inner("MatMul", &[&rows, &x], vec![]);
        self.emit(map, Form::First, "MatMul", &[&mixed, &columns], vec![]);
    }

    /// One operator that leaves height and width open, where three would fix them.
    pub(super) fn shuffle(&mut self, map: TracedMap, x: TracedMap, groups: usize) {
        let x = self.get(x, Form::First);
        let channels = self.channels(map);
        let each = channels / groups;
        let order: Vec<i64> = (0..channels)
            .map(|at| (at % groups * each + at / groups) as i64)
            .collect();
        let order = self.graph.list(&order);
        let axis = vec![Attribute::Int("axis", 1)];
        self.emit(map, Form::First, "Gather", &[&x, &order], axis);
    }

    pub(super) fn subsample(&mut self, map: TracedMap, x: TracedMap, stride: usize) {
        let x = self.get(x, Form::First);
        let stride = stride as i64;
        let [starts, ends, axes, steps] =
            [[0, 0], [TO_THE_END; 2], [2, 3], [stride; 2]].map(|numbers| self.graph.list(&numbers));
        let inputs = [x.as_str(), &starts, &ends, &axes, &steps];
        self.emit(map, Form::First, "Slice", &inputs, vec![]);
    }

    pub(super) fn pad_channels(&mut self, map: TracedMap, x: TracedMap, [before, after]: [usize; 2]) {
        let x = self.get(x, Form::First);
        let pads = self.graph.list(&[0, before as i64, 0, 0, 0, after as i64, 0, 0]);
        self.emit(map, Form::First, "Pad", &[&x, &pads], vec![]);
    }

    pub(super) fn concat(&mut self, map: TracedMap, maps: &[TracedMap], axis: usize) {
        let form = self.common(maps);
        let all: Vec<String> = maps.iter().map(|&of| self.get(of, form)).collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let axis = vec![Attribute::Int("axis", form.axis(axis))];
        self.emit(map, form, "Concat", &all, axis);
    }

    /// A part of a map from `start` to `end`.
    pub(super) fn narrow(&mut self, map: TracedMap, x: TracedMap, axis: usize, [start, end]: [usize; 2]) {
        let form = self.made(x);
        let x = self.get(x, form);
        let [starts, ends, axes] =
            [start as i64, end as i64, form.axis(axis)].map(|number| self.graph.list(&[number]));
        self.emit(map, form, "Slice", &[&x, &starts, &ends, &axes], vec![]);
    }

    pub(super) fn reshape(&mut self, map: TracedMap, x: TracedMap) {
        let x = self.get(x, Form::Last);
        let [height, width, channels] = self.size(map).map(|size| size as i64);
        let shape = self.graph.list(&[0, height, width, channels]);
        self.emit(map, Form::Last, "Reshape", &[&x, &shape], vec![]);
    }
}
