//! `reproduce --launcher slurm`: each round of cells as a job array that follows the one before, the report as the last job.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, anyhow, bail};
use overparam_eval::runner;
use serde_json::json;

use crate::options::{LaunchOptions, RunOptions, Voice};
use crate::progress::event;
use crate::slurm::{Scripts, Submission};

/// Submits what the store lacks, or prints the scripts.
pub(crate) fn launch(options: &RunOptions, fresh: bool, launch: &LaunchOptions) -> Result<ExitCode> {
    let request = options.request(fresh)?;
    let shards = launch.sbatch.array();
    let (first, tasks) = runner::unfinished_shards(&request, shards, &options.store());
    let out = std::path::absolute(&options.out).context("--out")?;
    let folder = out.join("slurm");
    let program = crate::program::place().context("cannot tell where this program is")?;
    let copy = folder.join(copy_name(&program)?);

    let command = options.command();
    let mut words: Vec<String> = command.names.into_iter().chain(command.options).collect();
    words.extend(["--out".to_owned(), text(&out)?]);
    let submission = Submission {
        scripts: Scripts {
            program: text(&copy)?,
            folder: text(&std::env::current_dir().context("cannot tell the current folder")?)?,
            arguments: launch.sbatch.arguments(),
            maker: "reproduce",
        },
        words,
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

    provide(&program, &copy)?;
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

/// A name for this very program: jobs run what was submitted, whatever is built while they wait.
pub(super) fn copy_name(program: &Path) -> Result<String> {
    use std::hash::{DefaultHasher, Hasher};
    let content = fs::read(program).with_context(|| program.display().to_string())?;
    let mut hasher = DefaultHasher::new();
    hasher.write(&content);
    Ok(format!("overparam-{:016x}", hasher.finish()))
}

/// The folder of scripts and logs beside a result: whoever reads the result expects no scripts in it.
pub(super) fn scripts_beside(result: &Path) -> PathBuf {
    let mut folder = result.as_os_str().to_owned();
    folder.push(".slurm");
    PathBuf::from(folder)
}

/// Puts the program where every node sees it, unless it is there.
pub(super) fn provide(program: &Path, copy: &Path) -> Result<()> {
    if copy.exists() {
        return Ok(());
    }
    let partial = copy.with_extension(format!("{}.tmp", std::process::id()));
    let put = || {
        fs::create_dir_all(copy.parent().unwrap_or(copy))?;
        fs::copy(program, &partial)?;
        fs::rename(&partial, copy)
    };
    put().with_context(|| format!("cannot copy the program to {}", copy.display()))
}

/// Writes a script, submits it from its folder, where its logs go, and returns the job's number.
pub(super) fn submit(script: &Path, content: &str, after: Option<&str>) -> Result<String> {
    fs::write(script, content).with_context(|| script.display().to_string())?;
    let mut sbatch = Command::new("sbatch");
    sbatch.current_dir(script.parent().unwrap_or(script)).arg("--parsable");
    if let Some(job) = after {
        // After all tasks, however they ended: a report on what is there, with what is missing, is worth more than a
        // job that waits for ever for a task that failed.
        sbatch.arg(format!("--dependency=afterany:{job}"));
    }
    let output = match sbatch.arg(script).output() {
        Ok(output) => output,
        Err(e) if e.kind() == ErrorKind::NotFound => bail!(
            "there is no sbatch here: submit from a machine with SLURM's commands. --dry-run prints the scripts, and \
             --shard K/N serves any other scheduler"
        ),
        Err(e) => return Err(e).context("sbatch"),
    };
    let said = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        bail!("sbatch refused {}: {}", script.display(), String::from_utf8_lossy(&output.stderr).trim());
    }
    // `job` or `job;cluster`.
    let job = said.trim().split(';').next().unwrap_or_default();
    if job.is_empty() { Err(anyhow!("sbatch gave no job number: {said:?}")) } else { Ok(job.to_owned()) }
}

pub(super) fn text(path: &Path) -> Result<String> {
    path.to_str().map(str::to_owned).ok_or_else(|| anyhow!("{} is not Unicode", path.display()))
}
