//! Claims that can fail, and the machinery that lets them: this crate knows no theory.
//!
//! A [`claim::Claim`] states a result, lists the cells of an experiment and of a control with the theory's hypothesis
//! taken away, computes one cell at a time, and judges the outcomes. [`runner::run`] computes the cells in parallel and
//! keeps every finished one in the [`store`]; [`report`] turns judgements into a page, JSON, CSV and figures.
//!
//! | module | its idea |
//! |---|---|
//! | [`claim`] | the trait, what it may draw on, scales and sources |
//! | [`check`] | one comparison of theory and measurement; the verdict |
//! | [`registry`] | claims of any type behind one object-safe trait |
//! | [`runner`] | cells in parallel, in one process or in many that share a store; deterministic, interruptible |
//! | [`store`] | one file a finished cell: atomic, keyed, checksummed; who computes a cell |
//! | [`stats`] | estimates with intervals, slopes, rank correlation, paired comparison |
//! | [`data`] | embedded digits; ratings and IDX readers |
//! | [`changes`] | another value for a field of every cell |
//! | [`inputs`] | data sets that the user brings |
//! | [`figure`] | figures as data, drawn as SVG and PNG |
//! | [`table`] | small tables and readable numbers |
//! | [`report`] | the page, the JSON, the CSV files |
//!
//! # The smallest example
//!
//! A claim that the mean of `n` standard normals has variance `1/n`, with a control whose draws are all the same:
//!
//! ```
//! use std::sync::{Arc, atomic::AtomicBool};
//! use overparam_eval::{
//!     changes::Changes, check::{Bound, Check, Verdict}, claim::*, figure::Figure, inputs::Inputs,
//!     report::ClaimReport, runner, stats, store::Store,
//! };
//! use serde::{Deserialize, Serialize};
//!
//! struct MeanConcentrates;
//!
//! #[derive(Serialize, Deserialize)]
//! struct Cell { n: usize, independent: bool, seed: u64 }
//!
//! impl Claim for MeanConcentrates {
//!     type Cell = Cell;
//!     type Outcome = f64;
//!
//!     fn about(&self) -> About {
//!         About {
//!             id: "example/mean", statement: "The mean of n normals has variance 1/n.", formula: "Var = 1/n",
//!             sources: &[], prediction: "n E mean^2 = 1", must_hold: "within 0.3", control: "one draw, repeated",
//!             cpu_seconds: [0.0; 3],
//!         }
//!     }
//!     fn cells(&self, plan: &Plan<'_>) -> Vec<Cell> {
//!         plan.seeds([400; 3]).map(|seed| Cell { n: 50, independent: true, seed }).collect()
//!     }
//!     fn control(&self, plan: &Plan<'_>) -> Vec<Cell> {
//!         plan.seeds([400; 3]).map(|seed| Cell { n: 50, independent: false, seed }).collect()
//!     }
//!     fn run(&self, cell: &Cell, context: &Context<'_>) -> Result<f64, CellError> {
//!         let draws = context.own("draws").normal_vector::<f64>(cell.n, 1.0);
//!         Ok(if cell.independent { draws.mean() } else { draws[0] })
//!     }
//!     fn judge(&self, runs: &[Run<Cell, f64>]) -> Vec<Check> {
//!         let scaled: Vec<f64> = runs.iter().map(|r| r.cell.n as f64 * r.outcome.powi(2)).collect();
//!         let bound = Bound::Within { target: 1.0, tolerance: 0.3 };
//!         vec![Check::new("n E mean^2", "1", stats::mean(&scaled, 0.95).ok(), bound, "two intervals' width")]
//!     }
//!     fn figures(&self, _: &[Run<Cell, f64>], _: &[Run<Cell, f64>]) -> Vec<Figure> { Vec::new() }
//! }
//!
//! let directory = std::env::temp_dir().join("overparam-eval-example");
//! let request = runner::Request {
//!     claims: vec![(&MeanConcentrates, "version of the code")], scale: Scale::Smoke, seeds: None, master_seed: 0,
//!     threads: 2, fresh: true, inputs: Arc::new(Inputs::none()), changes: Changes::none(),
//! };
//! let stop = Arc::new(AtomicBool::new(false));
//! let runs = runner::run(&request, &Store::at(&directory), &runner::Silent, &stop)?;
//! let report = ClaimReport::of(&MeanConcentrates, &runs[0]);
//! assert_eq!(report.verdict, Verdict::Reproduced);
//! # std::fs::remove_dir_all(directory).unwrap();
//! # Ok::<(), runner::RunError>(())
//! ```

pub mod changes;
pub mod check;
pub mod claim;
pub mod data;
pub mod decide;
pub mod double;
pub mod figure;
pub mod inputs;
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
