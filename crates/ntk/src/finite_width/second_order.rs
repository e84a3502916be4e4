//! How training changes the kernel and the outputs of a wide two-layer net, to first order beyond the limit.

use nalgebra::{DMatrix, DVector};
use overparam_tensor::linalg::{SymmetricEigen, symmetric_eigen};

use super::Derivatives;
use crate::NtkError;

/// The expansion in `gamma^2` of `f(x) = 1/(gamma m) sum_i a_i phi(h_i(x))`, `h_i = w_i . x/sqrt d`, all weights `N(0, 1)`, under the flow of
/// `1/2 sum_mu (y_mu - f_mu)^2` at rate `gamma^2 m`; in NTK scaling `gamma^2 = 1/m`:
///
#[doc = overparam_formula::formula!("Theta(t) = Theta_0 + gamma^2 Theta_2(t) + O(gamma^4),    f(t) = f_0(t) + gamma^2 f_2(t) + O(gamma^4).")]
///
/// A finite net of width `m` with `f = 0` at the start (pairs of units with opposite `a`) has this mean; starts with
/// `f = O(1)` add terms of the same order.
///
/// # Derivation
/// With `Delta = e^(-Theta_0 t) y`, `D = int_0^t Delta`, `E_(nu rho) = int_0^t Delta_nu D_rho`, a unit `(a, h)` moves by
/// `h_1 = a A`, `a_1 = sum_nu phi_nu D_nu`, then `a_2 = a c`, `h_2 = B + a^2 C` with
///
#[doc = overparam_formula::formula!(
    "A_mu = sum_nu K_(mu nu) phi'_nu D_nu,    c = sum_(nu, rho) phi'_nu K_(nu rho) phi'_rho E_(nu rho)"
    "B_mu = sum_(nu, rho) K_(mu nu) phi'_nu phi_rho E_(nu rho),    C_mu = sum_(nu, rho) K_(mu nu) phi''_nu K_(nu rho) phi'_rho E_(nu rho)."
)]
///
/// Expanding `Theta = E phi phi^T + K o E (a phi') (a phi')^T` and averaging over `a` gives `Theta_2` as a form linear in `D D^T` and in `E`,
/// whose coefficients are expectations over `h ~ N(0, K)` alone; they are computed once. Then `df_2/dt = -Theta_0 f_2 + Theta_2 Delta`.
///
/// Sources: Dyer, Gur-Ari 2020; Huang, Yau 2020; Bordelon, Pehlevan 2023.
#[derive(Debug, Clone)]
pub struct SecondOrder {
    points: usize,
    targets: DVector<f64>,
    theta: DMatrix<f64>,
    /// Of the training block of `theta`.
    eigen: SymmetricEigen<f64>,
    /// What multiplies `D_nu D_rho` in `Theta_2`, at `nu P + rho`.
    squares: Vec<DMatrix<f64>>,
    /// What multiplies `E_(nu rho)`.
    doubles: Vec<DMatrix<f64>>,
}

/// The expansion at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct SecondOrderAt {
    /// `f_0`, the tangent kernel's own outputs at all `n` points.
    pub outputs: DVector<f64>,
    /// `Theta_2`, `n x n`.
    pub kernel_change: DMatrix<f64>,
    /// `f_2`, `n` numbers.
    pub output_change: DVector<f64>,
}

impl SecondOrder {
    /// `kernel` is `K = X X^T/d` of the training examples followed by test points, `n x n` of rank at most 3; `targets` the `P <= n` training
    /// targets. Expectations are trapezoidal sums over a grid of `step` standard deviations (with `tanh`, .2 is good for 9 digits and .25 for 7; at most 1).
    ///
    /// # Errors
    /// [`NtkError::Input`] for a kernel that is not square, finite, symmetric, positive semi-definite and of rank at most 3, or targets that do not
    /// fit; [`NtkError::Parameter`] for the step; [`NtkError::Linalg`].
    pub fn new(
        kernel: &DMatrix<f64>,
        targets: &DVector<f64>,
        phi: &impl Derivatives,
        step: f64,
    ) -> Result<Self, NtkError> {
        let (n, count) = (kernel.nrows(), targets.len());
        let fits = kernel.is_square() && count >= 1 && count <= n;
        if !fits || kernel.iter().chain(targets.iter()).any(|x| !x.is_finite()) {
            let reason = format!(
                "a square kernel and at most as many targets, all finite: got {} x {} and {count}",
                n,
                kernel.ncols()
            );
            return Err(NtkError::input("kernel and targets", reason));
        }
        if !(step > 0.0 && step <= 1.0) {
            return Err(NtkError::parameter("step", &step, "above 0 and at most 1 standard deviation"));
        }
        let mut sums = Sums::new(n, count);
        let mut total = 0.0;
        for (weight, h) in nodes(kernel, step)? {
            sums.add(weight, &h, kernel, count, phi);
            total += weight;
        }
        let Sums { theta, squares, doubles } = sums;
        let scaled = |all: Vec<f64>| {
            all.chunks_exact(n * n).map(|m| DMatrix::from_row_slice(n, n, m) / total).collect::<Vec<_>>()
        };
        let theta = theta / total;
        let eigen = symmetric_eigen(&theta.view((0, 0), (count, count)).into_owned())?;
        let (squares, doubles) = (scaled(squares), scaled(doubles));
        Ok(Self { points: n, targets: targets.clone(), theta, eigen, squares, doubles })
    }

