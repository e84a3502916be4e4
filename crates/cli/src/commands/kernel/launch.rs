//! `kernel --launcher slurm`: the tiles as a job array, and `kernel status` as the job that follows.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::ValueEnum;
use overparam_jobs::tiles::{Element, State, TileStore};
use overparam_tensor::linalg::Real;
use serde_json::json;

use super::job::{cut, stored};
use super::task::Task;
use super::{ComputeOptions, PrecisionOption};
use crate::commands::queue;
use crate::commands::submit::{Program, scripts_beside, submit, text};
use crate::options::available_threads;
use crate::progress::event;
use crate::slurm::{Scripts, ranges};

/// Submits the shards that have tiles left, or prints the scripts.
pub(super) fn launch(options: &ComputeOptions) -> Result<ExitCode> {
    match options.precision {
        PrecisionOption::F32 => run::<f32>(options),
        PrecisionOption::F64 => run::<f64>(options),
    }
}

fn run<T: Real + Element>(options: &ComputeOptions) -> Result<ExitCode> {
    // Everything that a task would refuse is refused here.
    let task = Task::<T>::read(options)?;
    let (spec, _) = cut(options, &task, options.threads.map_or_else(available_threads, usize::from))?;
    let store = stored(options, &spec)?;
    let shards = options.tiles.sbatch.array();
    let left = |store: &TileStore, shard: u32| {
        store.grid().shard(shard, shards).into_iter().any(|tile| store.quick_state(tile) != State::Finished)
    };
    let tasks: Vec<u32> = (1..=shards)
        .filter(|&shard| match &store {
            Some(store) => left(store, shard),
            None => !spec.grid().shard(shard, shards).is_empty(),
        })
        .collect();
    let out = std::path::absolute(&options.out).context("--out")?;
    let folder = scripts_beside(&out);
    let program = Program::copied_into(&folder)?;
    let scripts = program.scripts(options.tiles.sbatch.arguments(), "kernel")?;
    let array = (folder.join("tiles.sh"), array(&scripts, options, spec.tile, &out, &tasks, shards)?);
    let status = (folder.join("status.sh"), status(&scripts, &out)?);
    if options.tiles.dry_run {
        let mut after = "";
        if !tasks.is_empty() {
            say!("# sbatch {}\n{}", array.0.display(), array.1);
            after = " --dependency=afterany:<the job before>";
        }
        crate::out::data(format_args!("# sbatch{after} {}\n{}", status.0.display(), status.1));
        return Ok(ExitCode::SUCCESS);
    }
    if tasks.is_empty() {
        if options.tiles.json {
            event(&json!({"event": "submitted", "tasks": 0, "shards": shards}));
        } else {
            say!("{}: every tile is in the store", options.out.display());
        }
        return Ok(ExitCode::SUCCESS);
    }
    // So that the solve that follows can be checked and submitted while the tasks wait.
    TileStore::create(&options.out, spec)?;
    program.provide()?;
    let job = submit(&array.0, &array.1, None)?;
    queue::remember(&folder, &job)?;
    let status_job = submit(&status.0, &status.1, Some(&job))?;
    if options.tiles.json {
        event(&json!({
            "event": "submitted", "array_job": job, "tasks": tasks.len(), "shards": shards, "status_job": status_job
        }));
        return Ok(ExitCode::SUCCESS);
    }
    say!("job {job}: {} tasks for the shards of {shards}", tasks.len());
    say!("job {status_job}: says what is in the store");
    say!("`predict --kernel {} --launcher slurm` submits a solve that waits for them", options.out.display());
    say!("scripts and logs: {}", folder.display());
    Ok(ExitCode::SUCCESS)
}

/// The script of the array: task K computes shard K.
fn array(
    scripts: &Scripts,
    options: &ComputeOptions,
    tile: usize,
    out: &Path,
    tasks: &[u32],
    shards: u32,
) -> Result<String> {
    let mut directives: Vec<String> = vec![
        "--job-name=overparam-kernel".into(),
        format!("--array={}", ranges(tasks)),
        "--output=tiles-%A_%a.log".into(),
        // A task that is queued again goes on in the same log, and in the same store.
        "--open-mode=append".into(),
        "--requeue".into(),
        "--ntasks=1".into(),
    ];
    directives.extend(options.threads.map(|n| format!("--cpus-per-task={n}")));
    let threads = options.threads.map_or("\"${SLURM_CPUS_PER_TASK:-1}\"".to_owned(), |n| n.to_string());
    let run = format!(
        "exec {} --threads {threads} --shard \"${{SLURM_ARRAY_TASK_ID:?}}/{shards}\"\n",
        scripts.command("kernel", &words(options, tile, out)?)?
    );
    scripts.script("Computes one shard of the tiles.", &directives, &run)
}

/// The script of the job that follows.
fn status(scripts: &Scripts, out: &Path) -> Result<String> {
    let directives = ["--job-name=overparam-kernel-status", "--output=status-%j.log", "--ntasks=1"];
    let run = format!("exec {}\n", scripts.command("kernel", &["status".to_owned(), text(out)?])?);
    scripts.script("Says how much of the kernel is in the store.", &directives.map(str::to_owned), &run)
}

/// The arguments of a task, as those of this command.
fn words(options: &ComputeOptions, tile: usize, out: &Path) -> Result<Vec<String>> {
    let name = |value: Option<clap::builder::PossibleValue>| {
        value.map(|value| value.get_name().to_owned()).unwrap_or_default()
    };
    let mut words = vec!["--arch".to_owned(), text(&options.arch)?, "--x1".to_owned(), text(&options.x1)?];
    if let Some(x2) = &options.x2 {
        words.extend(["--x2".to_owned(), text(x2)?]);
    }
    if let Some(layout) = options.layout {
        words.extend(["--layout".to_owned(), layout.name().to_owned()]);
    }
    let kind = name(options.kind.to_possible_value());
    let precision = name(options.precision.to_possible_value());
    words.extend(["--kind".to_owned(), kind, "--precision".to_owned(), precision]);
    // Said even if it was not: tasks that start at once must cut the kernel alike.
    words.extend(["--tile".to_owned(), tile.to_string()]);
    if let Some(memory) = options.tiles.memory {
        words.extend(["--memory".to_owned(), memory.to_string()]);
    }
    words.extend(["--out".to_owned(), text(out)?]);
    Ok(words)
}
