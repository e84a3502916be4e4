//! What is left of the limit at finite width: mean, scatter and drift of the tangent kernel.
//!
//! | function | of which nets | what | order |
//! |---|---|---|---|
//! | [`relu_two_layer`] | one hidden ReLU layer, two inputs | mean and variance of `Theta(x, x')` | exact at every width |
//! | [`relu_deep`] | ReLU layers of any number and widths, one input | first two moments of `Theta(x, x)` and `f(x)^2` | exact at every width |
//! | [`SecondOrder`] | one hidden smooth layer, any data | change of kernel and outputs under training | the first beyond the limit |
//!
//! At the start the kernel of a ReLU net has the limit's mean at every width, and a relative variance that grows with depth over width:
//! about `11 L/(3 n)` for `L` hidden layers of width `n`. Under training it drifts by an amount of order `1/n`, with a known matrix.
//!
//! Sources: Jacot, Gabriel, Hongler 2018; Hanin, Nica 2020 (arXiv 1909.05989); Dyer, Gur-Ari 2020 (arXiv 1909.11304); Bordelon,
//! Pehlevan 2023 (arXiv 2304.03408).

mod relu;
mod second_order;
mod smooth;

pub use relu::{ReluMoments, TwoLayerMoments, relu_deep, relu_two_layer};
pub use second_order::{SecondOrder, SecondOrderAt};
pub use smooth::{Derivatives, Smooth};