    /// `Theta_0`, `n x n`.
    pub fn tangent_kernel(&self) -> &DMatrix<f64> {
        &self.theta
    }

    /// The expansion at ascending times. `E` and `f_2` are integrated with a Runge-Kutta method of order 4, with steps of at most `.005/lambda_max`.
    ///
    /// # Errors
    /// [`NtkError::Parameter`] for times that are not finite, negative or descending, or more than `5e3/lambda_max` apart.
    pub fn at(&self, times: &[f64]) -> Result<Vec<SecondOrderAt>, NtkError> {
        let count = self.targets.len();
        let fastest = self.eigen.values.amax().max(1e-300);
        let (mut now, mut state) = (0.0, (DMatrix::zeros(count, count), DVector::zeros(self.points)));
        let mut found = Vec::with_capacity(times.len());
        for &time in times {
            if !(time.is_finite() && time >= now) {
                return Err(NtkError::parameter("time", &time, "finite, at least 0 and ascending"));
            }
            let steps = ((time - now) * fastest / 0.005).ceil();
            if steps > 1e6 {
                return Err(NtkError::parameter(
                    "time",
                    &time,
                    "at most 5e3 over the tangent kernel's largest eigenvalue",
                ));
            }
            let h = (time - now) / steps;
            for step in 0..steps as usize {
                let t = now + step as f64 * h;
                let moved = |by: f64, k: &State| (&state.0 + &k.0 * by, &state.1 + &k.1 * by);
                let k1 = self.speed(t, &state);
                let k2 = self.speed(t + 0.5 * h, &moved(0.5 * h, &k1));
                let k3 = self.speed(t + 0.5 * h, &moved(0.5 * h, &k2));
                let k4 = self.speed(t + h, &moved(h, &k3));
                state = moved(
                    1.0,
                    &(
                        (&k1.0 + (&k2.0 + &k3.0) * 2.0 + &k4.0) * (h / 6.0),
                        (&k1.1 + (&k2.1 + &k3.1) * 2.0 + &k4.1) * (h / 6.0),
                    ),
                );
            }
            now = time;
            let (_, reached) = self.residual(time);
            found.push(SecondOrderAt {
                outputs: self.theta.columns(0, count) * &reached,
                kernel_change: self.change(&reached, &state.0),
                output_change: state.1.clone(),
            });
        }
        Ok(found)
    }

    /// `Delta` and `D = int Delta` on the training examples.
    fn residual(&self, time: f64) -> (DVector<f64>, DVector<f64>) {
        let modes = self.eigen.vectors.tr_mul(&self.targets);
        let rates = self.eigen.values.map(|l| l * time);
        let left = modes.zip_map(&rates, |y, r| y * (-r).exp());
        let area =
            modes.zip_map(&rates, |y, r| y * time * if r.abs() < 1e-12 { 1.0 } else { -(-r).exp_m1() / r });
        (&self.eigen.vectors * left, &self.eigen.vectors * area)
    }

    /// `Theta_2` from `D` and `E`.
    fn change(&self, area: &DVector<f64>, double: &DMatrix<f64>) -> DMatrix<f64> {
        let count = area.len();
        let mut sum = DMatrix::zeros(self.points, self.points);
        for nu in 0..count {
            for rho in 0..count {
                let index = nu * count + rho;
                sum += &self.squares[index] * (area[nu] * area[rho]);
                sum += &self.doubles[index] * double[(nu, rho)];
            }
        }
        sum
    }

    /// `dE/dt = Delta D^T` and `df_2/dt = -Theta_0 f_2 + Theta_2 Delta`.
    fn speed(&self, time: f64, state: &State) -> State {
        let count = self.targets.len();
        let (left, area) = self.residual(time);
        let change = self.change(&area, &state.0);
        let trained = state.1.rows(0, count);
        (&left * area.transpose(), change.columns(0, count) * &left - self.theta.columns(0, count) * trained)
    }
}

/// `E` and `f_2`.
type State = (DMatrix<f64>, DVector<f64>);

