//! A network that shows maps of any size, and what a method of maps says of them.

use burn::{
    module::Module,
    tensor::{Device, Int, Tensor},
};
use potstill_methods::{Method, NetworkOutput, TeacherOutput};
use potstill_models::{Model, Network, NetworkDescription, Outputs, StageEnd};
use potstill_ops::{BatchNorm, Pass, Point, PointSide, Scope, Taps, Visitor};
use potstill_random::Seed;

use super::total;
use crate::networks::terms;

/// A network that does nothing but show maps of these sizes `[H, W, C]` at the points `norms.0`, `norms.1` and so on, before and after an activation, each behind a batch norm.
#[derive(Module, Debug)]
struct Shown {
    norms: Vec<BatchNorm>,
    #[module(skip)]
    sizes: Vec<[usize; 3]>,
}

impl Network for Shown {
    fn description(&self) -> NetworkDescription {
        NetworkDescription {
            stage_ends: (0..self.sizes.len())
                .map(|at| StageEnd::activated(point(at)))
                .collect(),
            ..NetworkDescription::classifier("shown", 10, "fc")
        }
    }

    fn forward(&self, images: Tensor<4>, pass: &mut Pass<'_>) -> Outputs {
        let (n, device) = (images.dims()[0], images.device());
        for (at, &[h, w, c]) in self.sizes.iter().enumerate() {
            for side in [PointSide::Pre, PointSide::Post] {
                pass.show(&point(at), side, Tensor::zeros([n, h, w, c], &device));
            }
        }
        Outputs::Logits(Tensor::zeros([n, 10], &device))
    }
}

fn point(at: usize) -> String {
    format!("norms.{at}")
}

/// A network whose maps have these sizes `[H, W, C]`, at points that [`lines_of_points`] names.
pub fn showing(sizes: &[[usize; 3]]) -> Model {
    let scope = Scope::new(&Device::flex(), Seed::new(1), "shown").at("norms");
    let norms = sizes
        .iter()
        .enumerate()
        .map(|(at, &[_, _, c])| BatchNorm::new(c, &scope.at(at)));
    Model::own(Shown {
        norms: norms.collect(),
        sizes: sizes.to_vec(),
    })
}

/// The options that name the first points of two such networks, before it (`:pre`) or after it (nothing).
pub fn lines_of_points(levels: usize, side: &str) -> String {
    let points: Vec<String> = (0..levels).map(|at| format!("\"{}{side}\"", point(at))).collect();
    let points = points.join(", ");
    format!("student_points = [{points}]\nteacher_points = [{points}]\n")
}

/// A network that showed these maps `[N, H, W, C]` at the points of [`showing`], on this side.
pub fn of_maps(maps: &[Tensor<4>], side: PointSide) -> NetworkOutput {
    let points: Vec<Point> = (0..maps.len())
        .map(|at| Point {
            path: point(at),
            side,
        })
        .collect();
    let mut taps = Taps::at(&points);
    for (point, map) in points.iter().zip(maps) {
        taps.visit(&point.path, side, map.clone());
    }
    let images = maps[0].dims()[0];
    NetworkOutput {
        images: Tensor::zeros([images, 1, 1, 3], &Device::flex()),
        outputs: Outputs::Logits(Tensor::zeros([images, 10], &Device::flex())),
        taps,
    }
}

/// The size `[H, W, C]` of a map.
pub fn size_of(map: &Tensor<4>) -> [usize; 3] {
    let [_, h, w, c] = map.dims();
    [h, w, c]
}

/// The loss of a method that reads maps at the points of [`showing`].
pub fn loss_of_maps(
    method: &dyn Method,
    student: &[Tensor<4>],
    teacher: &[Tensor<4>],
    side: PointSide,
) -> Tensor<1> {
    let (student, teacher) = (of_maps(student, side), of_maps(teacher, side));
    let labels = Tensor::<1, Int>::zeros([student.images.dims()[0]], &Device::flex());
    total(
        terms(
            "test",
            method,
            &student,
            &TeacherOutput::frozen(teacher),
            &labels,
            0,
        )
        .unwrap(),
    )
}
