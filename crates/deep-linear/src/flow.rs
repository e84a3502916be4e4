//! Gradient flow, in two descriptions that agree from balanced starts.
//!
//! [`GradientFlow`] moves the layers, `dW_j/dt = -(W_N ... W_{j+1})^T grad L(W) (W_{j-1} ... W_1)^T`. It conserves
//! `W_{j+1}^T W_{j+1} - W_j W_j^T`. Where these vanish (a *balanced* start), the end matrix obeys an equation of its own,
//! moved by [`EndToEndFlow`]:
//!
#![doc = overparam_formula::formula!("dW/dt = - sum_{j=1}^N [W W^T]^((N-j)/N) grad L(W) [W^T W]^((j-1)/N)")]
//!
//! Source: Arora, Cohen, Hazan 2018 (arXiv 1802.06509), theorem 1.

use nalgebra::DMatrix;
use overparam_tensor::linalg::{gemm, matmul, svd, transposed};
use overparam_tensor::ode::{Integrator, Tolerance};

use crate::error::require;
use crate::gradient::check_objective;
use crate::objective::Objective;
use crate::{DeepLinearError, DeepLinearNetwork, Workspace};

/// The derivative of the state of an [`Integrator`], as a closure of unnamed type on the heap.
type Derivative<'a> = Box<dyn FnMut(f64, &[f64], &mut [f64]) + 'a>;

/// Gradient flow of all layers, from time 0.
///
/// ```
/// use nalgebra::DMatrix;
/// use overparam_tensor::ode::Tolerance;
/// use overparam_deep_linear::{Convention, DeepLinearNetwork, Entry, GradientFlow, MatrixCompletion};
///
/// let network = DeepLinearNetwork::from_weights(vec![DMatrix::from_element(1, 1, 0.1_f64); 2])?;
/// let observed = [Entry { row: 0, column: 0, value: 1.0 }];
/// let objective = MatrixCompletion::new(1, 1, &observed, Convention::HalfSum)?;
/// let mut flow = GradientFlow::new(&network, &objective, Tolerance::default())?;
/// flow.advance_to(20.0)?;
/// assert!((flow.network().end_matrix()[0] - 1.0).abs() < 1e-6);
/// # Ok::<(), overparam_deep_linear::DeepLinearError>(())
/// ```
pub struct GradientFlow<'a, O: ?Sized> {
    integrator: Integrator<Derivative<'a>>,
    objective: &'a O,
    /// Gives the flat state its shapes.
    template: DeepLinearNetwork<f64>,
}

impl<'a, O: Objective<f64> + ?Sized> GradientFlow<'a, O> {
    /// The flow from `network` at time 0.
    ///
    /// # Errors
    /// [`DeepLinearError::Shape`] if the objective does not fit; [`DeepLinearError::Integration`].
    pub fn new(
        network: &DeepLinearNetwork<f64>,
        objective: &'a O,
        tolerance: Tolerance,
    ) -> Result<Self, DeepLinearError> {
        check_objective(network.end_shape(), objective)?;
        let (mut moving, mut workspace) = (network.clone(), Workspace::new(network));
        let derivative = move |_: f64, state: &[f64], velocity: &mut [f64]| {
            unpack(state, &mut moving);
            workspace.evaluate(&moving, objective);
            let gradients = workspace.gradients().iter().flat_map(|g| g.as_slice());
            velocity.iter_mut().zip(gradients).for_each(|(v, g)| *v = -g);
        };
        let state = network.weights().iter().flat_map(|w| w.as_slice()).copied().collect();
        let integrator = Integrator::new(0.0, state, Box::new(derivative) as Derivative<'a>, tolerance)?;
        Ok(Self { integrator, objective, template: network.clone() })
    }

    /// Time reached.
    pub fn time(&self) -> f64 {
        self.integrator.time()
    }

    /// The network at [`GradientFlow::time`].
    pub fn network(&self) -> DeepLinearNetwork<f64> {
        let mut network = self.template.clone();
        unpack(self.integrator.state(), &mut network);
        network
    }

    /// The loss at [`GradientFlow::time`].
    pub fn loss(&self) -> f64 {
        self.objective.loss(&self.network().end_matrix())
    }

    /// Flows exactly to `time`.
    ///
    /// # Errors
    /// [`DeepLinearError::Integration`]: those of [`Integrator::advance_to`].
    pub fn advance_to(&mut self, time: f64) -> Result<(), DeepLinearError> {
        Ok(self.integrator.advance_to(time)?)
    }
}

fn unpack(state: &[f64], network: &mut DeepLinearNetwork<f64>) {
    let mut rest = state;
    for w in network.weights_mut() {
        let (layer, after) = rest.split_at(w.len());
        w.as_mut_slice().copy_from_slice(layer);
        rest = after;
    }
}

/// The end-to-end flow of a balanced network's end matrix, from time 0.
pub struct EndToEndFlow<'a, O: ?Sized> {
    integrator: Integrator<Derivative<'a>>,
    objective: &'a O,
}

