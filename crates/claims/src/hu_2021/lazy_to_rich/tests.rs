use std::sync::OnceLock;

use nalgebra::DMatrix;
use overparam_deep_linear::balanced::BalancedState;
use overparam_eval::check::Check;
use overparam_eval::claim::{Claim, Context, Doubling, Plan, Run, Scale};
use overparam_eval::decide::{Decision, Design, decide};
use overparam_eval::inputs::Inputs;
use overparam_eval::runs::Grid;
use overparam_eval::theory::Theory;

use super::theory::{Known, crossings, shape};
use super::{Cell, FRACTIONS, LazyToRich, Mode, Outcome, State};
use crate::hu_2021::trial::Trial;

type Runs = Vec<Run<Cell, Outcome>>;

const SEEDS: u64 = 8;

fn cells(control: bool) -> Vec<Cell> {
    let inputs = Inputs::none();
    let plan = Plan { scale: Scale::Smoke, seeds: SEEDS, inputs: &inputs };
    if control { LazyToRich.control(&plan) } else { LazyToRich.cells(&plan) }
}

fn run(cell: &Cell) -> Outcome {
    let inputs = Inputs::none();
    let text = serde_json::to_string(cell).unwrap();
    LazyToRich.run(cell, &Context::new(17, "hu-2021/lazy-to-rich", &text, &inputs)).unwrap()
}

fn runs(control: bool) -> &'static Runs {
    static RUNS: [OnceLock<Runs>; 2] = [const { OnceLock::new() }; 2];
    RUNS[usize::from(control)]
        .get_or_init(|| cells(control).into_iter().map(|cell| Run { outcome: run(&cell), cell }).collect())
}

fn judged(runs: &Runs) -> Vec<Check> {
    LazyToRich.judge(&Grid::finished(runs.clone()).view(), &Theory::as_stated())
}

fn decision(checks: &[Check], control: &[Check]) -> Decision {
    decide(checks, control, &Design::single(SEEDS as usize, 30)).decision
}

fn fails(checks: &[Check], id: &str) -> bool {
    let alone: Vec<Check> = checks.iter().filter(|c| c.id == id).cloned().collect();
    assert_eq!(alone.len(), 1, "{id}");
    decision(&alone, &[]) == Decision::Fails
}

#[test]
fn wrong_theories_and_the_control_do_not_hold() {
    let trial = Trial::run(&LazyToRich, 4, SEEDS);
    trial.assert_sharp();
    let stated = Theory::as_stated();
    trial.verdict(&stated);
    for name in stated.constants().into_keys() {
        for factor in [0.9, 1.1] {
            assert_ne!(
                trial.verdict(&Theory::with(&name, factor)).decision,
                Decision::Holds,
                "{name} x {factor}"
            );
        }
    }
}

#[test]
fn the_control_fails_every_check_that_it_must_fail() {
    let (experiment, control) = (judged(runs(false)), judged(runs(true)));
    assert_eq!(decision(&experiment, &control), Decision::Holds, "{experiment:#?}");
    for check in &experiment {
        assert_eq!(fails(&control, &check.id), check.must_fail, "{}", check.id);
    }
}

/// Runs whose functions are those of another theory: what `product` says for a cell, its start and a time.
fn replaced(product: impl Fn(&Cell, &State, &[f64]) -> Vec<DMatrix<f64>>) -> Runs {
    let mut runs = runs(false).clone();
    for run in &mut runs {
        let Some(path) = &mut run.outcome.path else { continue };
        let times: Vec<f64> = path.iter().map(|moment| moment.time).collect();
        for (moment, product) in path.iter_mut().zip(product(&run.cell, &run.outcome.state, &times)) {
            moment.fine = product.iter().copied().collect();
            moment.coarse.clone_from(&moment.fine);
        }
    }
    runs
}

