//! Two-layer limits against an independent program, against nets trained on the real loss, and against wide nets.

use nalgebra::{DMatrix, DVector};
use overparam_feature_flow::rich_limit::{
    Grid, LinearClosure, LinearMoments, Nonlinearity, Particles, Sampling, Solver, Standard, TwoLayer,
    influence, lazy_kernel, lazy_outputs,
};
use overparam_tensor::random::Stream;
use serde_json::Value;

fn golden(key: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("data/rich_limit.json")).unwrap();
    all[key].as_array().unwrap().clone()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

fn vector(value: &Value) -> DVector<f64> {
    DVector::from_vec(numbers(value))
}

fn matrix(value: &Value) -> DMatrix<f64> {
    let rows: Vec<Vec<f64>> = value.as_array().unwrap().iter().map(numbers).collect();
    DMatrix::from_fn(rows.len(), rows[0].len(), |i, j| rows[i][j])
}

fn problem(case: &Value) -> TwoLayer {
    TwoLayer::new(matrix(&case["K"]), vector(&case["y"]), number(&case["gamma"])).unwrap()
}

fn phi(case: &Value) -> Standard {
    case["phi"].as_str().unwrap().parse().unwrap()
}

fn two_points(gamma: f64) -> TwoLayer {
    let kernel = DMatrix::from_row_slice(2, 2, &[1.0, 0.3, 0.3, 0.8]);
    TwoLayer::new(kernel, DVector::from_vec(vec![1.0, -0.5]), gamma).unwrap()
}

#[test]
fn linear_units_close() {
    let mut worst: f64 = 0.0;
    for case in golden("linear") {
        let problem = problem(&case);
        let start = LinearMoments::infinite(&problem);
        let times = numbers(&case["t"]);
        let moments = LinearClosure::default().solve(&problem, &start, &times).unwrap();
        for (i, found) in moments.iter().enumerate() {
            worst = worst.max((found.outputs(&problem) - vector(&case["f"][i])).amax());
            worst = worst.max((found.readout - number(&case["C"][i])).abs());
            worst = worst.max((&found.hidden - matrix(&case["H"][i])).amax());
        }
    }
    for case in golden("linear_whitened") {
        let y = number(&case["y_norm"]);
        let target = DVector::from_vec(vec![0.6 * y, -0.8 * y]);
        let problem = TwoLayer::new(DMatrix::identity(2, 2), target, number(&case["gamma"])).unwrap();
        let start = LinearMoments::infinite(&problem);
        let moments = LinearClosure::default().solve(&problem, &start, &numbers(&case["t"])).unwrap();
        for (found, f) in moments.iter().zip(numbers(&case["f"])) {
            worst = worst.max((found.outputs(&problem).norm() - f).abs());
        }
    }
    println!("largest error {worst:.1e}");
    assert!(worst < 2e-9, "{worst:e}");
}

#[test]
fn grids_have_the_limits_digits() {
    for case in golden("grid") {
        let problem = problem(&case);
        let step = if problem.points() == 1 { 0.08 } else { 0.25 };
        let grid = Grid { step, time_step: if problem.points() == 1 { 0.025 } else { 0.05 } };
        let limit = grid.solve(&problem, &phi(&case), &numbers(&case["t"])).unwrap();
        let (mut outputs, mut kernels): (f64, f64) = (0.0, 0.0);
        for i in 0..limit.times.len() {
            outputs = outputs.max((&limit.outputs[i] - vector(&case["f"][i])).amax());
            for j in 0..limit.times.len() {
                kernels = kernels.max((&limit.features[i][j] - matrix(&case["Phi"][i][j])).amax());
                kernels = kernels.max((&limit.gradients[i][j] - matrix(&case["G"][i][j])).amax());
            }
        }
        let stated = (number(&case["abs_error_f"]), number(&case["abs_error_kernels"]));
        println!(
            "P {} gamma {}: f {outputs:.1e} (estimate {:.1e}, theirs {:.1e}), kernels {kernels:.1e} ({:.1e}, {:.1e}), {} units",
            problem.points(),
            problem.gamma(),
            limit.output_error,
            stated.0,
            limit.kernel_error,
            stated.1,
            limit.units
        );
        // Ten printed digits.
        assert!(outputs < stated.0 + limit.output_error + 1e-10 && outputs < 6e-6);
        assert!(kernels < stated.1 + limit.kernel_error + 2e-10);
    }
}

