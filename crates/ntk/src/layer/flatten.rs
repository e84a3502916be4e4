//! Flattening an image: the mean over equal pixels, `k' = mean_p k_pp` and `ntk' = mean_p ntk_pp`
//!
//! (Novak et al. 2019). Cost: one addition per pixel and pair.
//!
//! The margin is `mean_p (g_p - k_p)`, or `mean_p (g_p + k_p)` where `k'` is negative, and what the lengths of the pixels lack of
//! being proportional,
//!
#![doc = overparam_formula::formula!("g' - mean g_p = (mean s_p^2) mean (t_p - r s_p)^2 / (g' + mean g_p),    r = mean s_p t_p / mean s_p^2.")]

use overparam_tensor::Tensor;
use overparam_tensor::linalg::Real;
use serde_json::Value;

use super::rule::{Entry, Place, Rule};
use crate::NtkError;
use crate::field::geometry::Geometry;
use crate::field::lines::Sides;
use crate::field::moments::{Field, gap};
use crate::field::scratch::Scratch;
use crate::field::step::{FieldMap, Step};
use crate::field::variances::Variances;
use crate::finite::params::{LayerParams, Spec};
use crate::finite::pass::Pass;
use crate::finite::plan::Planner;
use crate::schema::fields::Fields;
use crate::shape::{Point, Shape, uncountable};

/// Pixels become channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flatten;

impl Rule for Flatten {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn limit(&self, here: Point, at: &str) -> Result<Point, NtkError> {
        let shape = here.shape;
        let entries = shape.pixels().checked_mul(shape.channels).ok_or_else(|| uncountable(at))?;
        let equal_covariance = here.equal_covariance && shape.pixels() == 1;
        Ok(Point { shape: Shape::vector(entries), equal_covariance, ..here })
    }

    fn has_zero_mean(&self, here: bool) -> bool {
        here
    }

    fn steps<T: Real>(&self, place: &Place<'_>, steps: &mut Vec<Step<T>>) -> Result<(), NtkError> {
        if place.shape.pixels() > 1 {
            steps.push(Step::of(Mean { pixels: place.shape.pixels() }));
        }
        Ok(())
    }

    fn plan(&self, _: &mut Planner, here: Shape, _: &str) -> Result<(Spec, Shape), NtkError> {
        Ok((Spec::default(), Shape::vector(here.pixels() * here.channels)))
    }

    fn apply<T: Real>(&self, _: &mut Pass<'_, T>, _: &LayerParams<T>, x: &Tensor<T>) -> Tensor<T> {
        x.flatten()
    }
}

impl Entry for Flatten {
    const NAME: &'static str = "flatten";

    fn read(body: Value, at: &str) -> Result<Self, NtkError> {
        Fields::new(at, body)?.finish()?;
        Ok(Self)
    }

    fn examples(_: usize) -> Vec<Self> {
        vec![Self]
    }
}

/// Mean over equal pixels.
#[derive(Debug, Clone)]
struct Mean {
    pixels: usize,
}

impl<T: Real> FieldMap<T> for Mean {
    fn advance(&self, before: &Variances<T>, _: &mut Scratch<T>) -> Variances<T> {
        let sum: f64 = before.q.iter().map(|q| q.f64()).sum();
        Variances::new(vec![T::of(sum / self.pixels as f64)])
    }

    fn apply(&self, field: &mut Field<T>, Sides { before, after }: Sides<'_, T>, scratch: &mut Scratch<T>) {
        let (x, y) = (&before.0.s, &before.1.s);
        let pixels = x.len();
        let at = |p: usize| match field.geometry {
            Geometry::Pixels { height, width } => Geometry::pixel_pair(height, width, p, p),
            Geometry::Diagonal { .. } | Geometry::Slab { .. } | Geometry::Tile { .. } => p,
        };
        let mean = |value: &dyn Fn(usize) -> f64| (0..pixels).map(value).sum::<f64>() / pixels as f64;
        let k = mean(&|p| field.k[at(p)].f64());
        let [square, product] = [x, y].map(|other| mean(&|p| x[p].f64() * other[p].f64()));
        let ratio = if square > 0.0 { product / square } else { 0.0 };
        let rest = square * mean(&|p| (y[p].f64() - ratio * x[p].f64()).powi(2));
        let of_pixels = mean(&|p| {
            let [k_p, m, s, t] = [field.k[at(p)], field.m[at(p)], x[p], y[p]].map(Real::f64);
            gap(k_p, m, s * t, k < 0.0)
        });
        let scale = after.0.s[0].f64() * after.1.s[0].f64() + product;
        let bracket = if scale > 0.0 { rest / scale } else { 0.0 };
        let ntk = mean(&|p| field.ntk[at(p)].f64());
        let mut next = Field::take(Geometry::Diagonal { height: 1, width: 1 }, field.same, scratch);
        (next.k[0], next.m[0], next.ntk[0]) = (T::of(k), T::of(of_pixels + bracket), T::of(ntk));
        field.replace(next, scratch);
    }

    fn leaves_one_pixel(&self) -> bool {
        true
    }
}
