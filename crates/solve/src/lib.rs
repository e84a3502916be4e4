//! Linear systems with kernel matrices larger than memory.
//!
//! Kernel regression with an infinitely wide network is one linear system: coefficients `X` with `(K + ridge I) X = Y`, and outputs
//! `K_test,train X`. With 60,000 examples `K` has 3.6 billion entries, 29 GB in f64. This crate solves the system from a kernel that is
//! known [block by block](Blocks): held in memory, read from files, or computed again whenever a block is needed.
//!
//! | method | operations | memory | when |
//! |---|---|---|---|
//! | [`direct`] | `n^3 / 3` in f32, then a pass over `K` for every two to seven digits | `2 n^2` bytes, or a scratch file of that size and any budget from about `8 KB` times `n` | `n` to about 100,000; many right-hand sides; leave-one-out |
//! | [`cg`] | `2 n^2` per iteration and right-hand side | `8 n` bytes times rank and columns | larger `n`, a ridge, or few digits |
//!
//! Both end by recomputing the residual in f64 from the blocks of the matrix itself. If the residual is small enough, the solution is
//! returned as certified; otherwise the result is an error that contains the solution and says how far the solver got.
//!
//! ```
//! use nalgebra::DMatrix;
//! use overparam_solve::{BlockFn, CrossFn, DirectOptions, Progress, direct, predict};
//!
//! // A kernel on the line with inputs at 0, 1/200, ..., and test inputs half way between them.
//! let kernel = |x: f64, y: f64| (-5.0 * (x - y).abs()).exp();
//! let input = |i: usize| i as f64 / 200.0;
//! let train = BlockFn::new(200, |rows, columns| {
//!     Ok(DMatrix::from_fn(rows.len(), columns.len(), |i, j| kernel(input(rows.start + i), input(columns.start + j))))
//! });
//! let cross = CrossFn::new(199, 200, |rows, columns| {
//!     let test = |i| input(i) + 1.0 / 400.0;
//!     Ok(DMatrix::from_fn(rows.len(), columns.len(), |i, j| kernel(test(rows.start + i), input(columns.start + j))))
//! });
//! let labels = DMatrix::from_fn(200, 1, |i, _| (6.0 * input(i)).sin());
//!
//! let progress = Progress::default();
//! let solution = direct(&train, &labels, &DirectOptions::default(), &progress)?;
//! assert!(solution.report.certified);
//! let outputs = predict(&cross, &solution.coefficients, &progress)?;
//! let truth = DMatrix::from_fn(199, 1, |i, _| (6.0 * (input(i) + 1.0 / 400.0)).sin());
//! assert!((outputs - truth).amax() < 1e-3);
//! # Ok::<(), overparam_solve::SolveError>(())
//! ```
//!
//! # Modules
//!
//! | what | where |
//! |---|---|
//! | kernels by blocks: in memory, recomputed, or your own | [`Blocks`], [`CrossBlocks`], [`Dense`], [`BlockFn`], [`CrossFn`] |
//! | the factor in f32, within a budget, resumable | [`Factor`], [`FactorOptions`] |
//! | solutions in f64 from it, their residuals | [`Factor::solve`], [`Accuracy`], [`Solution`], [`Report`] |
//! | leave-one-out residuals, several ridges | [`Factor::leave_one_out`], [`ridge_path`] |
//! | conjugate gradients, resumable | [`cg`], [`CgOptions`], [`PivotedCholesky`], [`Precondition`] |
//! | outputs at test inputs | [`predict`] |
//! | how far it is, and stopping it | [`Progress`], [`Stage`] |
//!
//! # Conventions
//!
//! * **Determinism.** Results depend on the system, the options and the kind of processor. They do not depend on the number of
//!   threads, and those of the direct method not on the memory allowed or on interruptions either: sums are over
//!   fixed blocks in a fixed order. Threads are rayon's; to use fewer, call from within a smaller pool.
//! * **Files** are placed by the caller: a folder for the factor, a path for the state of conjugate gradients. They are bound to
//!   their system by a digest and protected by checksums; a file that does not belong is refused or computed again.
//! * **Relative residual** is `||b - (K + ridge I) x|| / ||b||` in the Euclidean norm, for each column.

mod blocks;
mod cg;
mod column;
mod conjugate;
mod direct;
mod error;
mod factor;
mod identity;
mod layout;
mod leave_one_out;
mod lock;
mod pivoted;
mod precondition;
mod predict;
mod progress;
mod refine;
mod report;
mod scratch;
mod state;
mod substitute;
mod system;
mod tile;

pub use blocks::{BlockFn, Blocks, CrossBlocks, CrossFn, Dense};
pub use cg::{CgOptions, cg};
pub use direct::{DirectOptions, PathPoint, direct, ridge_path};
pub use error::SolveError;
pub use factor::{Factor, FactorOptions};
pub use leave_one_out::LeaveOneOut;
pub use pivoted::PivotedCholesky;
pub use precondition::Precondition;
pub use predict::predict;
pub use progress::{Progress, Stage};
pub use refine::Accuracy;
pub use report::{Breakdown, Report, Solution};
