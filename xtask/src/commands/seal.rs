//! `seal`: commits what the claims declare, before they are judged; `--check` says whether the lock file still is true.

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use overparam_eval::seal::{Lock, Sealed, hash};

use overparam_cli::options::Selection;
use overparam_cli::select;

use super::checkout::{head, place, today};

/// What to seal, and why.
#[derive(clap::Args)]
pub(crate) struct SealOptions {
    #[command(flatten)]
    selection: Selection,
    /// Write nothing; exit status 1 if a claim declares something else than claims.lock says
    #[arg(long, conflicts_with = "reason")]
    check: bool,
    /// Why the declarations change: it stands in claims.lock for good
    #[arg(long, required_unless_present = "check")]
    reason: Option<String>,
}

/// Compares or rewrites the lock file of this checkout.
pub(crate) fn seal(options: &SealOptions) -> Result<ExitCode> {
    let path = place("crates/claims/claims.lock")?;
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let mut lock = Lock::parse(&text).with_context(|| path.display().to_string())?;
    let mut changed = Vec::new();
    for (claim, _) in select::claims(&options.selection.names)? {
        let (id, hash) = (claim.about().id, hash(claim)?);
        if lock.current(id).is_none_or(|sealed| sealed.hash != hash) {
            changed.push((id, hash));
        }
    }
    for (id, hash) in &changed {
        say!("{id}: {} -> {hash}", lock.current(id).map_or("not sealed", |sealed| sealed.hash.as_str()));
    }
    let Some(reason) = &options.reason else {
        if changed.is_empty() {
            say!("every claim declares what claims.lock says");
        }
        return Ok(ExitCode::from(u8::from(!changed.is_empty())));
    };
    if reason.trim().len() < 10 {
        bail!("--reason {reason:?}: say in a sentence why the declarations change");
    }
    let sealed = |hash: String| Sealed { hash, commit: head(), date: today(), reason: reason.clone() };
    for (id, hash) in changed {
        lock.claims.entry(id.to_owned()).or_default().push(sealed(hash));
    }
    let known: Vec<&str> = select::claims(&[])?.iter().map(|(claim, _)| claim.about().id).collect();
    lock.claims.retain(|id, _| known.contains(&id.as_str()));
    let partial = path.with_extension("tmp");
    fs::write(&partial, lock.text()).with_context(|| partial.display().to_string())?;
    fs::rename(&partial, &path).with_context(|| path.display().to_string())?;
    say!("wrote {}", path.display());
    Ok(ExitCode::SUCCESS)
}