/// A grid that is too coarse says so, at every richness.
#[test]
fn coarse_grids_know_their_errors() {
    for case in golden("grid") {
        let problem = problem(&case);
        for step in [0.3, 0.45, 0.6] {
            let grid = Grid { step, time_step: 0.05 };
            let limit = grid.solve(&problem, &phi(&case), &numbers(&case["t"])).unwrap();
            let away = limit.outputs.iter().enumerate().map(|(i, f)| (f - vector(&case["f"][i])).amax());
            let off = away.fold(0.0, f64::max);
            println!(
                "P {} gamma {} step {step}: {off:.1e}, stated {:.1e}",
                problem.points(),
                problem.gamma(),
                limit.output_error
            );
            // Ten printed digits.
            assert!(off < limit.output_error + number(&case["abs_error_f"]) + 1e-10);
        }
    }
}

/// With a kink: a grid in one dimension; in more no node lies between inputs that are nearly parallel, and units are sampled. At the start kernels are
/// known from the angle of the inputs (Cho, Saul 2009).
#[test]
fn kinks_have_honest_errors() {
    let (relu, y) = (Standard::Relu, DVector::from_vec(vec![1.0, 0.3]));
    let line =
        TwoLayer::new(DMatrix::from_row_slice(2, 2, &[1.0, -0.5, -0.5, 0.25]), y.clone(), 1.0).unwrap();
    let at = |step: f64| Grid { step, time_step: 0.02 }.solve(&line, &relu, &[0.0, 1.0]).unwrap();
    let (coarse, fine) = (at(0.3), at(0.03));
    let off = (&coarse.outputs[1] - &fine.outputs[1]).amax();
    println!("one dimension: {off:.1e}, stated {:.1e}", coarse.output_error);
    assert!(off < coarse.output_error + fine.output_error && coarse.output_error < 1e-2);
    for angle in [0.02f64, 1.0] {
        let kernel = DMatrix::from_fn(2, 2, |i, j| if i == j { 1.0 } else { angle.cos() });
        let problem = TwoLayer::new(kernel.clone(), y.clone(), 1.0).unwrap();
        let refused = Grid::default().solve(&problem, &relu, &[1.0]).unwrap_err().to_string();
        assert!(refused.contains("kink"), "{refused}");
        let solver = Solver::of(&problem, None, 4096, Stream::root(4)).unwrap();
        let start = solver.rich(&problem, relu, &[0.0]).unwrap();
        let of = |i: usize, j: usize| {
            let angle = if i == j { 0.0 } else { angle };
            let rest = (std::f64::consts::PI - angle) / std::f64::consts::TAU;
            (angle.sin() / std::f64::consts::TAU + rest * angle.cos(), rest)
        };
        let features = DMatrix::from_fn(2, 2, |i, j| of(i, j).0);
        let gradients = DMatrix::from_fn(2, 2, |i, j| of(i, j).1);
        let off = [&start.features[0][0] - &features, &start.gradients[0][0] - &gradients].map(|m| m.amax());
        println!(
            "angle {angle}: {:.1e} and {:.1e}, standard error {:.1e}",
            off[0], off[1], start.kernel_error
        );
        assert!(off[0].max(off[1]) < 4.0 * start.kernel_error && start.kernel_error < 1e-2);
        let lazy = solver.lazy(&problem, relu, &[1.0]).unwrap();
        let theta = features + kernel.component_mul(&gradients);
        let exact = lazy_outputs(&problem, &theta, &[1.0]).unwrap();
        assert!((&lazy.outputs[0] - &exact[0]).amax() < 4.0 * lazy.output_error);
    }
}

#[test]
fn samples_agree_within_their_errors() {
    for case in golden("monte_carlo") {
        let x = matrix(&case["X"]);
        let kernel = &x * x.transpose() / x.ncols() as f64;
        let problem = TwoLayer::new(kernel, vector(&case["y"]), number(&case["gamma"])).unwrap();
        let sampling = Sampling { pairs: 4096, ..Sampling::default() };
        let limit = sampling.solve(&problem, &phi(&case), &numbers(&case["t"]), &Stream::root(1)).unwrap();
        let (mut outputs, mut kernels): (f64, f64) = (0.0, 0.0);
        for i in 0..limit.times.len() {
            outputs = outputs.max((&limit.outputs[i] - vector(&case["f"][i])).amax());
            kernels = kernels.max((&limit.features[i][i] - matrix(&case["Phi_tt"][i])).amax());
            kernels = kernels.max((&limit.gradients[i][i] - matrix(&case["G_tt"][i])).amax());
        }
        let stated = (number(&case["standard_error_f"]), number(&case["standard_error_kernels"]));
        println!(
            "P {} {}: f {outputs:.1e} (se {:.1e}, theirs {:.1e}), kernels {kernels:.1e} ({:.1e}, {:.1e})",
            problem.points(),
            case["phi"],
            limit.output_error,
            stated.0,
            limit.kernel_error,
            stated.1
        );
        assert!(limit.outputs[0].amax() < 1e-15);
        assert!(outputs < 4.0 * stated.0.hypot(limit.output_error));
        assert!(kernels < 4.0 * stated.1.hypot(limit.kernel_error));
    }
}

