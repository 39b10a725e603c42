//! What an operator will make, told before it runs: the numbers of its outputs and of the memory that it works in, and its
//! multiplications. Upper bounds, from the shapes of its inputs and the values of those that state sizes.

use std::collections::BTreeMap;

use rten_onnx::onnx::NodeProto;

use crate::constants::Constant;

/// Numbers of a node that states how its operator works.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    whole: BTreeMap<String, Vec<i64>>,
    numbers: BTreeMap<String, Vec<f64>>,
    texts: BTreeMap<String, String>,
}

impl Settings {
    /// The attributes of a node.
    pub fn of(node: &NodeProto) -> Self {
        let mut settings = Self::default();
        for attribute in &node.attribute {
            let name = attribute.name.clone().unwrap_or_default();
            let whole: Vec<i64> = attribute
                .i
                .into_iter()
                .chain(attribute.ints.iter().copied())
                .collect();
            if !whole.is_empty() {
                settings.whole.insert(name.clone(), whole);
            }
            if !attribute.floats.is_empty() {
                let numbers = attribute.floats.iter().map(|&number| f64::from(number));
                settings.numbers.insert(name.clone(), numbers.collect());
            }
            if let Some(text) = &attribute.s {
                settings.texts.insert(name, text.clone());
            }
        }
        settings
    }

    fn list(&self, name: &str) -> &[i64] {
        self.whole.get(name).map_or(&[], Vec::as_slice)
    }

    fn one(&self, name: &str, otherwise: i64) -> i64 {
        self.list(name).first().copied().unwrap_or(otherwise)
    }
}

/// What an operator takes: at most so many numbers at once, and so many multiplications.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Cost {
    /// Numbers in its outputs, and beside them while it works.
    pub numbers: f64,
    /// Multiplications.
    pub products: f64,
}

/// Operators that are not run. The first repeat graphs as often as they like; the others, of sound, make the size of their output
/// out of a number.
const REFUSED: [&str; 5] = ["Loop", "Scan", "DFT", "STFT", "Multinomial"];

/// Operators of a graph in an operator (`If`) that make nothing larger than what they get.
const PLAIN: [&str; 14] = [
    "Cast",
    "Constant",
    "Dropout",
    "Flatten",
    "Identity",
    "Relu",
    "Reshape",
    "Shape",
    "Sigmoid",
    "Slice",
    "Softmax",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
];

/// Whether an operator may be run at all.
///
/// # Errors
/// Why not.
pub(crate) fn check_kind(node: &NodeProto) -> Result<(), String> {
    let kind = node.op_type.as_deref().unwrap_or_default();
    if REFUSED.contains(&kind) {
        return Err(format!(
            "the operator {kind} is not run: what it takes cannot be told before"
        ));
    }
    for graph in node.attribute.iter().filter_map(|attribute| attribute.g.as_ref()) {
        for inner in &graph.node {
            let inner_kind = inner.op_type.as_deref().unwrap_or_default();
            if !PLAIN.contains(&inner_kind) {
                return Err(format!(
                    "the operator {inner_kind} in a graph of {kind} is not run: there are {}",
                    PLAIN.join(", ")
                ));
            }
        }
    }
    Ok(())
}

/// The inputs of an operator; none where one is left out.
pub(crate) struct Inputs<'a>(pub Vec<Option<&'a Constant>>);

impl Inputs<'_> {
    fn shape(&self, at: usize) -> &[usize] {
        self.0
            .get(at)
            .copied()
            .flatten()
            .map_or(&[], |input| &input.shape)
    }

    fn values(&self, at: usize) -> &[f64] {
        self.0
            .get(at)
            .copied()
            .flatten()
            .map_or(&[], |input| &input.values)
    }

    fn is_there(&self, at: usize) -> bool {
        self.0.get(at).is_some_and(Option::is_some)
    }

    fn count(&self, at: usize) -> f64 {
        count(self.shape(at))
    }

    /// All numbers of all inputs.
    fn sum(&self) -> f64 {
        (0..self.0.len()).map(|at| self.count(at)).sum()
    }

    /// The numbers of the shape that all inputs have together, each row repeated where another has more.
    fn broadcast(&self) -> f64 {
        let mut sizes: Vec<usize> = Vec::new();
        for input in self.0.iter().flatten() {
            for (at, &size) in input.shape.iter().rev().enumerate() {
                match sizes.get_mut(at) {
                    Some(largest) => *largest = size.max(*largest),
                    None => sizes.push(size),
                }
            }
        }
        count(&sizes)
    }
}

