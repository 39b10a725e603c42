//! A network as a tree: its modules down to its points, with sizes and costs.

use std::collections::BTreeMap;

use potstill_ops::{Entry, Point, PointSide, Role};

use crate::{Model, Probe};

/// One module of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutlineRow {
    /// Its path, as PyTorch names it.
    pub path: String,
    /// How deep it lies: the rows that follow with a greater depth are inside.
    pub depth: usize,
    /// The part of the path that its parent's row does not have.
    pub name: String,
    /// The sides at which its map can be read; none if it is no point.
    pub sides: Vec<PointSide>,
    /// The size of that map, `[H, W, C]`.
    pub size: Option<[usize; 3]>,
    /// Trainable parameters inside.
    pub parameters: u64,
    /// Multiply-accumulate operations of one image, counted where the next point ends them.
    pub macs: u64,
}

/// The tree of `network` as `probe` saw it, top down.
pub fn outline(network: &Model, probe: &Probe) -> Vec<OutlineRow> {
    let entries = network.parameters().entries();
    let mut rows: Vec<OutlineRow> = Vec::new();
    for path in paths(&entries, probe) {
        let parent = rows.iter().rev().find(|row| is_inside(&path, &row.path));
        let (depth, name) = match parent {
            Some(parent) => (parent.depth + 1, path[parent.path.len() + 1..].to_owned()),
            None => match path.split_once('.') {
                // A stage that is no point itself.
                Some((stage, rest)) => {
                    let (stage, rest) = (stage.to_owned(), rest.to_owned());
                    rows.push(row(stage.clone(), 0, stage, &entries, probe));
                    (1, rest)
                }
                None => (0, path.clone()),
            },
        };
        rows.push(row(path, depth, name, &entries, probe));
    }
    // What comes after the last point is the head's.
    let counted: u64 = probe.costs.values().sum();
    if let Some(head) = rows.iter_mut().find(|row| {
        let head = network.names().head;
        row.path == head || is_inside(head, &row.path)
    }) {
        head.macs += probe.macs - counted;
    }
    rows
}

fn row(path: String, depth: usize, name: String, entries: &[Entry], probe: &Probe) -> OutlineRow {
    let is_ours = |other: &str| other == path || is_inside(other, &path);
    let points = || probe.points.iter().filter(|(point, _)| point.path == path);
    let learned = entries
        .iter()
        .filter(|entry| entry.role == Role::Weight && is_ours(&entry.path))
        .map(|entry| entry.shape.iter().product::<usize>() as u64);
    let costs = probe.costs.iter().filter(|(point, _)| is_ours(&point.path));
    OutlineRow {
        depth,
        name,
        sides: points().map(|(point, _)| point.side).collect(),
        size: points().next().map(|(_, size)| *size),
        parameters: learned.sum(),
        macs: costs.map(|(_, cost)| cost).sum(),
        path,
    }
}

/// The paths of all rows, in the network's order: each tensor's innermost point, or its outermost module if
/// it is in none; and points without tensors, behind the point before them.
fn paths(entries: &[Entry], probe: &Probe) -> Vec<String> {
    let points: BTreeMap<&str, &Point> = probe
        .points
        .iter()
        .map(|(point, _)| (point.path.as_str(), point))
        .collect();
    let mut paths: Vec<String> = Vec::new();
    for entry in entries {
        let own = prefixes(&entry.path).rfind(|prefix| points.contains_key(prefix));
        let path = own
            .or_else(|| prefixes(&entry.path).next())
            .unwrap_or(&entry.path);
        // A block's own tensors may stand around those of a point inside it.
        let outer = prefixes(path).find(|prefix| points.contains_key(prefix));
        for path in outer.into_iter().chain([path]) {
            if !paths.iter().any(|known| known == path) {
                paths.push(path.to_owned());
            }
        }
    }
    let mut before: Option<&str> = None;
    for (point, _) in &probe.points {
        if !paths.contains(&point.path) {
            let at = before.and_then(|before| paths.iter().rposition(|known| known == before));
            paths.insert(at.map_or(0, |at| at + 1), point.path.clone());
        }
        before = Some(&point.path);
    }
    paths
}

/// `a`, `a.b`, `a.b.c` of `a.b.c`.
fn prefixes(path: &str) -> impl DoubleEndedIterator<Item = &str> {
    let ends: Vec<usize> = path
        .match_indices('.')
        .map(|(at, _)| at)
        .chain([path.len()])
        .collect();
    ends.into_iter().map(|end| &path[..end])
}

fn is_inside(path: &str, module: &str) -> bool {
    path.strip_prefix(module)
        .is_some_and(|rest| rest.starts_with('.'))
}
