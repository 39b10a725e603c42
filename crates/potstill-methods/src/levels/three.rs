//! The three levels of a pyramid that stand for a detector: P3 to P5, at strides 8, 16 and 32 (our design: no source says what TSKD, EKD or
//! letKD would read of a detector).

use potstill_models::StageEnd;
use potstill_ops::Point;

use super::{Named, by_size, is_pyramid};
use crate::{MethodError, NetworkInfo, PlanContext, Reads, plan_context::points_named};

/// How many there are.
const LEVELS: usize = 3;
/// The octaves of the strides 8, 16 and 32.
const OCTAVES: [i64; LEVELS] = [3, 4, 5];

/// Levels of a pyramid with the sizes `[H, W, C]` of their maps, fine to coarse.
type Pyramid = Vec<(Point, [usize; 3])>;

/// One network of the two, as a method reads it.
#[derive(Clone, Copy)]
pub(crate) struct OneSide<'a> {
    /// The network.
    pub info: &'a NetworkInfo,
    /// `student` or `teacher`.
    pub network: &'static str,
    /// The option that names its points.
    pub option: &'static str,
    /// The side of a stage's last activation on which it is read.
    pub side: fn(&StageEnd) -> &Point,
}

impl OneSide<'_> {
    /// Its points have to be named.
    pub fn no_stages(&self, method: &'static str) -> MethodError {
        MethodError::NoStages {
            method,
            network: self.network,
            option: self.option,
        }
    }

    /// The levels of its pyramid; none where it knows none.
    fn pyramid(&self, method: &'static str) -> Result<Pyramid, MethodError> {
        let ends: Vec<_> = self.info.stage_ends.iter().map(self.side).cloned().collect();
        self.info.sized(&ends, method, self.network)
    }
}

/// The points of both networks that a method reads: those that the recipe names. Where it names none, the three levels of those that both
/// pyramids have; where it names those of one network, the three levels of the other's pyramid; of a network without a pyramid what the
/// method's own rule `usual` says. The teacher is read on that `side` of its stages' last activation, the student behind it.
///
/// # Errors
/// Names of no point, pyramids without a common level, what `usual` refuses.
pub(crate) fn named_or_three(
    method: &'static str,
    context: &PlanContext,
    (teacher, side): (&NetworkInfo, fn(&StageEnd) -> &Point),
    named: Named<'_>,
    usual: impl Fn(OneSide<'_>) -> Result<Vec<Point>, MethodError>,
) -> Result<Reads, MethodError> {
    let ours = OneSide {
        info: &context.student,
        network: "student",
        option: "student_points",
        side: |end| &end.post,
    };
    let theirs = OneSide {
        info: teacher,
        network: "teacher",
        option: "teacher_points",
        side,
    };
    let has_levels = |one: OneSide<'_>| is_pyramid(context.task) && !one.info.stage_ends.is_empty();
    if named.student.is_empty() && named.teacher.is_empty() && has_levels(ours) && has_levels(theirs) {
        return three_common_levels(method, context.image, ours, theirs);
    }
    let points = |one: OneSide<'_>, names: &[String]| match names {
        [] if has_levels(one) => three_levels(method, context.image, one),
        [] => usual(one),
        names => points_named(names, method),
    };
    Ok(Reads {
        student: points(ours, named.student)?,
        teacher: points(theirs, named.teacher)?,
    })
}

/// The points of the three levels of one network, whatever the other has.
fn three_levels(
    method: &'static str,
    image: [usize; 3],
    one: OneSide<'_>,
) -> Result<Vec<Point>, MethodError> {
    let pyramid = one.pyramid(method)?;
    let sizes: Vec<_> = pyramid.iter().map(|(_, size)| *size).collect();
    let chosen = chosen_levels(image, &sizes).into_iter();
    Ok(chosen.map(|level| pyramid[level].0.clone()).collect())
}

