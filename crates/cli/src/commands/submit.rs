//! What every launcher does: a copy of the program for the nodes, scripts that run it, and their submission.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};

use crate::slurm::Scripts;

/// This program, and the copy of it that jobs run, whatever is built while they wait.
pub(super) struct Program {
    place: PathBuf,
    copy: PathBuf,
}

impl Program {
    /// The copy lies among the scripts; [`Self::provide`] makes it.
    pub(super) fn copied_into(scripts: &Path) -> Result<Self> {
        let place = crate::program::place().context("cannot tell where this program is")?;
        let copy = scripts.join(copy_name(&place)?);
        Ok(Self { place, copy })
    }

    /// Scripts that run the copy from the current folder.
    pub(super) fn scripts(&self, arguments: Vec<String>, maker: &'static str) -> Result<Scripts> {
        let folder = std::env::current_dir().context("cannot tell the current folder")?;
        Ok(Scripts { program: text(&self.copy)?, folder: text(&folder)?, arguments, maker })
    }

    /// Puts the copy where every node sees it, unless it is there.
    pub(super) fn provide(&self) -> Result<()> {
        let Self { place, copy } = self;
        if copy.exists() {
            return Ok(());
        }
        let partial = copy.with_extension(format!("{}.tmp", std::process::id()));
        let put = || {
            fs::create_dir_all(copy.parent().unwrap_or(copy))?;
            fs::copy(place, &partial)?;
            fs::rename(&partial, copy)
        };
        put().with_context(|| format!("cannot copy the program to {}", copy.display()))
    }
}

/// A name for this very program.
fn copy_name(program: &Path) -> Result<String> {
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
            "there is no sbatch here: submit from a machine with SLURM's commands. --dry-run prints the scripts, which other schedulers \
             can run"
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
