//! Boxes, anchors, matching and suppression against torchvision 0.29 (`tests/reference/`).

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::{fmt::Debug, fs};

use potstill_detection::{
    AnchorGrid, BoxCoder, Corners, DefaultBoxes, DistanceCoder, Match, Matcher, PointMatcher, RegionLevels,
    clip, generalized_overlap, has_sides, match_default_boxes, overlap, suppress, suppress_by_class,
};
use serde_json::{Value, from_value};

fn reference(name: &str) -> Value {
    let file = format!("{}/tests/reference/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
}

fn boxes(value: &Value) -> Vec<Corners> {
    from_value(value.clone()).unwrap()
}

fn assert_near(found: &[f32], wanted: &Value, what: impl Debug) {
    let wanted: Vec<f32> = from_value(wanted.clone()).unwrap();
    assert_eq!(found.len(), wanted.len(), "{what:?}");
    for (found, wanted) in found.iter().zip(wanted) {
        assert!(
            (found - wanted).abs() <= 2e-5 * wanted.abs().max(1.0),
            "{what:?}: {found} is not {wanted}"
        );
    }
}

#[test]
fn overlaps_are_equal() {
    let case = &reference("boxes")["iou"];
    let (ours, theirs) = (boxes(&case["a"]), boxes(&case["b"]));
    for (at, &one) in ours.iter().enumerate() {
        let row =
            |of: fn(Corners, Corners) -> f32| theirs.iter().map(|&two| of(one, two)).collect::<Vec<_>>();
        assert_near(&row(overlap), &case["iou"][at], ("iou", at));
        assert_near(&row(generalized_overlap), &case["giou"][at], ("giou", at));
    }
}

#[test]
fn coders_are_equal() {
    let reference = reference("boxes");
    for (name, coder) in [
        ("box_coder 1,1,1,1", BoxCoder::default()),
        ("box_coder 10,10,5,5", BoxCoder::weighted()),
    ] {
        let case = &reference[name];
        let (objects, codes) = (boxes(&case["gt"]), boxes(&case["codes"]));
        for (at, anchor) in boxes(&case["proposals"]).into_iter().enumerate() {
            assert_near(
                &coder.encode(objects[at], anchor),
                &case["encoded"][at],
                (name, at),
            );
            assert_near(&coder.decode(codes[at], anchor), &case["decoded"][at], (name, at));
        }
    }
    let case = &reference["fcos_coder"];
    let objects = boxes(&case["gt"]);
    for (at, anchor) in boxes(&case["anchors"]).into_iter().enumerate() {
        let ways = DistanceCoder.encode(objects[at], anchor);
        assert_near(&ways, &case["encoded_ltrb"][at], at);
        assert_near(&DistanceCoder.decode(ways, anchor), &case["decoded"][at], at);
        assert_near(
            &[DistanceCoder.centerness(ways)],
            &Value::from(vec![case["centreness"][at].clone()]),
            at,
        );
    }
}

#[test]
fn boxes_are_clipped_and_small_ones_found() {
    let reference = reference("boxes");
    let case = &reference["clip"];
    let size: [usize; 2] = from_value(case["image_h_w"].clone()).unwrap();
    for (at, one) in boxes(&case["boxes"]).into_iter().enumerate() {
        assert_near(&clip(one, size), &case["clipped"][at], at);
    }
    let case = &reference["remove_small"];
    let all = boxes(&case["boxes"]);
    let kept = (0..all.len()).filter(|&at| has_sides(all[at], 1.0));
    assert_eq!(
        kept.collect::<Vec<_>>(),
        from_value::<Vec<usize>>(case["keep"].clone()).unwrap()
    );
}

#[test]
fn anchors_are_equal() {
    let reference = reference("anchors");
    let maps: Vec<[usize; 2]> = from_value(reference["retinanet_grid 64x96"]["map_sizes"].clone()).unwrap();
    let sum = |anchors: &[Corners]| -> f64 { anchors.iter().flatten().map(|&side| f64::from(side)).sum() };

    let case = &reference["retinanet_grid 64x96"];
    let anchors = AnchorGrid::retinanet().anchors([64, 96], &maps);
    assert_eq!(anchors.len() as u64, case["count"].as_u64().unwrap());
    assert_eq!(anchors[..10], boxes(&case["first"]));
    assert_near(&anchors[108], &case["row_108"], "row 108");
    assert_eq!(anchors[anchors.len() - 9..], boxes(&case["last9"]));
    assert!((sum(&anchors) - case["sum"].as_f64().unwrap()).abs() < 1e-6);

    for (level, cell) in reference["rpn"]["cell_anchors"]
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
    {
        let mut one = vec![[0, 0]; 5];
        one[level] = [1, 1];
        assert_eq!(AnchorGrid::proposals().anchors([1, 1], &one), boxes(cell));
    }
    let sizes = vec![vec![32.0, 64.0, 128.0, 256.0, 512.0]; 3];
    let mobile = AnchorGrid::new(&sizes, &[0.5, 1.0, 2.0]);
    let cell = boxes(&reference["rpn_mobilenet"]["cell_anchors_level0"]);
    assert_eq!(mobile.anchors([1, 1], &[[1, 1]]), cell);

    let case = &reference["fcos_grid 64x96"];
    let anchors = AnchorGrid::fcos().anchors([64, 96], &maps);
    assert_eq!(anchors.len() as u64, case["count"].as_u64().unwrap());
    assert_eq!(anchors[..3], boxes(&case["first3"]));
    for (at, name) in [(95, "row_95"), (96, "row_96"), (128, "last")] {
        assert_near(&anchors[at], &case[name], name);
    }

    let case = &reference["ssdlite320"];
    let maps: Vec<[usize; 2]> = from_value::<Vec<usize>>(case["maps"].clone())
        .unwrap()
        .into_iter()
        .map(|side| [side, side])
        .collect();
    let all = DefaultBoxes::ssdlite().boxes([320, 320], &maps);
    for at in 0..6 {
        assert_near(&all[at], &case["first6"][at], ("first", at));
        assert_near(&all[all.len() - 6 + at], &case["last6"][at], ("last", at));
    }
    assert!((sum(&all) - case["sum"].as_f64().unwrap()).abs() < 1.0);
}

/// -1 for background, -2 for what is ignored.
fn codes(matches: &[Match]) -> Vec<i64> {
    let code = |one: &Match| match one {
        Match::Object(object) => *object as i64,
        Match::Background => -1,
        Match::Ignored => -2,
    };
    matches.iter().map(code).collect()
}

#[test]
fn matches_are_equal() {
    let reference = reference("matching");
    let quality: Vec<Vec<f32>> = from_value(reference["quality_gt_by_pred"].clone()).unwrap();
    let overlap = |object: usize, anchor: usize| quality[object][anchor];
    for (name, matcher) in [
        ("retinanet 0.5/0.4 low_quality", Matcher::retinanet()),
        ("rpn 0.7/0.3 low_quality", Matcher::proposals()),
        ("roi 0.5/0.5", Matcher::roi_heads()),
    ] {
        let found = codes(&matcher.by_overlap(3, 7, overlap));
        assert_eq!(
            found,
            from_value::<Vec<i64>>(reference[name].clone()).unwrap(),
            "{name}"
        );
    }
    let found = codes(&match_default_boxes(3, 7, overlap));
    assert_eq!(
        found,
        from_value::<Vec<i64>>(reference["ssd 0.5"].clone()).unwrap()
    );

    let case = &reference["fcos"];
    let levels: Vec<usize> = from_value(case["levels"].clone()).unwrap();
    let anchors = AnchorGrid::fcos().anchors([64, 96], &[[8, 12], [4, 6], [2, 3], [1, 2], [1, 1]]);
    let found = PointMatcher::fcos().matches(&boxes(&case["gt"]), &anchors, &levels);
    for (at, found) in found.into_iter().enumerate() {
        let wanted = case["matched"]
            .get(at.to_string())
            .map(|object| object.as_u64().unwrap() as usize);
        assert_eq!(found, wanted, "place {at}");
    }
}

#[test]
fn an_object_that_no_anchor_meets_takes_none() {
    let far = [[1000.0, 1000.0, 1010.0, 1010.0]];
    let anchors = [[0.0, 0.0, 10.0, 10.0]; 3];
    assert_eq!(
        Matcher::retinanet().matches(&far, &anchors),
        [Match::Background; 3]
    );
    assert_eq!(
        Matcher::retinanet().matches(&[], &anchors),
        [Match::Background; 3]
    );
}

#[test]
fn suppression_is_equal() {
    let case = reference("nms");
    let all = boxes(&case["boxes"]);
    let scores: Vec<f32> = from_value(case["scores"].clone()).unwrap();
    let classes: Vec<usize> = from_value(case["classes"].clone()).unwrap();
    for most in [0.3, 0.5, 0.7] {
        let wanted: Vec<usize> = from_value(case[format!("nms {most}")].clone()).unwrap();
        assert_eq!(suppress(&all, &scores, most), wanted, "{most}");
    }
    let wanted: Vec<usize> = from_value(case["batched_nms 0.5"].clone()).unwrap();
    assert_eq!(suppress_by_class(&all, &scores, &classes, 0.5), wanted);
}

/// `roi_align.json`, "levels".
#[test]
fn regions_are_read_at_their_level() {
    let cases = [
        ([0.0, 0.0, 56.0, 56.0], 2),
        ([0.0, 0.0, 111.9, 112.0], 2),
        ([0.0, 0.0, 112.0, 112.0], 3),
        ([0.0, 0.0, 224.0, 224.0], 4),
        ([0.0, 0.0, 223.9, 223.9], 3),
        ([0.0, 0.0, 448.0, 448.0], 5),
        ([0.0, 0.0, 1000.0, 1000.0], 5),
        ([0.0, 0.0, 1.0, 1.0], 2),
        ([0.0; 4], 2),
        ([0.0, 0.0, 300.0, 80.0], 3),
    ];
    let levels = RegionLevels::of_strides(&[4, 8, 16, 32]);
    for (corners, level) in cases {
        assert_eq!(levels.level(corners) + 2, level, "{corners:?}");
    }
    // Two levels of one stride: all regions are read from the first.
    let flat = RegionLevels::of_strides(&[32, 32]);
    assert!(cases.iter().all(|(corners, _)| flat.level(*corners) == 0));
}