/// The largest distance from the path at this imbalance that any draw has, and the least.
fn distance(checks: &[Check], id: &str, lambda: f64) -> [f64; 2] {
    let check = checks.iter().find(|c| c.id == id).unwrap();
    let place = check.places.iter().find(|p| p.at == format!("lambda = {lambda}, 4-4-4")).unwrap();
    let values: Vec<f64> = place.draws.iter().map(|d| d.value.unwrap()).collect();
    [values.iter().copied().fold(f64::INFINITY, f64::min), values.iter().copied().fold(0.0, f64::max)]
}

fn products(states: Vec<BalancedState>) -> Vec<DMatrix<f64>> {
    states.into_iter().map(|state| state.product).collect()
}

/// What rivals say, put in the place of what descent does.
#[test]
fn rivals_fail_where_they_are_put_in_the_experiments_place() {
    let stated = Theory::as_stated();
    let law = |lambda: &dyn Fn(f64) -> f64| {
        judged(&replaced(|cell, state, times| {
            products(Known::of(cell, state).path(lambda(cell.imbalance), times, &stated).unwrap())
        }))
    };
    let true_law = law(&|l| l);
    assert!(distance(&true_law, "function", 16.0)[1] < 1e-12 && !fails(&true_law, "function"));
    type Law<'a> = &'a dyn Fn(f64) -> f64;
    let rivals: [(Law<'_>, f64, f64); 4] = [
        (&|_| 0.0, 16.0, 0.93),
        (&|l| l * l.abs(), 16.0, 0.7),
        (&|l| l.signum() * l.abs().sqrt(), 16.0, 0.45),
        (&|l| 1.1 * l, 1.0, 0.024),
    ];
    for (lambda, at, least) in rivals {
        let checks = law(lambda);
        let [found, _] = distance(&checks, "function", at);
        assert!(fails(&checks, "function") && found >= least, "{found} {least}");
    }
    // The frozen kernel: E(t) = e^(-A t) E(0) e^(-B t), by many small steps.
    let frozen = judged(&replaced(|cell, state, times| {
        let matrix = |entries: &[f64]| DMatrix::from_column_slice(4, entries.len() / 4, entries);
        let square = |side: usize, entries: &[f64]| DMatrix::from_column_slice(side, side, entries);
        let (d, c) = (cell.inputs, cell.outputs);
        let sigma = matrix(&state.sigma);
        let mut error = &sigma - matrix(&state.product);
        let (inputs, outputs) = (square(d, &state.input_gram), square(c, &state.output_gram));
        let mut now = 0.0;
        let at = |time: &f64| {
            let step = (time - now) / 400.0;
            for _ in 0..400 {
                let fall = |e: &DMatrix<f64>| &outputs * e + e * &inputs;
                let half = &error - fall(&error) * (0.5 * step);
                error -= fall(&half) * step;
            }
            now = *time;
            &sigma - &error
        };
        times.iter().map(at).collect()
    }));
    let [found, _] = distance(&frozen, "function", 0.0);
    assert!(fails(&frozen, "function") && found >= 0.6, "{found}");
    assert!(distance(&frozen, "function", 64.0)[1] < 3e-4, "the frozen kernel is the limit");
}

/// The prediction from the product alone against integration of layers, by a method of fourth order, from two numbers.
#[test]
fn predictions_are_those_of_the_layers() {
    let run = runs(false).iter().find(|r| !r.cell.aligned && r.cell.imbalance == 1.0).unwrap();
    let (cell, state) = (&run.cell, &run.outcome.state);
    let theory = Theory::as_stated();
    let known = Known::of(cell, state);
    let at = &known.path(1.0, &[0.7, 12.0], &theory).unwrap();
    // (Q Q^T)' = F Q Q^T + Q Q^T F - (Q Q^T)^2 from the measured Gram matrices of the start.
    let (d, c) = (cell.inputs, cell.outputs);
    let sigma = DMatrix::from_column_slice(c, d, &state.sigma);
    let product = DMatrix::from_column_slice(c, d, &state.product);
    let mut gram = DMatrix::zeros(d + c, d + c);
    let mut field = DMatrix::identity(d + c, d + c) * 0.5;
    field.view_mut((0, 0), (d, d)).fill_with_identity();
    field.view_mut((0, 0), (d, d)).scale_mut(-0.5);
    for (matrix, corner) in [(&mut gram, &product), (&mut field, &sigma)] {
        matrix.view_mut((d, 0), (c, d)).copy_from(corner);
        matrix.view_mut((0, d), (d, c)).copy_from(&corner.transpose());
    }
    gram.view_mut((0, 0), (d, d)).copy_from(&DMatrix::from_column_slice(d, d, &state.input_gram));
    gram.view_mut((d, d), (c, c)).copy_from(&DMatrix::from_column_slice(c, c, &state.output_gram));
    let speed = |g: &DMatrix<f64>| &field * g + g * &field - g * g;
    let step = 0.7 / 700.0;
    for _ in 0..700 {
        let k1 = speed(&gram);
        let k2 = speed(&(&gram + &k1 * (0.5 * step)));
        let k3 = speed(&(&gram + &k2 * (0.5 * step)));
        let k4 = speed(&(&gram + &k3 * step));
        gram += (k1 + (k2 + k3) * 2.0 + k4) * (step / 6.0);
    }
    assert!((gram.view((d, 0), (c, d)) - &at[0].product).amax() < 1e-10);
    assert!((gram.view((0, 0), (d, d)) - &at[0].input_gram).amax() < 1e-10);
    assert!((gram.view((d, d), (c, c)) - &at[0].output_gram).amax() < 1e-10);
    // At the end all is learned, and the kernel has moved as the singular values say.
    assert!((&at[1].product - &sigma).amax() < 1e-5);
    let inputs = DMatrix::from_column_slice(d, d, &state.input_gram);
    let outputs = DMatrix::from_column_slice(c, c, &state.output_gram);
    let change = [&at[1].input_gram - &inputs, &at[1].output_gram - &outputs];
    // The kernel as a matrix on all pairs of unit inputs and outputs.
    let kernel = |b: &DMatrix<f64>, a: &DMatrix<f64>| {
        let unit = DMatrix::<f64>::identity;
        (unit(d, d).kronecker(a) + b.kronecker(&unit(c, c))).norm()
    };
    let moved = kernel(&change[0], &change[1]) / kernel(&inputs, &outputs);
    assert!((known.movement(1.0).unwrap() / moved - 1.0).abs() < 1e-5);
}

/// Times of a mode against its equation `ds/dt = sqrt(lambda^2 + 4 s^2) (sigma - s)` in small steps, and its two limits.
#[test]
fn a_mode_goes_from_sigmoid_to_exponential() {
    let mode = Mode { start: 0.03, sigma: 1.5, times: [0.0; 3] };
    let theory = Theory::as_stated();
    for lambda in [0.0, 1.0, 4.0, 16.0] {
        let exact = crossings(&mode, lambda, &theory).unwrap();
        let speed = |s: f64| f64::hypot(lambda, 2.0 * s) * (mode.sigma - s);
        let (mut s, mut time, step) = (mode.start, 0.0, 1e-5);
        let mut found = Vec::new();
        while found.len() < 3 {
            let middle = s + 0.5 * step * speed(s);
            let next = s + step * speed(middle);
            let wanted = FRACTIONS[found.len()] * mode.sigma;
            if next >= wanted {
                found.push(time + step * (wanted - s) / (next - s));
            }
            (s, time) = (next, time + step);
        }
        for (exact, found) in exact.iter().zip(&found) {
            assert!((exact - found).abs() < 1e-8, "{lambda}: {exact} {found}");
        }
    }
    let at = |lambda| shape(crossings(&mode, lambda, &theory).unwrap());
    assert!((at(0.0) - 1.0).abs() < 1e-12);
    assert!((at(1e4) - 1.8f64.ln() / 5f64.ln()).abs() < 1e-6);
}

/// The gap's constant: for a small start and one mode it is `2 sigma^2 max_tau e^-tau (tau - 2 (1 - e^-tau) + (1 - e^-2 tau)/2)`.
#[test]
fn the_gap_of_one_mode_is_known() {
    let cell = Cell { inputs: 1, hidden: 1, outputs: 1, ..cells(false)[0].clone() };
    let state = State { sigma: vec![1.5], product: vec![0.0], input_gram: vec![0.0], output_gram: vec![0.0] };
    let times: Vec<f64> = (1..1000).map(|i| f64::from(i) / 3200.0).collect();
    let known = Known::of(&cell, &state).gap(32.0, &times);
    let profile = |tau: f64| {
        let left = (-tau).exp();
        left * (tau - 2.0 * (1.0 - left) + 0.5 * (1.0 - left * left))
    };
    let most = times.iter().map(|t| profile(32.0 * t)).fold(0.0, f64::max);
    assert!((known / (2.0 * 1.5 * 1.5 * most / 1024.0) - 1.0).abs() < 1e-12);
}

/// At `lambda = 0` the determinant of the product keeps its sign: with the wrong one the weakest mode is never learned.
#[test]
fn the_sign_of_the_determinant_decides_what_is_learned_without_imbalance() {
    let mut stuck = 0;
    for run in
        runs(false).iter().filter(|r| !r.cell.aligned && r.cell.imbalance.abs() <= 1.0 && r.cell.inputs == 4)
    {
        let matrix = |entries: &[f64]| DMatrix::from_column_slice(4, 4, entries);
        let (sigma, start) = (matrix(&run.outcome.state.sigma), matrix(&run.outcome.state.product));
        let end = matrix(&run.outcome.path.as_ref().unwrap().last().unwrap().fine);
        let left = (&sigma - &end).norm();
        if run.cell.imbalance != 0.0 {
            assert!(left < 1e-2, "{left}");
        } else if sigma.determinant() * start.determinant() < 0.0 {
            // Singular values of the data are at least 1.
            assert!(left > 0.99, "{left}");
            stuck += 1;
        }
    }
    assert!(stuck > 0, "no draw has the wrong sign");
}

#[test]
fn meaningless_cells_are_refused_and_divergence_is_an_outcome() {
    let cell = cells(false)[0].clone();
    let refused = |cell: Cell| {
        let inputs = Inputs::none();
        let error = LazyToRich.run(&cell, &Context::new(0, "hu-2021/lazy-to-rich", "", &inputs)).unwrap_err();
        error.to_string()
    };
    assert!(refused(Cell { hidden: 0, ..cell.clone() }).contains("hidden 0"));
    assert!(
        refused(Cell { hidden: 9, ..cell.clone() }).contains("hidden must be at most inputs and outputs")
    );
    assert!(refused(Cell { spread: -0.5, ..cell.clone() }).contains("spread -0.5"));
    assert!(refused(Cell { time: 0.0, ..cell.clone() }).contains("time 0"));
    assert!(refused(Cell { learning_rate: 1e-9, ..cell.clone() }).contains("ten million"));
    let diverged = run(&Cell { learning_rate: 4.0, time: 4e3, ..cell.clone() });
    assert_eq!((diverged.path, diverged.gap, diverged.mode), (None, None, None));
    let doubled = |what| LazyToRich.doubled(&cell, what).unwrap();
    assert_eq!(doubled(Doubling::Size).imbalance, 2.0 * cell.imbalance);
    assert_eq!(doubled(Doubling::Horizon).time, 2.0 * cell.time);
    let rich = Cell { imbalance: 0.0, ..cell };
    assert_eq!(LazyToRich.doubled(&rich, Doubling::Horizon), Some(rich));
}
