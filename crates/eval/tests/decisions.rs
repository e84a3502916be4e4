//! The rule of decision against golden cases of an independent implementation (`decisions.json`, computed with SciPy's
//! distributions), and against the error rates that it promises.

use overparam_eval::check::{Bound, Check, Draw};
use overparam_eval::claim::Scale;
use overparam_eval::decide::{Decision, Design, decide};
use overparam_tensor::random::Stream;
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    kind: String,
    bound_at_most: f64,
    draws: Vec<f64>,
    verdict: String,
    look: Option<usize>,
    p_yes: f64,
    p_no: f64,
}

fn check(kind: &str, bound: f64, draws: &[f64]) -> Check {
    let draws = draws.iter().zip(0..).map(|(&value, seed)| Draw { seed, value: Some(value) }).collect();
    let check = Check::new("a", "a", Bound::AtMost(bound));
    let check = if kind == "mean" { check.mean() } else { check.share(0.5) };
    check.draws(draws)
}

#[test]
fn golden_cases_agree_to_twelve_digits() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("decisions.json")).unwrap();
    let design = Design::of(Scale::Smoke, 26);
    assert_eq!(cases.len(), 10);
    for case in cases {
        let checks = [check(&case.kind, case.bound_at_most, &case.draws)];
        let verdict = decide(&checks, &[], &design);
        let decision = match case.verdict.as_str() {
            "yes" => Decision::Holds,
            "no" => Decision::Fails,
            _ => Decision::Undecided,
        };
        assert_eq!(verdict.decision, decision, "{}", case.kind);
        assert_eq!(verdict.look, case.look.unwrap_or(3));
        for (ours, theirs) in [(verdict.checks[0].p_yes, case.p_yes), (verdict.checks[0].p_no, case.p_no)] {
            assert!((ours - theirs).abs() <= 1e-12 * theirs, "{ours} against {theirs}");
        }
    }
}

/// Of many claims whose checks are normal draws at these distances inside their bounds, in standard deviations of a draw: the
/// share that holds, the share that fails, the mean number of draws.
fn rates(kind: &str, distances: &[f64], runs: u64) -> [f64; 3] {
    let design = Design::of(Scale::Smoke, 26);
    let mut counts = [0.0; 3];
    for run in 0..runs {
        let checks: Vec<Check> = (0..)
            .zip(distances)
            .map(|(i, distance)| {
                let draws =
                    Stream::root(20).named(kind).indexed(run).indexed(i).normal_vector::<f64>(32, 1.0);
                let draws: Vec<f64> = draws.iter().map(|x| x - distance).collect();
                Check { id: i.to_string(), ..check(kind, 0.0, &draws) }
            })
            .collect();
        let verdict = decide(&checks, &[], &design);
        counts[0] += f64::from(u8::from(verdict.decision == Decision::Holds));
        counts[1] += f64::from(u8::from(verdict.decision == Decision::Fails));
        counts[2] += verdict.draws as f64;
    }
    counts.map(|count| count / runs as f64)
}

/// Within four binomial standard errors of the promised rates.
fn within(rate: f64, promised: f64, runs: u64) -> bool {
    (rate - promised).abs() <= 4.0 * (promised * (1.0 - promised) / runs as f64).sqrt() + 0.5 / runs as f64
}

#[test]
fn a_claim_on_its_bound_holds_in_one_run_of_a_hundred_at_most_and_hardly_ever_fails() {
    for kind in ["mean", "share"] {
        for distances in [&[0.0][..], &[0.0, 3.0, 3.0, 3.0]] {
            let [holds, fails, _] = rates(kind, distances, 3000);
            assert!(holds <= 0.01 + 4.0 * (0.01f64 * 0.99 / 3000.0).sqrt(), "{kind} {distances:?}: {holds}");
            assert!(holds >= 0.002, "{kind} {distances:?}: {holds}");
            assert!(fails <= 0.005, "{kind} {distances:?}: {fails}");
        }
    }
}

/// For counts the rates are exact sums of binomial probabilities: a share of 0.8, 0.9 and 0.95 of all draws inside holds with
/// probability 0.84, 0.997 and 1.00.
#[test]
fn counts_hold_as_often_as_their_binomial_distribution_says() {
    for (distance, promised) in [(0.8416, 0.84), (1.2816, 0.997), (1.6449, 1.0)] {
        let [holds, fails, _] = rates("share", &[distance], 2000);
        assert!(within(holds, promised, 2000), "{distance}: {holds}");
        assert_eq!(fails, 0.0);
    }
}

#[test]
fn a_true_claim_of_many_checks_holds_and_a_false_check_is_found() {
    let [holds, fails, draws] = rates("mean", &[1.5; 10], 500);
    assert!(holds >= 0.99 && fails == 0.0 && draws < 20.0, "{holds} {fails} {draws}");
    let [holds, fails, _] = rates("mean", &[-1.0, 3.0, 3.0, 3.0], 500);
    assert!(holds == 0.0 && fails >= 0.85, "{holds} {fails}");
}

/// Two checks that the control must fail, which lie this far outside on the control.
#[test]
fn a_control_that_does_not_fail_decides_against_the_claim() {
    let design = Design::of(Scale::Smoke, 26);
    let decisions = |outside: f64| -> Vec<Decision> {
        let of = |run: u64, name: &str, distance: f64| -> Vec<Check> {
            let draws =
                |i| Stream::root(21).named(name).indexed(run).indexed(i).normal_vector::<f64>(32, 1.0);
            let draws = |i| draws(i).iter().map(|x| x + distance).collect::<Vec<f64>>();
            (0..2)
                .map(|i| Check { id: i.to_string(), ..check("mean", 0.0, &draws(i)) }.control_fails())
                .collect()
        };
        (0..200)
            .map(|run| decide(&of(run, "run", -2.0), &of(run, "control", outside), &design).decision)
            .collect()
    };
    let share = |decisions: &[Decision], wanted| decisions.iter().filter(|d| **d == wanted).count();
    assert_eq!(share(&decisions(-2.0), Decision::NotDiscriminating), 200);
    assert!(share(&decisions(0.0), Decision::Undecided) >= 190);
    assert!(share(&decisions(2.0), Decision::Holds) >= 198);
}
