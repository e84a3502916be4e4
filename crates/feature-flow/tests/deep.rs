//! Limits of deep nets: linear ones against the singular values of the middle matrix, two layers and the tangent kernel; sampled ones against linear ones and a
//! grid; both against wide nets with weights of their own.

use nalgebra::{DMatrix, DVector};
use overparam_feature_flow::rich_limit::{
    DeepLinear, DeepSampling, LinearClosure, LinearMoments, Standard, TwoLayer,
};
use overparam_tensor::random::Stream;
use proptest::prelude::*;

fn two_points(gamma: f64) -> TwoLayer {
    let kernel = DMatrix::from_row_slice(2, 2, &[1.0, 0.3, 0.3, 0.8]);
    TwoLayer::new(kernel, DVector::from_vec(vec![1.0, -0.5]), gamma).unwrap()
}

fn net(hidden_layers: usize) -> DeepLinear {
    DeepLinear { hidden_layers, ..DeepLinear::default() }
}

/// Two hidden layers without response functions: in the singular vectors of `W^2(0)`, whose values have the semicircle law (signs are immaterial), each
/// mode of `h^1`, `g^1`, `h^2`, `g^2` is a linear map of its own `n + 1` Gaussians, and modes meet through covariances alone. The sum
/// over modes is Gauss's quadrature for the semicircle, exact for polynomials, which these are at every step.
fn by_singular_values(problem: &TwoLayer, eta: f64, steps: usize) -> Vec<DVector<f64>> {
    let (k, y, n) = (problem.kernel(), problem.targets(), problem.points());
    let nodes = 2 * steps + 4;
    let angle = |i: usize| std::f64::consts::PI * (i + 1) as f64 / (nodes + 1) as f64;
    let values: Vec<f64> = (0..nodes).map(|i| 2.0 * angle(i).cos()).collect();
    let weights: Vec<f64> = (0..nodes).map(|i| 2.0 / (nodes + 1) as f64 * angle(i).sin().powi(2)).collect();
    let mut sources = DMatrix::identity(n + 1, n + 1);
    sources.view_mut((0, 0), (n, n)).copy_from(k);
    let mean = |a: &[DMatrix<f64>], b: &[DMatrix<f64>]| -> DMatrix<f64> {
        (0..nodes).map(|q| &a[q] * &sources * b[q].transpose() * weights[q]).sum()
    };
    // One column a time; h is n x (n + 1), g is 1 x (n + 1).
    let mut first = vec![DMatrix::zeros(n, n + 1); nodes];
    let mut last = vec![DMatrix::zeros(1, n + 1); nodes];
    for q in 0..nodes {
        first[q].view_mut((0, 0), (n, n)).fill_with_identity();
        last[q][(0, n)] = 1.0;
    }
    let (mut h1, mut g2, mut h2, mut g1) =
        (Vec::new(), Vec::new(), Vec::<Vec<DMatrix<f64>>>::new(), Vec::<Vec<DMatrix<f64>>>::new());
    let (mut outputs, mut missing) = (Vec::new(), Vec::<DMatrix<f64>>::new());
    let rate = problem.gamma() * eta;
    for step in 0..=steps {
        if step > 0 {
            let delta: &DMatrix<f64> = &missing[step - 1];
            for q in 0..nodes {
                first[q] += k * delta * &g1[step - 1][q] * rate;
                last[q] += delta.transpose() * &h2[step - 1][q] * rate;
            }
        }
        h1.push(first.clone());
        g2.push(last.clone());
        let mut second: Vec<_> = (0..nodes).map(|q| &first[q] * values[q]).collect();
        let mut below: Vec<_> = (0..nodes).map(|q| &last[q] * values[q]).collect();
        for j in 0..step {
            let (features, gradients) = (mean(&h1[step], &h1[j]), mean(&g2[step], &g2[j])[(0, 0)]);
            for q in 0..nodes {
                second[q] += &features * &missing[j] * &g2[j][q] * rate;
                below[q] += missing[j].transpose() * &h1[j][q] * (rate * gradients);
            }
        }
        let f = mean(&second, &g2[step]).column(0) / problem.gamma();
        missing.push(DMatrix::from_fn(n, 1, |i, _| if i < y.len() { y[i] - f[i] } else { 0.0 }));
        outputs.push(f);
        h2.push(second);
        g1.push(below);
    }
    outputs
}

