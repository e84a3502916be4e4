//! The options that several commands share.

mod bytes;
mod figures;
mod sbatch;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, ensure};
use clap::{Args, ValueEnum};
use overparam_eval::changes::{Changes, Grids};
use overparam_eval::claim::{Doubling, Scale};
use overparam_eval::inputs::Inputs;
use overparam_eval::report::{Command, Terms};
use overparam_eval::runner::{Chosen, Request, Shard};
use overparam_eval::seal::{Lock, Seal};
use overparam_eval::store::Store;

use crate::select;

pub(crate) use bytes::bytes;
pub use figures::FigureOptions;
pub use sbatch::{JobOptions, Launcher, SbatchOptions};

/// Which claims.
#[derive(Args)]
pub struct Selection {
    /// Talks (hu-2021), claims (hu-2021/low-rank-completion) or their last parts; all if none is given
    #[arg(value_name = "TALK|CLAIM")]
    pub names: Vec<String>,
}

/// What to run, how large, and where to keep it.
#[derive(Args)]
pub struct RunOptions {
    /// Which claims.
    #[command(flatten)]
    pub selection: Selection,
    /// Size of the experiments: seconds, minutes, or the papers' own [default: standard; `list` and `status` show every
    /// scale that the store has]
    #[arg(long, value_enum)]
    pub scale: Option<ScaleOption>,
    /// Judge once, at N draws of the master seed's, instead of looking at 8, 16 and 32 until it is decided. These are the
    /// first N of the same draws: another choice of random numbers is --seed (the result is exploratory)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub seeds: Option<u64>,
    /// Worker threads; the results do not depend on it [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// Master seed, instead of the one that follows from each claim's seal (the result is exploratory)
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,
    /// Folder for the report and the store of finished cells
    #[arg(long, value_name = "DIR", default_value = "out")]
    pub out: PathBuf,
    /// Another value for a field of every cell, width=256, or on one side alone, control:width=256 (`explain` lists a claim's
    /// fields); may be given again
    #[arg(long, value_name = "[SIDE:]FIELD=VALUE")]
    pub set: Vec<String>,
    /// A data set of your own: movielens-100k, mnist, fashion-mnist or cifar10, and its folder
    #[arg(long, value_name = "NAME=PATH")]
    pub data: Vec<String>,
    /// Print nothing but warnings; the exit status says whether all claims hold
    #[arg(long, conflicts_with = "json")]
    quiet: bool,
    /// Print one JSON object per line on standard output instead: progress, decisions, where the report is
    #[arg(long)]
    json: bool,
}

/// Where the cells are computed.
#[derive(Args)]
pub struct LaunchOptions {
    /// Compute only the K-th of N parts of a round, and no report: for any scheduler. `report` writes the report
    #[arg(long, value_name = "K/N", conflicts_with = "launcher", help_heading = "Many machines")]
    pub shard: Option<Shard>,
    /// The round of --shard, from 1: a round follows from the results of those before it, and without them ends with status 3
    /// [default: the first that the store does not have in full]
    #[arg(long, value_name = "R", requires = "shard", help_heading = "Many machines",
        value_parser = clap::value_parser!(u8).range(1..=4))]
    pub round: Option<u8>,
    /// Submit the cells as an array of jobs, and the report as the job that follows; --out is shared by the nodes
    #[arg(long, value_enum, help_heading = "Many machines")]
    pub launcher: Option<Launcher>,
    /// How it is submitted.
    #[command(flatten)]
    pub sbatch: SbatchOptions,
    /// Print the scripts instead of submitting them
    #[arg(long, requires = "launcher", help_heading = "Many machines")]
    pub dry_run: bool,
}

/// Who listens.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Voice {
    /// Someone who reads: sentences and tables.
    Person,
    /// A program: one JSON object per line.
    Json,
    /// Nobody: the exit status says it all.
    Quiet,
}

/// [`Doubling`] on the command line.
#[derive(Clone, Copy, ValueEnum)]
pub enum DoublingOption {
    /// Widths, examples, dimensions
    Size,
    /// Steps or time
    Horizon,
}

impl From<DoublingOption> for Doubling {
    fn from(what: DoublingOption) -> Self {
        match what {
            DoublingOption::Size => Doubling::Size,
            DoublingOption::Horizon => Doubling::Horizon,
        }
    }
}

/// [`Scale`] on the command line.
#[derive(Clone, Copy, ValueEnum)]
pub enum ScaleOption {
    /// Every claim within seconds
    Smoke,
    /// Enough to judge; minutes
    Standard,
    /// The sources' own sizes; may take hours
    Paper,
}

impl From<ScaleOption> for Scale {
    fn from(scale: ScaleOption) -> Self {
        match scale {
            ScaleOption::Smoke => Scale::Smoke,
            ScaleOption::Standard => Scale::Standard,
            ScaleOption::Paper => Scale::Paper,
        }
    }
}

