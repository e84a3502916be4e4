//! Two linear layers from balanced and unbalanced starts, exactly at every time: from lazy to rich by one number.
//!
//! A network `x -> W2 W1 x`, `W1` of shape `h x d` and `W2` of shape `c x h`, is trained by gradient flow on whitened inputs
//! (`1/P sum_p x_p x_p^T = I`) with correlations `Sigma = 1/P sum_p y_p x_p^T` (`c x d`): up to a constant the mean squared loss is
//! `1/2 ||Sigma - W2 W1||_F^2`, and
//!
#![doc = overparam_formula::formula!("dW_1/dt = W_2^T (Sigma - W_2 W_1),    dW_2/dt = (Sigma - W_2 W_1) W_1^T.")]
//!
//! Descent at learning rate `eta` is at time `t = eta k` after `k` steps, up to terms of order `eta`. `W2^T W2 - W1 W1^T` is
//! conserved (Fukumizu 1998). A start is *lambda-balanced* if this is `lambda I`: possible if `h <= c` for `lambda > 0`, if `h <= d` for
//! `lambda < 0`, and always for `lambda = 0`.
//!
//! # The closed form
//!
//! Let `Q = [W1^T; W2]`, a `(d + c) x h` matrix. From a lambda-balanced start `W2^T W2` and `W1 W1^T` are `(Q^T Q +- lambda I)/2`, and
//! the flow becomes a matrix Riccati equation,
//!
#![doc = overparam_formula::formula!("d/dt Q Q^T = F Q Q^T + Q Q^T F - (Q Q^T)^2,    F = [[-lambda/2 I, Sigma^T], [Sigma, lambda/2 I]],")]
//!
//! whose solution needs no further condition on the dimensions:
//!
#![doc = overparam_formula::formula!("Q Q^T(t) = e^(F t) Q_0 [I + Q_0^T M(t) Q_0]^(-1) Q_0^T e^(F t),    M(t) = int_0^t e^(2 F s) d s.")]
//!
//! `Q Q^T` holds `W1^T W1`, `W2 W1` and `W2 W2^T`: the function, the loss and the tangent kernel, which is all that
//! [`BalancedFlow`] promises. The layers themselves are determined up to an orthogonal factor of the hidden layer, whose
//! equation has no closed form in general.
//!
//! # From lazy to rich
//!
//! For a mode of strength `sigma` the speed is `sqrt(lambda^2 + 4 s^2)` ([`AlignedMode`]). Large `|lambda|`: constant, exponential
//! learning, a kernel that changes by `O(lambda^-2)`. `lambda = 0`: sigmoids, one mode after the other ([`DepthMode`] for any depth).
//!
//! Sources: Saxe, McClelland, Ganguli 2014 (arXiv 1312.6120); Braun, Domine, Fitzgerald, Saxe 2022; Kunin et al. 2024
//! (arXiv 2406.06158); Domine et al. 2025 (arXiv 2409.14623).
//!
//! ```
//! use nalgebra::DMatrix;
//! use overparam_deep_linear::balanced::{BalancedDraw, BalancedFlow};
//! use overparam_tensor::random::Stream;
//!
//! let sigma = DMatrix::from_row_slice(2, 3, &[2.0, 0.0, 1.0, 0.0, -1.0, 0.5]);
//! let draw = BalancedDraw { inputs: 3, hidden: 2, outputs: 2, imbalance: 1.5, strengths: vec![0.1, 0.05] };
//! let (w1, w2) = draw.draw(&Stream::root(0))?;
//! let flow = BalancedFlow::new(&w1, &w2, &sigma)?;
//! let learned = flow.at(20.0)?;
//! assert!((learned.product - sigma).norm() < 1e-10);
//! # Ok::<(), overparam_deep_linear::DeepLinearError>(())
//! ```

mod aligned;
mod depth;
mod draw;
mod flow;
#[cfg(test)]
mod properties;

pub use aligned::AlignedMode;
pub use depth::DepthMode;
pub use draw::BalancedDraw;
pub use flow::{BalancedFlow, BalancedState};
