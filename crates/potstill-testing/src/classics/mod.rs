//! Recorded cases of the classic methods: numbers by formula, and the losses and gradients of the original programs.
//!
//! `tests/reference/classics/METHOD.json` of the methods crate is a copy of the shared vectors, whose format is that of their specification: element `i` of a
//! tensor is `offset + scale fn(freq i + chirp i i + phase)`, and gradients are recorded by their sum, their norm and a few entries.

mod differences;
mod losses;
mod room;
mod shown;

use burn::tensor::{DType, Device, Gradients, Int, Tensor, TensorData};
use potstill_ops::Parameters;
use serde_json::Value;

pub use self::differences::{assert_differences, drawn};
pub use self::losses::{loss_of_logits, of_logits, total};
pub use self::room::assert_gradient;
use self::room::{Room, assert_gradient_in};
pub use self::shown::{lines_of_points, loss_of_maps, of_maps, showing, size_of};
use crate::numbers::{self, number, recorded, tensor, values};

/// Of what is computed in double precision throughout.
pub const EXACT: f64 = 1e-9;
/// How large a gradient may be where the original's is infinite or a million times too large.
const BOUNDED: f64 = 1e4;

/// One recorded case.
#[derive(Debug, Clone)]
pub struct Case {
    json: Value,
    /// In which it is computed.
    dtype: DType,
}

/// What cases call an option that is none of ours: a weight of a recipe, a constant, a choice that is made otherwise.
const NO_KEYS: [(&str, &str); 14] = [
    ("wsld", "alpha"),
    ("dkd", "variant"),
    ("dist", "dense"),
    ("ctkd", "lambda"),
    ("ls", "on"),
    ("cc", "variant"),
    ("nst", "kernel"),
    ("kdsvd", "k"),
    ("pkd", "eps"),
    ("pkt", "eps"),
    ("vid", "eps"),
    ("sdd", "on"),
    ("sdd", "scales"),
    ("srrl", "weight"),
];

/// The recorded cases of a method, in double precision.
pub fn cases(method: &str) -> Vec<Case> {
    let file = recorded(&format!(
        "potstill-methods/tests/reference/classics/{method}.json"
    ));
    let cases = file["cases"].as_array().unwrap();
    let case = |json: &Value| Case {
        json: json.clone(),
        dtype: DType::F64,
    };
    cases.iter().map(case).collect()
}

/// A recorded tensor: its numbers, flat, and its shape.
#[derive(Debug, Clone)]
pub struct Input {
    /// Its name in the case.
    pub name: String,
    /// Its numbers, row-major. Of the student's they are a leaf of the graph.
    pub leaf: Tensor<1>,
    shape: Vec<usize>,
}

impl Input {
    /// Its shape as it is recorded: `[N, D]`, or `[N, C, H, W]`.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The gradient of a loss to it, row-major; zeros where there is none.
    pub fn gradient(&self, tape: &Gradients) -> Vec<f64> {
        let found = self.leaf.grad(tape);
        found.map_or_else(|| vec![0.0; self.leaf.dims()[0]], |found| values(&found))
    }

    /// `[N, K]`; of a map `[N, K, H, W]` a row for each place.
    pub fn rows(&self) -> Tensor<2> {
        if let [rows, columns] = self.shape[..] {
            return self.leaf.clone().reshape([rows, columns]);
        }
        let map = self.map();
        let [n, h, w, c] = map.dims();
        map.reshape([n * h * w, c])
    }

    /// The numbers as one row.
    pub fn row(&self) -> Tensor<1> {
        self.leaf.clone()
    }

    /// The map `[N, H, W, C]`; of an embedding `[N, D]` one of a single place.
    pub fn map(&self) -> Tensor<4> {
        match self.shape[..] {
            [n, c] => self.leaf.clone().reshape([n, 1, 1, c]),
            [n, c, h, w] => self.leaf.clone().reshape([n, c, h, w]).permute([0, 2, 3, 1]),
            _ => panic!("{}: {:?} is no map", self.name, self.shape),
        }
    }
}

