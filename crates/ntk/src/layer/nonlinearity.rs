//! An elementwise nonlinearity ([`crate::activation`]) as a layer.
//!
#![doc = overparam_formula::formula!("k' = E[phi(u) phi(v)],     ntk' = ntk E[phi'(u) phi'(v)]")]
//!
//! The activation is matched once per sweep; within, the loops are compiled for its dual map.

mod expanded;

use overparam_tensor::{Real, Tensor};

use super::rule::{Place, Rule};
use crate::NtkError;
use crate::activation::{Activation, Dual};
use crate::dual::expansion::{self, Expansion, Expansions};
use crate::dual::piecewise_linear::PiecewiseLinear;
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
use expanded::ExpandedSweep;

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
        let unresolved = before.s.iter().position(|s| !self.resolves(s.f64()));
        Variances { unresolved, ..self.visit(Advance { before }) }
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

impl<T: Real> Advance<'_, T> {
    /// By the variance and the standard deviation before. What is zero of a variance that is not has fallen below the least number,
    /// unless the function is zero.
    fn variances(&self, of: impl Fn(T, T) -> T) -> Variances<T> {
        let nothing = of(T::ONE, T::ONE) == T::ZERO;
        let pairs = self.before.q.iter().zip(&self.before.s);
        Variances::new(pairs.map(|(&q, &s)| Variances::or_least(of(q, s), nothing || q == T::ZERO)).collect())
    }
}

impl<T: Real> Visit<T> for Advance<'_, T> {
    type Output = Variances<T>;

    fn in_vectors(self, map: impl PairMap<T>) -> Variances<T> {
        self.variances(|q, s| {
            let side = Side::constant(q, s);
            single(map, [q, T::ZERO, T::ZERO], side, side)[0]
        })
    }

    fn one_by_one(self, map: &impl OneByOne) -> Variances<T> {
        self.variances(|q, s| T::of(map.moments(&Pair::new(q, T::ZERO, [q, q], [s, s])).kappa))
    }

    /// The expansions go along for the pairs.
    fn expanded(self, map: &impl Expansion) -> Variances<T> {
        let deviations = expansion::deviations(&self.before.s);
        let expansions = Expansions::of(map, &deviations);
        let variance = |(p, &s): (usize, &f64)| {
            let own = expansions.row(p);
            let zero = own.iter().all(|&a| a == 0.0);
            Variances::or_least(T::of(map.variance(own, s)), zero || s == 0.0)
        };
        let q = deviations.iter().enumerate().map(variance).collect();
        Variances { expansions, ..Variances::new(q) }
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

    fn expanded(self, map: &impl Expansion) {
        pulp::Arch::new().dispatch(ExpandedSweep { map, field: self.field, sides: self.sides });
    }
}
