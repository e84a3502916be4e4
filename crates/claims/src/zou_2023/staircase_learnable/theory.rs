//! What is predicted: populations of units that know the three signs that matter, and no others.

use overparam_eval::theory::Theory;
use overparam_feature_flow::Error;
use overparam_feature_flow::staircase::{DimensionFree, FiniteDimension, Motion, SparseTarget};
use overparam_tensor::random::Stream;

use super::{BIAS, LEFT_PLATEAU, LOOK, RATE, Target, time_to};

/// Units of the flow in dimension `d`: with eight times as many the end of a plateau moves by less than 0.5 %.
const UNITS: usize = 2000;
/// When the flow is given up.
const LATEST: f64 = 40.0;

impl Target {
    /// The same function, for the flow.
    pub(super) fn sparse(self) -> Result<SparseTarget, Error> {
        match self {
            Target::Stairs => {
                SparseTarget::new(3, &[(1.0, vec![0]), (1.0, vec![0, 1]), (1.0, vec![0, 1, 2])])
            }
            Target::Gap => SparseTarget::new(3, &[(1.0, vec![0]), (1.0, vec![0, 1, 2])]),
        }
    }
}

fn motion(theory: &Theory) -> (Motion, f64) {
    (Motion::Descent { eta: RATE }, theory.constant("rate of the flow (of its value)", 1.0))
}

/// The share of the risk that the dimension-free descent leaves of a target at these times.
pub(super) fn limit_of(target: Target, times: &[f64], theory: &Theory) -> Result<Vec<f64>, Error> {
    let (motion, rate) = motion(theory);
    // Descent stops at multiples of its step.
    let scaled = times.iter().map(|time| (time * rate / RATE).round() * RATE);
    let times: Vec<f64> = std::iter::once(0.0).chain(scaled).collect();
    let moments =
        DimensionFree { bias: BIAS, motion, ..DimensionFree::default() }.run(&target.sparse()?, &times)?;
    Ok(moments[1..].iter().map(|moment| moment.risk / moments[0].risk).collect())
}

/// The share of the risk of stairs.
pub(super) fn limit(times: &[f64], theory: &Theory) -> Result<Vec<f64>, Error> {
    limit_of(Target::Stairs, times, theory)
}

/// When the plateau of the gap ends in this dimension; nothing if it has not by [`LATEST`].
pub(super) fn plateau_ends(dimension: usize, theory: &Theory) -> Result<Option<f64>, Error> {
    plateau_of(dimension, UNITS, theory)
}

/// The ends of the plateaus in these dimensions. Where there is none there is no place to compare at, and a check without draws decides nothing.
pub(super) fn plateaus(dimensions: &[usize], theory: &Theory) -> Vec<(usize, f64)> {
    let end = |&dimension: &usize| Some((dimension, plateau_ends(dimension, theory).ok()??));
    dimensions.iter().filter_map(end).collect()
}

pub(super) fn plateau_of(dimension: usize, units: usize, theory: &Theory) -> Result<Option<f64>, Error> {
    let (motion, rate) = motion(theory);
    let flow = FiniteDimension { dimension, units, start: 1.0, bias: BIAS, motion };
    let stream = Stream::root(dimension as u64).named("staircase-learnable");
    // In pieces, so that it ends soon after the plateau has.
    for latest in [12.0, LATEST] {
        let looks = (0..=(latest / LOOK) as usize).map(|k| k as f64 * LOOK);
        let moments = flow.run(&Target::Gap.sparse()?, &looks.collect::<Vec<_>>(), &stream)?;
        let risks: Vec<(f64, f64)> = moments.iter().map(|moment| (moment.time / rate, moment.risk)).collect();
        if let Some(time) = time_to(&risks, LEFT_PLATEAU) {
            return Ok(Some(time));
        }
    }
    Ok(None)
}