fn count(sizes: &[usize]) -> f64 {
    sizes.iter().map(|&size| size as f64).product()
}

impl Cost {
    fn of(numbers: f64) -> Self {
        Self {
            numbers,
            products: numbers,
        }
    }

    /// What an operator of this kind takes for these inputs. `outputs` is how many it has.
    pub fn told(kind: &str, settings: &Settings, inputs: &Inputs<'_>, outputs: usize) -> Self {
        match kind {
            "Conv" | "ConvInteger" => convolution(settings, inputs),
            "ConvTranspose" => transposed_convolution(settings, inputs),
            "AveragePool" | "MaxPool" => pooling(settings, inputs),
            "MatMul" | "MatMulInteger" => product(inputs),
            "Gemm" => gemm(settings, inputs),
            "Einsum" => einsum(settings, inputs),
            "Attention" => attention(settings, inputs),
            "LSTM" | "GRU" => recurrent(inputs),
            "GridSample" => {
                Self::of(count(&inputs.shape(0)[..inputs.shape(0).len().min(2)]) * inputs.count(1))
            }
            "Pad" => padded(settings, inputs),
            "Expand" => Self::of(inputs.count(0).max(1.0) * stated(inputs.values(1))),
            "ConstantOfShape" => Self::of(stated(inputs.values(0))),
            "RandomNormal" | "RandomUniform" => Self::of(stated(
                &settings
                    .list("shape")
                    .iter()
                    .map(|&size| size as f64)
                    .collect::<Vec<_>>(),
            )),
            "Range" => range(inputs),
            "Resize" | "Upsample" => resized(kind, settings, inputs),
            "Tile" | "OneHot" => Self::of(inputs.count(0) * stated(inputs.values(1))),
            "Gather" => gathered(settings, inputs),
            "GatherND" => gathered_rows(settings, inputs),
            "NonMaxSuppression" => {
                let boxes = inputs.count(0) / 4.0;
                Self {
                    numbers: 3.0 * inputs.count(1),
                    products: boxes * inputs.count(1),
                }
            }
            "NonZero" => Self::of(inputs.count(0) * inputs.shape(0).len().max(1) as f64),
            _ => Self::of(inputs.broadcast().max(inputs.sum()) * outputs.max(1) as f64),
        }
    }
}

/// The product of sizes that a tensor states; no bound where they are not known.
fn stated(sizes: &[f64]) -> f64 {
    if sizes.is_empty() {
        return f64::INFINITY;
    }
    sizes.iter().map(|&size| size.max(1.0)).product()
}

/// The sizes behind batch and channels after windows have gone over them: at most one more than steps fit.
fn windows(settings: &Settings, sizes: &[usize]) -> f64 {
    let (pads, strides) = (settings.list("pads"), settings.list("strides"));
    let size = |(axis, &size): (usize, &usize)| {
        let pad = |at: usize| pads.get(at).copied().unwrap_or(0).max(0) as f64;
        let stride = strides.get(axis).copied().unwrap_or(1).max(1) as f64;
        ((size as f64 + pad(axis) + pad(axis + sizes.len())) / stride).floor() + 1.0
    };
    sizes.iter().enumerate().map(size).product()
}

fn convolution(settings: &Settings, inputs: &Inputs<'_>) -> Cost {
    let ([images, _, sizes @ ..], [filters, kernel @ ..]) = (inputs.shape(0), inputs.shape(1)) else {
        return Cost::default();
    };
    let numbers = *images as f64 * *filters as f64 * windows(settings, sizes);
    // The padded input, and what a filter sees, stand beside the output.
    let pads: f64 = settings.list("pads").iter().map(|&pad| pad.max(0) as f64).sum();
    Cost {
        numbers: numbers + inputs.count(0) + pads,
        products: numbers * count(kernel),
    }
}

