//! What average, sum and maximum pooling have in common: a window, its entry in the schema, and sums over it.
//!
//! Over two windows of one pixel pair by pair `k' = f sum k`, `ntk' = f sum ntk`, `f` being `1/F^2` of windows of area `F` for means, 1
//! for sums (Novak et al. 2019). Cost: `F^2` additions per pair of output pixels.

use overparam_tensor::linalg::Real;
use serde_json::{Value, json};

use super::rule::Place;
use crate::NtkError;
use crate::field::affine::Affine;
use crate::field::lines::{self, Sides};
use crate::field::moments::Field;
use crate::field::scratch::Scratch;
use crate::field::step::{FieldMap, Step};
use crate::field::variances::Variances;
use crate::field::window::Window;
use crate::schema::fields::{Fields, word_of};
use crate::shape::{PADDINGS, Padding, windowed};

/// A pooling window. Averages divide by the full window size, padding included.
#[derive(Debug, Clone, PartialEq)]
pub struct Pool {
    /// Height and width of the window.
    pub window: [usize; 2],
    /// Vertical and horizontal stride.
    pub strides: [usize; 2],
    /// What stands outside the image.
    pub padding: Padding,
}

impl Pool {
    /// Windows side by side: strides equal to the window, no padding.
    pub fn tiling(window: [usize; 2]) -> Self {
        Self { window, strides: window, padding: Padding::Valid }
    }

    pub(super) fn read(body: Value, at: &str) -> Result<Self, NtkError> {
        let mut f = Fields::new(at, body)?;
        let pool = Self {
            window: f.pair("window")?.ok_or_else(|| f.missing("window"))?,
            strides: f.pair("strides")?.unwrap_or([1, 1]),
            padding: f.word("padding", &PADDINGS)?.unwrap_or_default(),
        };
        f.finish()?;
        Ok(pool)
    }

    pub(super) fn write(&self) -> Value {
        json!({"window": self.window, "strides": self.strides, "padding": word_of(&self.padding, &PADDINGS)})
    }

    pub(super) fn in_words(&self) -> String {
        format!(" {}", in_words(self.window, self.strides, self.padding))
    }

    /// Sums over both windows times `factor`.
    pub(super) fn step<T: Real>(&self, factor: f64, place: &Place<'_>) -> Result<Step<T>, NtkError> {
        let out = windowed(place.shape, self.window, self.strides, self.padding, place.at)?;
        let window = Window::over(place.shape, out, self.window, self.strides, self.padding);
        if place.shape.pixels() == 1 {
            let taps = window.sources(0).flatten().count() as f64;
            return Ok(Step::of(Affine::<T>::scaling(factor * taps * taps)));
        }
        Ok(Step::of(Sums { window, factor }))
    }
}

/// `"2 x 2 by 1 x 1, zero padding"`.
pub(super) fn in_words(size: [usize; 2], strides: [usize; 2], padding: Padding) -> String {
    let stride =
        if strides == [1, 1] { String::new() } else { format!(" by {} x {}", strides[0], strides[1]) };
    let padding = match padding {
        Padding::Valid => ", no padding",
        Padding::Same => ", zero padding",
        Padding::Circular => ", circular",
    };
    format!("{} x {}{stride}{padding}", size[0], size[1])
}

/// Sums over all pairs of pixels of two windows, times a factor.
#[derive(Debug, Clone)]
struct Sums {
    window: Window,
    factor: f64,
}

impl Sums {
    /// Covariance and NTK; margins are left to the caller.
    fn sum<T: Real>(&self, field: &mut Field<T>, scratch: &mut Scratch<T>) {
        let scaled = |v: &[T], scratch: &mut Scratch<T>| {
            let mut sums = self.window.pool_sums(v, scratch);
            sums.iter_mut().for_each(|x| *x *= T::of(self.factor));
            sums
        };
        let (k, ntk) = (scaled(&field.k, scratch), scaled(&field.ntk, scratch));
        let geometry = self.window.geometry(field.geometry);
        let next = Field { geometry, m: scratch.take(k.len()), k, ntk, same: field.same, fresh: false };
        field.replace(next, scratch);
    }
}

impl<T: Real> FieldMap<T> for Sums {
    /// Not known before the pairs are.
    fn advance(&self, before: &Variances<T>, _: &mut Scratch<T>) -> Variances<T> {
        before.clone()
    }

    fn apply(&self, field: &mut Field<T>, sides: Sides<'_, T>, scratch: &mut Scratch<T>) {
        self.sum(field, scratch);
        lines::measure_margins(field, sides.after);
    }

    fn own(&self, own: &mut Field<T>, _: &Variances<T>, scratch: &mut Scratch<T>) -> Variances<T> {
        self.sum(own, scratch);
        lines::measure_own(own)
    }
}
