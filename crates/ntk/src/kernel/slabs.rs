//! Runs of steps that go slab by slab ([`crate::field::slab`]).

use overparam_tensor::linalg::Real;

use crate::field::geometry::Geometry;
use crate::field::moments::Field;
use crate::field::pixels::sum;
use crate::field::scratch::Scratch;
use crate::field::slab::scatter;
use crate::field::step::{Slabs, Step};

/// Takes the pairs of two images of `size` through `slabs`. `fill` writes the moments of a slab before them, `walk` takes a slab
/// through the steps. The margin of a sum over all pixels is left to the caller.
pub(crate) fn through<T: Real>(
    slabs: &Slabs<T>,
    (height, width): (usize, usize),
    same: Option<isize>,
    fill: impl Fn(&mut Field<T>),
    mut walk: impl FnMut(&[Step<T>], &mut Field<T>, &mut Scratch<T>),
    scratch: &mut Scratch<T>,
) -> Field<T> {
    let whole = match slabs.global {
        Some(_) => Geometry::Diagonal { height: 1, width: 1 },
        None => Geometry::Pixels { height, width },
    };
    let mut result = Field::take(whole, same, scratch);
    let (mut k, mut ntk) = (0.0, 0.0);
    for distance in 0..height {
        let mut slab = Field::take(Geometry::Slab { height, width, distance }, same, scratch);
        fill(&mut slab);
        walk(&slabs.steps, &mut slab, scratch);
        if slabs.global.is_some() {
            k += sum(&slab.k);
            ntk += sum(&slab.ntk);
        } else {
            scatter(&slab, &mut result);
        }
        slab.give(scratch);
    }
    if let Some(factor) = slabs.global {
        (result.k[0], result.ntk[0]) = (T::of(factor * k), T::of(factor * ntk));
    }
    result
}
