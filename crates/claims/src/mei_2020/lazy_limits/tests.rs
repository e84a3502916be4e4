use std::sync::OnceLock;

use overparam_eval::check::Check;
use overparam_eval::decide::Decision;
use overparam_eval::theory::Theory;
use overparam_linearized::quadratic::trained_risk;

use super::{Cell, LazyLimits, MODELS, Model, Outcome, Spectrum, Task, eigenvalues, form, formula};
use crate::mei_2020::testing::{Part, cells, decision, fails, is_sharp, judged};

/// The closed forms at smoke scale, computed once.
fn known(cell: &Cell, model: Model) -> f64 {
    static KNOWN: OnceLock<Vec<(Cell, Vec<f64>)>> = OnceLock::new();
    let known = KNOWN.get_or_init(|| {
        let first = cells(&LazyLimits, Part::Experiment).into_iter().filter(|c| c.seed == 0);
        let all = |c: &Cell| MODELS.map(|(model, _)| formula(&Cell { model, ..c.clone() }).unwrap()).to_vec();
        first.map(|cell| (cell.clone(), all(&cell))).collect()
    });
    let same = |c: &Cell| (c.task, c.model, c.neurons) == (cell.task, cell.model, cell.neurons);
    let place = MODELS.iter().position(|(m, _)| *m == model).unwrap();
    known.iter().find(|(c, _)| same(c)).unwrap().1[place]
}

/// Runs at the closed forms, some scatter between seeds, changed by `distort`.
fn on(part: Part, theory: &Theory, distort: impl Fn(&Cell) -> f64) -> Vec<Check> {
    let risk = |c: &Cell| known(c, c.model) + 0.002 * (c.seed as f64 * 2.4).sin() + distort(c);
    judged(&LazyLimits, part, theory, |cell| Outcome { risk: Some(risk(cell)) })
}

/// What the other spectrum does to the trained net.
fn moved(cell: &Cell) -> f64 {
    let at = |spectrum| trained_risk(cell.neurons, &form(spectrum, cell.dimension)).unwrap();
    if cell.model == Model::Trained { at(Spectrum::TwoValues) - at(Spectrum::Even) } else { 0.0 }
}

#[test]
fn closed_forms_hold_and_others_do_not() {
    let stated = Theory::as_stated();
    let (checks, control) = (on(Part::Experiment, &stated, |_| 0.0), on(Part::Control, &stated, moved));
    is_sharp(&checks);
    assert_eq!(decision(&checks, &control), Decision::Holds);
    assert_ne!(decision(&control, &control), Decision::Holds);
    for (factor, name) in stated.constants().keys().flat_map(|name| [(0.7, name), (1.3, name)]) {
        let wrong = on(Part::Experiment, &Theory::with(name.clone(), factor), |_| 0.0);
        assert_ne!(decision(&wrong, &control), Decision::Holds, "{name} x {factor}");
    }
    for (other, name) in MODELS {
        let swapped = |c: &Cell| known(c, other) - known(c, c.model);
        let checks = on(Part::Experiment, &stated, swapped);
        assert_ne!(decision(&checks, &control), Decision::Holds, "every model like {name}");
    }
}

#[test]
fn the_two_spectra_have_one_trace_and_one_norm() {
    for d in [10, 20, 450] {
        let (even, two) = (eigenvalues(Spectrum::Even, d), eigenvalues(Spectrum::TwoValues, d));
        assert!((even.sum() - two.sum()).abs() < 1e-10 && (even.norm() - two.norm()).abs() < 1e-10);
        assert!(two.min() > 0.0);
    }
}

type Distortion = fn(&Cell) -> f64;

#[test]
fn every_check_can_fail() {
    let cases: [(&str, Distortion); 4] = [
        (
            "classes-trained",
            |c| if (c.task, c.model) == (Task::Classes, Model::Trained) { 0.04 } else { 0.0 },
        ),
        ("function-tangent", |c| if c.model == Model::Tangent { -0.04 } else { 0.0 }),
        ("random-above-tangent", |c| if c.model == Model::RandomFeatures { -0.9 } else { 0.0 }),
        ("tangent-above-trained", |c| if c.model == Model::Trained { 0.9 } else { 0.0 }),
    ];
    for (id, distort) in cases {
        assert!(fails(&on(Part::Experiment, &Theory::as_stated(), distort), id), "{id}");
    }
}
