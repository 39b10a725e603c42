//! MGD and FGD, whose masks are drawn or come from boxes, give the recorded numbers of their authors' programs, piece by piece.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use burn::tensor::Gradients;
use potstill_methods::{BoxMasks, ContextBlock, FgdWeights, Generator, Mask, fgd_terms, summed_squares};
use potstill_ops::{Conv2d, Conv2dConfig, Mode, Parameters, Pass};
use potstill_testing::classics::{Case, EXACT, cases, filled};
use potstill_testing::numbers::{self, number, numbers as all, scope, values};

/// A 1x1 convolution of the case, if it has one.
fn align(case: &Case, channels: [usize; 2]) -> Option<Conv2d> {
    let config = Conv2dConfig::new(channels[0], channels[1], 1).with_bias();
    let mut conv = Conv2d::uniform(config, 1.0, &scope());
    case.fill(&mut conv, |path| format!("align.{path}"));
    (!case.get("parameters")["align.weight"].is_null()).then_some(conv)
}

/// A module, and what its parameters are called in a case, by their paths.
type Called<'a> = (&'a dyn Parameters, &'a dyn Fn(&str) -> String);

/// Checks the gradients of modules that are called in a case as the pairs say.
fn check_modules(case: &Case, tape: &Gradients, modules: &[Called<'_>]) {
    let recorded = case.get("parameter_gradients").as_object().unwrap();
    let mut checked = 0;
    for (module, name) in modules {
        for (path, gradient) in numbers::gradients(*module, tape) {
            case.check_gradient(&path, &gradient, &recorded[&name(&path)], EXACT);
            checked += 1;
        }
    }
    assert_eq!(checked, recorded.len(), "{}", case.id());
}

#[test]
fn masked_generation_is_the_recorded_one() {
    let cases = cases("mgd");
    for case in cases.iter().flat_map(Case::in_both) {
        let (student, teacher) = (case.input("student"), case.input("teacher").map());
        let channels = [student.map().dims()[3], teacher.dims()[3]];
        let conv = align(&case, channels);
        let mut generator = Generator::new(channels[1], &scope());
        let name = |path: &str| format!("generation.{}", path.replace("conv1", "0").replace("conv2", "2"));
        case.fill(&mut generator, name);
        let mut pass = Pass::new(Mode::Batch);
        let map = match &conv {
            Some(conv) => conv.forward(student.map(), &mut pass),
            None => student.map(),
        };
        let ratio = case.option("ratio").as_f64().unwrap();
        let mut uniform = filled(case.get("uniform")).into_iter();
        let kept = if case.option("mask") == "channel" {
            Mask::Channel.kept(&map, || uniform.next().unwrap() >= ratio)
        } else {
            Mask::Position.kept(&map, || uniform.next().unwrap() <= 1.0 - ratio)
        };
        assert_eq!(values(&kept), all(&case.get("expected")["mask"]), "{}", case.id());
        let loss = summed_squares(generator.forward(map * kept, &mut pass), teacher);
        let tape = case.check(&loss, &[student], EXACT);
        let of_align = |path: &str| format!("align.{path}");
        let mut modules: Vec<Called<'_>> = vec![(&generator, &name)];
        if let Some(conv) = &conv {
            modules.push((conv, &of_align));
        }
        check_modules(&case, &tape, &modules);
    }
    assert_eq!(cases.len(), 3);
}

#[test]
fn focal_and_global_distillation_is_the_recorded_one() {
    let cases = cases("fgd");
    for case in cases.iter().flat_map(Case::in_both) {
        let (student, teacher) = (case.input("student"), case.input("teacher").map());
        let channels = [student.map().dims()[3], teacher.dims()[3]];
        let conv = align(&case, channels);
        let name = |network: char| {
            move |path: &str| match path.split_once('.').unwrap() {
                ("mask", parameter) => format!("conv_mask_{network}.{parameter}"),
                ("squeeze", parameter) => format!("channel_add_conv_{network}.0.{parameter}"),
                ("norm", parameter) => format!("channel_add_conv_{network}.1.{parameter}"),
                (_, parameter) => format!("channel_add_conv_{network}.3.{parameter}"),
            }
        };
        let blocks = ['s', 't'].map(|network| {
            let mut block = ContextBlock::new(channels[1], &scope());
            case.fill(&mut block, name(network));
            block
        });
        let mut pass = Pass::new(Mode::Batch);
        let map = match &conv {
            Some(conv) => conv.forward(student.map(), &mut pass),
            None => student.map(),
        };
        // The authors scale boxes by the sizes of the images themselves; here all have that of the first.
        let sizes = all(case.get("image_sizes_hw"));
        let boxes = case.get("boxes").as_array().unwrap().iter().zip(sizes.chunks(2));
        let scaled = |found: &serde_json::Value, own: &[f64]| {
            let by = [sizes[1] / own[1], sizes[0] / own[0]];
            let corners = all(found);
            [0, 1, 2, 3].map(|at| corners[at] * by[at % 2])
        };
        let boxes: Vec<Vec<[f64; 4]>> = boxes
            .map(|(found, own)| {
                found
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|found| scaled(found, own))
                    .collect()
            })
            .collect();
        let masks = BoxMasks::of(&boxes, [sizes[0] as usize, sizes[1] as usize], &teacher);
        let option = |key: &str| case.option(key).as_f64().unwrap();
        let terms = fgd_terms(
            [map, teacher],
            &masks,
            (&blocks[0], &blocks[1]),
            option("temperature"),
            &mut pass,
        );
        for (key, term) in [
            ("foreground", &terms.objects),
            ("background", &terms.background),
            ("attention", &terms.attention),
            ("relation", &terms.relation),
        ] {
            case.check_part(key, number(term), EXACT);
        }
        let loss = terms.weighted(&FgdWeights {
            objects: option("alpha"),
            background: option("beta"),
            attention: option("gamma"),
            relation: option("lambda"),
        });
        let tape = case.check(&loss, &[student], EXACT);
        let of_align = |path: &str| format!("align.{path}");
        let (ours, theirs) = (name('s'), name('t'));
        let mut modules: Vec<Called<'_>> = vec![(&blocks[0], &ours), (&blocks[1], &theirs)];
        if let Some(conv) = &conv {
            modules.push((conv, &of_align));
        }
        check_modules(&case, &tape, &modules);
    }
    assert_eq!(cases.len(), 2);
}
