//! Normalisation over channels, `(x - mean) / sqrt(variance + eps)`.
//!
//! At infinite width mean and variance over channels are constants, zero and `q`: `k' = k / sqrt((q_x + eps)(q_y + eps))`, the NTK
//! likewise (Novak et al. 2020). Cost: two roots and divisions per side, three products per pair.

use overparam_tensor::Tensor;
use overparam_tensor::linalg::Real;
use overparam_tensor::simd::Wide;
use serde_json::{Value, json};

use super::rule::{Entry, Place, Rule};
use crate::NtkError;
use crate::field::lines::{self, Sides};
use crate::field::moments::Field;
use crate::field::scratch::Scratch;
use crate::field::step::{FieldMap, Step};
use crate::field::variances::Variances;
use crate::finite::params::{LayerParams, Spec};
use crate::finite::pass::Pass;
use crate::finite::plan::Planner;
use crate::pair::{PairMap, Side, single};
use crate::schema::fields::Fields;
use crate::shape::{Point, Shape, no_limit};

/// Normalisation over channels, `(x - mean) / sqrt(variance + eps)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LayerNorm {
    /// Added to the variance, `>= 0`.
    pub eps: f64,
}

impl Rule for LayerNorm {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn limit(&self, here: Point, at: &str) -> Result<Point, NtkError> {
        if here.gaussian {
            return Ok(here);
        }
        Err(no_limit(
            at,
            "normalisation over channels needs zero-mean channels: put a dense or conv layer before it",
        ))
    }

    fn has_zero_mean(&self, here: bool) -> bool {
        here
    }

    fn steps<T: Real>(&self, _: &Place<'_>, steps: &mut Vec<Step<T>>) -> Result<(), NtkError> {
        steps.push(Step::of(Normalise { eps: T::of(self.eps) }));
        Ok(())
    }

    fn plan(&self, _: &mut Planner, here: Shape, _: &str) -> Result<(Spec, Shape), NtkError> {
        Ok((Spec::default(), here))
    }

    fn apply<T: Real>(&self, _: &mut Pass<'_, T>, _: &LayerParams<T>, x: &Tensor<T>) -> Tensor<T> {
        let last = [x.rank() - 1];
        let centred = x - x.mean_keeping(&last);
        let variance = centred.square().mean_keeping(&last);
        centred / (variance + T::of(self.eps)).sqrt()
    }
}

impl Entry for LayerNorm {
    const NAME: &'static str = "layer_norm";

    fn read(body: Value, at: &str) -> Result<Self, NtkError> {
        let mut f = Fields::new(at, body)?;
        let eps = f.std("eps")?.unwrap_or(1e-12);
        f.finish()?;
        Ok(Self { eps })
    }

    fn write(&self) -> Value {
        json!({"eps": self.eps})
    }

    fn examples(_: usize) -> Vec<Self> {
        vec![Self { eps: 1e-3 }]
    }
}

#[derive(Debug, Clone, Copy)]
struct Normalise<T> {
    eps: T,
}

impl<T: Real> PairMap<T> for Normalise<T> {
    #[inline(always)]
    fn apply<W: Wide<T>>(self, w: W, moments: [W::V; 3], x: Side<W::V>, y: Side<W::V>) -> [W::V; 3] {
        let (zero, one, eps) = (w.splat(T::ZERO), w.splat(T::ONE), w.splat(self.eps));
        let normaliser = |q: W::V| {
            let total = w.add(q, eps);
            w.select(w.less(zero, total), w.div(one, w.sqrt(total)), zero)
        };
        let factor = w.mul(normaliser(x.q), normaliser(y.q));
        moments.map(|moment| w.mul(moment, factor))
    }
}

impl<T: Real> FieldMap<T> for Normalise<T> {
    fn advance(&self, before: &Variances<T>, _: &mut Scratch<T>) -> Variances<T> {
        let variance = |(&q, &s): (&T, &T)| {
            let side = Side::constant(q, s);
            single(*self, [q, T::ZERO, T::ZERO], side, side)[0]
        };
        Variances::new(before.q.iter().zip(&before.s).map(variance).collect())
    }

    fn apply(&self, field: &mut Field<T>, sides: Sides<'_, T>, _: &mut Scratch<T>) {
        lines::sweep(*self, field, sides);
    }

    fn keeps_distance(&self) -> bool {
        true
    }
}
