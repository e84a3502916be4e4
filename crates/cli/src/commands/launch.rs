//! `reproduce --launcher slurm`: each round of cells as a job array that follows the one before, the report as the last job.

use std::process::ExitCode;

use anyhow::{Context, Result};
use overparam_eval::runner;
use serde_json::json;

use super::submit::{Program, submit, text};
use crate::options::{FigureOptions, LaunchOptions, RunOptions, Voice};
use crate::progress::event;
use crate::slurm::Submission;

/// Submits what the store lacks, or prints the scripts.
pub(crate) fn launch(
    options: &RunOptions,
    fresh: bool,
    figures: &FigureOptions,
    launch: &LaunchOptions,
) -> Result<ExitCode> {
    let request = options.request(fresh)?;
    let shards = launch.sbatch.array();
    let (first, tasks) = runner::unfinished_shards(&request, shards, &options.store());
    let out = std::path::absolute(&options.out).context("--out")?;
    let folder = out.join("slurm");
    let program = Program::copied_into(&folder)?;

    let command = options.command();
    let mut words: Vec<String> = command.names.into_iter().chain(command.options).collect();
    words.extend(["--out".to_owned(), text(&out)?]);
    let submission = Submission {
        scripts: program.scripts(launch.sbatch.arguments(), "reproduce")?,
        words,
        figures: figures.words(),
        fresh,
        shards,
        threads: options.threads,
    };
    // What the rounds after the first will have to do follows from its results: all their tasks are submitted, and one
    // without work ends at once.
    let every: Vec<u32> = (1..=shards).collect();
    let rounds = if tasks.is_empty() { 0..0 } else { first..request.design().looks.len() + 1 };
    let arrays = rounds.map(|round| {
        let script = submission.array(round, if round == first { &tasks } else { &every })?;
        Ok((folder.join(format!("round-{round}.sh")), script))
    });
    let arrays = arrays.collect::<Result<Vec<_>>>()?;
    let report = (folder.join("report.sh"), submission.report()?);
    if launch.dry_run {
        let mut after = "";
        for (place, script) in &arrays {
            say!("# sbatch{after} {}\n{script}", place.display());
            after = " --dependency=afterany:<the job before>";
        }
        crate::out::data(format_args!("# sbatch{after} {}\n{}", report.0.display(), report.1));
        return Ok(ExitCode::SUCCESS);
    }

    program.provide()?;
    let mut jobs: Vec<String> = Vec::new();
    for (place, script) in &arrays {
        jobs.push(submit(place, script, jobs.last().map(String::as_str))?);
    }
    let report_job = submit(&report.0, &report.1, jobs.last().map(String::as_str))?;
    let left = tasks.len();
    match options.voice() {
        Voice::Quiet => {}
        Voice::Json => event(&json!({
            "event": "submitted", "array_jobs": jobs, "round": first, "tasks": left, "shards": shards,
            "report_job": report_job
        })),
        Voice::Person => {
            if jobs.is_empty() {
                say!("every claim is decided, or has all of its draws");
            }
            for (round, job) in (first..).zip(&jobs) {
                let tasks = if round == first { left } else { every.len() };
                say!("job {job}: round {round}, {tasks} tasks for the shards of {shards}");
            }
            say!("job {report_job}: writes {}", out.join("report.html").display());
            say!("scripts and logs: {}", folder.display());
        }
    }
    Ok(ExitCode::SUCCESS)
}
