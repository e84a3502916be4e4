//! The empirical NTK of a finite network, `Theta(x, x')_ab = sum_theta df_a(x)/dtheta df_b(x')/dtheta`.
//!
//! Three methods, the cheapest chosen by counting floating-point operations ([`Costs`]; Novak, Sohl-Dickstein and Schoenholz
//! 2022, "Fast finite width neural tangent kernel"). With `n` inputs on a side, `k` outputs, `F` operations of a forward pass on
//! one input and `P` parameters:
//!
//! | method | idea | operations | memory beside the result |
//! |---|---|---|---|
//! | [`Method::Jacobian`] | all per-example Jacobians, contracted | `n k F + n^2 k^2 P` | `n k P` |
//! | [`Method::Products`] | column by column, `J(x_1) (J(x_2)^T e)` | `n^2 k F` | `k P + n k` activations |
//! | [`Method::Structured`] | per layer, see below | `n k F + n^2 sum_l min(...)` | inputs and cotangents of every layer |
//!
//! # Structured derivatives
//!
//! Every parameter sits in an affine map `y(p) = w sum_t W_t x(p + t) + b B` at pixels `p`. With `h(p)` its window of inputs and
//! `g_a(p) = df_a/dy(p)` the cotangents (all outputs pulled back together, once), its part of the kernel is
//!
#![doc = overparam_formula::formula!("Theta_ab += sum_pq (w^2 <h(p), h'(q)> + b^2) <g_a(p), g'_b(q)>,")]
//!
//! for a dense layer on vectors the elementwise product of two Gram matrices: `n^2 (fan_in + k^2 fan_out)` operations instead of
//! `n^2 k^2 fan_in fan_out`. With many pixels the layer's Jacobian `w sum_p h(p) g_a(p)^T` may be cheaper; each layer takes
//! whichever is.
//!
//! Results are assembled in blocks cut by shape alone: bit-identical on any number of threads. Peak memory is the result, held
//! once, and per side `n sum_l (P_l fan_in_l + k Q_l fan_out_l)` numbers, twice (as tensors and as blocks), with `P_l`, `Q_l` pixels
//! before and after layer `l`: for a 512 x 512 network with `n = 200`, `k = 10` in f32, 16 MB and about 18 MB.
//!
//! ```
//! use overparam_ntk::architecture::{Architecture, dense, relu, shape::Shape};
//! use overparam_ntk::empirical::EmpiricalNtk;
//! use overparam_ntk::network::{Network, Params};
//! use overparam_tensor::{Tensor, random::Stream};
//!
//! let net = Architecture::new([dense(64).w_std(2f64.sqrt()).into(), relu(), dense(2).into()]);
//! let net = Network::new(&net, Shape::vector(3))?;
//! let params: Params<f64> = net.init(&Stream::root(0));
//! let x = Tensor::from_fn(&[5, 3], |i| (i[0] as f64 - i[1] as f64).sin()).into();
//!
//! let ntk = EmpiricalNtk::new(&net, &params)?;
//! assert_eq!(ntk.full(&x, None)?.shape(), [5, 5, 2, 2]);
//! assert_eq!(ntk.trace(&x, None)?.shape(), (5, 5)); // mean over outputs
//! let v = Tensor::full(&[5, 2], 1.0);
//! assert_eq!(ntk.operator(&x, None)?.apply(&v)?.shape(), [5, 2]); // Theta v, without Theta
//! # Ok::<(), overparam_ntk::NtkError>(())
//! ```

mod contract;
mod cost;
mod features;
mod method;
mod products;

pub use cost::Costs;
pub use method::Method;
pub use products::Operator;

use nalgebra::DMatrix;
use overparam_tensor::{Array, Real};

use crate::NtkError;
use crate::network::{Batch, Network, Params};
use contract::contract;
use method::Reduction;

/// The empirical NTK of a network at some parameters.
#[derive(Debug, Clone, Copy)]
pub struct EmpiricalNtk<'a, T: Real> {
    network: &'a Network,
    params: &'a Params<T>,
    method: Method,
}

impl<'a, T: Real> EmpiricalNtk<'a, T> {
    /// At these parameters, by [`Method::Auto`].
    ///
    /// # Errors
    /// [`NtkError::Input`] if the parameters are another network's.
    pub fn new(network: &'a Network, params: &'a Params<T>) -> Result<Self, NtkError> {
        network.check_params(params)?;
        Ok(Self { network, params, method: Method::Auto })
    }

    /// The same kernel by another method.
    #[must_use]
    pub fn by(self, method: Method) -> Self {
        Self { method, ..self }
    }

    /// All entries, `[n1, n2, k, k]`; `x2 = None` is `x1`.
    ///
    /// # Errors
    /// [`NtkError::Input`] if a batch does not fit the network.
    pub fn full(&self, x1: &Batch<T>, x2: Option<&Batch<T>>) -> Result<Array<T>, NtkError> {
        let k = self.network.outputs();
        let matrix = self.matrix(x1, x2)?;
        let (n1, n2) = (matrix.nrows() / k, matrix.ncols() / k);
        let columns: Vec<T> = matrix.data.into();
        Ok(Array::from_recycled(&[n2, k, n1, k], columns).permute(&[2, 0, 3, 1]))
    }

