//! letKD's targets, clusters and discriminants against the recorded vectors and against plain computations.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use burn::tensor::{DType, Device, Tensor};
use potstill_methods::letkd::{
    Centres, Decisions, Discriminants, InFile, InMemory, KMeans, Rows, SubClasses, each_assigned,
    nearest_of_class, score_matrix,
};
use potstill_ops::softmax_divergence;
use potstill_random::Seed;
use potstill_testing::numbers::{assert_near, map, number, numbers as recorded_numbers, recorded, values};
use serde_json::Value;

/// What is kept and what runs is in single precision.
const SINGLE: f64 = 2e-6;

fn reference(name: &str) -> Value {
    recorded("potstill-methods/tests/reference/letkd.json")[name].clone()
}

fn rows_of(map: Tensor<4>) -> Tensor<2> {
    let [n, h, w, c] = map.dims();
    map.reshape([n * h * w, c])
}

/// The teacher's features of the vectors.
fn features() -> Tensor<2> {
    rows_of(map([2, 3, 2, 2], |i| (0.4 * i as f64).cos()).cast(DType::F32))
}

fn filled(count: usize, formula: impl Fn(f64) -> f64) -> Vec<f32> {
    (0..count).map(|i| formula(i as f64) as f32).collect()
}

#[test]
fn soft_assignments_are_the_recorded_ones() {
    let reference = reference("penultimate");
    let expected = recorded_numbers(&reference["targets"]);
    let centres = Centres::new(filled(15, |i| (1.1 * i).sin()), 3, 1.0, &Device::flex());
    let logits = centres.logits(features());
    let softmax = burn::tensor::activation::softmax(logits.clone(), 1);
    assert_near("targets", &values(&softmax), &expected, SINGLE);
    // The divergence of the targets from themselves is nothing, from the recorded scores the recorded one.
    let itself = softmax_divergence(logits.clone(), &|_| logits.clone());
    assert!(number(&itself).abs() < 1e-6);
    let case = &recorded("potstill-ops/tests/reference/kd_layer.json")["cases"][0];
    let scores: Vec<f32> = recorded_numbers(&case["scores"])
        .iter()
        .map(|&a| a as f32)
        .collect();
    let scores = Tensor::<1>::from_floats(&scores[..], &Device::flex()).reshape([8, 5]);
    let loss = number(&softmax_divergence(scores, &|range| {
        logits.clone().narrow(0, range.start, range.len())
    }));
    assert_near("loss", &[loss], &[reference["loss"].as_f64().unwrap()], SINGLE);
    assert_near("loss as printed", &[loss], &[0.754_899], 5e-6);
}

#[test]
fn a_sharper_assignment_is_that_of_stretched_features() {
    let values_of = |stretch: f64, sharpness: f64| {
        let centres = filled(15, |i| stretch * (1.1 * i).sin());
        let centres = Centres::new(centres, 3, sharpness, &Device::flex());
        let logits = centres.logits(features() * stretch);
        values(&burn::tensor::activation::softmax(logits, 1))
    };
    assert_near("sharpness", &values_of(1.0, 4.0), &values_of(2.0, 1.0), 1e-5);
}

/// Row-major: the first two columns of A, the offset -A^T xbar, rho and S of the vectors.
fn decisions() -> Decisions {
    let projection = vec![0.5, -0.2, 0.3, 0.8, -0.6, 0.1];
    let offset = vec![-(0.05 + 0.06 - 0.18), -(-0.02 + 0.16 + 0.03)];
    let centres = vec![0.0, 0.0, 0.5, 0.2, -0.4, 0.6, 0.3, -0.9];
    #[rustfmt::skip]
    let scores = [0.7, 0.1, 0.15, 0.05, 0.2, 0.6, 0.0, 0.2, 0.1, 0.1, 0.8, 0.0, 0.0, 0.3, 0.3, 0.4];
    Decisions::new(projection, offset, centres, &scores, 2, &Device::flex())
}

