//! `predict --launcher slurm`: the work as a job, after the arrays of tasks that compute its kernel.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use overparam_jobs::tiles::{Element, Precision, TileStore};
use overparam_tensor::linalg::Real;
use serde_json::json;

use super::PredictOptions;
use super::large::{check, kind};
use super::stored::{StoredKernel, lacking};
use super::task::Examples;
use crate::commands::queue;
use crate::commands::submit::{Program, scripts_beside, submit, text};
use crate::files::Output;
use crate::progress::event;
use crate::slurm::Scripts;

/// Submits the job, or prints its script.
pub(super) fn launch(options: &PredictOptions) -> Result<ExitCode> {
    if options.large.are_wanted() {
        check(options)?;
    }
    // Everything that the job would refuse is refused here, but for tiles that are still to come.
    let inputs = options.inputs();
    Output::new("out", &options.out, "npz", &inputs)?;
    options.curve.as_deref().map(|path| Output::new("curve", path, "csv", &inputs)).transpose()?;
    let after = match &options.large.kernel {
        None => {
            let examples = Examples::<f64>::read(options)?;
            options.rich.read(options, &examples)?;
            Vec::new()
        }
        Some(path) => match TileStore::open(path)?.spec().precision {
            Precision::F32 => arrays::<f32>(options, path)?,
            Precision::F64 => arrays::<f64>(options, path)?,
        },
    };

    let out = std::path::absolute(&options.out).context("--out")?;
    let folder = scripts_beside(&out);
    let program = Program::copied_into(&folder)?;
    let scripts = program.scripts(options.job.arguments(options.time_limit.as_deref()), "predict")?;
    let (place, script) = (folder.join("predict.sh"), script(&scripts, options, &out, &folder)?);
    let after = (!after.is_empty()).then(|| after.join(":"));
    if options.dry_run {
        let after = after.map_or(String::new(), |jobs| format!(" --dependency=afterany:{jobs}"));
        crate::out::data(format_args!("# sbatch{after} {}\n{script}", place.display()));
        return Ok(ExitCode::SUCCESS);
    }
    program.provide()?;
    let job = submit(&place, &script, after.as_deref())?;
    if options.json {
        event(&json!({"event": "submitted", "job": job, "after": after}));
        return Ok(ExitCode::SUCCESS);
    }
    match after {
        Some(jobs) => say!("job {job}: writes {}, after {}", out.display(), jobs.replace(':', ", ")),
        None => say!("job {job}: writes {}", out.display()),
    }
    say!("script and log: {}", folder.display());
    Ok(ExitCode::SUCCESS)
}

/// The arrays of tasks to wait for: none if every tile is in the store.
fn arrays<T: Real + Element>(options: &PredictOptions, path: &Path) -> Result<Vec<String>> {
    let examples = Examples::<T>::read(options)?;
    let store = StoredKernel::<T>::store(path, kind(options), &examples)?;
    let lacking = lacking(&store);
    if lacking == 0 {
        return Ok(Vec::new());
    }
    let absolute = std::path::absolute(path).context("--kernel")?;
    let submitted = queue::remembered(&scripts_beside(&absolute))?;
    // A machine without the scheduler can print a script.
    let waiting = if options.dry_run { submitted } else { queue::unfinished(submitted)? };
    if waiting.is_empty() {
        bail!(
            "--kernel {}: {lacking} of {} tiles are missing, and no job is queued that computes them; expected the `kernel` command \
             that made the store to be given first, with --launcher slurm",
            path.display(),
            store.grid().tiles().len()
        );
    }
    Ok(waiting)
}

fn script(scripts: &Scripts, options: &PredictOptions, out: &Path, folder: &Path) -> Result<String> {
    let mut directives: Vec<String> = vec![
        "--job-name=overparam-predict".into(),
        "--output=predict-%j.log".into(),
        // A job that is queued again goes on in the same log, and with what is in --scratch.
        "--open-mode=append".into(),
        "--requeue".into(),
        "--ntasks=1".into(),
    ];
    directives.extend(options.threads.map(|n| format!("--cpus-per-task={n}")));
    let threads = options.threads.map_or("\"${SLURM_CPUS_PER_TASK:-1}\"".to_owned(), |n| n.to_string());
    let run =
        format!("exec {} --threads {threads}\n", scripts.command("predict", &words(options, out, folder)?)?);
    scripts.script("Solves and predicts.", &directives, &run)
}

/// The arguments of the job, as those of this command.
fn words(options: &PredictOptions, out: &Path, folder: &Path) -> Result<Vec<String>> {
    let name = |value: Option<clap::builder::PossibleValue>| value.map(|value| value.get_name().to_owned());
    let path = |path: Option<&Path>| path.map(text).transpose();
    let (large, number) = (&options.large, |x: f64| format!("{x:e}"));
    let path_of_ridges = large.ridge_path.iter().map(|&ridge| number(ridge)).collect::<Vec<_>>().join(",");
    // A job that is queued again goes on.
    let scratch = large.are_wanted().then(|| large.scratch.clone().unwrap_or_else(|| folder.join("scratch")));
    let named = [
        ("--arch", Some(text(&options.arch)?)),
        ("--train-x", Some(text(&options.train_x)?)),
        ("--train-y", Some(text(&options.train_y)?)),
        ("--layout", options.layout.map(|layout| layout.name().to_owned())),
        ("--test-x", Some(text(&options.test_x)?)),
        ("--test-y", path(options.test_y.as_deref())?),
        ("--time", options.time.is_finite().then(|| number(options.time))),
        ("--ridge", (options.ridge > 0.0).then(|| number(options.ridge))),
        ("--ridge-path", (!path_of_ridges.is_empty()).then_some(path_of_ridges)),
        ("--kind", name(options.kind.to_possible_value())),
        ("--kernel", path(large.kernel.as_deref())?),
        ("--method", name(large.method.and_then(|method| method.to_possible_value()))),
        ("--refine", name(large.refine.and_then(|refine| refine.to_possible_value()))),
        ("--tolerance", large.tolerance.map(number)),
        ("--memory", large.memory.map(|bytes| bytes.to_string())),
        ("--scratch", path(scratch.as_deref())?),
        ("--curve", path(options.curve.as_deref())?),
        ("--out", Some(text(out)?)),
    ];
    let flags = [
        ("--classes", options.classes),
        // It says something only about a ridge.
        ("--relative-ridge", options.relative_ridge && (options.ridge > 0.0 || !large.ridge_path.is_empty())),
        ("--leave-one-out", large.leave_one_out),
        ("--json", options.json),
    ];
    let named = named.into_iter().filter_map(|(name, value)| Some([name.to_owned(), value?]));
    let flags = flags.into_iter().filter(|(_, given)| *given).map(|(name, _)| name.to_owned());
    Ok(named.flatten().chain(flags).chain(options.rich.words()).collect())
}
