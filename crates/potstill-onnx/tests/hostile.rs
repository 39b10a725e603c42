//! ONNX files that are made to hurt: an operator that asks for terabytes is refused before it runs, and nothing ends the process.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::fs;

use potstill_onnx::OnnxNetwork;

/// A number of as many bytes as it needs.
fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// A field that holds a number.
fn whole(field: u64, number: u64) -> Vec<u8> {
    [varint(field << 3), varint(number)].concat()
}

/// A field that holds bytes: a text or a message of other fields.
fn part(field: u64, bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = bytes.as_ref();
    [varint(field << 3 | 2), varint(bytes.len() as u64), bytes.to_vec()].concat()
}

/// The input or output of this name, floats of a shape of which 0 is open.
fn value(field: u64, name: &str, shape: &[u64]) -> Vec<u8> {
    let dims = shape
        .iter()
        .flat_map(|&size| part(1, if size == 0 { Vec::new() } else { whole(1, size) }));
    let kind = [whole(1, 1), part(2, dims.collect::<Vec<u8>>())].concat();
    part(field, [part(1, name), part(2, part(1, kind))].concat())
}

/// An operator with attributes that are written already.
fn node(kind: &str, inputs: &[&str], output: &str, attributes: &[Vec<u8>]) -> Vec<u8> {
    let inputs = inputs.iter().flat_map(|input| part(1, input));
    let attributes = attributes.iter().flat_map(|attribute| part(5, attribute));
    part(
        1,
        [
            inputs.collect::<Vec<u8>>(),
            part(2, output),
            part(4, kind),
            attributes.collect(),
        ]
        .concat(),
    )
}

/// An attribute of whole numbers.
fn numbers(name: &str, numbers: &[i64]) -> Vec<u8> {
    let numbers = numbers.iter().flat_map(|&number| whole(8, number as u64));
    [part(1, name), numbers.collect(), whole(20, 7)].concat()
}

/// A weight of these sizes with these bytes: 1 for floats, 7 for whole numbers of 64 bits.
fn weight(name: &str, kind: u64, sizes: &[u64], bytes: &[u8]) -> Vec<u8> {
    let sizes = sizes.iter().flat_map(|&size| whole(1, size));
    part(
        5,
        [sizes.collect(), whole(2, kind), part(8, name), part(9, bytes)].concat(),
    )
}

fn sizes(name: &str, values: &[i64]) -> Vec<u8> {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    weight(name, 7, &[values.len() as u64], &bytes)
}

/// A file with these parts of its graph, which takes 8x8 images of one channel as `x` and gives `y`.
fn file(parts: &[Vec<u8>]) -> Vec<u8> {
    file_of(&[0, 1, 8, 8], parts)
}

fn file_of(images: &[u64], parts: &[Vec<u8>]) -> Vec<u8> {
    let graph = [parts.concat(), value(11, "x", images), value(12, "y", &[0, 4])].concat();
    [
        whole(1, 8),
        part(8, [part(1, ""), whole(2, 17)].concat()),
        part(7, graph),
    ]
    .concat()
}

/// What is said of a file that is opened and surveyed.
fn said(bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hostile.onnx");
    fs::write(&path, bytes).unwrap();
    let found = OnnxNetwork::open(&path, None).and_then(|network| network.survey([1, 8, 8]));
    match found {
        Ok(survey) => match survey.shape("y") {
            Some([classes, ..]) => format!("{classes} classes"),
            other => format!("an output of {other:?}"),
        },
        Err(error) => error.to_string(),
    }
}

#[track_caller]
fn says(bytes: &[u8], part: &str) {
    let said = said(bytes);
    assert!(said.contains(part), "`{part}` is not in: {said}");
    assert!(!said.contains(char::is_control), "{said:?}");
}

/// The images flattened and multiplied to four logits.
fn sound() -> Vec<Vec<u8>> {
    vec![
        node("Flatten", &["x"], "flat", &[]),
        weight("w", 1, &[64, 4], &[0; 1024]),
        node("MatMul", &["flat", "w"], "y", &[]),
    ]
}

