//! `mutate`: judges stored cells under wrong theories, and says which of them the verdict notices.

use std::process::ExitCode;

use anyhow::Result;
use overparam_eval::decide::Decision;
use overparam_eval::mutate::{Mutation, mutate};
use overparam_eval::runner;
use overparam_eval::table::number;

use overparam_cli::options::{RunOptions, Voice};
use overparam_cli::progress::{event, watch};
use overparam_cli::terminal::{bold, good, paragraph};

/// Prints, claim by claim, the smallest change of each constant that is noticed, and rivals that are not.
pub(crate) fn mutations(options: &RunOptions) -> Result<ExitCode> {
    let request = options.request(false)?;
    let design = request.design();
    let progress = watch(options.voice(), request.threads);
    let runs = runner::collect(&request, &options.store(), &*progress);
    progress.clear();
    let mut blind = false;
    for (chosen, runs) in request.claims.iter().zip(&runs) {
        if runs.look == 0 {
            say!(
                "{}: not in the store; `cargo xtask reproduce` with the same arguments runs it",
                runs.about.id
            );
            continue;
        }
        let mutation = mutate(chosen.claim, runs, &design)?;
        blind |= accepts_wrong_theory(&mutation);
        match options.voice() {
            Voice::Quiet => {}
            Voice::Json => event(&serde_json::json!({"event": "mutation", "mutation": mutation})),
            Voice::Person => print(&mutation),
        }
    }
    Ok(ExitCode::from(u8::from(blind)))
}

/// A claim that holds whichever theory is right.
fn accepts_wrong_theory(mutation: &Mutation) -> bool {
    mutation.exchanged == Decision::Holds || mutation.rivals.iter().any(|(_, _, d)| *d == Decision::Holds)
}

fn print(mutation: &Mutation) {
    say!("{}  {}", bold(mutation.claim), said(mutation.stated));
    for constant in &mutation.constants {
        let resolution = constant.resolution.map_or_else(
            || "no change up to 50 % is noticed both ways".to_owned(),
            |e| format!("a change of {} % is noticed both ways", number(100.0 * e)),
        );
        say!("  {} = {}: {resolution}", paragraph(&constant.constant, 4), number(constant.value));
    }
    for (check, rival, decision) in &mutation.rivals {
        say!("  {check}, rival {rival:?}: {}", said(*decision));
    }
    say!("  control in the experiment's place: {}", said(mutation.exchanged));
}

fn said(decision: Decision) -> String {
    match decision {
        Decision::Holds => good("holds"),
        Decision::Fails => "fails".to_owned(),
        Decision::Undecided => "undecided".to_owned(),
        Decision::NotDiscriminating => "not discriminating".to_owned(),
    }
}