#[test]
fn singular_values_say_the_same() {
    let kernel = DMatrix::from_row_slice(3, 3, &[1.0, 0.3, 0.5, 0.3, 0.8, -0.2, 0.5, -0.2, 0.9]);
    for gamma in [0.3, 1.0, 3.0] {
        let problem = TwoLayer::new(kernel.clone(), DVector::from_vec(vec![1.0, -0.5]), gamma).unwrap();
        let (eta, steps) = (0.05, 24);
        let ours = net(2).descent(&problem, &vec![eta; steps]).unwrap();
        let theirs = by_singular_values(&problem, eta, steps);
        let worst = ours.iter().zip(&theirs).map(|(a, b)| (&a.outputs - b).amax()).fold(0.0, f64::max);
        println!("gamma {gamma}: {worst:.1e}");
        assert!(worst < 1e-12, "{gamma} {worst:e}");
    }
}

/// Outputs of another program, which integrates the same equations entry by entry, at time 1.
#[test]
fn deeper_nets_have_their_digits() {
    for (layers, outputs) in [(2, [0.968_519_01, -0.445_954_31]), (3, [0.996_264_07, -0.491_010_84])] {
        let limit = net(layers).solve(&two_points(1.0), &[1.0]).unwrap();
        let away = (&limit.outputs[0] - DVector::from_column_slice(&outputs)).amax();
        println!("{layers} hidden layers: {away:.1e}, stated {:.1e}", limit.output_error);
        assert!(away < 1e-7 && limit.output_error < 2e-5);
    }
}

#[test]
fn one_hidden_layer_is_the_closed_equation() {
    for gamma in [0.1, 1.0, 3.0] {
        let problem = two_points(gamma);
        let times = [0.5, 1.0, 2.0];
        let limit = net(1).solve(&problem, &times).unwrap();
        let moments =
            LinearClosure::default().solve(&problem, &LinearMoments::infinite(&problem), &times).unwrap();
        let mut worst: f64 = 0.0;
        for (i, exact) in moments.iter().enumerate() {
            worst = worst.max((&limit.outputs[i] - exact.outputs(&problem)).amax());
            // Ten times what another program has for the same extrapolation.
            assert!((&limit.features[i][0] - &exact.hidden).amax() < 5e-5);
            assert!((limit.gradients[i][0] - exact.readout).abs() < 5e-5);
            assert!((limit.tangent_kernel(&problem, i) - exact.tangent_kernel(&problem)).amax() < 1e-4);
        }
        println!("gamma {gamma}: {worst:.1e}, stated {:.1e}", limit.output_error);
        assert!(
            worst <= limit.output_error && limit.output_error < 1e-4,
            "{worst:e} {:e}",
            limit.output_error
        );
    }
}

/// Inputs thirty times as large learn faster, and steps follow; those that are made for small ones diverge, or err by much and say so.
#[test]
fn steps_suit_the_inputs() {
    let small = two_points(1.0);
    let problem = TwoLayer::new(small.kernel() * 30.0, small.targets().clone(), 1.0).unwrap();
    let limit = DeepLinear::of(&problem, 2).unwrap().solve(&problem, &[0.02, 0.05]).unwrap();
    // Of another program with the same steps, and of one with half of them.
    let expected = [[0.754_246, -0.255_270], [0.959_877, -0.446_743]];
    for (found, expected) in limit.outputs.iter().zip(&expected) {
        assert!((found - DVector::from_column_slice(expected)).amax() < 1e-4, "{found}");
    }
    assert!(limit.output_error < 1e-3, "{:e}", limit.output_error);
    let coarse = net(2).solve(&problem, &[1.0]);
    assert!(coarse.is_err() || coarse.is_ok_and(|coarse| coarse.output_error > 0.1));
    assert_eq!(DeepLinear::of(&small, 2).unwrap(), net(2));
}

/// `gamma -> 0` is the tangent kernel `(L + 1) K`, at a distance of order `gamma^2`.
#[test]
fn small_richness_is_lazy() {
    for layers in 1..=4 {
        let distance = |gamma: f64| {
            let problem = two_points(gamma);
            let rates = vec![0.02; 30];
            let found = net(layers).descent(&problem, &rates).unwrap();
            let mut lazy = DVector::zeros(2);
            let theta = problem.kernel() * (layers + 1) as f64;
            rates.iter().for_each(|rate| lazy += &theta * (problem.targets() - &lazy) * *rate);
            (&found[30].outputs - lazy).amax()
        };
        let (far, near) = (distance(0.02), distance(0.01));
        assert!(((far / near).log2() - 2.0).abs() < 0.05, "{layers}: {far:e} {near:e}");
    }
}

