//! What is said of a prediction: losses, and what is known of the solution behind them; in sentences or as an event.

use nalgebra::DMatrix;
use overparam_solve::Report;
use serde_json::{Value, json};

use super::PredictOptions;
use super::large::Refine;
use super::solve::{Found, left_out_loss};
use crate::curve;
use crate::files::Classes;
use crate::progress::event;
use crate::terminal::duration;

/// How well the targets are met.
pub(super) struct Losses {
    train: f64,
    test: Option<f64>,
    /// How many test inputs were given their class.
    right: Option<Right>,
    /// If every example was left out.
    left_out: Option<(f64, Option<Right>)>,
}

/// So many of so many.
type Right = (usize, usize);

impl Losses {
    /// Of outputs on the training and on the test inputs, and their targets.
    pub(super) fn of(
        (train, test): (&DMatrix<f64>, &DMatrix<f64>),
        (y, test_y): (&DMatrix<f64>, Option<&DMatrix<f64>>),
        classes: Option<&Classes>,
    ) -> Self {
        Self {
            train: curve::loss(train, y),
            test: test_y.map(|y| curve::loss(test, y)),
            right: classes.zip(test_y).map(|(classes, y)| right(classes, test, y)),
            left_out: None,
        }
    }

    /// With what leaving one out says.
    #[must_use]
    pub(super) fn leaving_out(self, found: &Found, y: &DMatrix<f64>, classes: Option<&Classes>) -> Self {
        let left_out = found.leave_one_out.as_ref().map(|left| {
            (left_out_loss(left, y), classes.map(|classes| right(classes, &(y - &left.residuals), y)))
        });
        Self { left_out, ..self }
    }
}

fn right(classes: &Classes, outputs: &DMatrix<f64>, targets: &DMatrix<f64>) -> Right {
    let (chosen, right) = (classes.chosen(outputs), classes.chosen(targets));
    (chosen.iter().zip(&right).filter(|(chosen, right)| chosen == right).count(), right.len())
}

/// Says it; `found` if the kernel was not in memory.
pub(super) fn tell(
    options: &PredictOptions,
    ridge: f64,
    losses: &Losses,
    found: Option<(&Found, Option<Refine>)>,
    seconds: f64,
) {
    found.iter().for_each(|(found, _)| warn(found, ridge));
    if options.json {
        event(&object(options, ridge, losses, found, seconds));
        return;
    }
    let mut words = String::new();
    if found.is_none() {
        words += &format!("time {}, ", options.time);
    }
    words += &format!("train loss {:.6e}", losses.train);
    if let Some(test) = losses.test {
        words += &format!(", test loss {test:.6e}");
    }
    if let Some((hits, all)) = losses.right {
        words += &format!(", {hits} of {all} test classes right");
    }
    say!("{}: {words}  ({})", options.out.display(), duration(seconds));
    let Some((found, refine)) = found else { return };
    say!("  {}", evidence(&found.solution.report, refine));
    for tried in &found.path {
        match &tried.loss {
            Ok(loss) => {
                let chosen = if tried.ridge == ridge { "  <- chosen" } else { "" };
                say!("  ridge {:.6e}: leave-one-out loss {loss:.6e}{chosen}", tried.ridge);
            }
            Err(reason) => say!("  ridge {:.6e}: passed over: {reason}", tried.ridge),
        }
    }
    if let (Some((loss, hits)), Some(left)) = (losses.left_out, &found.leave_one_out) {
        let hits = hits.map_or(String::new(), |(hits, all)| format!(", {hits} of {all} classes right"));
        say!(
            "  leave-one-out loss {loss:.6e}{hits}; its factors 1 / (K + ridge)^-1_ii are off by {:.1e} at most in a sample",
            left.sampled_error
        );
    }
}

/// What should not be missed.
fn warn(found: &Found, ridge: f64) {
    /// Above this, a leave-one-out residual has less than two digits.
    const TOO_FAR: f64 = 1e-2;
    if let Some(left) = found
        .leave_one_out
        .as_ref()
        .filter(|left| left.sampled_error.is_nan() || left.sampled_error > TOO_FAR)
    {
        note!(
            "warning: the kernel is too ill-conditioned for leave-one-out residuals from a factor in single precision: they are off by \
             {:.0e}; a larger ridge makes them better",
            left.sampled_error
        );
    }
    let ridges = || found.path.iter().map(|tried| tried.ridge);
    if found.path.len() > 1 {
        if ridges().all(|other| other >= ridge) && ridge > 0.0 {
            note!("note: the best ridge is the smallest of --ridge-path: a smaller one may be better");
        } else if ridges().all(|other| other <= ridge) {
            note!("note: the best ridge is the largest of --ridge-path: a larger one may be better");
        }
    }
}

/// An event, with null for what is not known and for a time that is infinite.
fn object(
    options: &PredictOptions,
    ridge: f64,
    losses: &Losses,
    found: Option<(&Found, Option<Refine>)>,
    seconds: f64,
) -> Value {
    let mut object = json!({
        "event": "prediction", "path": options.out, "time": options.time, "ridge": ridge, "train_loss": losses.train,
        "test_loss": losses.test, "test_right": losses.right.map(|(hits, _)| hits), "seconds": seconds
    });
    let Some((found, refine)) = found else { return object };
    let report = &found.solution.report;
    let path = found.path.iter().map(|tried| {
        json!({
            "ridge": tried.ridge, "leave_one_out_loss": tried.loss.as_ref().ok(), "reason": tried.loss.as_ref().err()
        })
    });
    let more = [
        ("residual", json!(report.worst().map(|(_, worst)| worst))),
        ("residual_from", json!(refined_against(refine))),
        ("tolerance", json!(report.tolerance)),
        ("refinements", json!(report.refinements)),
        ("iterations", json!(report.iterations)),
        ("resumed", json!(report.resumed)),
        ("leave_one_out_loss", json!(losses.left_out.map(|(loss, _)| loss))),
        ("leave_one_out_right", json!(losses.left_out.and_then(|(_, right)| right).map(|(hits, _)| hits))),
        ("leave_one_out_error", json!(found.leave_one_out.as_ref().map(|left| left.sampled_error))),
        ("ridge_path", path.collect()),
    ];
    for (name, value) in more {
        object[name] = value;
    }
    object
}

/// In a sentence, what is known of the solution.
fn evidence(report: &Report, refine: Option<Refine>) -> String {
    let (column, worst) = report.worst().unwrap_or((0, 0.0));
    let mut text = format!(
        "relative residual {worst:.1e} at most (output {column}; {:.0e} was asked for), recomputed in f64 from the {}; {} refinements, {} \
         iterations of conjugate gradients",
        report.tolerance,
        refined_against(refine),
        report.refinements,
        report.iterations
    );
    if report.resumed > 0 {
        text += &format!("; {} columns or iterations were there already", report.resumed);
    }
    if let Some(breakdown) = report.breakdown {
        text += &format!(
            "; input {} nearly repeats an earlier one: the factor's diagonal was raised by {:.0e}, the residual is that of the kernel itself",
            breakdown.row, breakdown.shift
        );
    }
    text
}

/// Where the residuals come from: a kernel that is not stored is always computed from the inputs.
fn refined_against(refine: Option<Refine>) -> &'static str {
    match refine {
        Some(Refine::Tiles) => "tiles",
        Some(Refine::Inputs) | None => "inputs",
    }
}