/// The numbers that a record says, in their order.
pub fn filled(record: &Value) -> Vec<f64> {
    if let Some(values) = record.get("values") {
        return numbers::numbers(values);
    }
    let key = |key: &str| record[key].as_f64().unwrap();
    let function = match record["fn"].as_str() {
        Some("sin") => f64::sin,
        Some("cos") => f64::cos,
        other => panic!("{other:?} is no function"),
    };
    let count: usize = shape(record).iter().product();
    let is_relu = record.get("then").is_some_and(|then| then == "relu");
    let value = |i: usize| {
        let i = i as f64;
        let value =
            key("offset") + key("scale") * function(key("freq") * i + key("chirp") * (i * i) + key("phase"));
        if is_relu { value.max(0.0) } else { value }
    };
    (0..count).map(value).collect()
}

fn shape(record: &Value) -> Vec<usize> {
    numbers::numbers(&record["shape"])
        .iter()
        .map(|&side| side as usize)
        .collect()
}

impl Case {
    /// The case itself and the same in single precision, in which runs compute.
    pub fn in_both(&self) -> [Self; 2] {
        [
            self.clone(),
            Self {
                dtype: DType::F32,
                ..self.clone()
            },
        ]
    }

    /// What it may differ by, if `tolerance` is that of double precision.
    fn room(&self, tolerance: f64) -> Room {
        if self.dtype == DType::F64 {
            return Room::double(tolerance);
        }
        Room::single(self.json["expected"]["loss"].as_f64().unwrap_or_default())
    }

    /// What is said of it when it fails.
    fn called(&self) -> String {
        format!("{} in {:?}", self.id(), self.dtype)
    }

    /// In which precision it is computed.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Its name.
    pub fn id(&self) -> &str {
        self.json["id"].as_str().unwrap()
    }

    /// An option.
    pub fn option(&self, key: &str) -> &Value {
        &self.json["options"][key]
    }

    /// These options, as far as the case has them, as lines of a recipe. Fails if the case has others that are not known to be no keys.
    #[track_caller]
    pub fn lines(&self, keys: &[&str]) -> String {
        let method = self.id().rsplit_once('-').map_or("", |(method, _)| method);
        let options = self.json["options"].as_object().into_iter().flatten();
        for (option, _) in options {
            let is_known = keys.contains(&option.as_str()) || NO_KEYS.contains(&(method, option));
            assert!(is_known, "{}: what is `{option}`?", self.id());
        }
        self.some_lines(keys)
    }

    /// The same of a part of the options.
    pub fn some_lines(&self, keys: &[&str]) -> String {
        let known = keys.iter().filter(|key| !self.option(key).is_null());
        let lines: Vec<_> = known
            .map(|key| format!("{key} = {}\n", self.option(key)))
            .collect();
        lines.concat()
    }

    /// Anything else that it says.
    pub fn get(&self, key: &str) -> &Value {
        &self.json[key]
    }

    /// The value that is recorded under this name.
    pub fn expected(&self, key: &str) -> f64 {
        self.json["expected"][key].as_f64().unwrap()
    }

    /// An input. The student's are tracked.
    pub fn input(&self, name: &str) -> Input {
        let record = &self.json["inputs"][name];
        let numbers = filled(record);
        let leaf = tensor([numbers.len()], |i| numbers[i]).cast(self.dtype);
        Input {
            leaf: if name.starts_with("student") {
                leaf.autodiff().require_grad()
            } else {
                leaf
            },
            name: name.into(),
            shape: shape(record),
        }
    }

    /// The inputs of one network: `student`, or `student_0`, `student_1` and so on.
    pub fn inputs(&self, network: &str) -> Vec<Input> {
        let inputs = self.json["inputs"].as_object().unwrap();
        let numbered = (0..).map(|level| format!("{network}_{level}"));
        let several: Vec<_> = numbered.take_while(|name| inputs.contains_key(name)).collect();
        match &several[..] {
            [] => vec![self.input(network)],
            names => names.iter().map(|name| self.input(name)).collect(),
        }
    }