/// A nonlinearity and its derivative.
type WithDerivative = (fn(f64) -> f64, fn(f64) -> f64);

/// A net of `N` units a layer with real weights, by descent on the loss; the last input is a test point.
struct Wide<'a> {
    problem: &'a TwoLayer,
    inputs: &'a DMatrix<f64>,
    layers: usize,
    phi: WithDerivative,
    descent: (f64, usize),
}

impl Wide<'_> {
    fn run(&self, units: usize, stream: &Stream) -> DVector<f64> {
        let (gamma, d, layers, (phi, slope)) =
            (self.problem.gamma(), self.inputs.ncols(), self.layers, self.phi);
        let draw = |rows, columns, name: usize| -> DMatrix<f64> {
            stream.indexed(name as u64).normal_matrix(rows, columns, 1.0)
        };
        let below = |l: usize| if l == 0 { d } else { units };
        let mut weights: Vec<DMatrix<f64>> = (0..layers).map(|l| draw(units, below(l), l)).collect();
        let mut read: DVector<f64> = stream.indexed(layers as u64).normal_vector(units, 1.0);
        // The products, and what the nonlinearity makes of them: of the inputs, nothing.
        let forward = |weights: &[DMatrix<f64>]| {
            let (mut products, mut values) = (Vec::new(), vec![self.inputs.transpose()]);
            for (l, w) in weights.iter().enumerate() {
                let product = w * &values[l] / (below(l) as f64).sqrt();
                values.push(product.map(phi));
                products.push(product);
            }
            (products, values)
        };
        let outputs = |top: &DMatrix<f64>, read: &DVector<f64>| top.tr_mul(read) / (gamma * units as f64);
        let (eta, steps) = self.descent;
        for _ in 0..steps {
            let (products, values) = forward(&weights);
            let f = outputs(&values[layers], &read);
            let missing =
                DVector::from_fn(f.len(), |i, _| self.problem.targets().get(i).map_or(0.0, |y| y - f[i]));
            // gamma^2 N times the gradient of f, whose factor is 1/(gamma N); a column for each example.
            let mut signal = DMatrix::from_fn(units, f.len(), |i, _| read[i]);
            read += &values[layers] * &missing * (eta * gamma);
            for l in (0..layers).rev() {
                signal.zip_apply(&products[l], |s, h| *s *= slope(h));
                let root = (below(l) as f64).sqrt();
                let next = weights[l].tr_mul(&signal) / root;
                weights[l] +=
                    &signal * DMatrix::from_diagonal(&missing) * values[l].transpose() * (eta * gamma / root);
                signal = next;
            }
        }
        outputs(&forward(&weights).1[layers], &read)
    }

    /// The mean over nets, and its variance.
    fn mean(&self, units: usize, seeds: u64) -> (DVector<f64>, DVector<f64>) {
        let stream = Stream::root(3).named("net").indexed(units as u64);
        let runs: Vec<DVector<f64>> = (0..seeds).map(|seed| self.run(units, &stream.indexed(seed))).collect();
        let mean = runs.iter().sum::<DVector<f64>>() / seeds as f64;
        let spread = runs.iter().map(|r| (r - &mean).map(|v| v * v)).sum::<DVector<f64>>();
        (mean, spread / (seeds * (seeds - 1)) as f64)
    }
}

/// The mean over nets of two widths, extrapolated in `1/N`, within four standard errors.
fn nets_follow(linear: bool, layers: usize, units: usize, seeds: u64) {
    let inputs: DMatrix<f64> = Stream::root(3).named("x").normal_matrix(3, 3, 1.0);
    let kernel = &inputs * inputs.transpose() / 3.0;
    let problem = TwoLayer::new(kernel, DVector::from_vec(vec![1.0, -0.5]), 1.0).unwrap();
    let (eta, steps) = if linear { (0.03, 20) } else { (0.06, 12) };
    let phi: WithDerivative = if linear { (|x| x, |_| 1.0) } else { (f64::tanh, |x| 1.0 - x.tanh().powi(2)) };
    let rates = vec![eta; steps];
    let (limit, error) = if linear {
        (net(layers).descent(&problem, &rates).unwrap().swap_remove(steps).outputs, DVector::zeros(3))
    } else {
        let sampling = DeepSampling { hidden_layers: layers, pairs: 512, replicates: 16 };
        let mut found = sampling.descent(&problem, &Standard::Tanh, &rates, &Stream::root(9)).unwrap();
        (found.outputs.swap_remove(steps), found.errors.swap_remove(steps))
    };
    let wide = Wide { problem: &problem, inputs: &inputs, layers, phi, descent: (eta, steps) };
    let ((narrow, narrow_error), (broad, broad_error)) =
        (wide.mean(units, seeds), wide.mean(2 * units, seeds));
    for mu in 0..3 {
        let extrapolated = 2.0 * broad[mu] - narrow[mu];
        let standard = (4.0 * broad_error[mu] + narrow_error[mu] + error[mu].powi(2)).sqrt();
        println!(
            "{layers} hidden layers, output {mu}: limit {:.4} +- {:.4}, {} units {:.4} +- {:.4}, {} units {:.4} +- {:.4}, together {:.2} standard errors off",
            limit[mu],
            error[mu],
            units,
            narrow[mu],
            narrow_error[mu].sqrt(),
            2 * units,
            broad[mu],
            broad_error[mu].sqrt(),
            (extrapolated - limit[mu]) / standard
        );
        assert!((extrapolated - limit[mu]).abs() < 4.0 * standard);
    }
}