#[test]
fn decisions_are_the_recorded_ones() {
    let (reference, decisions) = (reference("intermediate"), decisions());
    let projected = values(&decisions.project(features()));
    assert_near("u", &projected, &recorded_numbers(&reference["u"]), SINGLE);
    let assigned = decisions.assign(features(), &[0, 1], 4);
    let expected: Vec<usize> = recorded_numbers(&reference["assigned"])
        .iter()
        .map(|&index| index as usize)
        .collect();
    assert_eq!(assigned, expected);
    let scores: Vec<f32> = recorded_numbers(&reference["scores"])
        .iter()
        .map(|&a| a as f32)
        .collect();
    let scores = Tensor::<1>::from_floats(&scores[..], &Device::flex()).reshape([8, 4]);
    let loss = number(&softmax_divergence(scores, &|range| {
        decisions.logits(&assigned[range])
    }));
    assert_near("loss", &[loss], &[reference["loss"].as_f64().unwrap()], SINGLE);
    assert_near("loss as printed", &[loss], &[0.598_002], 5e-6);
    // The target of a place is its sub-class's row, whatever else.
    let targets = burn::tensor::activation::softmax(decisions.logits(&[3, 1, 3]), 1);
    let expected = [0.0, 0.3, 0.3, 0.4, 0.2, 0.6, 0.0, 0.2, 0.0, 0.3, 0.3, 0.4];
    assert_near("rows of the score matrix", &values(&targets), &expected, SINGLE);
}

#[test]
fn the_score_matrix_is_the_recorded_one() {
    let reference = reference("score_matrix");
    #[rustfmt::skip]
    let rows = [0.0, 0.0, 0.2, 0.0, 1.0, 0.0, 1.2, 0.1, 0.9, 0.9, 1.1, 1.0, 0.1, 1.0, 0.0, 1.1, 1.05, 0.05];
    let of = [0, 0, 1, 1, 2, 2, 3, 3, 3];
    let prototypes: Vec<f32> = recorded_numbers(&reference["prototypes"])
        .iter()
        .map(|&x| x as f32)
        .collect();
    let mut rows = InMemory {
        values: &rows,
        columns: 2,
    };
    let matrix = score_matrix(&mut rows, &prototypes, &Device::flex(), &|index, _| of[index]).unwrap();
    let matrix: Vec<f64> = matrix.into_iter().map(f64::from).collect();
    assert_near("matrix", &matrix, &recorded_numbers(&reference["matrix"]), SINGLE);
}

#[test]
fn discriminants_are_the_recorded_ones() {
    let reference = reference("lda");
    let points: Vec<f32> = recorded_numbers(&reference["points"])
        .iter()
        .map(|&x| x as f32)
        .collect();
    let mut rows = InMemory {
        values: &points,
        columns: 3,
    };
    let found = Discriminants::of(&mut rows, &|row| row / 4, 3).unwrap().unwrap();
    let expected = recorded_numbers(&reference["mean"]);
    assert_near("mean", found.mean.as_slice(), &expected, SINGLE);
    let share = reference["share"].as_f64().unwrap();
    assert_near("share", &[found.shares[0]], &[share], SINGLE);
    // Whatever the signs of the directions: A A^T.
    let gram = &found.projection * found.projection.transpose();
    assert_near(
        "A A^T",
        gram.as_slice(),
        &recorded_numbers(&reference["gram"]),
        2e-5,
    );
    let (projection, offset) = found.affine(60);
    assert_eq!(
        (projection.len(), offset.len()),
        (6, 2),
        "two directions of three features"
    );
    let project = |row: &[f32]| -> Vec<f64> {
        let along = |d: usize| {
            (0..3)
                .map(|i| f64::from(row[i]) * f64::from(projection[i * 2 + d]))
                .sum::<f64>()
        };
        (0..2).map(|d| along(d) + f64::from(offset[d])).collect()
    };
    let projected: Vec<_> = points.chunks(3).map(project).collect();
    let mean = |class: usize, d: usize| projected[4 * class..][..4].iter().map(|u| u[d]).sum::<f64>() / 4.0;
    let distance = |(a, b): (usize, usize)| (0..2).map(|d| (mean(a, d) - mean(b, d)).powi(2)).sum::<f64>();
    let distances = [(0, 1), (0, 2), (1, 2)].map(distance);
    let expected = recorded_numbers(&reference["distances"]);
    assert_near("Mahalanobis distances", &distances, &expected, 1e-5);
    // One direction is a prefix of two.
    let first: Vec<f32> = projection.chunks(2).map(|pair| pair[0]).collect();
    assert_eq!(found.affine(1), (first, vec![offset[0]]));
}

