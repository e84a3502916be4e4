//! Claims that can fail, and the machinery that tests them. This crate knows no theory.
//!
//! A [`claim::Claim`] states a result. It lists the *cells* of an experiment and of a control without the theory's hypothesis
//! (a cell is one setting with one seed), computes one cell at a time, and says what was predicted and what was measured with
//! each seed. [`runner::run`] computes the cells in parallel, first for 8 seeds and then, while nothing is decided, for 16 and
//! for 32 (these are the *looks*), and keeps every finished cell in the [`store`]. [`decide`] turns the numbers into a decision
//! whose error rates are known, and [`report`] turns everything into a page, JSON, CSV and figures.
//!
//! # The smallest example
//!
//! A claim that the mean of `n` standard normals has variance `1/n`, with a control whose draws are all the same:
//!
//! ```
//! use std::sync::{Arc, atomic::AtomicBool};
//! use overparam_eval::{
//!     changes::Changes, check::{Bound, Check}, claim::*, decide::Decision, figure::Figure, inputs::Inputs,
//!     report::{ClaimReport, Terms}, runner, runs::Runs, store::Store, theory::Theory,
//! };
//! use schemars::JsonSchema;
//! use serde::{Deserialize, Serialize};
//!
//! struct MeanConcentrates;
//!
//! #[derive(Serialize, Deserialize, JsonSchema)]
//! struct Cell { n: usize, independent: bool, seed: u64 }
//!
//! impl Claim for MeanConcentrates {
//!     type Cell = Cell;
//!     type Outcome = f64;
//!
//!     fn about(&self) -> About {
//!         About {
//!             id: "example/mean", statement: "The mean of n normals has variance 1/n.", formula: "Var = 1/n",
//!             sources: &[], prediction: "n E mean^2 = 1", must_hold: "within a factor 1.3",
//!             control: "one draw, repeated", cpu_seconds: [0.0; 3], size_ratio: [1.0; 3],
//!         }
//!     }
//!     fn cells(&self, plan: &Plan<'_>) -> Vec<Cell> {
//!         plan.seeds().map(|seed| Cell { n: 50, independent: true, seed }).collect()
//!     }
//!     fn control(&self, plan: &Plan<'_>) -> Vec<Cell> {
//!         plan.seeds().map(|seed| Cell { n: 50, independent: false, seed }).collect()
//!     }
//!     /// `n` times the mean square of 200 means.
//!     fn run(&self, cell: &Cell, context: &Context<'_>) -> Result<f64, CellError> {
//!         let mean_square = (0..200).map(|i| {
//!             let draws = context.own("draws").indexed(i).normal_vector::<f64>(cell.n, 1.0);
//!             (if cell.independent { draws.mean() } else { draws[0] }).powi(2)
//!         });
//!         Ok(cell.n as f64 * mean_square.sum::<f64>() / 200.0)
//!     }
//!     fn judge(&self, runs: &Runs<'_, Cell, f64>, theory: &Theory) -> Vec<Check> {
//!         let bound = Bound::Factor { target: theory.constant("n Var", 1.0), factor: 1.3 };
//!         let check = Check::new("variance", "n E mean^2", bound).predicted("1").because("less than half of the way to the rival");
//!         let draws = runs.draws(|runs| runs.first().map(|run| run.outcome));
//!         vec![check.rival("Bessel's correction twice", 2.0).control_fails().log_mean().draws(draws)]
//!     }
//!     fn figures(&self, _: &[Run<Cell, f64>], _: &[Run<Cell, f64>]) -> Vec<Figure> { Vec::new() }
//! }
//!
//! let directory = std::env::temp_dir().join("overparam-eval-example");
//! let chosen = runner::Chosen { claim: &MeanConcentrates, fingerprint: "version of the code", master_seed: 0 };
//! let request = runner::Request {
//!     claims: vec![chosen], repository: 1, scale: Scale::Smoke, seeds: None, threads: 2, fresh: true,
//!     inputs: Arc::new(Inputs::none()), changes: Changes::none(), double: None,
//! };
//! let stop = Arc::new(AtomicBool::new(false));
//! let runs = runner::run(&request, &Store::at(&directory), &runner::Silent, &stop)?;
//! let terms = Terms { scale: Scale::Smoke, design: request.design(), exploratory: None };
//! let report = ClaimReport::of(&MeanConcentrates, &runs[0], None, &terms);
//! assert_eq!((report.decision, report.stopped_at.draws), (Decision::Holds, 8));
//! # std::fs::remove_dir_all(directory).unwrap();
//! # Ok::<(), runner::RunError>(())
//! ```
//!
//! # Modules
//!
//! | module | what it is for |
//! |---|---|
//! | [`claim`] | the trait of claims, what a claim may use, scales and sources |
//! | [`runs`] | the cells of a grid with their outcomes, from which a judge forms one number per seed |
//! | [`check`] | what is compared: bound, kind, rivals, draws |
//! | [`theory`] | the constants of a prediction, each of which can be changed |
//! | [`decide`] | p values, looks, levels; what holds, what fails, what cannot be told |
//! | [`calibrate`] | a pool of draws: how often would the claim hold? |
//! | [`mutate`] | the same draws judged under wrong theories |
//! | [`double`] | runs at twice the size or horizon: is the deviation from the prediction smaller? |
//! | [`seal`] | what a claim declares, as a hash; the master seed that follows from it |
//! | [`registry`] | claims of any type behind one object-safe trait |
//! | [`runner`] | cells in parallel, in one process or in many that share a store; deterministic, interruptible |
//! | [`store`] | one file per finished cell: atomic, keyed, checksummed; who computes a cell |
//! | [`stats`] | estimates with intervals, slopes, tails of distributions, rank correlation |
//! | [`data`] | embedded digits; ratings and IDX readers |
//! | [`changes`] | other values for fields of the cells (`--set`) |
//! | [`meaning`] | what the fields of a cell mean, from the documentation of their types |
//! | [`inputs`] | data sets that the user brings |
//! | [`figure`] | figures as data, drawn as SVG, PNG and PDF |
//! | [`table`] | small tables and readable numbers |
//! | [`report`] | the page, the JSON, the CSV files |

pub mod calibrate;
pub mod changes;
pub mod check;
pub mod claim;
pub mod data;
pub mod decide;
pub mod double;
pub mod figure;
pub mod inputs;
pub mod meaning;
pub mod mutate;
mod notation;
pub mod registry;
pub mod report;
pub mod runner;
pub mod runs;
pub mod seal;
pub mod stats;
pub mod store;
pub mod table;
pub mod theory;
