//! An elementwise nonlinearity ([`crate::activation`]) as a layer.
//!
#![doc = overparam_formula::formula!("k' = E[phi(u) phi(v)],     ntk' = ntk E[phi'(u) phi'(v)]")]
//!
//! The activation is matched once per sweep; within, the loops are compiled for its dual map.

use overparam_tensor::{Real, Tensor};

use super::rule::{Place, Rule};
use crate::NtkError;
use crate::activation::{Activation, Dual};
use crate::dual::piecewise_linear::PiecewiseLinear;
use crate::dual::series::Series;
use crate::dual::visit::{DualMap, OneByOne, Visit};
use crate::field::lines::{self, Sides};
use crate::field::moments::Field;
use crate::field::scratch::Scratch;
use crate::field::step::{FieldMap, Step};
use crate::field::variances::Variances;
use crate::finite::params::{LayerParams, Spec};
use crate::finite::pass::Pass;
use crate::finite::plan::Planner;
use crate::pair::{Pair, PairMap, Side, close, single};
use crate::shape::{Point, Shape, no_limit};

impl Rule for Activation {
    fn name(&self) -> &str {
        Self::name(self)
    }

    fn limit(&self, here: Point, at: &str) -> Result<Point, NtkError> {
        if !here.gaussian {
            return Err(no_limit(
                at,
                "a nonlinearity needs Gaussian inputs: put a dense or conv layer between it and what precedes it",
            ));
        }
        if !here.equal_covariance {
            return Err(no_limit(
                at,
                "after flatten, channels have different variances: put the nonlinearity before the flatten, where it is the \
                 same function, or a dense layer between them",
            ));
        }
        Ok(Point { gaussian: false, ..here })
    }

    fn has_zero_mean(&self, _: bool) -> bool {
        false
    }

    fn steps<T: Real>(&self, _: &Place<'_>, steps: &mut Vec<Step<T>>) -> Result<(), NtkError> {
        steps.push(Step::of(self.map()?));
        Ok(())
    }

    fn plan(&self, _: &mut Planner, here: Shape, _: &str) -> Result<(Spec, Shape), NtkError> {
        Ok((Spec::default(), here))
    }

    fn apply<T: Real>(&self, _: &mut Pass<'_, T>, _: &LayerParams<T>, x: &Tensor<T>) -> Tensor<T> {
        Self::apply(self, x)
    }
}

impl<T: Real> FieldMap<T> for Dual {
    fn advance(&self, before: &Variances<T>, _: &mut Scratch<T>) -> Variances<T> {
        self.visit(Advance { before })
    }

    fn apply(&self, field: &mut Field<T>, sides: Sides<'_, T>, _: &mut Scratch<T>) {
        self.visit(Sweep { field, sides });
    }

    fn keeps_distance(&self) -> bool {
        true
    }

    fn piecewise_linear(&self) -> Option<PiecewiseLinear<T>> {
        self.slopes().map(PiecewiseLinear::new)
    }
}

/// The variances after a map.
struct Advance<'a, T> {
    before: &'a Variances<T>,
}

impl<T: Real> Visit<T> for Advance<'_, T> {
    type Output = Variances<T>;

    fn in_vectors(self, map: impl PairMap<T>) -> Variances<T> {
        let variance = |(&q, &s): (&T, &T)| {
            let side = Side::constant(q, s);
            single(map, [q, T::ZERO, T::ZERO], side, side)[0]
        };
        Variances::new(self.before.q.iter().zip(&self.before.s).map(variance).collect())
    }

    fn one_by_one(self, map: &impl OneByOne) -> Variances<T> {
        let variance = |(&q, &s): (&T, &T)| T::of(map.moments(&Pair::new(q, T::ZERO, [q, q], [s, s])).kappa);
        Variances::new(self.before.q.iter().zip(&self.before.s).map(variance).collect())
    }

    /// The expansions go along for the pairs.
    fn expanded(self, series: &Series) -> Variances<T> {
        let mut extra = Vec::with_capacity(self.before.q.len() * series.features());
        self.before.s.iter().for_each(|s| series.expand(s.f64(), &mut extra));
        let each = extra.chunks(series.features());
        let q = each.map(|own| T::of(series.moments(own, own, 1.0).0)).collect();
        Variances { extra, ..Variances::new(q) }
    }
}

/// A map over every entry of a field.
struct Sweep<'a, 'b, T: Real> {
    field: &'a mut Field<T>,
    sides: Sides<'b, T>,
}

impl<T: Real> Visit<T> for Sweep<'_, '_, T> {
    type Output = ();

    fn in_vectors(self, map: impl PairMap<T>) {
        lines::sweep(map, self.field, self.sides);
    }

    /// High degrees cancel where inputs are opposite: one entry at a time, in f64.
    fn one_by_one(self, map: &impl OneByOne) {
        let Self { field, sides } = self;
        let (x, y) = sides.before;
        let (k, m, ntk) = (&mut field.k, &mut field.m, &mut field.ntk);
        field.geometry.for_each(|i, p, r| {
            let pair = Pair::new(k[i], m[i], [x.q[p], y.q[r]], [x.s[p], y.s[r]]);
            let moments = map.moments(&pair);
            k[i] = T::of(moments.kappa);
            let near = pair.k > 0.0 && pair.versine() < close::<T>().f64();
            m[i] = if near { T::of(map.margin(&pair)) } else { lines::direct(k[i], sides.after, (p, r)) };
            ntk[i] *= T::of(moments.kappa_dot);
        });
    }

    fn expanded(self, series: &Series) {
        let Self { field, sides: Sides { before, after } } = self;
        let n = series.features();
        let (k, m, ntk) = (&mut field.k, &mut field.m, &mut field.ntk);
        field.geometry.for_each(|i, p, r| {
            let pair = Pair::new(k[i], m[i], [T::ZERO; 2], [before.0.s[p], before.1.s[r]]);
            let (x, y) = (&after.0.extra[p * n..][..n], &after.1.extra[r * n..][..n]);
            let (kappa, dot) = series.moments(x, y, pair.correlation());
            k[i] = T::of(kappa);
            m[i] = lines::direct(k[i], after, (p, r));
            if m[i] < close::<T>() * T::of(kappa.abs()) {
                let scale = after.0.s[p].f64() * after.1.s[r].f64();
                let careful = series.determinant(x, y, &pair) / (scale + kappa.abs());
                m[i] = if careful.is_finite() { T::of(careful.max(0.0)) } else { m[i] };
            }
            ntk[i] *= T::of(dot);
        });
    }
}