#[test]
fn features_without_information_are_no_direction() {
    // The third feature is constant, the fourth the sum of the first two.
    let points = filled(4 * 60, |i| (i * i * 0.37).sin());
    let mut points: Vec<f32> = points;
    for row in points.chunks_mut(4) {
        (row[2], row[3]) = (5.0, row[0] + row[1]);
    }
    let mut rows = InMemory {
        values: &points,
        columns: 4,
    };
    let found = Discriminants::of(&mut rows, &|row| row % 5, 5).unwrap().unwrap();
    assert!(found.projection.ncols() <= 2, "{}", found.projection.ncols());
    assert!(found.projection.iter().all(|value| value.is_finite()));
    let mut one_class = InMemory {
        values: &points,
        columns: 4,
    };
    assert!(Discriminants::of(&mut one_class, &|_| 0, 5).unwrap().is_none());
}

/// Points in clouds around a few middles.
fn clouds(count: usize, columns: usize) -> Vec<f32> {
    let mut stream = Seed::new(11).stream("clouds", &[]);
    let middles: Vec<f64> = (0..7 * columns).map(|_| stream.uniform(-4.0, 4.0)).collect();
    let rows = (0..count).flat_map(|i| (0..columns).map(move |c| (i % 7) * columns + c));
    rows.map(|at| (middles[at] + 0.6 * stream.normal()) as f32)
        .collect()
}

/// Lloyd's iteration as it is written in books, in double precision.
fn plain_iteration(points: &[f32], centres: &[f64], columns: usize) -> Vec<f64> {
    let mut sums = vec![0.0; centres.len()];
    let mut counts = vec![0.0; centres.len() / columns];
    for point in points.chunks(columns) {
        let distance = |centre: &[f64]| -> f64 {
            let squares = centre.iter().zip(point).map(|(c, &x)| (c - f64::from(x)).powi(2));
            squares.sum()
        };
        let distances: Vec<f64> = centres.chunks(columns).map(distance).collect();
        let nearest = (0..distances.len())
            .min_by(|&a, &b| distances[a].total_cmp(&distances[b]))
            .unwrap();
        counts[nearest] += 1.0;
        for (c, &x) in point.iter().enumerate() {
            sums[nearest * columns + c] += f64::from(x);
        }
    }
    let mean = |i: usize| {
        if counts[i / columns] > 0.0 {
            sums[i] / counts[i / columns]
        } else {
            centres[i]
        }
    };
    (0..centres.len()).map(mean).collect()
}

#[test]
fn streamed_k_means_is_plain_k_means() {
    // More rows than are held at once with so many centres, in a file and in memory.
    let (count, columns, k) = (3000, 9, 1200);
    let points = clouds(count, columns);
    let place = tempfile::tempdir().unwrap();
    let mut file = InFile::create(&place.path().join("rows"), columns).unwrap();
    for part in points.chunks(columns * 700) {
        file.append(part).unwrap();
    }
    let mut memory = InMemory {
        values: &points,
        columns,
    };
    let begin = |rows: &mut dyn Rows| KMeans::begin(rows, k, &mut Seed::new(1).stream("test", &[])).unwrap();
    let (mut in_file, mut in_memory) = (begin(&mut file), begin(&mut memory));
    let mut plain: Vec<f64> = in_memory.centres.iter().map(|&c| f64::from(c)).collect();
    for _ in 0..5 {
        in_file.iterate(&mut file, &Device::flex()).unwrap();
        in_memory.iterate(&mut memory, &Device::flex()).unwrap();
        plain = plain_iteration(&points, &plain, columns);
        assert!(in_file == in_memory, "the file gives other bits than the memory");
        let ours: Vec<f64> = in_memory.centres.iter().map(|&c| f64::from(c)).collect();
        assert_near("centres", &ours, &plain, 1e-5);
    }
}

#[test]
fn first_centres_are_distinct_rows_and_the_same_for_the_same_seed() {
    let points = clouds(50, 3);
    let mut rows = InMemory {
        values: &points,
        columns: 3,
    };
    let mut begin = |seed| KMeans::begin(&mut rows, 50, &mut Seed::new(seed).stream("test", &[])).unwrap();
    let centres = begin(3).centres;
    let sorted = |values: &[f32]| {
        let mut rows: Vec<_> = values.chunks(3).map(<[f32]>::to_vec).collect();
        rows.sort_by(|a, b| a.partial_cmp(b).unwrap());
        rows
    };
    assert_eq!(sorted(&centres), sorted(&points), "every row once");
    assert_eq!(centres, begin(3).centres);
    assert_ne!(centres, begin(4).centres);
}