#[test]
fn wide_nets_follow_the_limit() {
    for layers in [2, 3] {
        nets_follow(true, layers, 64, 100);
        nets_follow(false, layers, 64, 100);
    }
}

/// `cargo test --release -p overparam-feature-flow --test deep -- --ignored --nocapture`
#[test]
#[ignore = "some minutes: wider nets, four hidden layers"]
fn wider_nets_follow_the_limit() {
    for layers in [2, 3, 4] {
        nets_follow(true, layers, 256, 100);
        nets_follow(false, layers, 256, 100);
    }
}

/// Linear units: samples and the equations without samples.
#[test]
fn samples_of_linear_nets_agree() {
    let problem = two_points(1.5);
    let rates = [0.1, 0.05, 0.08, 0.1, 0.0, 0.1];
    for layers in 1..=3 {
        let exact = net(layers).descent(&problem, &rates).unwrap();
        let sampling = DeepSampling { hidden_layers: layers, pairs: 256, replicates: 24 };
        let found = sampling.descent(&problem, &Standard::Linear, &rates, &Stream::root(5)).unwrap();
        for (k, exact) in exact.iter().enumerate() {
            let away = &found.outputs[k] - &exact.outputs;
            println!(
                "{layers} hidden layers, step {k}: {:.4} off {:.4}, {:.4}",
                exact.outputs[0], away[0], found.errors[k][0]
            );
            // A bias of the order of one over the pairs.
            assert!(
                (0..2).all(|mu| away[mu].abs() < 4.0 * found.errors[k][mu] + 1.0 / 256.0),
                "{layers} {k}"
            );
            let kernel = (&found.features[k][layers - 1] - &exact.features[layers - 1]).amax();
            assert!(kernel < 0.1 * exact.features[layers - 1].amax(), "{layers} {k}: {kernel}");
        }
        assert!(found.outputs[0].amax() < 1e-14);
    }
}

/// One hidden layer of tanh on one example: units on a grid, by descent.
#[test]
fn samples_of_one_layer_are_units() {
    let (gamma, eta, steps) = (1.5, 0.1, 8);
    let problem = TwoLayer::new(DMatrix::identity(1, 1), DVector::from_element(1, 1.0), gamma).unwrap();
    let sampling = DeepSampling { hidden_layers: 1, pairs: 4096, replicates: 16 };
    let found = sampling.descent(&problem, &Standard::Tanh, &vec![eta; steps], &Stream::root(1)).unwrap();
    let line: Vec<f64> = (-60..=60).map(|k| f64::from(k) / 8.0).collect();
    let mut units: Vec<[f64; 3]> = line
        .iter()
        .flat_map(|h| line.iter().map(|a| [(-0.5 * (h * h + a * a)).exp(), *a, *h]).collect::<Vec<_>>())
        .collect();
    let total: f64 = units.iter().map(|u| u[0]).sum();
    for k in 0..=steps {
        let f = units.iter().map(|[w, a, h]| w / total * a * h.tanh()).sum::<f64>() / gamma;
        let away = (found.outputs[k][0] - f).abs();
        println!("step {k}: {f:.5}, {away:.5} off, {:.5}", found.errors[k][0]);
        assert!(away < 4.0 * found.errors[k][0] + 1.0 / 4096.0);
        for [_, a, h] in &mut units {
            let pull = gamma * eta * (1.0 - f);
            (*a, *h) = (*a + pull * h.tanh(), *h + pull * *a * (1.0 - h.tanh().powi(2)));
        }
    }
}

