//! `potstill inspect FILE.onnx`: what a file gives as a teacher, and what it is as a student.

use std::{fmt::Write, path::Path};

use potstill_engine::{ExportedOnnx, cpu};
use potstill_models::{GraphNetwork, ModelError, OnnxModel, OnnxOutputs, TrainGraph};
use potstill_ops::Scope;
use potstill_random::Seed;
use potstill_report::human;
use serde_json::{Value, json};

use crate::{
    commands::{inspect::InspectArguments, print, print_json},
    failure::Failure,
};

/// A file knows no modules: its points are its tensors, in order.
pub fn run(arguments: &InspectArguments) -> Result<(), Failure> {
    let file = Path::new(&arguments.model);
    let takes = TrainGraph::takes(file).map_err(ModelError::from)?;
    let [height, width, channels] = takes;
    let told = ExportedOnnx::read(file)?.map(|exported| exported.image());
    let [usual_height, usual_width, _] = told.transpose()?.unwrap_or([224, 224, 3]);
    let usual = [height.unwrap_or(usual_height), width.unwrap_or(usual_width)];
    let [height, width] = arguments.input.unwrap_or(usual);
    let image = [height, width, channels.unwrap_or(3)];
    let student = match arguments.logits.as_slice() {
        [] => TrainGraph::open(file, None, image),
        names => TrainGraph::open(file, names.first().map(String::as_str), image),
    };
    let student = student.map_err(ModelError::from).and_then(|graph| {
        let scope = Scope::new(&cpu(), Seed::new(0), "student");
        GraphNetwork::proven(graph.clone(), &scope)?;
        Ok(graph)
    });
    let asked = OnnxOutputs {
        logits: arguments.logits.clone(),
        ..OnnxOutputs::default()
    };
    let teacher = OnnxModel::open(file, &asked, image);
    // A file in training mode runs nowhere as it is, and trains all the same.
    let teacher = match (teacher, &student) {
        (Err(error), Err(_)) => return Err(error.into()),
        (teacher, _) => teacher,
    };
    if arguments.json {
        let mut described = match &teacher {
            Ok(network) => described(network),
            Err(error) => json!({ "teacher": error.to_string() }),
        };
        described["name"] = json!(arguments.model);
        described["input"] = json!(image);
        described["student"] = match &student {
            Ok(graph) => student_as_json(graph),
            Err(error) => json!({ "trains": false, "reason": error.to_string() }),
        };
        return print_json(&described);
    }
    let mut text = match &teacher {
        Ok(network) => as_text(&arguments.model, network, image),
        Err(error) => format!("{}: an ONNX file\nas a teacher: {error}\n", arguments.model),
    };
    match &student {
        Ok(graph) => text.push_str(&student_as_text(graph)),
        Err(error) => {
            let _ = writeln!(text, "as a student: {error}");
        }
    }
    if let Ok(network) = &teacher {
        let _ = writeln!(text, "\n{:<13} point", "map");
        for (point, [h, w, c]) in &network.probe().points {
            let _ = writeln!(text, "{:<13} {point}", format!("{h}x{w}x{c}"));
        }
    }
    print(&text)
}

/// The first lines about a file that runs.
fn as_text(name: &str, network: &OnnxModel, [height, width, channels]: [usize; 3]) -> String {
    let probe = network.probe();
    format!(
        "{name}: an ONNX file\n{} parameters, {} multiply-accumulates for one image of {height}x{width}x{channels}{}\n{}",
        human::count(probe.parameters as u64),
        human::magnitude(probe.macs),
        match probe.classes {
            0 => String::new(),
            classes => format!(", {classes} classes"),
        },
        outputs_as_text(network),
    )
}

fn described(network: &OnnxModel) -> Value {
    let probe = network.probe();
    let points = probe
        .points
        .iter()
        .map(|(point, size)| json!({ "path": point.path, "map": size }));
    json!({
        "classes": probe.classes,
        "outputs": outputs_as_json(network),
        "params": probe.parameters,
        "macs": probe.macs,
        "flops": 2 * probe.macs,
        "points": points.collect::<Vec<_>>(),
    })
}

/// What a file is as a student.
fn student_as_text(graph: &TrainGraph) -> String {
    let mut text = format!(
        "as a student: it trains, {} weights in {} tensors, {} units of convolution and norm in {} steps\n",
        human::count(weights(graph) as u64),
        graph.tensors.len(),
        graph.units(),
        graph.steps.len(),
    );
    match &graph.head {
        Some(head) => {
            let _ = writeln!(text, "  last layer {}, drawn anew for other classes", head.path);
        }
        None => text.push_str("  its logits come straight from no layer: its classes are those of the data, or it does not train\n"),
    }
    for end in &graph.stages.ends {
        let [h, w, c] = end.map;
        let _ = writeln!(text, "  a stage ends at {} ({h}x{w}x{c})", end.post);
    }
    for note in &graph.notes {
        let _ = writeln!(text, "  note: {note}");
    }
    text
}

fn student_as_json(graph: &TrainGraph) -> Value {
    let ends = graph.stages.ends.iter();
    let ends = ends.map(|end| json!({ "post": end.post, "pre": end.pre, "map": end.map }));
    json!({
        "trains": true,
        "classes": graph.classes,
        "params": weights(graph),
        "tensors": graph.tensors.iter().map(|tensor| json!({ "name": tensor.name, "shape": tensor.shape })).collect::<Vec<_>>(),
        "units": graph.units(),
        "steps": graph.steps.len(),
        "head": graph.head.as_ref().map(|head| &head.path),
        "stem": graph.stages.stem,
        "stage_ends": ends.collect::<Vec<_>>(),
        "notes": graph.notes,
    })
}

/// Numbers that train.
fn weights(graph: &TrainGraph) -> usize {
    let statistics = graph.statistics();
    let tensors = graph.tensors.iter().enumerate();
    let learned = tensors.filter(|(place, _)| !statistics.contains(place));
    learned
        .map(|(_, tensor)| tensor.shape.iter().product::<usize>())
        .sum()
}

/// The outputs of a file with their shapes for one image.
fn outputs_as_json(network: &OnnxModel) -> Vec<Value> {
    let outputs = network.outputs().into_iter();
    outputs
        .map(|(name, shape)| json!({ "name": name, "shape": shape }))
        .collect()
}

/// The same in lines.
fn outputs_as_text(network: &OnnxModel) -> String {
    let outputs = network.outputs().into_iter();
    let line = |(name, shape): (&str, Option<&[usize]>)| match shape {
        Some(shape) => format!("output {name}: {shape:?}\n"),
        None => format!("output {name}: no row for each image\n"),
    };
    outputs.map(line).collect()
}