#[test]
fn a_sound_file_is_surveyed() {
    says(&file(&sound()), "4 classes");
    // The order of a file is not that of its operators.
    let mut turned = sound();
    turned.reverse();
    says(&file(&turned), "4 classes");
}

#[test]
fn operators_that_ask_for_terabytes_are_not_run() {
    let tera = 1 << 40;
    let bombs = [
        vec![sizes("s", &[tera, 2]), node("ConstantOfShape", &["s"], "y", &[])],
        vec![
            sizes("s", &[1 << 20, 1 << 20]),
            node("Expand", &["x", "s"], "y", &[]),
        ],
        vec![
            sizes("s", &[1, 1, 1 << 20, 1 << 20]),
            node("Tile", &["x", "s"], "y", &[]),
        ],
        vec![
            sizes("p", &[0, 0, 1 << 20, 0, 0, 0, 0, 1 << 20]),
            node("Pad", &["x", "p"], "y", &[]),
        ],
        vec![
            sizes("a", &[0]),
            sizes("b", &[tera]),
            sizes("c", &[1]),
            node("Range", &["a", "b", "c"], "y", &[]),
        ],
        vec![
            sizes("s", &[1, 1, 1 << 20, 1 << 20]),
            node("Resize", &["x", "", "", "s"], "y", &[]),
        ],
        vec![
            weight("w", 1, &[1, 1, 1, 1], &[0; 4]),
            node("Conv", &["x", "w"], "y", &[numbers("pads", &[1 << 20; 4])]),
        ],
        vec![
            weight("w", 1, &[1, 1, 1, 1], &[0; 4]),
            node(
                "ConvTranspose",
                &["x", "w"],
                "y",
                &[numbers("strides", &[1 << 20; 2])],
            ),
        ],
        vec![node(
            "MaxPool",
            &["x"],
            "y",
            &[numbers("kernel_shape", &[1, 1]), numbers("pads", &[1 << 20; 4])],
        )],
    ];
    for bomb in bombs {
        says(&file(&bomb), "numbers beside");
    }
}

#[test]
fn ranges_that_never_end_are_not_begun() {
    let range = |kind: u64, [a, b, c]: [&[u8]; 3]| {
        says(
            &file(&[
                weight("a", kind, &[], a),
                weight("b", kind, &[], b),
                weight("c", kind, &[], c),
                node("Range", &["a", "b", "c"], "y", &[]),
            ]),
            "the operator Range that makes `y` would make inf numbers",
        );
    };
    // The second step begins again below zero, in numbers of 32 bits.
    let whole = |number: i64| number.to_le_bytes();
    range(7, [&whole(0), &whole((1 << 31) - 1), &whole(1 << 30)]);
    // A step is less than half of the last place.
    let float = |number: f32| number.to_le_bytes();
    range(1, [&float(1e9), &float(1e9 + 128.0), &float(1.0)]);
}

#[test]
fn tensors_that_double_are_stopped() {
    let name = |step: usize| {
        if step == 0 {
            "x".to_owned()
        } else {
            format!("x{step}")
        }
    };
    let step = |step: usize| {
        node(
            "Concat",
            &[&name(step), &name(step)],
            &name(step + 1),
            &[numbers("axis", &[1])],
        )
    };
    let mut doubled: Vec<Vec<u8>> = (0..40).map(step).collect();
    doubled.push(node("Identity", &["x40"], "y", &[]));
    says(&file(&doubled), "numbers beside");
}

#[test]
fn work_without_end_is_not_begun() {
    let graph = node("Identity", &["x"], "z", &[]);
    let body = [part(1, "body"), part(6, graph), whole(20, 5)].concat();
    let forever = [
        sizes("n", &[1 << 62]),
        node("Loop", &["n", "", "x"], "y", &[body]),
    ];
    says(&file(&forever), "the operator Loop is not run");
    // A square of 7,000 x 7,000 times itself, a hundred times.
    let mut heavy = vec![
        sizes("s", &[7000, 7000]),
        node("ConstantOfShape", &["s"], "m0", &[]),
    ];
    heavy.extend((0..100).map(|step| {
        let (from, to) = (format!("m{step}"), format!("m{}", step + 1));
        node("MatMul", &[&from, &from], &to, &[])
    }));
    heavy.push(node("Identity", &["m100"], "y", &[]));
    let said = said(&file(&heavy));
    assert!(
        said.contains("multiplications") || said.contains("numbers beside"),
        "{said}"
    );
}

