//! A claim run at smoke scale within a test, judged as it is, by wrong theories and with its control in its place.

use std::sync::Mutex;

use overparam_eval::check::{Check, Kind};
use overparam_eval::claim::{Context, Plan, Scale};
use overparam_eval::decide::{Decision, Design, Verdict, decide};
use overparam_eval::inputs::Inputs;
use overparam_eval::registry::{AnyClaim, RawGrid, RawRun, Task};
use overparam_eval::theory::Theory;

/// Claims of the repository, for the level of a contradiction.
const CLAIMS: usize = 30;

/// The cells of a claim with their outcomes.
pub(super) struct Trial {
    claim: &'static dyn AnyClaim,
    experiment: RawGrid,
    control: RawGrid,
    seeds: u64,
}

impl Trial {
    /// Runs a claim at smoke scale: `seeds` draws of this master seed.
    pub(super) fn run(claim: &'static dyn AnyClaim, master: u64, seeds: u64) -> Self {
        Self::at(Scale::Smoke, claim, master, seeds)
    }

    pub(super) fn at(scale: Scale, claim: &'static dyn AnyClaim, master: u64, seeds: u64) -> Self {
        let inputs = Inputs::none();
        let plan = Plan { scale, seeds, inputs: &inputs };
        let all = |tasks: Vec<Task>| {
            let cells: Vec<_> = tasks.into_iter().map(|task| task.cell).collect();
            let next = Mutex::new(cells.iter().enumerate());
            let done = Mutex::new(Vec::new());
            std::thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| {
                        while let Some((i, cell)) = { next.lock().unwrap().next() } {
                            let context = Context::new(master, claim.about().id, &cell.to_string(), &inputs);
                            let outcome = claim.run(cell, &context).unwrap();
                            done.lock().unwrap().push((i, RawRun { cell: cell.clone(), outcome }));
                        }
                    });
                }
            });
            let mut runs = done.into_inner().unwrap();
            runs.sort_by_key(|(i, _)| *i);
            RawGrid { runs: runs.into_iter().map(|(_, run)| run).collect(), cells: cells.clone() }
        };
        let (experiment, control) = (all(claim.tasks(&plan)), all(claim.control_tasks(&plan)));
        Self { claim, experiment, control, seeds }
    }

    fn judge(&self, theory: &Theory) -> [Vec<Check>; 2] {
        let checks = self.claim.judge(&self.experiment, &self.control, theory).unwrap();
        [checks.experiment, checks.control]
    }

    fn design(&self) -> Design {
        match self.seeds {
            0..16 => Design::single(self.seeds as usize, CLAIMS),
            _ => Design::of(Scale::Smoke, CLAIMS),
        }
    }

    /// The verdict under a theory.
    pub(super) fn verdict(&self, theory: &Theory) -> Verdict {
        let [experiment, control] = self.judge(theory);
        decide(&experiment, &control, &self.design())
    }

    /// The verdict with the control in the experiment's place. Checks that only the control lacks are left out.
    pub(super) fn exchanged(&self) -> Decision {
        let [experiment, control] = self.judge(&Theory::as_stated());
        decide(&control, &experiment, &self.design()).decision
    }

    /// The claim holds; no constant of its statement can be 1.3 or 0.7 times what it is; the control in its place does not
    /// hold; every check has a rival that it excludes or a control that fails it.
    pub(super) fn assert_sharp(&self) {
        let stated = Theory::as_stated();
        let verdict = self.verdict(&stated);
        assert_eq!(verdict.decision, Decision::Holds, "{}: {}", verdict.reason, self.table());
        for name in stated.constants().into_keys() {
            for factor in [0.7, 1.3] {
                let decision = self.verdict(&Theory::with(&name, factor)).decision;
                assert_ne!(decision, Decision::Holds, "{name} x {factor} holds as well");
            }
        }
        assert_ne!(self.exchanged(), Decision::Holds, "the control holds as well");
        for check in &self.judge(&stated)[0] {
            assert_eq!(check.admitted_rival(), None, "{}", check.id);
            assert!(check.must_fail || !check.rivals.is_empty() || check.kind == Kind::Guard, "{}", check.id);
        }
    }

    /// Mean, standard deviation and spread of every check, and which wrong theories hold.
    pub(super) fn table(&self) -> String {
        let theory = Theory::as_stated();
        let [experiment, control] = self.judge(&theory);
        let mut text = String::new();
        for (name, checks) in [("experiment", experiment), ("control", control)] {
            for check in checks {
                for place in &check.places {
                    let mut values: Vec<f64> = place.draws.iter().filter_map(|d| d.value).collect();
                    values.sort_by(f64::total_cmp);
                    let n = values.len() as f64;
                    let mean = values.iter().sum::<f64>() / n;
                    let moment = |k: i32| values.iter().map(|v| (v - mean).powi(k)).sum::<f64>() / n;
                    let (sd, skew) = (moment(2).sqrt(), moment(3) / moment(2).powf(1.5));
                    let kurtosis = moment(4) / moment(2).powi(2) - 3.0;
                    let inside = values.iter().filter(|v| check.bound.contains(**v)).count();
                    text += &format!(
                        "\n{name} {} {} {:?}: {inside} of {} in {:?}; mean {mean:.4e} sd {sd:.2e} skew {skew:.1} kurt {kurtosis:.1} least {:.4e} most {:.4e}",
                        check.id,
                        place.at,
                        check.kind,
                        place.draws.len(),
                        check.bound.range(),
                        values.first().unwrap_or(&f64::NAN),
                        values.last().unwrap_or(&f64::NAN),
                    );
                }
            }
        }
        text
    }
}

/// `CLAIM=few-shot MASTER=7 SEEDS=8 cargo test -p overparam-claims calibrate -- --ignored --nocapture`.
#[test]
#[ignore = "prints, asserts nothing"]
fn calibrate() {
    let set = |name: &str| std::env::var(name).ok();
    let number = |name: &str, otherwise: u64| set(name).and_then(|n| n.parse().ok()).unwrap_or(otherwise);
    for claim in super::TALK.claims {
        if set("CLAIM").is_some_and(|name| name != claim.about().name()) {
            continue;
        }
        let scale = if set("SCALE").is_some() { Scale::Standard } else { Scale::Smoke };
        let clock = std::time::Instant::now();
        let trial = Trial::at(scale, *claim, number("MASTER", 7), number("SEEDS", 8));
        println!("{}: {:.1} s{}", claim.about().id, clock.elapsed().as_secs_f64(), trial.table());
        let stated = Theory::as_stated();
        let verdict = trial.verdict(&stated);
        println!(
            "{:?} after {}: {}; exchanged {:?}",
            verdict.decision,
            verdict.draws,
            verdict.reason,
            trial.exchanged()
        );
        for name in stated.constants().into_keys() {
            for factor in [0.5, 0.7, 0.8, 0.9, 1.1, 1.2, 1.3, 1.5] {
                println!("{name} x {factor}: {:?}", trial.verdict(&Theory::with(&name, factor)).decision);
            }
        }
    }
}