impl<'a, O: Objective<f64> + ?Sized> EndToEndFlow<'a, O> {
    /// The flow of depth `depth >= 1` from the end matrix `end` at time 0.
    ///
    /// # Errors
    /// [`DeepLinearError::Configuration`] for depth 0; [`DeepLinearError::Shape`] if the objective does not fit; those of
    /// [`Integrator::new`].
    pub fn new(
        end: &DMatrix<f64>,
        depth: usize,
        objective: &'a O,
        tolerance: Tolerance,
    ) -> Result<Self, DeepLinearError> {
        require(depth >= 1, "the depth of an end-to-end flow", "at least 1", depth as f64)?;
        check_objective(end.shape(), objective)?;
        let (mut w, mut gradient) = (end.clone(), end.clone());
        let derivative = move |_: f64, state: &[f64], velocity: &mut [f64]| {
            w.as_mut_slice().copy_from_slice(state);
            objective.loss_and_gradient(&w, &mut gradient);
            match end_to_end_velocity(&w, &gradient, depth) {
                Ok(v) => velocity.copy_from_slice(v.as_slice()),
                // A trial step that overflowed: the integrator rejects what is not finite and shortens the step.
                Err(_) => velocity.fill(f64::NAN),
            }
        };
        let state = end.as_slice().to_vec();
        let integrator = Integrator::new(0.0, state, Box::new(derivative) as Derivative<'a>, tolerance)?;
        Ok(Self { integrator, objective })
    }

    /// Time reached.
    pub fn time(&self) -> f64 {
        self.integrator.time()
    }

    /// The end matrix at [`EndToEndFlow::time`].
    pub fn end_matrix(&self) -> DMatrix<f64> {
        let (rows, columns) = self.objective.shape();
        DMatrix::from_column_slice(rows, columns, self.integrator.state())
    }

    /// The loss at [`EndToEndFlow::time`].
    pub fn loss(&self) -> f64 {
        self.objective.loss(&self.end_matrix())
    }

    /// Flows exactly to `time`.
    ///
    /// # Errors
    /// [`DeepLinearError::Integration`]: those of [`Integrator::advance_to`].
    pub fn advance_to(&mut self, time: f64) -> Result<(), DeepLinearError> {
        Ok(self.integrator.advance_to(time)?)
    }
}

/// `dW/dt = - sum_{j=1}^N [W W^T]^((N-j)/N) G [W^T W]^((j-1)/N)` at the end matrix `end` with `G = gradient`.
///
/// From the thin `W = U S V^T`: the outer terms are `U S^p U^T G` and `G V S^p V^T` with `p = 2 (N-1)/N`, the inner ones
/// together `U (H o (U^T G V)) V^T` with `H_ab = sum_{j=2}^{N-1} s_a^(2(N-j)/N) s_b^(2(j-1)/N)`. At depth 1 it is `-G`.
///
/// # Errors
/// [`DeepLinearError::Linalg`] if `end` has an entry that is not finite.
///
/// # Panics
/// If `gradient` does not have the shape of `end`.
pub fn end_to_end_velocity(
    end: &DMatrix<f64>,
    gradient: &DMatrix<f64>,
    depth: usize,
) -> Result<DMatrix<f64>, DeepLinearError> {
    let ((m, n), (a, b)) = (end.shape(), gradient.shape());
    assert!((m, n) == (a, b), "end matrix {m} x {n} with gradient {a} x {b}");
    if depth <= 1 {
        return Ok(-gradient);
    }
    let svd = svd(end)?;
    let (u, v, s) = (&svd.u, &svd.v, &svd.singular_values);
    // The j-th power of S^(2/N), entry by entry.
    let power = |s: f64, j: usize| s.powf(2.0 * j as f64 / depth as f64);
    let left = matmul(transposed(u), gradient);
    let mut core = matmul(&left, v);
    for (column, mut entries) in core.column_iter_mut().enumerate() {
        for (row, entry) in entries.iter_mut().enumerate() {
            *entry *= (1..depth - 1).map(|j| power(s[row], depth - 1 - j) * power(s[column], j)).sum::<f64>();
        }
    }
    // U (H o U^T G V) V^T + U S^p (U^T G), the common U taken out.
    let mut inner = matmul(&core, transposed(v));
    for (row, &s) in s.iter().enumerate() {
        let weight = power(s, depth - 1);
        inner.row_mut(row).iter_mut().zip(left.row(row).iter()).for_each(|(x, l)| *x += weight * l);
    }
    let mut right = matmul(gradient, v);
    for (mut column, &s) in right.column_iter_mut().zip(s.iter()) {
        column *= power(s, depth - 1);
    }
    let mut velocity = matmul(&right, transposed(v));
    gemm(-1.0, u, &inner, -1.0, &mut velocity);
    Ok(velocity)
}

#[cfg(test)]
mod properties {
    use nalgebra::DMatrix;
    use overparam_tensor::linalg::symmetric_eigen;
    use overparam_tensor::ode::Tolerance;
    use overparam_tensor::random::Stream;
    use proptest::prelude::*;