#[test]
fn fluctuations_are_the_influence_of_units() {
    for case in golden("fluctuations") {
        let (problem, phi) = (problem(&case), phi(&case));
        let units = Grid { step: 0.4, time_step: 0.05 }.particles(&problem, &phi).unwrap();
        let found = influence(&problem, &phi, &units, &numbers(&case["t"]), 0.025).unwrap();
        let mut worst: f64 = 0.0;
        for (i, at) in found.iter().enumerate() {
            worst = worst.max((&at.covariance - matrix(&case["m_times_cov_f"][i])).amax());
        }
        println!(
            "gamma {}: {worst:.1e}, theirs {:.1e}, {} units",
            problem.gamma(),
            number(&case["abs_error"]),
            units.count()
        );
        assert!(worst < number(&case["abs_error"]), "{worst:e}");
    }
}

/// Linear units have their fluctuations from the moments' equation too.
#[test]
fn linear_fluctuations_agree() {
    let problem = two_points(1.0);
    let times = [0.0, 0.5, 1.5];
    let units = Grid { step: 0.5, time_step: 0.05 }.particles(&problem, &Standard::Linear).unwrap();
    let by_units = influence(&problem, &Standard::Linear, &units, &times, 0.0125).unwrap();
    let by_moments = LinearClosure { time_step: 0.0125 }.fluctuations(&problem, &times).unwrap();
    for (units, moments) in by_units.iter().zip(&by_moments) {
        assert!((&units.covariance - moments).amax() < 1e-5, "{} {moments}", units.covariance);
    }
}

/// A net with its weights: `f = 1/(gamma m) sum a phi(W x/sqrt d)`, and the gradient of its loss by central differences.
struct Net {
    gamma: f64,
    inputs: DMatrix<f64>,
    targets: DVector<f64>,
    phi: fn(f64) -> f64,
}

impl Net {
    fn outputs(&self, theta: &DVector<f64>) -> DVector<f64> {
        let (n, d) = self.inputs.shape();
        let m = theta.len() / (d + 1);
        DVector::from_fn(n, |mu, _| {
            let unit = |i: usize| {
                let w = &theta.as_slice()[m + i * d..m + (i + 1) * d];
                let h: f64 = w.iter().zip(self.inputs.row(mu).iter()).map(|(w, x)| w * x).sum();
                theta[i] * (self.phi)(h / (d as f64).sqrt())
            };
            (0..m).map(unit).sum::<f64>() / (self.gamma * m as f64)
        })
    }

    fn loss(&self, theta: &DVector<f64>) -> f64 {
        let outputs = self.outputs(theta);
        self.targets.iter().zip(outputs.iter()).map(|(y, f)| 0.5 * (y - f).powi(2)).sum()
    }

    fn speed(&self, theta: &DVector<f64>) -> DVector<f64> {
        let m = theta.len() / (self.inputs.ncols() + 1);
        let mut moved = theta.clone();
        DVector::from_fn(theta.len(), |i, _| {
            let mut at = |by: f64| {
                moved[i] = theta[i] + by;
                self.loss(&moved)
            };
            let (up, down) = (at(1e-5), at(-1e-5));
            moved[i] = theta[i];
            -self.gamma.powi(2) * m as f64 * (up - down) / 2e-5
        })
    }
}

