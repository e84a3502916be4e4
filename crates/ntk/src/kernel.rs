//! Infinite-width kernels: the NNGP `K` and the NTK `Theta` of an [`Architecture`] between batches of inputs.
//!
//! A [`Kernel`] is an architecture compiled for one input shape. Evaluation takes each input through the network once
//! (its variances, which all its pairs share) and then every pair: covariance, margin and NTK side by side.
//!
//! * **Vectors** go as tiles: a product of 192 x 192 inputs, then all layers on 8 x 192 entries while they are in the
//!   first-level cache; nothing of size n^2 but the result. Symmetric kernels compute the lower half.
//! * **Images** go pair by pair, and up to the first pooling slab by slab: the pairs of pixels of one row distance, which no
//!   layer mixes with others, stay in cache through all layers. Memory per thread: `O(height width^2)` where all pixels are
//!   pooled at once, `O(pixels^2)` for other pooling, `O(pixels)` where no later layer mixes pixels.
//! * **Loops** are written over explicit vectors ([`overparam_tensor::simd`]): AVX-512, AVX2 or scalars with the same bits.
//! * **Bits** depend on the two inputs alone: not on their order, their batch, their neighbours or the number of threads.
//!   (They do depend on the kind of processor, whose instructions the matrix product picks at run time.)

mod columns;
mod dot;
mod images;
mod pixels;
mod plan;
mod progress;
mod results;
mod run;
mod slabs;
mod vectors;

use nalgebra::DMatrix;
use overparam_tensor::linalg::Real;

use crate::NtkError;
use crate::architecture::Architecture;
use crate::inputs::Inputs;
use crate::layer::{Flatten, Layer};
use crate::shape::Shape;
use plan::Plan;
use results::Results;

pub use progress::Progress;
pub use results::Wanted;

/// Both kernels of one evaluation, `n1 x n2`.
#[derive(Debug, Clone, PartialEq)]
pub struct Kernels<T: Real> {
    /// Covariance of the outputs at initialisation.
    pub nngp: DMatrix<T>,
    /// Inner products of the parameter gradients.
    pub ntk: DMatrix<T>,
}

/// An architecture compiled for inputs of one shape and one precision.
///
/// ```
/// use nalgebra::DMatrix;
/// use overparam_ntk::architecture::{Architecture, dense, relu};
/// use overparam_ntk::{Inputs, Kernel};
///
/// let net = Architecture::new([dense(1).w_std(2f64.sqrt()).into(), relu(), dense(1).into()]);
/// let x = Inputs::from(DMatrix::<f64>::identity(2, 2));
/// let kernel = Kernel::new(&net, x.shape())?;
/// let ntk = kernel.ntk(&x, None)?;
/// assert!((ntk[(0, 0)] - 1.0).abs() < 1e-15);
/// assert!((ntk[(0, 1)] - 0.5 / std::f64::consts::PI).abs() < 1e-15);
/// # Ok::<(), overparam_ntk::NtkError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Kernel<T: Real> {
    plan: Plan<T>,
    shape: Shape,
}

impl<T: Real> Kernel<T> {
    /// Compiles `architecture` for inputs of shape `shape`.
    ///
    /// # Errors
    /// [`NtkError::Layer`], [`NtkError::NoLimit`] with the layer's number; [`NtkError::Schema`] if there are no layers.
    pub fn new(architecture: &Architecture, shape: Shape) -> Result<Self, NtkError> {
        let Some((first, rest)) = architecture.layers.split_first() else {
            return Err(NtkError::Schema { at: "architecture".into(), reason: "there are no layers".into() });
        };
        let mut plan = Plan::new(architecture, shape)?;
        if *first == Layer::Flatten(Flatten) && shape.pixels() > 1 {
            // Images flattened at once are vectors, which have a faster path.
            let vector = Shape::vector(shape.pixels() * shape.channels);
            let rest = Architecture { layers: rest.to_vec(), ..architecture.clone() };
            plan = Plan::new(&rest, vector)?;
        }
        Ok(Self { plan, shape })
    }

    /// Both kernels between `x1` and `x2`, or of `x1` with itself.
    ///
    /// With `x2 = None` an input meets itself: dropout then uses the same mask twice. With `Some`, inputs are taken to be
    /// different even where they are equal.
    ///
    /// # Errors
    /// [`NtkError::Input`] if a batch is empty, has another shape than the kernel or an entry that is not finite;
    /// [`NtkError::Overflow`] and [`NtkError::Underflow`] if a variance grows beyond the numbers of `T` on its way through the network,
    /// or falls to where they lose their digits. A variance of zero is none that falls: inputs may be zero.
    /// [`NtkError::Unresolved`] if the nodes of an activation given as a function do not resolve it.
    pub fn both(&self, x1: &Inputs<T>, x2: Option<&Inputs<T>>) -> Result<Kernels<T>, NtkError> {
        let (nngp, ntk) = self.compute(x1, x2, Wanted::BOTH, &Progress::default())?;
        Ok(Kernels { nngp, ntk })
    }

    /// The NNGP kernel alone; see [`Self::both`].
    ///
    /// # Errors
    /// As [`Self::both`].
    pub fn nngp(&self, x1: &Inputs<T>, x2: Option<&Inputs<T>>) -> Result<DMatrix<T>, NtkError> {
        Ok(self.compute(x1, x2, Wanted::NNGP, &Progress::default())?.0)
    }

    /// The NTK alone; see [`Self::both`].
    ///
    /// # Errors
    /// As [`Self::both`].
    pub fn ntk(&self, x1: &Inputs<T>, x2: Option<&Inputs<T>>) -> Result<DMatrix<T>, NtkError> {
        Ok(self.compute(x1, x2, Wanted::NTK, &Progress::default())?.1)
    }

    /// The wanted kernels, watched from another thread: how far it is, and a way to stop. A kernel that nobody wanted is `0 x 0`.
    ///
    /// # Errors
    /// As [`Self::both`]; [`NtkError::Stopped`] if `progress` was told to stop.
    pub fn evaluate(
        &self,
        x1: &Inputs<T>,
        x2: Option<&Inputs<T>>,
        wanted: Wanted,
        progress: &Progress,
    ) -> Result<Kernels<T>, NtkError> {
        let (nngp, ntk) = self.compute(x1, x2, wanted, progress)?;
        Ok(Kernels { nngp, ntk })
    }

    fn compute(
        &self,
        x1: &Inputs<T>,
        x2: Option<&Inputs<T>>,
        wanted: Wanted,
        progress: &Progress,
    ) -> Result<Results<T>, NtkError> {
        x1.check("first inputs", self.shape)?;
        if let Some(x2) = x2 {
            x2.check("second inputs", self.shape)?;
        }
        if self.plan.input.pixels() == 1 {
            vectors::compute(&self.plan, x1, x2, wanted, progress)
        } else {
            images::compute(&self.plan, x1, x2, wanted, progress)
        }
    }
}