#[test]
fn images_without_number_are_not_made() {
    says(&file_of(&[1 << 40, 1, 8, 8], &sound()), "too many");
}

#[test]
fn sizes_are_held_to_the_values_that_there_are() {
    let giant = [
        weight("w", 1, &[1 << 40, 1 << 40, 3, 3], &[]),
        node("Conv", &["x", "w"], "y", &[]),
    ];
    says(&file(&giant), "the tensor `w` states the sizes");
    let many = [
        weight("w", 1, &[1 << 20, 1 << 20], &[0; 16]),
        node("MatMul", &["x", "w"], "y", &[]),
    ];
    says(&file(&many), "has 16 bytes of values");
    let below = [
        weight("w", 1, &[u64::MAX], &[]),
        node("MatMul", &["x", "w"], "y", &[]),
    ];
    says(&file(&below), "states the sizes [-1]");
}

#[test]
fn graphs_in_graphs_and_long_chains_are_refused() {
    let nested = (0..5000).fold(Vec::new(), |inner: Vec<u8>, _| {
        let body = [part(1, "body"), part(6, inner), whole(20, 5)].concat();
        node("If", &["c"], "y", &[body])
    });
    says(&file(&[nested]), "nested more than");
    let name = |step: usize| {
        if step == 0 {
            "x".to_owned()
        } else {
            format!("x{step}")
        }
    };
    let chain = |length: usize| -> Vec<Vec<u8>> {
        let steps = (0..length).map(|step| node("Relu", &[&name(step)], &name(step + 1), &[]));
        let flat = node("Flatten", &[&name(length)], "y", &[]);
        steps.chain([flat]).collect()
    };
    says(&file(&chain(100_000)), "more than 10000 operators");
    says(&file(&chain(200)), "64 classes");
}

#[test]
fn what_nothing_makes_and_circles_are_told() {
    says(
        &file(&[node("Relu", &["nope"], "y", &[])]),
        "nothing makes the tensor `nope`",
    );
    says(
        &file(&[node("Relu", &["\u{1b}[31m"], "y", &[])]),
        "nothing makes the tensor `\\u{1b}[31m`",
    );
    let circle = [
        node("Add", &["x", "b"], "a", &[]),
        node("Relu", &["a"], "b", &[]),
        node("Flatten", &["a"], "y", &[]),
    ];
    says(&file(&circle), "out of itself");
}

#[test]
fn a_tensor_is_made_once() {
    let again = |parts: [Vec<u8>; 2]| {
        let rest = [node("Flatten", &["t"], "y", &[])];
        says(
            &file(&[&parts[..], &rest].concat()),
            "it makes the tensor `t` more than once",
        );
    };
    again([node("Relu", &["x"], "t", &[]), node("Sigmoid", &["x"], "t", &[])]);
    again([node("Relu", &["x"], "t", &[]), sizes("t", &[1])]);
    again([sizes("t", &[1]), sizes("t", &[1 << 40])]);
    says(
        &file(&[node("Relu", &["x"], "x", &[]), node("Flatten", &["x"], "y", &[])]),
        "it makes the tensor `x` more than once",
    );
    // Outputs that are left out have no name.
    let nameless = [node("Relu", &["x"], "", &[]), node("Relu", &["x"], "", &[])];
    says(&file(&[&nameless[..], &sound()].concat()), "4 classes");
}

/// An `If` on the constant `c` whose branches are graphs of these parts and give `z`.
fn either(then: &[Vec<u8>], otherwise: &[Vec<u8>]) -> [Vec<u8>; 2] {
    let branch = |name: &str, parts: &[Vec<u8>]| {
        let graph = [part(2, name), parts.concat(), value(12, "z", &[0, 4])].concat();
        [part(1, name), part(6, graph), whole(20, 5)].concat()
    };
    [
        weight("c", 9, &[], &[1]),
        node(
            "If",
            &["c"],
            "y",
            &[branch("then_branch", then), branch("else_branch", otherwise)],
        ),
    ]
}

