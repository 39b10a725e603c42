//! Graphs that are written are read again, and compute what they say.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::fs;

use potstill_onnx::{
    Array, OnnxNetwork, read_metadata,
    write::{Attribute, GraphWriter, OnnxFile, Opset},
};

/// A 1x1 convolution to two channels, a clamp to [0, 6], the mean, and a linear layer.
fn small(opset: Opset) -> OnnxFile {
    let mut graph = GraphWriter::new(opset);
    let images = graph.input("images", &[None, Some(3), None, None]);
    graph.reserve("logits");
    let weight = graph.floats("conv.weight", &[2, 3, 1, 1], &[1.0, 2.0, -1.0, 0.5, -2.0, 4.0]);
    let bias = graph.floats("conv.bias", &[2], &[0.25, -0.5]);
    let kernel = Attribute::sizes("kernel_shape", &[1, 1]);
    let map = graph.node("Conv", &[&images, &weight, &bias], vec![kernel], "conv");
    let [least, most] = [0.0, 6.0].map(|bound| graph.number(bound));
    let map = graph.node("Clip", &[&map, &least, &most], vec![], "conv");
    let pooled = graph.node("GlobalAveragePool", &[&map], vec![], "pool");
    let shape = graph.list(&[0, -1]);
    let rows = graph.node("Reshape", &[&pooled, &shape], vec![], "rows");
    let weight = graph.floats("fc.weight", &[2, 2], &[1.0, -1.0, 0.5, 3.0]);
    let bias = graph.floats("fc.bias", &[2], &[10.0, 20.0]);
    let transposed = vec![Attribute::Int("transB", 1)];
    graph.node_as("Gemm", &[&rows, &weight, &bias], transposed, "logits");
    graph.output("logits", &[None, Some(2)]);
    graph.finish(vec![
        ("classes".into(), "2".into()),
        ("empty".into(), String::new()),
    ])
}

/// Two images of 1x2 pixels.
fn images() -> Array {
    Array {
        shape: vec![2, 3, 1, 2],
        values: vec![1.0, 2.0, 3.0, 4.0, 0.5, 1.5, -1.0, 0.0, 2.0, 1.0, 1.0, 0.0],
    }
}

#[test]
fn a_graph_that_was_written_is_read_and_run() {
    let folder = tempfile::tempdir().unwrap();
    for opset in [Opset::V17, Opset::V20] {
        let path = folder.path().join("small.onnx");
        small(opset).write(&path).unwrap();
        let network = OnnxNetwork::open(&path, None).unwrap();
        assert_eq!((network.channels(), network.size()), (Some(3), [None, None]));
        assert_eq!(network.outputs(), ["logits"]);
        // Two of the names were wanted twice.
        network.find("conv_1").unwrap();
        let found = network.run(&images(), &["logits"]).unwrap().remove(0);
        // Image 1: the pixels (1, 3, 0.5) and (2, 4, 1.5) give channels (6.75, 8.75) -> (6, 6) and (-4, -1.5) -> (0, 0).
        // Image 2: (-1, 2, 1) and (0, 1, 0) give (2.25, 2.25) and (-1, -2.5) -> (0, 0).
        assert_eq!(found.shape, [2, 2]);
        assert_eq!(found.values, [16.0, 23.0, 12.25, 21.125]);
        let metadata = read_metadata(&path).unwrap();
        assert_eq!(metadata["classes"], "2");
        assert_eq!(metadata["empty"], "");
    }
}

#[test]
fn a_graph_has_the_name_that_checkers_demand() {
    let bytes = small(Opset::V17).to_bytes("small.onnx".as_ref()).unwrap();
    // Field 7, the graph, of ten bytes: field 2, its name, of eight.
    assert_eq!(bytes[..12], *b"\x3a\x0a\x12\x08potstill");
}

#[test]
fn the_same_numbers_are_written_once() {
    let mut graph = GraphWriter::new(Opset::V17);
    assert_eq!(graph.list(&[0, -1]), graph.list(&[0, -1]));
    assert_ne!(graph.list(&[0, -1]), graph.list(&[0, 1]));
    assert_eq!(graph.number(0.5), graph.number(0.5));
    assert_ne!(graph.number(0.0), graph.number(-0.0));
}

#[test]
fn what_cannot_be_written_leaves_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("none/small.onnx");
    let error = small(Opset::V17).write(&missing).unwrap_err();
    assert!(error.to_string().contains("cannot write"), "{error}");
    assert!(fs::read_dir(folder.path()).unwrap().next().is_none());
}
