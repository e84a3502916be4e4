//! A convolution and the layer after it, in one pass and in several.

use overparam_tensor::linalg::Real;

use super::{Around, Convolution};
use crate::dual::piecewise_linear::{PiecewiseLinear, Slopes};
use crate::field::affine::Affine;
use crate::field::geometry::Geometry;
use crate::field::moments::Field;
use crate::field::scratch::Scratch;
use crate::field::slab::gather;
use crate::field::variances::Variances;
use crate::field::window::Window;
use crate::parameterization::Parameterization;
use crate::shape::Padding;

/// Pairs of every angle; left pixels of the first four columns are nearly parallel to all right ones.
fn pairs<T: Real>(size: (usize, usize), states: (&Variances<T>, &Variances<T>), fresh: bool) -> Field<T> {
    let geometry = Geometry::Pixels { height: size.0, width: size.1 };
    let mut field = Field::take(geometry, None, &mut Scratch::new());
    field.fresh = fresh;
    geometry.for_each(|i, p, r| {
        let (g, v) = (states.0.s[p] * states.1.s[r], (1.7 * i as f64).sin().abs());
        let near = p % size.1 < 4;
        let v = if near { 1e-9 * v } else { v };
        let sign = if !near && i % 3 == 0 { -T::ONE } else { T::ONE };
        field.m[i] = g * T::of(v);
        field.k[i] = sign * (g - field.m[i]);
        field.ntk[i] = if fresh { T::ZERO } else { T::of((0.3 * i as f64).cos()) };
    });
    field
}

/// Slab by slab in one pass, or all pairs in one pass a step: the same bits.
fn check<T: Real>(size: (usize, usize), fresh: bool, then: Option<PiecewiseLinear<T>>) {
    let mut scratch = Scratch::new();
    let window = Window::along_both(size, size, [3, 3], [1, 1], Padding::Same);
    let affine = Affine::new(Parameterization::Ntk, 1.3, Some(0.2), 1, 9);
    let conv = Convolution::new(window, affine);
    let state = |phase: f64| {
        Variances::new((0..size.0 * size.1).map(|p| T::of(1.5 + 1e-3 * (p as f64 + phase).sin())).collect())
    };
    let (left, right) = (state(0.0), state(0.4));
    let after = [&left, &right].map(|state| conv.advance(state, &mut scratch));
    let around = Around { before: (&left, &right), after: (&after[0], &after[1]), then };
    let start = pairs(size, (&left, &right), fresh);
    let mut whole = start.copy(&mut scratch);
    conv.apply(&mut whole, around, &mut scratch);
    if then.is_none() {
        let close = whole.m.iter().zip(&whole.k[..]).filter(|&(&m, &k)| m < T::of(1e-5) * k).count();
        assert!(close > 0 && close < whole.k.len(), "{close} close pairs of {}", whole.k.len());
    }
    for distance in 0..size.0 {
        let geometry = Geometry::Slab { height: size.0, width: size.1, distance };
        let mut expected = Field::take(geometry, None, &mut scratch);
        gather(&whole, &mut expected);
        let mut slab = Field::take(geometry, None, &mut scratch);
        gather(&start, &mut slab);
        slab.fresh = fresh;
        conv.apply(&mut slab, around, &mut scratch);
        assert_eq!(slab.k[..], expected.k[..], "{size:?}: covariances");
        assert_eq!(slab.m[..], expected.m[..], "{size:?}: margins");
        assert_eq!(slab.ntk[..], expected.ntk[..], "{size:?}: NTK");
    }
}

#[test]
fn one_pass_has_the_bits_of_several() {
    // Lines of whole vectors, and not.
    for size in [(3, 16), (5, 32), (4, 6), (2, 11)] {
        for fresh in [false, true] {
            for then in [None, Some((0.0, 1.0)), Some((-0.3, 1.2))] {
                check::<f64>(size, fresh, then.map(|(a, b)| PiecewiseLinear::new(Slopes { a, b })));
                check::<f32>(size, fresh, then.map(|(a, b)| PiecewiseLinear::new(Slopes { a, b })));
            }
        }
    }
}