/// The equations of a unit are those that descent on the real loss implies: `phi'` at the training example, and a test point
/// (the last input) that follows.
#[test]
fn units_follow_the_real_loss() {
    let relu = |x: f64| x.max(0.0);
    for (standard, phi) in
        [(Standard::Tanh, f64::tanh as fn(f64) -> f64), (Standard::Relu, relu), (Standard::Linear, |x| x)]
    {
        let (m, d, n) = (5, 3, 4);
        let stream = Stream::root(7);
        let inputs: DMatrix<f64> = stream.named("x").normal_matrix(n, d, 1.0);
        let net = Net { gamma: 1.7, inputs, targets: DVector::from_vec(vec![1.0, -0.5, 0.7]), phi };
        let mut theta: DVector<f64> = stream.named("theta").normal_vector(m * (d + 1), 1.0);
        let kernel = &net.inputs * net.inputs.transpose() / d as f64;
        let problem = TwoLayer::new(kernel, net.targets.clone(), net.gamma).unwrap();
        let h = DMatrix::from_fn(m, n, |i, mu| {
            (0..d).map(|k| theta[m + i * d + k] * net.inputs[(mu, k)]).sum::<f64>() / (d as f64).sqrt()
        });
        let a = theta.rows(0, m).into_owned();
        let mut units = Particles::from_units(&a, &h).unwrap();
        let start = units.outputs(&problem, &standard).unwrap();
        assert!((&start - net.outputs(&theta)).amax() < 1e-13);
        let (time, steps) = (0.6, 120);
        let step = time / f64::from(steps);
        for _ in 0..steps {
            let k1 = net.speed(&theta);
            let k2 = net.speed(&(&theta + &k1 * (0.5 * step)));
            let k3 = net.speed(&(&theta + &k2 * (0.5 * step)));
            let k4 = net.speed(&(&theta + &k3 * step));
            theta += (k1 + k2 * 2.0 + k3 * 2.0 + k4) * (step / 6.0);
        }
        units.advance(&problem, &standard, time, step).unwrap();
        let (real, ours) = (net.outputs(&theta), units.outputs(&problem, &standard).unwrap());
        assert!((&real - &start).amax() > 0.1);
        let tolerance = if standard == Standard::Relu { 1e-4 } else { 1e-7 };
        assert!((&real - &ours).amax() < tolerance, "{standard:?}: {real} {ours}");
        if standard == Standard::Linear {
            let start = LinearMoments::of_units(&a, &h).unwrap();
            let moments = LinearClosure::default().solve(&problem, &start, &[time]).unwrap();
            assert!((real - moments[0].outputs(&problem)).amax() < 1e-7);
        }
    }
}

/// Means and variances of nets of these widths within four standard errors of the limit and of the predicted fluctuations.
fn nets_scatter(gamma: f64, widths: &[usize]) {
    let problem = two_points(gamma);
    let phi = Standard::Tanh;
    let times = [1.0, 2.0];
    let grid = Grid { step: 0.4, time_step: 0.05 };
    let units = grid.particles(&problem, &phi).unwrap();
    let predicted = influence(&problem, &phi, &units, &times, 0.05).unwrap();
    let limit = units.solve(&problem, &phi, &times, 0.05).unwrap();
    let seeds = 64;
    for &m in widths {
        let nets: Vec<_> = (0..seeds)
            .map(|seed| {
                let net = Particles::random(&problem, m, &Stream::root(seed).named("net")).unwrap();
                net.solve(&problem, &phi, &times, 0.1).unwrap()
            })
            .collect();
        for (i, predicted) in predicted.iter().enumerate() {
            for mu in 0..2 {
                let values = || nets.iter().map(|n| n.outputs[i][mu]);
                let mean = values().sum::<f64>() / seeds as f64;
                let variance = values().map(|f| (f - mean).powi(2)).sum::<f64>() / (seeds - 1) as f64;
                let expected = predicted.covariance[(mu, mu)] / m as f64;
                let away = (mean - limit.outputs[i][mu]).abs();
                let ratio = variance / expected;
                let standard = (expected / seeds as f64).sqrt();
                println!(
                    "gamma {gamma} m {m} t {} output {mu}: mean off by {:.2} standard errors, variance {ratio:.3} of the prediction",
                    times[i],
                    away / standard
                );
                assert!(away < 4.0 * standard + 1.0 / m as f64, "{gamma} {m} {away:e}");
                assert!(
                    (ratio - 1.0).abs() < 4.0 * (2.0 / (seeds - 1) as f64).sqrt(),
                    "{gamma} {m} {i} {mu}: {ratio}"
                );
            }
        }
    }
}

#[test]
fn wide_nets_scatter_as_predicted() {
    nets_scatter(1.0, &[256, 1024]);
}

/// `cargo test --workspace --test rich_limit -- --ignored --nocapture`
#[test]
#[ignore = "half a minute: other richness, and wider nets"]
fn nets_of_every_width_scatter_as_predicted() {
    for gamma in [0.5, 1.0, 2.0] {
        nets_scatter(gamma, &[256, 1024, 4096]);
    }
}