/// The three levels of those which both pyramids have.
fn three_common_levels(
    method: &'static str,
    image: [usize; 3],
    ours: OneSide<'_>,
    theirs: OneSide<'_>,
) -> Result<Reads, MethodError> {
    let (ours, theirs) = (ours.pyramid(method)?, theirs.pyramid(method)?);
    let pairs = by_size(method, image, &ours, &theirs)?;
    let sizes: Vec<_> = pairs.iter().map(|&[level, _]| ours[level].1).collect();
    let chosen = chosen_levels(image, &sizes).into_iter();
    let (student, teacher) = chosen
        .map(|pair| {
            let [s, t] = pairs[pair];
            (ours[s].0.clone(), theirs[t].0.clone())
        })
        .unzip();
    Ok(Reads { student, teacher })
}

/// Which of a pyramid's maps of these sizes `[H, W, C]`, in an image of this size, are read, fine to coarse: those at strides 8, 16 and 32, or
/// else the finest three. The coarsest of more than three extends the pyramid beyond what the backbone has, and does not count. A detector with
/// one map for its head, which is finer than the stage before it, is read at its finest two stages and at that map.
fn chosen_levels(image: [usize; 3], sizes: &[[usize; 3]]) -> Vec<usize> {
    if let [.., before, last] = sizes
        && last[0] > before[0]
    {
        return (0..sizes.len().min(LEVELS) - 1)
            .chain([sizes.len() - 1])
            .collect();
    }
    let counted = match sizes.len() {
        several @ 4.. => several - 1,
        few => few,
    };
    let octave = |size: &[usize; 3]| (image[0] as f64 / size[0].max(1) as f64).log2().round() as i64;
    let octaves: Vec<_> = sizes[..counted].iter().map(octave).collect();
    let first = octaves.windows(LEVELS).position(|window| window == OCTAVES);
    let first = first.unwrap_or(0);
    (first..(first + LEVELS).min(counted)).collect()
}

#[cfg(test)]
mod tests {
    use super::chosen_levels;

    fn chosen(image: [usize; 2], sides: &[[usize; 2]]) -> Vec<usize> {
        let sizes: Vec<_> = sides.iter().map(|&[h, w]| [h, w, 8]).collect();
        chosen_levels([image[0], image[1], 3], &sizes)
    }

    #[test]
    fn levels_are_chosen_by_their_stride() {
        // Faster R-CNN: P2 to P5 and a subsample.
        let sides = [[200, 336], [100, 168], [50, 84], [25, 42], [13, 21]];
        assert_eq!(chosen([800, 1344], &sides), [1, 2, 3]);
        // RetinaNet: P3 to P7, of an image of no whole multiple.
        let sides = [[13, 17], [7, 9], [4, 5], [2, 3], [1, 2]];
        assert_eq!(chosen([100, 130], &sides), [0, 1, 2]);
        // Pyramids of small networks, at strides 4, 8, 16, one of them with a subsample.
        assert_eq!(chosen([96, 96], &[[24, 24], [12, 12], [6, 6]]), [0, 1, 2]);
        assert_eq!(chosen([96, 96], &[[24, 24], [12, 12], [6, 6], [3, 3]]), [0, 1, 2]);
        // MobileNetV3: twice stride 32, and a subsample.
        assert_eq!(chosen([320, 320], &[[10, 10], [10, 10], [5, 5]]), [0, 1, 2]);
        assert_eq!(chosen([64, 64], &[[8, 8]]), [0]);
    }

    #[test]
    fn a_detector_of_one_map_is_read_at_its_own_three() {
        // FastestDet: the stages at strides 8, 16, 32, and what the head reads at 16.
        let sides = [[44, 44], [22, 22], [11, 11], [22, 22]];
        assert_eq!(chosen([352, 352], &sides), [0, 1, 3]);
        assert_eq!(chosen([352, 352], &[[11, 11], [22, 22]]), [0, 1]);
    }
}