fn transposed_convolution(settings: &Settings, inputs: &Inputs<'_>) -> Cost {
    let ([images, _, sizes @ ..], [_, filters, kernel @ ..]) = (inputs.shape(0), inputs.shape(1)) else {
        return Cost::default();
    };
    let filters = *filters as f64 * settings.one("group", 1).max(1) as f64;
    let at = |name: &str, axis: usize, otherwise: i64| {
        settings.list(name).get(axis).copied().unwrap_or(otherwise).max(0) as f64
    };
    let size = |(axis, &size): (usize, &usize)| {
        let window = (kernel.get(axis).copied().unwrap_or(1) as f64) * at("dilations", axis, 1).max(1.0);
        let grown = size as f64 * at("strides", axis, 1).max(1.0) + window + at("output_padding", axis, 0);
        grown.max(at("output_shape", axis, 0))
    };
    let out: f64 = sizes.iter().enumerate().map(size).product();
    let columns = count(sizes) * filters * count(kernel);
    Cost {
        numbers: *images as f64 * filters * out + columns,
        products: inputs.count(0) * filters * count(kernel),
    }
}

fn pooling(settings: &Settings, inputs: &Inputs<'_>) -> Cost {
    let [images, channels, sizes @ ..] = inputs.shape(0) else {
        return Cost::default();
    };
    let numbers = *images as f64 * *channels as f64 * windows(settings, sizes);
    let kernel = settings
        .list("kernel_shape")
        .iter()
        .map(|&size| size.max(1) as f64);
    // A window sees no more than there is.
    let seen = kernel.product::<f64>().min(count(sizes));
    Cost {
        numbers: 2.0 * numbers,
        products: numbers * seen,
    }
}

fn product(inputs: &Inputs<'_>) -> Cost {
    let (a, b) = (inputs.shape(0), inputs.shape(1));
    let (Some(&inner), Some(&columns)) = (a.last(), b.last()) else {
        return Cost::default();
    };
    let columns = if b.len() > 1 { columns as f64 } else { 1.0 };
    let rows = if a.len() > 1 { a[a.len() - 2] as f64 } else { 1.0 };
    let batch = |shape: &[usize]| Constant {
        shape: shape[..shape.len().saturating_sub(2)].to_vec(),
        values: Vec::new(),
    };
    let (a, b) = (batch(a), batch(b));
    let numbers = Inputs(vec![Some(&a), Some(&b)]).broadcast() * rows * columns;
    Cost {
        numbers,
        products: numbers * inner as f64,
    }
}

fn gemm(settings: &Settings, inputs: &Inputs<'_>) -> Cost {
    let (&[a0, a1], &[b0, b1]) = (inputs.shape(0), inputs.shape(1)) else {
        return Cost::default();
    };
    let (rows, inner) = if settings.one("transA", 0) == 0 {
        (a0, a1)
    } else {
        (a1, a0)
    };
    let columns = if settings.one("transB", 0) == 0 { b1 } else { b0 };
    let numbers = rows as f64 * columns as f64;
    Cost {
        numbers,
        products: numbers * inner as f64,
    }
}

/// Every letter of the equation is a size, and all are gone through.
fn einsum(settings: &Settings, inputs: &Inputs<'_>) -> Cost {
    let equation = settings.texts.get("equation").map_or("", String::as_str);
    let terms = equation.split("->").next().unwrap_or_default();
    let mut sizes: BTreeMap<char, usize> = BTreeMap::new();
    for (at, term) in terms.split(',').enumerate() {
        let letters: Vec<char> = term.chars().filter(|letter| letter.is_alphabetic()).collect();
        if letters.len() != inputs.shape(at).len() {
            let all = (0..inputs.0.len()).map(|at| inputs.count(at).max(1.0));
            return Cost::of(all.product());
        }
        for (letter, &size) in letters.into_iter().zip(inputs.shape(at)) {
            let largest = sizes.entry(letter).or_default();
            *largest = size.max(*largest);
        }
    }
    let out = equation.split("->").nth(1).unwrap_or(terms);
    let kept = out
        .chars()
        .filter_map(|letter| sizes.get(&letter))
        .map(|&size| size as f64);
    let products = sizes.values().map(|&size| size as f64).product();
    Cost {
        numbers: kept.product::<f64>().max(inputs.sum()),
        products,
    }
}

