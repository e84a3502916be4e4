use overparam_eval::check::Check;
use overparam_eval::decide::Decision;
use overparam_eval::theory::Theory;
use overparam_linearized::equivalents::{Sizes, equivalent};
use overparam_linearized::spectrum::Spectrum;

use super::theory::{Steps, random_left, straight_line, tangent_left};
use super::{Cell, ENERGIES, GAIN, Model, Outcome, Staircase};
use crate::mei_2020::testing::{Part, decision, fails, is_sharp, judged};

/// Fits that leave what theory says, some scatter, changed by `distort`. The kernel's risk stands for all its shares; the control's
/// is that of a third energy which no number of samples reaches.
fn on(part: Part, theory: &Theory, distort: impl Fn(&Cell, &mut [f64; 3])) -> Vec<Check> {
    let stated = Theory::as_stated();
    judged(&Staircase, part, theory, |cell| {
        let mut left = match cell.model {
            Model::Kernel => {
                let steps = Steps::of(cell.dimension, cell.size as f64, &stated).unwrap();
                let moved = if cell.third == 8 { 1.5 } else { 1.0 };
                [moved * steps.risk * (1.0 + 0.01 * (cell.seed as f64 * 2.4 + cell.size as f64).sin()); 3]
            }
            Model::RandomFeatures => random_left(cell.dimension, cell.size, &stated).unwrap().left,
            Model::Tangent => tangent_left(cell.dimension, cell.size, &stated).0,
        };
        left.iter_mut().for_each(|left| *left += 0.001 * (cell.seed as f64 * 1.7).sin());
        distort(cell, &mut left);
        Outcome { left }
    })
}

#[test]
fn the_staircase_holds_and_wrong_theories_do_not() {
    let stated = Theory::as_stated();
    let (checks, control) = (on(Part::Experiment, &stated, |_, _| {}), on(Part::Control, &stated, |_, _| {}));
    is_sharp(&checks);
    assert_eq!(decision(&checks, &control), Decision::Holds, "{checks:#?}");
    assert_ne!(decision(&control, &control), Decision::Holds);
    for (factor, name) in stated.constants().keys().flat_map(|name| [(0.7, name), (1.3, name)]) {
        let wrong = on(Part::Experiment, &Theory::with(name.clone(), factor), |_, _| {});
        assert_ne!(decision(&wrong, &control), Decision::Holds, "{name} x {factor}");
    }
}

#[test]
fn rivals_fail_where_they_are_put_in_the_experiments_place() {
    let stated = Theory::as_stated();
    let of = |cell: &Cell| Steps::of(cell.dimension, cell.size as f64, &Theory::as_stated()).unwrap();
    let kernel = |cell: &Cell, left: &mut [f64; 3], f: fn(Steps) -> f64| {
        if cell.model == Model::Kernel {
            *left = [f(of(cell)); 3];
        }
    };
    assert!(fails(&on(Part::Experiment, &stated, |c, left| kernel(c, left, |s| s.first_power)), "kernel"));
    assert!(fails(&on(Part::Experiment, &stated, |c, left| kernel(c, left, |s| s.no_variance)), "kernel"));
    assert!(fails(
        &on(Part::Experiment, &stated, |c, left| kernel(c, left, |s| s.no_variance)),
        "kernel-peak"
    ));
    type Rival = fn(&Cell) -> [f64; 3];
    let rivals: [(&str, Model, Rival); 3] = [
        ("random", Model::RandomFeatures, |c| {
            random_left(c.dimension, c.size, &Theory::as_stated()).unwrap().alike
        }),
        ("random", Model::RandomFeatures, |c| {
            random_left(c.dimension, c.size, &Theory::as_stated()).unwrap().counted
        }),
        ("tangent", Model::Tangent, |c| tangent_left(c.dimension, c.size, &Theory::as_stated()).1),
    ];
    for (id, model, rival) in rivals {
        let distorted = on(Part::Experiment, &stated, |cell, left| {
            if cell.model == model {
                *left = rival(cell).map(|left| left + 1e-4 * (cell.seed as f64).sin());
            }
        });
        assert!(fails(&distorted, id), "{id}");
    }
}

/// Numbers computed by other code, of the same settings; and the library's equivalent.
#[test]
fn the_kernels_steps_are_known() {
    let known = [
        (20, 21, 3.568),
        (20, 69, 0.887),
        (20, 230, 2.275),
        (20, 634, 0.345),
        (20, 1750, 0.0114),
        (60, 61, 3.402),
        (60, 340, 0.739),
        (60, 1890, 2.089),
    ];
    for (d, n, risk) in known {
        let ours = Steps::of(d, f64::from(n), &Theory::as_stated()).unwrap();
        assert!((ours.risk / risk - 1.0).abs() < 5e-3, "{d} {n}: {ours:?}");
        let mut series = vec![1.0];
        (1..20).for_each(|j| series.push(series[j - 1] * GAIN / j as f64));
        let spectrum = Spectrum::of_power_series(&series, d, 9).unwrap();
        let sizes =
            Sizes { samples: f64::from(n), features: f64::INFINITY, ridge: super::RIDGE / f64::from(n) };
        let library = equivalent(&spectrum, &ENERGIES, 0.0, sizes).unwrap().risk;
        assert!((ours.risk / library - 1.0).abs() < 1e-6, "{d} {n}: {ours:?} {library}");
    }
    let plateau = Steps::of(60, 340.0, &Theory::as_stated()).unwrap();
    assert!(
        (plateau.no_variance - 0.516).abs() < 2e-3 && (plateau.first_power - 0.555).abs() < 2e-3,
        "{plateau:?}"
    );
}

#[test]
fn counts_are_known() {
    let stated = Theory::as_stated();
    let counted = |features| random_left(40, features, &stated).unwrap().counted;
    assert!((counted(201)[1] - 0.805).abs() < 1e-3 && (counted(1300)[2] - 0.962).abs() < 1e-3);
    // Measured by other code, corners included, four draws each.
    for (features, measured) in
        [(201, [0.001, 0.805, 1.0]), (860, [0.0, 0.053, 0.996]), (1300, [0.0, 0.005, 0.961])]
    {
        let predicted = random_left(40, features, &stated).unwrap().left;
        assert!(
            predicted.iter().zip(measured).all(|(p, m)| (p - m).abs() < 1e-3),
            "{features}: {predicted:?}"
        );
    }
    for (neurons, second) in [(2, 0.951), (10, 0.604), (20, 0.281), (30, 0.079), (41, 0.0)] {
        assert!((tangent_left(40, neurons, &stated).0[1] - second).abs() < 1e-3, "{neurons}");
    }
    assert!((tangent_left(40, 20, &stated).1[1] - 0.072).abs() < 1e-3);
}

#[test]
fn a_line_misses_a_tent_by_half_its_height() {
    let tent = [(1, 0.0, 0.0), (1, 1.0, 2.0), (1, 2.0, 0.0), (2, 5.0, 9.0)];
    assert_eq!(straight_line(&tent), 1.0);
}