/// `gamma -> 0` is the tangent kernel's closed form, and the distance from it is of order `gamma^2`; a test point too.
#[test]
fn small_richness_is_lazy() {
    let kernel = DMatrix::from_row_slice(3, 3, &[1.0, 0.3, 0.5, 0.3, 0.8, -0.2, 0.5, -0.2, 0.9]);
    let at = |gamma: f64| TwoLayer::new(kernel.clone(), DVector::from_vec(vec![1.0, -0.5]), gamma).unwrap();
    let grid = Grid { step: 0.5, time_step: 0.1 };
    for phi in [Standard::Tanh, Standard::Erf] {
        let theta = lazy_kernel(&at(1.0), &phi, &grid).unwrap();
        let lazy = lazy_outputs(&at(1.0), &theta, &[1.0, 3.0]).unwrap();
        let distance = |gamma: f64| {
            let rich =
                grid.particles(&at(gamma), &phi).unwrap().solve(&at(gamma), &phi, &[1.0, 3.0], 0.1).unwrap();
            rich.outputs.iter().zip(&lazy).map(|(a, b)| (a - b).amax()).fold(0.0, f64::max)
        };
        let (far, near) = (distance(0.2), distance(0.1));
        let slope = (far / near).log2();
        assert!((slope - 2.0).abs() < 0.1, "{phi:?}: {far:e} {near:e}");
    }
}

/// The features' kernel moves, more with more richness, and the tangent kernel is the one that moves the outputs.
#[test]
fn the_kernel_that_moves_is_the_tangent_kernel() {
    let problem = two_points(1.5);
    let h = 1e-3;
    let grid = Grid { step: 0.5, time_step: 0.05 };
    let units = grid.particles(&problem, &Standard::Erf).unwrap();
    let limit = units.solve(&problem, &Standard::Erf, &[1.0 - h, 1.0, 1.0 + h], 0.05).unwrap();
    let speed = (&limit.outputs[2] - &limit.outputs[0]) / (2.0 * h);
    let missing = problem.targets() - &limit.outputs[1];
    assert!((speed - limit.tangent_kernel(&problem, 1) * missing).amax() < 1e-5);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let k = DMatrix::from_row_slice(2, 2, &[1.0, 2.0, 2.0, 1.0]);
    let y = DVector::from_vec(vec![1.0, 0.0]);
    assert!(TwoLayer::new(k.clone(), y.clone(), 1.0).is_err());
    assert!(TwoLayer::new(DMatrix::from_row_slice(2, 2, &[1.0, 0.5, 0.0, 1.0]), y.clone(), 1.0).is_err());
    let eye = DMatrix::identity(2, 2);
    assert!(TwoLayer::new(eye.clone(), y.clone(), 0.0).is_err());
    assert!(TwoLayer::new(eye.clone(), DVector::from_vec(vec![1.0; 3]), 1.0).is_err());
    assert!(TwoLayer::new(eye.clone(), DVector::from_vec(vec![f64::NAN]), 1.0).is_err());
    let problem = TwoLayer::new(eye, y, 1.0).unwrap();
    let grid = Grid::default();
    assert!(grid.solve(&problem, &Standard::Tanh, &[2.0, 1.0]).is_err());
    assert!(Grid { step: 0.0, ..grid }.solve(&problem, &Standard::Tanh, &[1.0]).is_err());
    let units = Grid { step: 1.0, ..grid }.particles(&problem, &Standard::Relu).unwrap();
    let kinked = influence(&problem, &Standard::Relu, &units, &[1.0], 0.1).unwrap_err();
    assert!(kinked.to_string().contains("kink"), "{kinked}");
    let large = TwoLayer::new(DMatrix::identity(4, 4), DVector::from_vec(vec![1.0; 4]), 1.0).unwrap();
    assert!(grid.solve(&large, &Standard::Tanh, &[1.0]).unwrap_err().to_string().contains("at most 3"));
    assert!(
        Sampling { replicates: 1, ..Sampling::default() }
            .solve(&large, &Standard::Tanh, &[1.0], &Stream::root(0))
            .is_err()
    );
    assert!(units.clone().solve(&large, &Standard::Tanh, &[1.0], 0.1).is_err());
    assert!(units.solve(&two_points(1.0), &Standard::Tanh, &[10.0], 9.0).is_err() || Standard::Tanh.is_odd());
}
