//! A network that was made of an ONNX file, written as that file: its operators and names, with the weights that it has now.

use std::{collections::BTreeMap, path::Path};

use burn::tensor::Device;
use potstill_onnx::write::{FilledGraph, OnnxFile};
use potstill_ops::{Point, Trace};

use super::{OnnxOptions, lowering::Lowering};
use crate::{Model, ModelError, Probe, probe};

/// The file with the network's weights and inserted layers, for images `[H, W, C]`.
pub(super) fn written(
    network: &Model,
    skeleton: &[u8],
    image @ [height, width, channels]: [usize; 3],
    options: &OnnxOptions,
    metadata: BTreeMap<String, String>,
) -> Result<OnnxFile, ModelError> {
    let refused = |reason: String| ModelError::Export {
        model: network.name().into(),
        reason,
    };
    let mut graph = FilledGraph::parse(skeleton).map_err(refused)?;
    fill(network, &mut graph).map_err(refused)?;
    graph.restate(network.classes()).map_err(refused)?;
    let probed = probe(network, [height, width], &Device::flex())?;
    for point in &options.points {
        check(&probed, point).map_err(refused)?;
    }
    let layers = layers_of(network);
    let names: Vec<String> = options
        .points
        .iter()
        .chain(&layers)
        .map(|point| point.path.clone())
        .collect();
    let axes = graph.axes_of(Path::new(network.name()), &names, image)?;
    if !options.keep_norms {
        graph.fold_norms(&names);
    }
    for point in &layers {
        if axes[&point.path] != 4 {
            let reason = format!("a layer stands at `{point}`, which is no map with channels first");
            return Err(refused(reason));
        }
        insert(network, point, &probed, options, &mut graph).map_err(refused)?;
    }
    if let Some(pixels) = &options.pixels {
        let [height, width] = pixels.size.map(Some);
        let shape = pixels.is_sized().then_some([None, Some(channels), height, width]);
        graph.insert_in_front(shape.as_ref(), |part, images| pixels.lower(images, part));
    }
    let outputs = options.points.iter().map(|point| point.path.as_str());
    let outputs = outputs.map(|name| (name, axes[name])).collect();
    Ok(graph.finish(network.classes(), outputs, metadata.into_iter().collect()))
}

/// Gives the file's weights the values of the network.
fn fill(network: &Model, graph: &mut FilledGraph) -> Result<(), String> {
    let layers = network.insertions().into_iter();
    let layers: Vec<String> = layers.map(|insertion| format!("{}.", insertion.path)).collect();
    let mut filled = Ok(());
    network.parameters().each(&mut |entry, values| {
        if filled.is_ok() && !layers.iter().any(|layer| entry.path.starts_with(layer)) {
            let values: Vec<f32> = values.into_data().iter().collect();
            filled = graph.fill(&entry.path, &entry.shape, &values);
        }
    });
    filled
}

/// The points at which layers stand, each once.
fn layers_of(network: &Model) -> Vec<Point> {
    let mut points: Vec<Point> = Vec::new();
    for insertion in network.insertions() {
        if !points.contains(&insertion.point) {
            points.push(insertion.point);
        }
    }
    points
}

/// Puts the layers of a point behind its tensor, which has channels first.
fn insert(
    network: &Model,
    point: &Point,
    probed: &Probe,
    options: &OnnxOptions,
    graph: &mut FilledGraph,
) -> Result<(), String> {
    let size = check(probed, point)?;
    let (mut trace, map) = Trace::new(size, Vec::new());
    let end = network.trace_layers(point, map, &mut trace);
    let traced = trace.finish();
    graph.insert_behind(&point.path, |part, before, name| {
        let mut lowering = Lowering::new(part, &traced, network, options);
        lowering.label(end, name);
        lowering.run_behind(before);
        lowering.into_part(end, name)
    })
}

/// The size of the map at a point.
fn check(probed: &Probe, point: &Point) -> Result<[usize; 3], String> {
    probed.size(point).ok_or_else(|| {
        let points = probed.points.iter();
        let known: Vec<String> = points.map(|(point, _)| point.to_string()).collect();
        let meant = potstill_base::nearest(&point.to_string(), known.iter().map(String::as_str));
        let hint = meant.map_or(String::new(), |meant| format!("; did you mean `{meant}`?"));
        format!("it has no point `{point}`{hint}")
    })
}