#[test]
fn an_empty_cluster_takes_half_of_the_largest() {
    // Four equal rows and two others: centres at equal rows are empty but the first.
    let points = [[1.0, 2.0]; 4].into_iter().chain([[9.0, 0.0], [9.5, 0.5]]);
    let points: Vec<f32> = points.flatten().collect();
    let mut rows = InMemory {
        values: &points,
        columns: 2,
    };
    let mut found = KMeans {
        centres: vec![1.0, 2.0, 1.0, 2.0, 9.0, 0.0],
        columns: 2,
        iteration: 0,
    };
    assert!(found.iterate(&mut rows, &Device::flex()).unwrap());
    let (pair, other) = found.centres.split_at(4);
    assert_eq!(other, [9.25, 0.25]);
    for (i, value) in pair.iter().enumerate() {
        assert!((value - [1.0, 2.0][i % 2]).abs() < 0.01, "{pair:?}");
    }
    assert_ne!(pair[..2], pair[2..], "they can part");
    assert!(found.centres.iter().all(|value| value.is_finite()));
}

#[test]
fn sub_classes_have_fixed_places() {
    // Class 1 has no rows, class 2 fewer than sub-classes.
    let by_class = [clouds(60, 4), Vec::new(), clouds(2, 4), clouds(30, 4)];
    let mut asked = Vec::new();
    let found = SubClasses::cluster(
        [4, 3, 4],
        20,
        Seed::new(0),
        &Device::flex(),
        &mut |class| Ok(by_class[class].clone()),
        &mut |class| {
            asked.push(class);
            false
        },
    );
    let found = found.unwrap().unwrap();
    assert_eq!(asked, [0, 1, 2, 3]);
    assert_eq!((found.centres.len(), found.prototypes.len()), (48, 48));
    // What was found for a class hangs on its own rows and its index alone.
    let mut only = |class: usize| Ok(if class == 3 { clouds(30, 4) } else { Vec::new() });
    let again = SubClasses::cluster(
        [4, 3, 4],
        20,
        Seed::new(0),
        &Device::flex(),
        &mut only,
        &mut |_| false,
    );
    assert_eq!(again.unwrap().unwrap().centres[36..], found.centres[36..]);
    for (class, rows) in by_class.iter().enumerate() {
        for row in rows.chunks(4) {
            let index = nearest_of_class(row, &found.centres, class, 3);
            assert_eq!(index / 3, class);
        }
    }
    // Rows of the score matrix are chances, also of sub-classes without rows.
    let (all, of): (Vec<f32>, Vec<usize>) = {
        let of = by_class.iter().enumerate();
        let of = of.flat_map(|(class, rows)| vec![class; rows.len() / 4]);
        (by_class.concat(), of.collect())
    };
    let mut rows = InMemory {
        values: &all,
        columns: 4,
    };
    let matrix = score_matrix(&mut rows, &found.prototypes, &Device::flex(), &|index, row| {
        nearest_of_class(row, &found.centres, of[index], 3)
    });
    let matrix = matrix.unwrap();
    for row in matrix.chunks(12) {
        assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6, "{row:?}");
    }
    assert_eq!(matrix[3 * 12 + 3], 1.0, "nobody is there to be taken for another");
    let should_stop = SubClasses::cluster(
        [4, 3, 4],
        20,
        Seed::new(0),
        &Device::flex(),
        &mut |_| Ok(Vec::new()),
        &mut |class| class == 2,
    );
    assert!(should_stop.unwrap().is_none());
}

#[test]
fn every_row_goes_to_the_nearest_centre() {
    let points = clouds(500, 5);
    let centres = clouds(40, 5);
    let mut rows = InMemory {
        values: &points,
        columns: 5,
    };
    let mut seen = 0;
    each_assigned(
        &mut rows,
        &centres,
        &Device::flex(),
        &mut |index, row, nearest| {
            assert_eq!(index, seen);
            seen += 1;
            let distance = |k: usize| -> f32 {
                let centre = &centres[k * 5..][..5];
                centre.iter().zip(row).map(|(c, x)| (c - x).powi(2)).sum()
            };
            let least = (0..40).map(distance).fold(f32::INFINITY, f32::min);
            assert!(distance(nearest) <= least + 1e-4, "{index}");
        },
    )
    .unwrap();
    assert_eq!(seen, 500);
}
