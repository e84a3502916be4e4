//! `man`: the manual's pages, from the same descriptions as `--help`.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};

/// Where to.
#[derive(clap::Args)]
pub struct ManOptions {
    /// A folder, for example ~/.local/share/man/man1; it is made if it does not exist
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Writes `overparam.1`, `overparam-kernel.1` and so on.
pub(super) fn man(program: clap::Command, options: &ManOptions) -> Result<ExitCode> {
    let folder = &options.folder;
    let write = || {
        fs::create_dir_all(folder)?;
        // In a checkout it is started by cargo; a page of the manual needs a word for its name.
        clap_mangen::generate_to(program.name("overparam").bin_name("overparam"), folder)
    };
    write().with_context(|| format!("cannot write into {}", folder.display()))?;
    say!("{}: `man -l {}`", folder.display(), folder.join("overparam.1").display());
    Ok(ExitCode::SUCCESS)
}
