//! A network expanded in its parameters around some setting `theta_0`.
//!
#![doc = overparam_formula::formula!("f_lin(x) = f(x) + J (theta - theta_0),         f_k(x) = sum_(j <= k) 1/j! D^j f(x)[theta - theta_0, ...]")]
//!
//! with the derivatives at `theta_0`. Training the linearised network on squared loss is linear: its tangent kernel never moves,
//! and it is the [`empirical`](crate::empirical) kernel at `theta_0` (Lee et al. 2019).
//!
//! ```
//! use overparam_ntk::architecture::{Architecture, dense, erf, shape::Shape};
//! use overparam_ntk::linearize::{Linearized, taylor};
//! use overparam_ntk::network::{Network, Params};
//! use overparam_tensor::{Tensor, Tree, random::Stream};
//!
//! let net = Architecture::new([dense(16).into(), erf(), dense(1).into()]);
//! let net = Network::new(&net, Shape::vector(2))?;
//! let start: Params<f64> = net.init(&Stream::root(0));
//! let x = Tensor::identity(2);
//! let moved = start.map(&mut |leaf| leaf * 1.01);
//!
//! let exact = net.apply(&moved, &x);
//! let linear = Linearized::new(&net, &start, &x.clone().into())?.apply(&moved);
//! let cubic = taylor(&net, &start, &moved, &x.into(), 3)?;
//! let error = |y: &Tensor<f64>| (y - &exact).square().sum().item();
//! assert!(error(&cubic) < 1e-6 * error(&linear));
//! # Ok::<(), overparam_ntk::NtkError>(())
//! ```

use overparam_tensor::autodiff::Linearization;
use overparam_tensor::{Real, Tensor, Tree, linearize};

use crate::NtkError;
use crate::network::{Batch, Network, Params};

/// The linearised network on one batch. The network itself runs once, here; any number of parameter settings follow.
pub struct Linearized<T: Real> {
    start: Params<T>,
    outputs: Tensor<T>,
    derivative: Linearization<T, Params<T>, Tensor<T>>,
}

impl<T: Real> Linearized<T> {
    /// The expansion around `start` on a batch.
    ///
    /// # Errors
    /// [`NtkError::Input`] if parameters or batch do not fit the network.
    pub fn new(network: &Network, start: &Params<T>, x: &Batch<T>) -> Result<Self, NtkError> {
        network.check_params(start)?;
        network.check_batch("inputs", x)?;
        let (outputs, derivative) = linearize(|p: &Params<T>| network.apply_batch(p, x), start);
        Ok(Self { start: start.clone(), outputs, derivative })
    }

    /// `f(x)` at `theta_0`.
    pub fn outputs(&self) -> &Tensor<T> {
        &self.outputs
    }

    /// `f_lin(x)` at other parameters; may be differentiated.
    ///
    /// # Panics
    /// If the parameters are another network's.
    pub fn apply(&self, params: &Params<T>) -> Tensor<T> {
        let displacement = params.zip_map(&self.start, &mut |to, from| to - from);
        &self.outputs + self.derivative.jvp(&displacement)
    }
}

/// The Taylor polynomial of degree `order` around `start`, at `params`. The cost doubles with each order.
///
/// # Errors
/// [`NtkError::Input`] if parameters or batch do not fit the network.
pub fn taylor<T: Real>(
    network: &Network,
    start: &Params<T>,
    params: &Params<T>,
    x: &Batch<T>,
    order: usize,
) -> Result<Tensor<T>, NtkError> {
    network.check_params(start)?;
    network.check_params(params)?;
    network.check_batch("inputs", x)?;
    let displacement = params.zip_map(start, &mut |to, from| to - from);
    let terms =
        overparam_tensor::taylor(&|p: &Params<T>| network.apply_batch(p, x), start, &displacement, order);
    // Smallest first.
    Ok(terms
        .into_iter()
        .rev()
        .reduce(|sum, term| sum + term)
        .unwrap_or_else(|| network.apply_batch(start, x)))
}
