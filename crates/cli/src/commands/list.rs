//! `list`: talks and claims, how long they take, how much of each is in the store.

use std::process::ExitCode;

use anyhow::Result;
use overparam_claims::TALKS;
use overparam_eval::runner::ClaimStatus;

use super::status::at_scales;
use crate::options::RunOptions;
use crate::terminal::{bold, duration, paragraph};

/// Prints every selected claim below its talk.
pub(crate) fn list(options: &RunOptions) -> Result<ExitCode> {
    let request = options.request(false)?;
    let mut talk = "";
    let scales = at_scales(options, &request, &options.store());
    for (i, chosen) in request.claims.iter().enumerate() {
        let about = chosen.claim.about();
        if about.talk() != talk {
            talk = about.talk();
            let title = TALKS.iter().find(|t| t.id == talk).map_or("", |t| t.title);
            say!("{}  {title}", bold(talk));
        }
        let [smoke, standard, paper] = about.cpu_seconds.map(duration);
        say!("  {}", bold(about.id));
        say!("    {}", paragraph(about.statement, 4));
        say!("    CPU time: smoke {smoke}, standard {standard}, paper {paper}");
        for (scale, claims) in &scales {
            let ClaimStatus { done, cells, look, .. } = &claims[i];
            say!("    in the store at scale {scale}: {done} of {cells} cells of look {look}");
        }
    }
    Ok(ExitCode::SUCCESS)
}