/// The tangent kernel moves the outputs, at every depth, a test point included.
#[test]
fn the_tangent_kernel_moves_the_outputs() {
    let kernel = DMatrix::from_row_slice(3, 3, &[1.0, 0.3, 0.5, 0.3, 0.8, -0.2, 0.5, -0.2, 0.9]);
    let problem = TwoLayer::new(kernel, DVector::from_vec(vec![1.0, -0.5]), 1.5).unwrap();
    for layers in [2, 3] {
        let h = 0.02;
        let limit = DeepLinear { hidden_layers: layers, time_step: 0.04 }
            .solve(&problem, &[0.4 - h, 0.4, 0.4 + h])
            .unwrap();
        let speed = (&limit.outputs[2] - &limit.outputs[0]) / (2.0 * h);
        let missing =
            DVector::from_fn(3, |i, _| problem.targets().get(i).map_or(0.0, |y| y - limit.outputs[1][i]));
        let expected = limit.tangent_kernel(&problem, 1) * missing;
        assert!((&speed - &expected).amax() < 0.01 * expected.amax(), "{layers}: {speed} {expected}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Covariances are covariances, test points are followers, and a rate of zero changes nothing.
    #[test]
    fn covariances_are_covariances(seed in 0u64..1000, layers in 1usize..4, gamma in 0.05f64..3.0, n in 1usize..4) {
        let x: DMatrix<f64> = Stream::root(seed).normal_matrix(n + 1, 3, 1.0);
        let kernel = &x * x.transpose() / 3.0;
        let y = DVector::from_fn(n, |i, _| 1.0 - 0.7 * i as f64);
        let with = TwoLayer::new(kernel.clone(), y.clone(), gamma).unwrap();
        let without = TwoLayer::new(kernel.view((0, 0), (n, n)).into_owned(), y, gamma).unwrap();
        let rates = [0.02, 0.0, 0.01, 0.03];
        let (a, b) = (net(layers).descent(&with, &rates).unwrap(), net(layers).descent(&without, &rates).unwrap());
        for (a, b) in a.iter().zip(&b) {
            prop_assert!((a.outputs.rows(0, n) - &b.outputs).amax() < 1e-11);
            for h in &a.features {
                prop_assert!(h.clone().symmetric_eigenvalues().min() > -1e-10 * h.amax());
            }
            prop_assert!(a.gradients.iter().all(|g| *g > 0.0));
        }
        prop_assert!((&a[1].outputs - &a[2].outputs).amax() < 1e-12);
        prop_assert!(a[0].outputs.amax() < 1e-14 && (&a[0].features[layers - 1] - &kernel).amax() < 1e-12);
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let problem = two_points(1.0);
    for (net, times) in [
        (DeepLinear { hidden_layers: 0, ..DeepLinear::default() }, vec![1.0]),
        (DeepLinear { time_step: 0.0, ..DeepLinear::default() }, vec![1.0]),
        (net(2), vec![2.0, 1.0]),
        (net(2), vec![f64::INFINITY]),
        (net(2), vec![1e6]),
    ] {
        assert!(net.solve(&problem, &times).is_err());
    }
    assert!(net(2).descent(&problem, &[-0.1]).is_err() && net(2).descent(&problem, &[f64::NAN]).is_err());
    let diverged = net(2).descent(&problem, &[30.0; 200]).unwrap_err();
    assert!(diverged.to_string().contains("diverged"), "{diverged}");
    let sampling = DeepSampling { hidden_layers: 2, pairs: 8, replicates: 2 };
    let refusal = |net: DeepSampling, phi: Standard, rates: &[f64]| {
        net.descent(&problem, &phi, rates, &Stream::root(0)).unwrap_err().to_string()
    };
    assert!(
        refusal(DeepSampling { hidden_layers: 0, ..sampling }, Standard::Tanh, &[0.1])
            .contains("hidden layers")
    );
    assert!(refusal(DeepSampling { pairs: 0, ..sampling }, Standard::Tanh, &[0.1]).contains("pairs"));
    assert!(
        refusal(DeepSampling { replicates: 1, ..sampling }, Standard::Tanh, &[0.1]).contains("replicates")
    );
    assert!(refusal(sampling, Standard::Tanh, &[f64::NAN]).contains("rate"));
    assert!(refusal(sampling, Standard::Relu, &[0.1]).contains("kink"));
    assert!(refusal(sampling, Standard::Tanh, &vec![0.1; 3000]).contains("memory"));
    let start = net(2).solve(&problem, &[0.0]).unwrap();
    assert_eq!(start.outputs[0].amax(), 0.0);
}
