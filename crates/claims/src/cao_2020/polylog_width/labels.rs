//! Inputs and their labels.

use nalgebra::DMatrix;
use overparam_tensor::random::Stream;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::CUT;
use crate::wide::{coins, sphere};

/// Where labels come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Labels {
    /// Of `x_1 x_2`: in the class, with a margin.
    Even,
    /// Of `x_1 x_2 x_3`: no function of a two-layer net, but one of three layers.
    Odd,
    /// Of `x_1`: in the class of every net.
    Linear,
    /// Of nothing.
    Coins,
}

impl Labels {
    /// What the labels are the signs of; of coins what decides which inputs are left out.
    fn teacher(self, x: &[f64]) -> f64 {
        match self {
            Labels::Even | Labels::Coins => x[0] * x[1],
            Labels::Odd => x[0] * x[1] * x[2],
            Labels::Linear => x[0],
        }
    }

    /// The first `n` examples of a stream as columns, and their labels; inputs on the sphere of norm `sqrt d` in `d` dimensions.
    pub(super) fn draw(self, n: usize, dimension: usize, stream: &Stream) -> (DMatrix<f64>, Vec<f64>) {
        let mut kept = Vec::with_capacity(n * dimension);
        for batch in 0.. {
            let fresh = sphere(512, dimension, &stream.named("inputs").indexed(batch)).transpose();
            let good = fresh.column_iter().filter(|x| self.teacher(x.as_slice()).abs() >= CUT);
            good.for_each(|x| kept.extend_from_slice(x.as_slice()));
            if kept.len() >= n * dimension {
                break;
            }
        }
        kept.truncate(n * dimension);
        let x = DMatrix::from_vec(dimension, n, kept);
        let y = match self {
            Labels::Coins => coins(n, &stream.named("labels")),
            _ => x.column_iter().map(|x| self.teacher(x.as_slice()).signum()).collect(),
        };
        (x, y)
    }
}
