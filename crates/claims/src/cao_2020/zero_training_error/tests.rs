use overparam_eval::decide::Decision;
use overparam_eval::theory::Theory;

use super::{COMPARED, Cell, Curve, Loss, Outcome, POWER, Task, Trained, ZeroTrainingError};
use crate::cao_2020::tests::{decision, noise};
use crate::wide::Scaling;

/// What a cell gives if the theory is right.
fn outcome(cell: &Cell) -> Outcome {
    let jitter = 1.0 + 0.005 * noise(cell.seed, cell.form.width as u64);
    let (decay, moved) = match cell.form.scaling {
        Scaling::Ntk => (0.98, (cell.form.width as f64).powf(-0.5)),
        Scaling::MeanField => (1.7, 0.3),
    };
    let bend = match (cell.loss, cell.task) {
        (Loss::Logistic, _) => POWER,
        (_, Task::Eigenvector) => 1.0 + 0.002 * noise(cell.seed, 7),
        _ => 1.08,
    };
    let curve = Curve { decay: decay * jitter, bend, measured: vec![], predicted: vec![], spacing: 1.0 };
    Outcome { trained: Some(Trained { errors: 0.0, moved: moved * jitter, curve: Some(curve) }) }
}

fn with(change: impl Fn(&Cell, &mut Trained)) -> Decision {
    let changed = |cell: &Cell| {
        let mut outcome = outcome(cell);
        if let Some(trained) = &mut outcome.trained {
            change(cell, trained);
        }
        outcome
    };
    decision(&ZeroTrainingError, changed, outcome, &Theory::as_stated())
}

fn set(trained: &mut Trained, change: impl Fn(&mut Curve)) {
    if let Some(curve) = &mut trained.curve {
        change(curve);
    }
}

#[test]
fn the_theory_holds_and_its_constants_are_seen() {
    assert_eq!(with(|_, _| ()), Decision::Holds);
    for name in ["power of the residual in the loss", "exponent of the movement"] {
        for factor in [0.5, 0.7, 1.3, 1.5] {
            let wrong = Theory::with(name, factor);
            // An exponent of -0.65 is not told from -0.5 by three widths.
            if name.starts_with("power") || (factor - 1.0_f64).abs() > 0.4 {
                let decided = decision(&ZeroTrainingError, outcome, outcome, &wrong);
                assert_ne!(decided, Decision::Holds, "{name} x {factor}");
            }
        }
    }
}

#[test]
fn rivals_do_not_hold() {
    // A power of t, at the right average rate.
    assert_ne!(
        with(|c, t| if c.task == Task::Eigenvector {
            set(t, |c| c.bend = POWER);
        }),
        Decision::Holds
    );
    assert_ne!(
        with(|c, t| if c.task == Task::Coins {
            set(t, |c| c.bend = POWER);
        }),
        Decision::Holds
    );
    // The loss decays as the residual should.
    assert_ne!(with(|_, t| set(t, |c| c.decay *= 0.5)), Decision::Holds);
    assert_ne!(with(|_, t| t.moved = 0.3 + 1e-3 * t.moved), Decision::Holds);
    assert_ne!(with(|_, t| t.errors = 0.5), Decision::Holds);
}

#[test]
fn a_diverged_run_is_a_failure_and_a_mean_field_net_does_not_hold() {
    let diverged = |_: &Cell| Outcome { trained: None };
    assert_ne!(decision(&ZeroTrainingError, diverged, outcome, &Theory::as_stated()), Decision::Holds);
    let mean_field = |cell: &Cell| {
        let form = crate::wide::Form { scaling: Scaling::MeanField, ..cell.form };
        outcome(&Cell { form, left: COMPARED, ..cell.clone() })
    };
    assert_eq!(decision(&ZeroTrainingError, mean_field, outcome, &Theory::as_stated()), Decision::Fails);
}
