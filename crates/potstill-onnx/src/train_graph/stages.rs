//! Where the stages of a network end, found in its steps.
//!
//! A map that every way from the images to the logits crosses is a joint between blocks. Among those of one size the last one counts,
//! before a convolution of one pixel makes it wider for the next block, and before a layer norm.

use std::collections::HashMap;

use super::plan::{LayerPlan, MapView, Op, PointPlan, Step};

/// Ways are counted modulo this prime: there are more of them than numbers.
const PRIME: u64 = (1 << 61) - 1;

/// The end of a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StagePlan {
    /// The tensor that it ends with.
    pub post: String,
    /// The same before its activation; the same tensor if there is none.
    pub pre: String,
    /// The size `[H, W, C]` of the map.
    pub map: [usize; 3],
}

/// The joints of a network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stages {
    /// The first map after an activation.
    pub stem: Option<String>,
    /// The ends, fine to coarse.
    pub ends: Vec<StagePlan>,
    /// The embedding behind them.
    pub pooled: Option<String>,
    /// The first joint of the last stage.
    pub first_of_last: Option<String>,
}

/// Finds the stages of a network for images of size `[H, W]`.
pub(super) fn stages(
    steps: &[Step],
    layers: &[LayerPlan],
    weights: &Shapes<'_>,
    logits: usize,
    image: [usize; 2],
) -> Stages {
    let joints = joints(steps, logits);
    let maps: Vec<&Joint<'_>> = joints
        .iter()
        .filter(|joint| joint.point.map[0] > 1 || joint.point.map[1] > 1)
        .collect();
    let mut groups: Vec<Vec<&Joint<'_>>> = Vec::new();
    for joint in maps {
        let size = |joint: &Joint<'_>| [joint.point.map[0], joint.point.map[1]];
        match groups.last_mut().filter(|group| size(group[0]) == size(joint)) {
            Some(group) => group.push(joint),
            None => groups.push(vec![joint]),
        }
    }
    let is_widening = |joint: &Joint<'_>| match joint.step.op {
        Op::Conv(layer) => weights.is_pointwise(&layers[layer]),
        _ => false,
    };
    let mut ends: Vec<(&Joint<'_>, &[&Joint<'_>])> = groups
        .iter()
        .filter_map(|group| Some((end(group, &is_widening)?, group.as_slice())))
        .collect();
    // What is finer than a quarter is the stem, where there is enough behind it.
    let is_coarse = |joint: &Joint<'_>| 4 * joint.point.map[0] <= image[0].max(1);
    if ends.iter().filter(|(end, _)| is_coarse(end)).count() >= 3 {
        ends.retain(|(end, _)| is_coarse(end));
    }
    let first_of_last = ends.last().and_then(|(end, group)| {
        let wide = group.iter().filter(|joint| joint.point.map == end.point.map);
        let mut blocks = wide.filter(|joint| !matches!(joint.step.op, Op::Conv(_) | Op::BatchNorm(_)));
        blocks.find(|joint| joint.is_block()).map(|joint| joint.name())
    });
    let ends: Vec<StagePlan> = if ends.len() > 1 {
        ends.iter().map(|(end, _)| end.plan(steps)).collect()
    } else {
        spread(&joints, steps)
    };
    let is_active = |joint: &&Joint<'_>| matches!(joint.step.op, Op::Activate(_));
    Stages {
        stem: joints.iter().find(is_active).or(joints.first()).map(Joint::name),
        pooled: joints
            .iter()
            .find(|joint| joint.point.map[..2] == [1, 1])
            .map(Joint::name),
        first_of_last,
        ends,
    }
}

/// The shapes of a network's tensors.
pub(super) struct Shapes<'a>(pub &'a [super::plan::KeptTensor]);

impl Shapes<'_> {
    /// Whether a convolution sees one pixel of all channels.
    fn is_pointwise(&self, layer: &LayerPlan) -> bool {
        let LayerPlan::Conv { weight, shape, .. } = layer else {
            return false;
        };
        shape.groups == 1 && self.0[*weight].shape.get(2..) == Some(&[1, 1])
    }
}