    use super::{EndToEndFlow, GradientFlow, end_to_end_velocity};
    use crate::{
        Convention, DeepLinearNetwork, Entry, Initialization, MatrixCompletion, Optimizer, Training,
    };

    /// Random completion of half the entries, and a network of the given hidden width.
    fn problem(m: usize, n: usize, s: &Stream) -> MatrixCompletion<f64> {
        let truth: DMatrix<f64> = s.named("truth").normal_matrix(m, n, 1.0);
        let entries: Vec<Entry> = s
            .named("observed")
            .sample_indices(m * n, (m * n).div_ceil(2))
            .into_iter()
            .map(|k| Entry { row: k % m, column: k / m, value: truth[k] })
            .collect();
        MatrixCompletion::new(m, n, &entries, Convention::HalfSum).unwrap()
    }

    fn network(
        m: usize,
        n: usize,
        depth: usize,
        init: &Initialization,
        s: &Stream,
    ) -> DeepLinearNetwork<f64> {
        let mut widths = vec![m.max(n); depth + 1];
        (widths[0], widths[depth]) = (n, m);
        DeepLinearNetwork::initialize(&widths, init, s).unwrap()
    }

    /// `A^x` of a positive semi-definite matrix, for the formula written as in the paper.
    fn power(a: &DMatrix<f64>, x: f64) -> DMatrix<f64> {
        let eigen = symmetric_eigen(a).unwrap();
        // Zero up to rounding is zero, or its fractional powers would not be small.
        let powers = eigen.values.map(|l| {
            if x == 0.0 {
                1.0
            } else if l < 1e-13 {
                0.0
            } else {
                l.powf(x)
            }
        });
        &eigen.vectors * DMatrix::from_diagonal(&powers) * eigen.vectors.transpose()
    }

