use overparam_eval::check::Check;
use overparam_eval::claim::{Claim, Doubling};
use overparam_eval::decide::Decision;
use overparam_eval::theory::Theory;
use overparam_linearized::equivalents::Sizes;
use overparam_linearized::spectrum::Spectrum;
use overparam_linearized::symmetry::CyclicAverage;

use super::theory::{Steps, same_place};
use super::{Cell, ENERGIES, GAIN, Invariance, Kernel, Outcome, RIDGE, Target, is_prime};
use crate::mei_2020::testing::{Part, decision, fails, is_sharp, judged};

fn stated(dimension: usize, samples: f64, kernel: Kernel, target: Target) -> Steps {
    Steps::of(dimension, samples, kernel, target, &Theory::as_stated()).unwrap()
}

/// Fits with the risks that theory states, some scatter, and changes.
fn on(part: Part, theory: &Theory, distort: impl Fn(&Cell, &mut Outcome)) -> Vec<Check> {
    judged(&Invariance, part, theory, |cell| {
        let scatter = 1.0 + 0.01 * (cell.seed as f64 * 2.4 + cell.size as f64).sin();
        let risk = |target| scatter * stated(cell.dimension, cell.size as f64, cell.kernel, target).risk;
        let mut outcome = Outcome { invariant: risk(Target::Invariant), generic: risk(Target::Generic) };
        distort(cell, &mut outcome);
        outcome
    })
}

#[test]
fn invariance_holds_and_wrong_theories_do_not() {
    let theory = Theory::as_stated();
    let (checks, control) = (on(Part::Experiment, &theory, |_, _| {}), on(Part::Control, &theory, |_, _| {}));
    is_sharp(&checks);
    assert_eq!(decision(&checks, &control), Decision::Holds, "{checks:#?}");
    assert_ne!(decision(&control, &control), Decision::Holds);
    assert!(fails(&control, "steps") && fails(&control, "shift") && !fails(&control, "generic"));
    for (factor, name) in theory.constants().keys().flat_map(|name| [(0.7, name), (1.3, name)]) {
        let wrong = on(Part::Experiment, &Theory::with(name.clone(), factor), |_, _| {});
        assert_ne!(decision(&wrong, &control), Decision::Holds, "{name} x {factor}");
    }
}

#[test]
fn rivals_fail_where_they_are_put_in_the_experiments_place() {
    let theory = Theory::as_stated();
    let scattered = |cell: &Cell, risk: f64| risk * (1.0 + 1e-3 * (cell.seed as f64).sin());
    let averaged = |f: &dyn Fn(&Cell) -> f64| {
        on(Part::Experiment, &theory, |cell, outcome| {
            if cell.kernel == Kernel::Averaged {
                outcome.invariant = scattered(cell, f(cell));
            }
        })
    };
    let unshifted = averaged(&|c| stated(c.dimension, c.size as f64, Kernel::Plain, Target::Invariant).risk);
    assert!(fails(&unshifted, "steps") && fails(&unshifted, "shift"));
    let half =
        averaged(&|c| stated(c.dimension, c.size as f64 / 2.0, Kernel::Averaged, Target::Invariant).risk);
    assert!(fails(&half, "steps") && fails(&half, "shift"));
    let quiet =
        averaged(&|c| stated(c.dimension, c.size as f64, Kernel::Averaged, Target::Invariant).no_variance);
    assert!(fails(&quiet, "steps"));
    let harmless = on(Part::Experiment, &theory, |c, outcome| {
        let risk = stated(c.dimension, c.size as f64, Kernel::Averaged, Target::Generic).harmless;
        outcome.generic = scattered(c, risk);
    });
    assert!(fails(&harmless, "generic"));
    let shifted = on(Part::Experiment, &theory, |c, outcome| {
        let risk = stated(c.dimension, c.size as f64, Kernel::Averaged, Target::Invariant).risk;
        outcome.invariant = scattered(c, risk);
    });
    assert!(fails(&shifted, "plain"));
}

/// Numbers computed by other code, and the library's equivalent.
#[test]
fn the_steps_are_known() {
    let known = [(38.0, 0.939, 2.46, 1.96), (112.0, 1.769, 1.44, 5.84), (289.0, 0.3515, 2.95, 2.15)];
    let mut series = vec![1.0];
    (1..20).for_each(|j| series.push(series[j - 1] * GAIN / j as f64));
    let average = CyclicAverage::of(&Spectrum::of_power_series(&series, 23, 9).unwrap()).unwrap();
    let shares = average.shares();
    let of_generic: Vec<f64> = ENERGIES.iter().zip(shares).map(|(energy, share)| energy * share).collect();
    let rest = ENERGIES.iter().sum::<f64>() - of_generic.iter().sum::<f64>();
    for (n, invariant, plain, generic) in known {
        let ours = |kernel, target| stated(23, n, kernel, target).risk;
        let close =
            |found: f64, known: f64| assert!((found / known - 1.0).abs() < 5e-3, "{n}: {found} {known}");
        close(ours(Kernel::Averaged, Target::Invariant), invariant);
        close(ours(Kernel::Plain, Target::Invariant), plain);
        close(ours(Kernel::Averaged, Target::Generic), generic);
        let sizes = Sizes { samples: n, features: f64::INFINITY, ridge: RIDGE / n };
        let library = |energies: &[f64], rest| average.equivalent(energies, rest, 0.0, sizes).unwrap().risk;
        let same = |a: f64, b: f64| assert!((a / b - 1.0).abs() < 1e-6, "{n}: {a} {b}");
        same(ours(Kernel::Averaged, Target::Invariant), library(&ENERGIES, 0.0));
        same(ours(Kernel::Averaged, Target::Generic), library(&of_generic, rest));
    }
}

/// At `d n` samples the plain kernel is where the averaged one is at `n`.
#[test]
fn the_factor_is_the_dimension() {
    for (d, n) in [(23, 38.0), (23, 112.0), (31, 61.0), (47, 123.0)] {
        let early = stated(d, n, Kernel::Averaged, Target::Invariant).risk;
        let late = stated(d, n * d as f64, Kernel::Plain, Target::Invariant).risk;
        assert!((early / late - 1.0).abs() < 1e-3, "{d} {n}: {early} {late}");
    }
}

#[test]
fn doubling_finds_the_same_place_in_a_prime_dimension() {
    assert!([2, 3, 23, 47, 97].into_iter().all(is_prime) && ![0, 1, 4, 46, 91].into_iter().any(is_prime));
    // The peak of degree 3 is where all degrees up to 3 are counted.
    assert_eq!([same_place(112, 23, 47), same_place(38, 23, 23), same_place(112, 23, 31)], [416, 38, 192]);
    let cell = Cell {
        kernel: Kernel::Averaged,
        target: Target::Invariant,
        dimension: 23,
        size: 112,
        repeats: 4,
        seed: 0,
    };
    let doubled = Invariance.doubled(&cell, Doubling::Size).unwrap();
    assert_eq!((doubled.dimension, doubled.size), (47, 416));
    assert_eq!(Invariance.doubled(&cell, Doubling::Horizon), None);
}