/// Each place looks at each: the weights of that stand beside the output.
fn attention(settings: &Settings, inputs: &Inputs<'_>) -> Cost {
    let (query, key) = (inputs.shape(0), inputs.shape(1));
    let places = |shape: &[usize]| shape.len().checked_sub(2).map_or(1.0, |at| shape[at] as f64);
    let heads = settings.one("q_num_heads", 1).max(1) as f64;
    let rows = count(&query[..query.len().saturating_sub(2)]) * heads * places(query);
    let weights = rows * places(key);
    let width = query.last().copied().unwrap_or(1) as f64;
    Cost {
        numbers: 2.0 * weights + 2.0 * inputs.sum(),
        products: 2.0 * weights * width,
    }
}

fn recurrent(inputs: &Inputs<'_>) -> Cost {
    let (&[steps, batch, width], &[directions, gates, hidden]) = (inputs.shape(0), inputs.shape(2)) else {
        return Cost::default();
    };
    let rows = steps as f64 * batch as f64 * directions as f64;
    Cost {
        numbers: rows * (gates as f64 + 3.0 * hidden as f64),
        products: rows * gates as f64 * (width + hidden) as f64,
    }
}

fn padded(settings: &Settings, inputs: &Inputs<'_>) -> Cost {
    let written: Vec<f64> = settings.list("pads").iter().map(|&pad| pad as f64).collect();
    let pads = if inputs.is_there(1) {
        inputs.values(1)
    } else {
        &written
    };
    if pads.is_empty() && !inputs.shape(0).is_empty() {
        return Cost::of(f64::INFINITY);
    }
    let rank = inputs.shape(0).len();
    let pad_of = |at: usize| pads.get(at).copied().unwrap_or(0.0).max(0.0);
    let axes = inputs.values(3);
    let mut sizes: Vec<f64> = inputs.shape(0).iter().map(|&size| size as f64).collect();
    for at in 0..pads.len() / 2 {
        let axis = match axes.get(at) {
            Some(&axis) if axis < 0.0 => (axis + rank as f64).max(0.0) as usize,
            Some(&axis) => axis as usize,
            None => at,
        };
        if let Some(size) = sizes.get_mut(axis) {
            *size += pad_of(at) + pad_of(at + pads.len() / 2);
        }
    }
    Cost::of(sizes.iter().product())
}

fn range(inputs: &Inputs<'_>) -> Cost {
    let one = |at: usize| inputs.values(at).first().copied();
    Cost::of(match (one(0), one(1), one(2)) {
        (Some(start), Some(limit), Some(step)) if step != 0.0 => ((limit - start) / step).max(0.0).ceil(),
        _ => f64::INFINITY,
    })
}

fn resized(kind: &str, settings: &Settings, inputs: &Inputs<'_>) -> Cost {
    let sizes: Vec<f64> = inputs.shape(0).iter().map(|&size| size as f64).collect();
    let whole: f64 = sizes.iter().product();
    if inputs.is_there(3) {
        // Sizes for some axes only; the others stay.
        return Cost::of(
            whole.max(1.0).min(product_but(&sizes, inputs.values(3).len())) * stated(inputs.values(3)),
        );
    }
    let written = settings.numbers.get("scales").map_or(&[][..], Vec::as_slice);
    let scales = match (kind, inputs.is_there(2)) {
        ("Resize", true) => inputs.values(2),
        _ if inputs.is_there(1) => inputs.values(1),
        _ => written,
    };
    Cost::of(whole * stated(scales))
}

/// The product of the largest sizes that are left when so many axes get others.
fn product_but(sizes: &[f64], given: usize) -> f64 {
    let mut sizes = sizes.to_vec();
    sizes.sort_by(|a, b| b.total_cmp(a));
    sizes.iter().take(sizes.len().saturating_sub(given)).product()
}

fn gathered(settings: &Settings, inputs: &Inputs<'_>) -> Cost {
    let shape = inputs.shape(0);
    let axis = settings.one("axis", 0);
    let axis = if axis < 0 { axis + shape.len() as i64 } else { axis };
    let along = usize::try_from(axis)
        .ok()
        .and_then(|axis| shape.get(axis))
        .copied();
    Cost::of(inputs.count(0) / along.unwrap_or(1).max(1) as f64 * inputs.count(1).max(1.0))
}

