use overparam_eval::check::Check;
use overparam_eval::decide::Decision;
use overparam_eval::theory::Theory;

use super::{Cell, Explicit, Law, Linearization, Outcome, Scaling};
use crate::mei_2020::testing::{Part, decision, fails, is_sharp, judged};

/// Gaps of the law with other exponents, times `factor`, 3% scatter; mean-field nets at a constant distance.
fn on(part: Part, theory: &Theory, factor: f64, exponents: [f64; 2]) -> Vec<Check> {
    judged(&Linearization, part, theory, |cell: &Cell| {
        let m = cell.form.width as f64;
        let law = Law { gap: 2.0 * m.powf(-0.75), limit_gap: 3.0 * m.powf(-0.5) };
        let scatter = 1.0 + 0.03 * (2.4 * cell.seed as f64 + m).sin();
        let gap = |constant: f64, exponent: f64| match cell.form.scaling {
            Scaling::Ntk => constant * factor * m.powf(exponent) * scatter,
            Scaling::MeanField => 0.5 * scatter,
        };
        Outcome {
            gap: Some(gap(2.0, exponents[0])),
            limit_gap: Some(gap(3.0, exponents[1])),
            law: (cell.form.depth == 2).then_some(law),
            explicit: cell.explicit.map(|_| Explicit { difference: 1e-14, left: 1e-3, closed: 1e-3 }),
        }
    })
}

#[test]
fn the_law_holds_and_other_laws_do_not() {
    let stated = Theory::as_stated();
    let law = [-0.75, -0.5];
    let (checks, control) = (on(Part::Experiment, &stated, 1.0, law), on(Part::Control, &stated, 1.0, law));
    is_sharp(&checks);
    assert_eq!(decision(&checks, &control), Decision::Holds);
    assert_ne!(decision(&control, &control), Decision::Holds);
    for factor in [0.7, 1.3] {
        assert!(fails(&on(Part::Experiment, &stated, factor, law), "limit"));
        for name in stated.constants().keys() {
            let wrong = on(Part::Experiment, &Theory::with(name.clone(), factor), 1.0, law);
            assert_ne!(decision(&wrong, &control), Decision::Holds, "{name} x {factor}");
        }
    }
    assert!(fails(&on(Part::Experiment, &stated, 1.0, [-0.5, -0.5]), "own-slope"));
    assert!(fails(&on(Part::Experiment, &stated, 1.0, [-0.75, -1.0]), "limit-slope-3"));
    // A slope of -2.5, which a one-sided bound took for agreement.
    assert!(fails(&on(Part::Experiment, &stated, 1.0, [-2.5, -2.5]), "limit-slope-2"));
}
