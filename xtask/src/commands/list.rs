//! `list`: talks and claims, how long they take, how much of each is in the store.

use std::process::ExitCode;

use anyhow::Result;
use overparam_claims::TALKS;
use overparam_eval::runner;

use crate::options::RunOptions;
use crate::terminal::{bold, duration, wrap};

/// Prints every selected claim below its talk.
pub(crate) fn list(options: &RunOptions) -> Result<ExitCode> {
    let request = options.request(false)?;
    let store = options.store();
    let mut talk = "";
    let standing = runner::status(&request, &store);
    for (chosen, status) in request.claims.iter().zip(&standing) {
        let about = chosen.claim.about();
        if about.talk() != talk {
            talk = about.talk();
            let title = TALKS.iter().find(|t| t.id == talk).map_or("", |t| t.title);
            println!("{}  {title}", bold(talk));
        }
        let [smoke, standard, paper] = about.cpu_seconds.map(duration);
        println!("  {}", bold(about.id));
        println!("    {}", wrap(about.statement, 4, 100));
        println!("    CPU time: smoke {smoke}, standard {standard}, paper {paper}");
        println!(
            "    in the store at scale {}: {} of {} cells of look {}",
            request.scale, status.done, status.cells, status.look
        );
    }
    Ok(ExitCode::SUCCESS)
}