#[test]
fn branches_read_what_is_made_around_them() {
    let logits = [
        node("Flatten", &["x"], "flat", &[]),
        weight("w", 1, &[64, 4], &[0; 1024]),
        node("MatMul", &["flat", "w"], "m", &[]),
    ];
    let plain = [node("Relu", &["m"], "r", &[]), node("Identity", &["r"], "z", &[])];
    let other = [node("Sigmoid", &["m"], "z", &[])];
    let branches = either(&plain, &other);
    says(&file(&[&logits[..], &branches].concat()), "4 classes");
    // The order of a file is not that of its operators, here neither.
    says(&file(&[&branches[..], &logits].concat()), "4 classes");
    let wide = either(
        &[
            node("Identity", &["m"], "a", &[]),
            node("Squeeze", &["many"], "z", &[]),
        ],
        &other,
    );
    let many = [
        sizes("s", &[1, 1 << 20, 1 << 20]),
        node("Expand", &["m", "s"], "many", &[]),
    ];
    says(
        &file(&[&logits[..], &many, &wide].concat()),
        "the operator Expand that makes `many` would make",
    );
}

#[test]
fn branches_are_told_by_all_that_they_make() {
    let name = |step: usize| format!("r{step}");
    let mut then = vec![node("Identity", &["large"], "r0", &[])];
    then.extend((0..50).map(|step| node("Relu", &[&name(step)], &name(step + 1), &[])));
    then.push(node("Flatten", &["r50"], "z", &[]));
    let large = [
        sizes("s", &[1, 1, 2000, 1000]),
        node("ConstantOfShape", &["s"], "large", &[]),
    ];
    let otherwise = [node("Flatten", &["large"], "z", &[])];
    says(
        &file(&[&large[..], &either(&then, &otherwise)].concat()),
        "the operator If that makes `y` would make 106000053 numbers",
    );
}

#[test]
fn branches_make_nothing_of_what_is_made_around_them() {
    let shadowed = [node("Flatten", &["x"], "m", &[]), node("Relu", &["m"], "r", &[])];
    let branches = either(
        &[node("Relu", &["m"], "r", &[]), node("Identity", &["r"], "z", &[])],
        &[node("Identity", &["m"], "z", &[])],
    );
    says(
        &file(&[&shadowed[..], &branches].concat()),
        "it makes the tensor `r` more than once",
    );
    let giant = [
        weight("v", 1, &[1 << 40, 1 << 40], &[]),
        node("Identity", &["x"], "z", &[]),
    ];
    says(
        &file(&either(&giant, &[node("Identity", &["x"], "z", &[])])),
        "the tensor `v` states the sizes",
    );
}

#[test]
fn sequences_of_tensors_are_not_run() {
    for kind in ["SequenceConstruct", "SplitToSequence", "ConcatFromSequence"] {
        says(
            &file(&[node(kind, &["x"], "y", &[])]),
            &format!("the operator {kind} is not run"),
        );
    }
}

#[test]
fn control_characters_are_written_out() {
    says(
        &file(&[node("\u{1b}[31mEvil", &["x"], "y", &[])]),
        "\\u{1b}[31mEvil",
    );
    says(
        &file(&[node("Relu", &["x"], "\u{1b}]0;owned\u{7}", &[])]),
        "\\u{1b}]0;owned\\u{7}",
    );
}

#[test]
fn weights_beside_a_file_are_in_files() {
    let entry = |key: &str, value: &str| part(13, [part(1, key), part(2, value)].concat());
    let beside = |location: &str| {
        let fields = [
            whole(1, 64),
            whole(1, 4),
            whole(2, 1),
            part(8, "w"),
            entry("location", location),
            whole(14, 1),
        ];
        file(&[
            part(5, fields.concat()),
            node("Flatten", &["x"], "flat", &[]),
            node("MatMul", &["flat", "w"], "y", &[]),
        ])
    };
    says(&beside("/dev/zero"), "it is a pipe or a device");
    says(&beside("not-there.bin"), "cannot be read");
}