    proptest! {
        #![proptest_config(crate::testing::cases(48))]

        /// Every `W_{j+1}^T W_{j+1} - W_j W_j^T` is conserved, whatever the start.
        #[test]
        fn balancedness_is_conserved_by_the_flow(seed in any::<u64>(), m in 1usize..5, n in 1usize..5, depth in 2usize..5) {
            let s = Stream::root(seed);
            let objective = problem(m, n, &s);
            let start = network(m, n, depth, &Initialization::Gaussian { scale: 0.5 }, &s.named("init"));
            let mut flow = GradientFlow::new(&start, &objective, Tolerance::default()).unwrap();
            flow.advance_to(2.0).unwrap();
            let end = flow.network();
            for (a, b) in start.weights().windows(2).zip(end.weights().windows(2)) {
                let defect = |w: &[DMatrix<f64>]| w[1].transpose() * &w[1] - &w[0] * w[0].transpose();
                prop_assert!((defect(a) - defect(b)).norm() < 1e-6);
            }
            prop_assert!((&start.weights()[0] - &end.weights()[0]).norm() > 1e-8);
        }

        #[test]
        fn end_to_end_flow_is_the_flow_of_the_layers(seed in any::<u64>(), m in 1usize..5, n in 1usize..5, depth in 1usize..5) {
            let s = Stream::root(seed);
            let objective = problem(m, n, &s);
            let end: DMatrix<f64> = s.named("end").normal_matrix(m, n, 0.5);
            let start = network(m, n, depth, &Initialization::Balanced { end: end.clone() }, &s.named("init"));
            let mut layers = GradientFlow::new(&start, &objective, Tolerance::default()).unwrap();
            let mut whole = EndToEndFlow::new(&end, depth, &objective, Tolerance::default()).unwrap();
            for time in [0.5, 2.0] {
                layers.advance_to(time).unwrap();
                whole.advance_to(time).unwrap();
                let difference = (layers.network().end_matrix() - whole.end_matrix()).norm();
                prop_assert!(difference < 1e-5, "{difference} at {time}");
                prop_assert!((layers.loss() - whole.loss()).abs() < 1e-5);
            }
        }

        #[test]
        fn velocity_is_the_papers_formula(seed in any::<u64>(), m in 1usize..5, n in 1usize..5, depth in 1usize..6) {
            let s = Stream::root(seed);
            let w: DMatrix<f64> = s.named("w").normal_matrix(m, n, 1.0);
            let g: DMatrix<f64> = s.named("g").normal_matrix(m, n, 1.0);
            let (rows, columns) = (&w * w.transpose(), w.transpose() * &w);
            let expected = (1..=depth).fold(DMatrix::zeros(m, n), |sum: DMatrix<f64>, j| {
                let (a, b) = ((depth - j) as f64 / depth as f64, (j - 1) as f64 / depth as f64);
                sum - power(&rows, a) * &g * power(&columns, b)
            });
            let velocity = end_to_end_velocity(&w, &g, depth).unwrap();
            prop_assert!((velocity - &expected).norm() < 1e-5 * (1.0 + expected.norm()));
        }
    }

    /// Descent at step sizes `h` and `h/2` approaches the flow at first order.
    #[test]
    fn descent_approaches_the_flow() {
        let s = Stream::root(5);
        let objective = problem(4, 3, &s);
        for depth in 1..=4 {
            let start = network(4, 3, depth, &Initialization::Gaussian { scale: 0.5 }, &s.named("init"));
            let mut flow = GradientFlow::new(&start, &objective, Tolerance::default()).unwrap();
            flow.advance_to(1.0).unwrap();
            let error = |max_steps: u64| {
                let optimizer = Optimizer::GradientDescent { learning_rate: 1.0 / max_steps as f64 };
                let mut descent = start.clone();
                Training { optimizer, loss_target: -1.0, max_steps, observe_every: 0 }
                    .run(&mut descent, &objective)
                    .unwrap();
                (descent.end_matrix() - flow.network().end_matrix()).norm()
            };
            let (coarse, fine) = (error(500), error(1000));
            assert!(coarse < 1e-2 && (coarse / fine - 2.0).abs() < 0.05, "depth {depth}: {coarse} {fine}");
        }
    }
}
