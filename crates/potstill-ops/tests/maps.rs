//! Pooling and resizing of maps, against bins and indices written out by hand.

use potstill_ops::{adaptive_avg_pool, global_avg_pool, resize_nearest};
use potstill_testing::numbers::{assert_near, map, nchw, numbers as all, recorded, values};

const EXACT: f64 = 1e-13;

/// The bins of 5 rows in 4 and of 7 columns in 4; they overlap, as PyTorch's do.
const ROWS: [&[usize]; 4] = [&[0, 1], &[1, 2], &[2, 3], &[3, 4]];
const COLUMNS: [&[usize]; 4] = [&[0, 1], &[1, 2, 3], &[3, 4, 5], &[5, 6]];

fn wave(i: usize) -> f64 {
    (0.37 * i as f64).sin() + 0.01 * i as f64
}

/// Means over the bins of the map `[2, 3, 5, 7]` of `wave`, in `[N, C, H, W]` order.
fn by_hand() -> Vec<f64> {
    let mut means = Vec::new();
    for plane in 0..6 {
        for rows in ROWS {
            for columns in COLUMNS {
                let bin = rows
                    .iter()
                    .flat_map(|y| columns.iter().map(move |x| wave((plane * 5 + y) * 7 + x)));
                means.push(bin.sum::<f64>() / (rows.len() * columns.len()) as f64);
            }
        }
    }
    means
}

#[test]
fn adaptive_pooling_averages_over_overlapping_bins() {
    let pooled = adaptive_avg_pool(map([2, 3, 5, 7], wave), [4, 4]);
    assert_eq!(pooled.dims(), [2, 4, 4, 3]);
    assert_near("5x7 to 4x4", &nchw(&pooled), &by_hand(), EXACT);
}

#[test]
fn adaptive_pooling_gives_every_position_its_share_of_the_gradient() {
    let x = map([1, 1, 5, 7], wave).autodiff().require_grad();
    let gradient = nchw(
        &x.grad(&adaptive_avg_pool(x.clone(), [4, 4]).sum().backward())
            .unwrap(),
    );
    // The sum over the bins that hold a row of one over the bin's rows; the same for columns.
    let rows = [1.0 / 2.0, 1.0, 1.0, 1.0, 1.0 / 2.0];
    let columns = [
        1.0 / 2.0,
        5.0 / 6.0,
        1.0 / 3.0,
        2.0 / 3.0,
        1.0 / 3.0,
        5.0 / 6.0,
        1.0 / 2.0,
    ];
    let shares: Vec<f64> = rows
        .iter()
        .flat_map(|row| columns.map(|column| row * column))
        .collect();
    assert_near("shares", &gradient, &shares, EXACT);
}

#[test]
fn pooling_to_the_present_size_and_to_one_bin() {
    let x = map([2, 3, 5, 7], wave);
    assert_eq!(values(&adaptive_avg_pool(x.clone(), [5, 7])), values(&x));
    let means: Vec<f64> = (0..6)
        .map(|plane| (0..35).map(|i| wave(plane * 35 + i)).sum::<f64>() / 35.0)
        .collect();
    for pooled in [global_avg_pool(x.clone()), adaptive_avg_pool(x, [1, 1])] {
        assert_eq!(pooled.dims(), [2, 1, 1, 3]);
        assert_near("means", &nchw(&pooled), &means, EXACT);
    }
    // As many bins as rows in one direction only.
    let pooled = adaptive_avg_pool(map([1, 1, 2, 4], |i| i as f64), [2, 2]);
    assert_near("2x4 to 2x2", &nchw(&pooled), &[0.5, 2.5, 4.5, 6.5], EXACT);
}

#[test]
fn pooling_into_bins_of_two_by_three() {
    let x = map([2, 3, 4, 9], wave).autodiff().require_grad();
    let pooled = adaptive_avg_pool(x.clone(), [2, 3]);
    assert_eq!(pooled.dims(), [2, 2, 3, 3]);
    let mean = |plane: usize, row: usize, column: usize| {
        let bin = (0..6).map(|i| wave((plane * 4 + 2 * row + i / 3) * 9 + 3 * column + i % 3));
        bin.sum::<f64>() / 6.0
    };
    let means: Vec<f64> = (0..36).map(|i| mean(i / 6, i / 3 % 2, i % 3)).collect();
    assert_near("4x9 to 2x3", &nchw(&pooled), &means, EXACT);

    let weighted = pooled * map([2, 3, 2, 3], wave);
    let gradient = nchw(&x.grad(&weighted.sum().backward()).unwrap());
    let shares: Vec<f64> = (0..216)
        .map(|i| wave(i / 36 * 6 + i % 36 / 18 * 3 + i % 9 / 3) / 6.0)
        .collect();
    assert_near("shares", &gradient, &shares, EXACT);
}

#[test]
fn resizing_takes_the_recorded_rows_and_columns() {
    for case in recorded("potstill-methods/tests/reference/review_kd.json")["nearest_resize"]
        .as_array()
        .unwrap()
    {
        let [from, to] = ["from", "to"].map(|key| case[key].as_u64().unwrap() as usize);
        let indices: Vec<usize> = all(&case["indices"])
            .into_iter()
            .map(|index| index as usize)
            .collect();
        for (height, width, rows, columns) in
            [(from, 2, &indices[..], &[0, 1][..]), (2, from, &[0, 1], &indices)]
        {
            let size = [rows.len(), columns.len()];
            assert!(size.contains(&to));
            let resized = resize_nearest(map([2, 2, height, width], wave), size);
            let expected = (0..4).flat_map(|plane| {
                rows.iter().flat_map(move |y| {
                    columns
                        .iter()
                        .map(move |x| wave((plane * height + y) * width + x))
                })
            });
            assert_near(
                &format!("{from} to {to}"),
                &nchw(&resized),
                &expected.collect::<Vec<_>>(),
                0.0,
            );
        }
    }
}

#[test]
fn resizing_sums_the_gradients_of_the_copies() {
    let x = map([1, 1, 1, 3], wave).autodiff().require_grad();
    let resized = resize_nearest(x.clone(), [2, 7]);
    let gradient = nchw(&x.grad(&resized.sum().backward()).unwrap());
    assert_eq!(
        gradient,
        [6.0, 4.0, 4.0],
        "3 to 7 takes the columns 3, 2 and 2 times, each in two rows"
    );
}

#[test]
fn resizing_by_whole_factors_gives_each_pixel_the_sum_of_its_block() {
    let x = map([2, 3, 2, 2], wave).autodiff().require_grad();
    let resized = resize_nearest(x.clone(), [4, 6]);
    let copies: Vec<f64> = (0..144)
        .map(|i| wave(i / 24 * 4 + i % 24 / 12 * 2 + i % 6 / 3))
        .collect();
    assert_near("2x2 to 4x6", &nchw(&resized), &copies, 0.0);

    let weighted = resized * map([2, 3, 4, 6], wave);
    let gradient = nchw(&x.grad(&weighted.sum().backward()).unwrap());
    let sum = |plane: usize, row: usize, column: usize| {
        let block = (0..6).map(|i| wave((plane * 4 + 2 * row + i / 3) * 6 + 3 * column + i % 3));
        block.sum::<f64>()
    };
    let sums: Vec<f64> = (0..24).map(|i| sum(i / 4, i / 2 % 2, i % 2)).collect();
    assert_near("blocks", &gradient, &sums, EXACT);
}