    /// All entries as an `n1 k x n2 k` matrix; output `a` of example `i` is row `i k + a`.
    ///
    /// # Errors
    /// As [`Self::full`].
    pub fn matrix(&self, x1: &Batch<T>, x2: Option<&Batch<T>>) -> Result<DMatrix<T>, NtkError> {
        self.compute(x1, x2, Reduction::Full)
    }

    /// The mean over outputs, `1/k sum_a Theta_aa`, `n1 x n2`.
    ///
    /// # Errors
    /// As [`Self::full`].
    pub fn trace(&self, x1: &Batch<T>, x2: Option<&Batch<T>>) -> Result<DMatrix<T>, NtkError> {
        self.compute(x1, x2, Reduction::Trace)
    }

    /// Products with the kernel, which is never formed.
    ///
    /// # Errors
    /// As [`Self::full`].
    pub fn operator(&self, x1: &Batch<T>, x2: Option<&Batch<T>>) -> Result<Operator<T>, NtkError> {
        self.check(x1, x2)?;
        Ok(Operator::new(self.network, self.params, x1, x2))
    }

    fn check(&self, x1: &Batch<T>, x2: Option<&Batch<T>>) -> Result<(), NtkError> {
        self.network.check_batch("first inputs", x1)?;
        x2.map_or(Ok(()), |x2| self.network.check_batch("second inputs", x2))
    }

    fn compute(
        &self,
        x1: &Batch<T>,
        x2: Option<&Batch<T>>,
        reduction: Reduction,
    ) -> Result<DMatrix<T>, NtkError> {
        self.check(x1, x2)?;
        let (network, params) = (self.network, self.params);
        let counts = (x1.count(), x2.map(Batch::count));
        let costs = Costs::new(network, counts, reduction);
        let method = if self.method == Method::Auto { costs.cheapest() } else { self.method };
        let side = |x: &Batch<T>| match method {
            Method::Jacobian => features::from_jacobians(network, params, x, reduction),
            _ => features::structured(network, params, x, reduction, &costs.forms),
        };
        if method == Method::Products {
            return Ok(products::columns(network, params, (x1, x2.unwrap_or(x1)), reduction));
        }
        let left = side(x1);
        let right = x2.map(side);
        Ok(contract(&left, right.as_ref()))
    }
}

/// `f(x1) f(x2)^T`, `[n1, n2, k, k]`: what averages to the NNGP kernel over parameters, as [`EmpiricalNtk::full`] does to the NTK.
///
/// # Errors
/// [`NtkError::Input`] if parameters or a batch do not fit the network.
pub fn nngp<T: Real>(
    network: &Network,
    params: &Params<T>,
    x1: &Batch<T>,
    x2: Option<&Batch<T>>,
) -> Result<Array<T>, NtkError> {
    EmpiricalNtk::new(network, params)?.check(x1, x2)?;
    let k = network.outputs();
    let outputs = |x: &Batch<T>| {
        let y = network.apply_batch(params, x);
        y.reshape(&[x.count() * k, 1])
    };
    let (n1, n2) = (x1.count(), x2.map_or(x1.count(), Batch::count));
    let product = outputs(x1).matmul(&outputs(x2.unwrap_or(x1)).t());
    Ok(product.reshape(&[n1, k, n2, k]).permute(&[0, 2, 1, 3]).into_array())
}

/// How far the kernel has moved between two settings of the parameters: `||Theta' - Theta||_F / ||Theta||_F` over all entries
/// `(i, j, a, b)`, with `Theta` at `from`. Zero for a network that stays linear.
///
/// # Errors
/// [`NtkError::Input`] if parameters or inputs do not fit the network.
///
/// ```
/// # use overparam_ntk::architecture::{Architecture, dense, erf, shape::Shape};
/// # use overparam_ntk::{empirical::drift, network::{Network, Params}};
/// # use overparam_tensor::{Tensor, Tree, random::Stream};
/// let net = Architecture::new([dense(64).into(), erf(), dense(1).into()]);
/// let net = Network::new(&net, Shape::vector(2))?;
/// let from: Params<f64> = net.init(&Stream::root(0));
/// let to = from.map(&mut |leaf| leaf * 1.01);
/// let moved = drift(&net, &from, &to, &Tensor::identity(2).into())?;
/// assert!(moved > 0.0 && moved < 0.1);
/// # Ok::<(), overparam_ntk::NtkError>(())
/// ```
pub fn drift<T: Real>(
    network: &Network,
    from: &Params<T>,
    to: &Params<T>,
    x: &Batch<T>,
) -> Result<f64, NtkError> {
    let before = EmpiricalNtk::new(network, from)?.matrix(x, None)?;
    let after = EmpiricalNtk::new(network, to)?.matrix(x, None)?;
    let squares = before.iter().zip(&after).fold((0.0, 0.0), |(moved, whole), (b, a)| {
        let (b, a) = (b.f64(), a.f64());
        (moved + (a - b) * (a - b), whole + b * b)
    });
    Ok((squares.0 / squares.1).sqrt())
}