/// Sums over `h`: entry `(mu, kappa)` of `Theta_0`, then of what multiplies `D_nu D_rho` and `E_(nu rho)`, at `((nu P + rho) n + mu) n + kappa`.
struct Sums {
    theta: DMatrix<f64>,
    squares: Vec<f64>,
    doubles: Vec<f64>,
}

impl Sums {
    fn new(n: usize, count: usize) -> Self {
        let zeros = vec![0.0; count * count * n * n];
        Self { theta: DMatrix::zeros(n, n), squares: zeros.clone(), doubles: zeros }
    }

    /// Adds what one `h` contributes.
    fn add(
        &mut self,
        weight: f64,
        h: &DVector<f64>,
        kernel: &DMatrix<f64>,
        count: usize,
        phi: &impl Derivatives,
    ) {
        let n = h.len();
        let f: Vec<[f64; 4]> = h.iter().map(|x| phi.derivatives(*x)).collect();
        // A_mu = sum_nu D_nu a(mu, nu).
        let a = |mu: usize, nu: usize| kernel[(mu, nu)] * f[nu][1];
        for mu in 0..n {
            for kappa in 0..n {
                let slopes = f[mu][1] * f[kappa][1];
                self.theta[(mu, kappa)] += weight * (f[mu][0] * f[kappa][0] + kernel[(mu, kappa)] * slopes);
            }
        }
        for nu in 0..count {
            for rho in 0..count {
                let product = f[nu][0] * f[rho][0];
                let c = a(nu, rho) * f[nu][1];
                // B_mu and C_mu are K_(mu nu) times these.
                let (turn, bend) = (f[nu][1] * f[rho][0], f[nu][2] * a(nu, rho));
                for mu in 0..n {
                    for kappa in 0..n {
                        let (p, q, k) = (f[mu], f[kappa], kernel[(mu, kappa)]);
                        let (mu_nu, mu_rho) = (a(mu, nu), a(mu, rho));
                        let (kappa_nu, kappa_rho) = (a(kappa, nu), a(kappa, rho));
                        let (mu_square, kappa_square) = (mu_nu * mu_rho, kappa_nu * kappa_rho);
                        let features = p[1] * mu_nu * q[1] * kappa_rho
                            + 0.5 * (p[0] * q[2] * kappa_square + q[0] * p[2] * mu_square);
                        let gradients = product * p[1] * q[1]
                            + 2.0 * f[nu][0] * (p[1] * q[2] * kappa_rho + q[1] * p[2] * mu_rho)
                            + 3.0 * p[2] * mu_nu * q[2] * kappa_rho
                            + 1.5 * (p[1] * q[3] * kappa_square + q[1] * p[3] * mu_square);
                        let index = ((nu * count + rho) * n + mu) * n + kappa;
                        self.squares[index] += weight * (features + k * gradients);
                        let (to_mu, to_kappa) = (kernel[(mu, nu)], kernel[(kappa, nu)]);
                        let features =
                            p[0] * q[1] * to_kappa * (turn + bend) + q[0] * p[1] * to_mu * (turn + bend);
                        let gradients = 2.0 * c * p[1] * q[1]
                            + (p[1] * q[2] * to_kappa + q[1] * p[2] * to_mu) * (turn + 3.0 * bend);
                        self.doubles[index] += weight * (features + k * gradients);
                    }
                }
            }
        }
    }
}

/// Nodes of the trapezoidal rule for `h ~ N(0, K)`, within 7.5 standard deviations, with their weights.
fn nodes(kernel: &DMatrix<f64>, step: f64) -> Result<Vec<(f64, DVector<f64>)>, NtkError> {
    let n = kernel.nrows();
    let SymmetricEigen { values, vectors } = symmetric_eigen(kernel)?;
    let scale = kernel.amax();
    let symmetric = (kernel - kernel.transpose()).amax() <= 1e-10 * scale;
    let large: Vec<usize> = (0..n).filter(|&i| values[i] > 1e-12 * scale).collect();
    if !symmetric || values.min() < -1e-9 * scale || large.len() > 3 {
        let reason = format!(
            "it must be symmetric and positive semi-definite of rank at most 3; its rank is {} and its least eigenvalue {}",
            large.len(),
            values.min()
        );
        return Err(NtkError::input("kernel", reason));
    }
    let side = (7.5 / step).floor() as i64;
    let mut nodes = vec![(1.0, DVector::zeros(n))];
    for &i in &large {
        let direction = vectors.column(i) * values[i].sqrt();
        let longer = |(weight, h): &(f64, DVector<f64>)| {
            (-side..=side)
                .map(|k| {
                    let x = k as f64 * step;
                    (weight * (-0.5 * x * x).exp(), h + &direction * x)
                })
                .filter(|node| node.0 >= 1e-16)
                .collect::<Vec<_>>()
        };
        nodes = nodes.iter().flat_map(longer).collect();
    }
    Ok(nodes)
}