impl RunOptions {
    /// Checks every argument and reads the data sets.
    pub fn request(&self, fresh: bool) -> Result<Request> {
        let lock = Lock::parse(overparam_claims::LOCK).context("claims.lock")?;
        let chosen = |(claim, fingerprint)| -> Result<Chosen> {
            let master_seed = match self.seed {
                Some(seed) => seed,
                None => Seal::of(claim, &lock)?.master_seed(),
            };
            Ok(Chosen { claim, fingerprint, master_seed })
        };
        let claims: Result<Vec<Chosen>> =
            select::claims(&self.selection.names)?.into_iter().map(chosen).collect();
        let request = Request {
            claims: claims?,
            repository: select::count(),
            scale: self.chosen_scale(),
            seeds: self.seeds,
            threads: self.threads.map_or_else(available_threads, usize::from),
            fresh,
            inputs: Arc::new(Inputs::load(&self.data).with_context(|| self.data_hint())?),
            changes: Changes::parse(&self.set)?,
            double: None,
        };
        // Against the claims' own cells: a field that none of them has would change nothing.
        let own = Request { changes: Changes::none(), ..request.clone() };
        let grids = |(i, chosen): (usize, &Chosen)| Grids {
            claim: chosen.claim.about().id,
            cells: own.tasks(i, 1).map(|tasks| tasks.into_iter().map(|task| task.cell).collect()),
        };
        let claims: Vec<Grids<'_>> = own.claims.iter().enumerate().map(grids).collect();
        let accepts = |claim: usize, cell: &serde_json::Value| {
            own.claims[claim].claim.accepts(cell).map_err(|error| error.to_string())
        };
        request.changes.check_values(&claims, accepts)?;
        for line in request.changes.check(&claims)? {
            note!("warning: {line}");
        }
        Ok(request)
    }

    /// On what terms the claims of a request are judged.
    pub fn terms(&self, request: &Request) -> Terms {
        let reasons = [
            (self.seed.is_some(), "the master seed was chosen by the user"),
            (self.seeds.is_some(), "the number of draws was chosen by the user"),
            (!self.set.is_empty(), "fields of the cells were changed"),
            (!self.data.is_empty(), "the data are the user's"),
        ];
        let reasons: Vec<&str> = reasons.iter().filter(|(holds, _)| *holds).map(|(_, why)| *why).collect();
        Terms {
            scale: request.scale,
            design: request.design(),
            exploratory: (!reasons.is_empty()).then(|| reasons.join("; ")),
        }
    }

    /// How to talk.
    pub fn voice(&self) -> Voice {
        match (self.json, self.quiet) {
            (true, _) => Voice::Json,
            (_, true) => Voice::Quiet,
            _ => Voice::Person,
        }
    }

    /// The scale that was asked for, or else the usual one.
    pub fn chosen_scale(&self) -> Scale {
        self.scale.map_or(Scale::Standard, Into::into)
    }

    /// The store of an output folder that a run has filled: a misspelt folder is no empty store.
    ///
    /// # Errors
    /// If there is none.
    pub fn filled_store(&self) -> Result<Store> {
        let store = self.store();
        ensure!(
            store.root().is_dir(),
            "--out {}: there is no store of results in this folder; `{} reproduce` with the same --out makes one",
            self.out.display(),
            crate::name()
        );
        Ok(store)
    }

    /// The store of this output folder.
    pub fn store(&self) -> Store {
        Store::at(self.out.join("store"))
    }

    /// Another command with the same arguments, as one line.
    pub fn command_of(&self, name: &str) -> String {
        let command = self.command();
        let words = command.names.into_iter().chain(command.options);
        std::iter::once(format!("overparam {name}")).chain(words).collect::<Vec<_>>().join(" ")
    }

    /// The command that repeats the run: what determines the results, nothing else, whichever program ran it.
    pub fn command(&self) -> Command {
        let mut options = ["--scale", self.chosen_scale().name()].map(str::to_owned).to_vec();
        let (seed, seeds) = (self.seed.map(|n| n.to_string()), self.seeds.map(|n| n.to_string()));
        let chosen = [
            ("--seed", seed.as_slice()),
            ("--seeds", seeds.as_slice()),
            ("--set", &self.set),
            ("--data", &self.data),
        ];
        for (name, values) in chosen {
            options.extend(values.iter().flat_map(|value| [name.to_owned(), value.clone()]));
        }
        Command { program: "overparam reproduce".to_owned(), names: self.selection.names.clone(), options }
    }

    fn data_hint(&self) -> String {
        let names = self.data.iter().filter_map(|d| d.split_once('=')).map(|(name, _)| name);
        names
            .filter_map(select::data_suggestion)
            .next()
            .map_or_else(|| "cannot use a data set".to_owned(), |known| format!("did you mean {known}?"))
    }
}

/// One per core.
pub(crate) fn available_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Threads of its own for a command, one per core if it is not said how many.
pub(crate) fn pool(threads: Option<u16>) -> Result<rayon::ThreadPool> {
    let threads = threads.map_or_else(available_threads, usize::from);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    pool.map_err(|e| anyhow!("cannot start {threads} threads: {e}"))
}