fn gathered_rows(settings: &Settings, inputs: &Inputs<'_>) -> Cost {
    let (data, indices) = (inputs.shape(0), inputs.shape(1));
    let Some((&depth, rows)) = indices.split_last() else {
        return Cost::default();
    };
    let skipped = usize::try_from(settings.one("batch_dims", 0))
        .unwrap_or(0)
        .saturating_add(depth);
    Cost::of(count(rows) * count(data.get(skipped..).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::{Cost, Inputs, Settings};
    use crate::constants::Constant;

    fn tensor(shape: &[usize], values: &[f64]) -> Constant {
        Constant {
            shape: shape.to_vec(),
            values: values.to_vec(),
        }
    }

    /// The numbers that an operator without settings makes out of these inputs.
    fn numbers(kind: &str, inputs: &[Constant]) -> f64 {
        let inputs = Inputs(inputs.iter().map(Some).collect());
        Cost::told(kind, &Settings::default(), &inputs, 1).numbers
    }

    #[test]
    fn what_grows_is_told() {
        let image = tensor(&[1, 2, 8, 8], &[]);
        let tera = 2f64.powi(40);
        assert_eq!(
            numbers("ConstantOfShape", &[tensor(&[2], &[3.0, tera])]),
            3.0 * tera
        );
        assert_eq!(
            numbers(
                "Range",
                &[tensor(&[], &[0.0]), tensor(&[], &[tera]), tensor(&[], &[0.5])]
            ),
            2.0 * tera
        );
        assert_eq!(
            numbers("Tile", &[image.clone(), tensor(&[4], &[1.0, 1.0, 1e6, 1e6])]),
            128e12
        );
        let pads = tensor(&[8], &[0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1e9]);
        assert_eq!(numbers("Pad", &[image.clone(), pads]), 2.0 * 10.0 * (8.0 + 1e9));
        let outer = [tensor(&[1000, 1], &[]), tensor(&[1, 2000], &[])];
        assert_eq!(numbers("Add", &outer), 2e6);
        assert_eq!(numbers("MatMul", &outer), 2e6);
        assert_eq!(
            numbers("OneHot", &[tensor(&[10], &[]), tensor(&[], &[1e12])]),
            1e13
        );
        assert_eq!(
            numbers("Gather", &[tensor(&[5, 7], &[]), tensor(&[100], &[])]),
            700.0
        );
        assert_eq!(numbers("Concat", &[image.clone(), image.clone()]), 256.0);
        assert_eq!(
            numbers("Expand", &[tensor(&[1], &[]), tensor(&[1], &[1e15])]),
            1e15
        );
        let scales = [
            image.clone(),
            tensor(&[0], &[]),
            tensor(&[4], &[1.0, 1.0, 1e5, 1e5]),
        ];
        assert_eq!(numbers("Resize", &scales), 128e10);
        // Sizes that are not known before are no sizes.
        assert_eq!(numbers("ConstantOfShape", &[tensor(&[4], &[])]), f64::INFINITY);
    }

    #[test]
    fn networks_cost_what_they_do() {
        let inputs = [tensor(&[2, 3, 10, 10], &[]), tensor(&[4, 3, 3, 3], &[])];
        let told = |kind: &str, inputs: &[Constant]| {
            Cost::told(
                kind,
                &Settings::default(),
                &Inputs(inputs.iter().map(Some).collect()),
                1,
            )
        };
        // Without padding 8x8 places are seen; the bound says 11x11.
        let cost = told("Conv", &inputs);
        assert_eq!(cost.products, 2.0 * 4.0 * 121.0 * 27.0);
        assert_eq!(cost.numbers, 2.0 * 4.0 * 121.0 + 600.0);
        let heads = [tensor(&[2, 6, 197, 64], &[]), tensor(&[2, 6, 64, 197], &[])];
        assert_eq!(told("MatMul", &heads).numbers, 12.0 * 197.0 * 197.0);
        assert_eq!(told("MatMul", &heads).products, 12.0 * 197.0 * 197.0 * 64.0);
    }
}