/// A value that every way crosses.
struct Joint<'a> {
    step: &'a Step,
    point: &'a PointPlan,
}

impl Joint<'_> {
    fn name(&self) -> String {
        self.point.name.clone()
    }

    /// Whether a block may end here: a sum, an activation, parts put together.
    fn is_block(&self) -> bool {
        matches!(
            self.step.op,
            Op::Activate(_) | Op::Binary(_) | Op::Concat(_) | Op::Shuffle(_) | Op::Reshape(_)
        )
    }

    fn plan(&self, steps: &[Step]) -> StagePlan {
        let before = matches!(self.step.op, Op::Activate(_))
            .then(|| steps.iter().find(|step| step.output == self.step.inputs[0]))
            .flatten()
            .and_then(|step| step.point.as_ref())
            .filter(|point| point.view == self.point.view);
        StagePlan {
            post: self.name(),
            pre: before.map_or_else(|| self.name(), |point| point.name.clone()),
            map: self.point.map,
        }
    }
}

/// The values that every way from the images to the logits crosses, in order, where they are maps.
fn joints(steps: &[Step], logits: usize) -> Vec<Joint<'_>> {
    let mut from_images: HashMap<usize, u64> = HashMap::from([(0, 1)]);
    for step in steps {
        let ways = step
            .inputs
            .iter()
            .map(|value| from_images.get(value).copied().unwrap_or(0));
        from_images.insert(step.output, ways.fold(0, |sum, ways| (sum + ways) % PRIME));
    }
    let mut to_logits: HashMap<usize, u64> = HashMap::from([(logits, 1)]);
    for step in steps.iter().rev() {
        let ways = to_logits.get(&step.output).copied().unwrap_or(0);
        for &value in &step.inputs {
            let sum = to_logits.entry(value).or_default();
            *sum = (*sum + ways) % PRIME;
        }
    }
    let all = from_images.get(&logits).copied().unwrap_or(0);
    let crossing = steps.iter().filter(|step| {
        let [before, after] =
            [&from_images, &to_logits].map(|ways| ways.get(&step.output).copied().unwrap_or(0));
        let through = u128::from(before) * u128::from(after) % u128::from(PRIME);
        step.output != logits && all != 0 && before != 0 && through == u128::from(all)
    });
    crossing
        .filter_map(|step| {
            let point = step.point.as_ref()?;
            Some(Joint { step, point })
        })
        .collect()
}

/// The last joint of one size, before the map is made wider and before a layer norm.
fn end<'a, 'b>(group: &[&'a Joint<'b>], is_widening: &dyn Fn(&Joint<'b>) -> bool) -> Option<&'a Joint<'b>> {
    let channels = |joint: &Joint<'_>| joint.point.map[2];
    let mut left = group;
    loop {
        let last = left.last()?;
        let run = left
            .iter()
            .rev()
            .take_while(|joint| channels(joint) == channels(last));
        let start = left.len() - run.count();
        let is_wider = start > 0 && channels(left[start - 1]) < channels(last);
        if is_wider && is_widening(left[start]) {
            left = &left[..start];
        } else if left.len() > 1 && matches!(last.step.op, Op::LayerNorm(_)) {
            left = &left[..left.len() - 1];
        } else {
            return Some(last);
        }
    }
}

/// Of a network of one size (a transformer) the tokens behind its blocks at a quarter, half, three quarters and the end.
fn spread(joints: &[Joint<'_>], steps: &[Step]) -> Vec<StagePlan> {
    let is_sum = |joint: &&Joint<'_>| {
        matches!(joint.point.view, MapView::Tokens { .. }) && matches!(joint.step.op, Op::Binary(_))
    };
    let sums: Vec<&Joint<'_>> = joints.iter().filter(is_sum).collect();
    // Each block adds twice: what attention found, and what the MLP makes of it; the places are added before.
    let blocks: Vec<&&Joint<'_>> = sums.iter().skip(2).step_by(2).collect();
    if blocks.len() < 4 {
        return blocks.iter().map(|joint| joint.plan(steps)).collect();
    }
    let at = |part: usize| blocks[(blocks.len() * part).div_ceil(4) - 1].plan(steps);
    (1..=4).map(at).collect()
}