    /// The labels, `[N]`; zeros where it has none.
    pub fn labels(&self, rows: usize) -> Tensor<1, Int> {
        let labels: Vec<i32> = match &self.json["labels"] {
            Value::Null => vec![0; rows],
            labels => numbers::numbers(labels)
                .iter()
                .map(|&label| label as i32)
                .collect(),
        };
        let count = labels.len();
        Tensor::from_data(TensorData::new(labels, [count]), &Device::flex())
    }

    /// Gives a module the recorded values of its parameters, each under the name that `name` says for its path; it is in the precision of the case from then on.
    pub fn fill(&self, module: &mut dyn Parameters, name: impl Fn(&str) -> String) {
        let parameters = &self.json["parameters"];
        numbers::fill_in(module, self.dtype, |entry, i| {
            let record = &parameters[name(&entry.path)];
            // Numbers are asked for one by one, and the cases are small.
            (!record.is_null()).then(|| filled(record)[i])
        });
    }

    /// Fails if the loss or its gradients to the inputs are not the recorded ones. What is marked so is compared by its value only, and its gradients must be
    /// finite and of a usual size.
    #[track_caller]
    pub fn check(&self, loss: &Tensor<1>, inputs: &[Input], tolerance: f64) -> Gradients {
        // Where the original is not a number, a batch of one contributes nothing.
        let is_nan = self.json["expected"]["loss"] == "nan";
        let wanted = if is_nan { 0.0 } else { self.expected("loss") };
        let found = number(loss);
        let room = self.room(tolerance);
        let near = (found - wanted).abs() <= room.loss * wanted.abs() + room.floor;
        assert!(near, "{}: {found} is not {wanted}", self.called());
        let tape = loss.backward();
        for input in inputs.iter().filter(|input| input.name.starts_with("student")) {
            let gradient = input.gradient(&tape);
            if is_nan || self.json["compare"] == "loss" {
                assert!(
                    gradient.iter().all(|value| value.abs() < BOUNDED),
                    "{}, {}: {gradient:?}",
                    self.called(),
                    input.name
                );
            } else {
                let record = &self.json["gradients"][&input.name];
                self.check_gradient(&input.name, &gradient, record, tolerance);
            }
        }
        tape
    }

    /// Fails if one gradient is not the recorded one.
    #[track_caller]
    pub fn check_gradient(&self, name: &str, found: &[f64], record: &Value, tolerance: f64) {
        let what = format!("{}, {name}", self.called());
        assert_gradient_in(&what, found, record, self.room(tolerance));
    }

    /// Fails if another number of the case is not the recorded one under this name.
    #[track_caller]
    pub fn check_part(&self, name: &str, found: f64, tolerance: f64) {
        let (wanted, room) = (self.expected(name), self.room(tolerance));
        assert!(
            (found - wanted).abs() <= room.loss * wanted.abs() + room.floor,
            "{}, {name}: {found} is not {wanted}",
            self.called()
        );
    }

    /// Fails if the gradients of a module's parameters are not the recorded ones, under the names that `name` says for their paths.
    #[track_caller]
    pub fn check_parameters(
        &self,
        module: &dyn Parameters,
        tape: &Gradients,
        name: impl Fn(&str) -> String,
        tolerance: f64,
    ) {
        let recorded = self.json["parameter_gradients"].as_object().unwrap();
        let mut checked = 0;
        for (path, gradient) in numbers::gradients(module, tape) {
            if let Some(record) = recorded.get(&name(&path)) {
                self.check_gradient(&path, &gradient, record, tolerance);
                checked += 1;
            }
        }
        assert_eq!(checked, recorded.len(), "{}: recorded gradients", self.id());
    }
}
