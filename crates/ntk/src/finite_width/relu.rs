//! Exact moments of ReLU nets at every width.

use crate::NtkError;

/// Mean and variance of the tangent kernel of a two-layer ReLU net between two unit vectors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TwoLayerMoments {
    /// `E Theta(x, x')`: the limit's value, at every width.
    pub mean: f64,
    /// `n Var Theta(x, x')`, at every width `n`.
    pub width_times_variance: f64,
}

/// `Theta(x, x')` of `f = sqrt(2/n) sum_i a_i relu(w_i . x)` with `a_i ~ N(0, 1)`, `w_i ~ N(0, I)`, both layers trained, for unit vectors
/// at `cosine = x . x'`.
///
/// With `theta = arccos t` and the arc-cosine functions `J_0 = pi - theta`, `J_1 = sin theta + J_0 cos theta`,
/// `J_2 = 3 sin theta cos theta + J_0 (1 + 2 cos^2 theta)` (Cho, Saul 2009), a unit adds `2/n (relu relu' + a^2 t 1 1')`, so that
///
#[doc = overparam_formula::formula!(
    "E Theta   = (J_1 + t J_0)/pi"
    "Var Theta = 4/n [ (J_2 + 2 t J_1 + 3 t^2 J_0)/(2 pi) - ((J_1 + t J_0)/(2 pi))^2 ]."
)]
///
/// At `t = 1` these are 2 and `12/n`. Vectors of other lengths multiply `Theta` by the product of their norms.
///
/// # Errors
/// [`NtkError::Parameter`] unless `-1 <= cosine <= 1`.
pub fn relu_two_layer(cosine: f64) -> Result<TwoLayerMoments, NtkError> {
    if !(-1.0..=1.0).contains(&cosine) {
        return Err(NtkError::parameter("cosine", &cosine, "between -1 and 1"));
    }
    let pi = std::f64::consts::PI;
    let sine = ((1.0 - cosine) * (1.0 + cosine)).sqrt();
    // pi - arccos t = arccos(-t), without cancellation near t = -1.
    let j0 = (-cosine).acos();
    let j1 = sine + j0 * cosine;
    let j2 = 3.0 * sine * cosine + j0 * (1.0 + 2.0 * cosine * cosine);
    let unit = (j1 + cosine * j0) / (2.0 * pi);
    let square = (j2 + 2.0 * cosine * j1 + 3.0 * cosine * cosine * j0) / (2.0 * pi);
    Ok(TwoLayerMoments { mean: 2.0 * unit, width_times_variance: 4.0 * (square - unit * unit) })
}

/// Moments of a deep ReLU net at one input of norm 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReluMoments {
    /// `E Theta(x, x) = 2 (L + 1)/d`, at every width.
    pub mean: f64,
    /// `E Theta(x, x)^2`.
    pub second_moment: f64,
    /// `E f(x)^2 = 2/d`.
    pub output_second_moment: f64,
    /// `E f(x)^4`.
    pub output_fourth_moment: f64,
}

impl ReluMoments {
    /// `Var Theta / (E Theta)^2`.
    pub fn relative_variance(&self) -> f64 {
        self.second_moment / self.mean.powi(2) - 1.0
    }
}

/// Exact moments of `Theta(x, x)` and `f(x)` over the weights of a ReLU net without biases, all layers trained, at `||x|| = 1`.
///
/// `widths` are `d, n_1, ..., n_L`: the inputs, then the hidden layers; the output is one number. Weights are `N(0, 1)` with factor `sqrt(2/fan-in)`
/// in every layer. An input of another norm multiplies `Theta` and `f^2` by its square.
///
/// Let `z` be the activations of a layer and `v = df/dz`. By homogeneity `f = z . v`, and the part of `v` across `z` is isotropic. With
/// `q = (f/||z||)^2`, `V = ||v||^2 - q` and `T` the kernel of the weights above over `||z||^2`, a layer of `N` units on `n` inputs, `c = 2/n`, acts by
///
#[doc = overparam_formula::formula!("q' = c S q,    V' = c delta X,    T' = c delta + c S T,    delta = q + beta V,")]
///
/// with `k ~ Bin(N, 1/2)` active units, `S ~ chi^2_k`, `X ~ chi^2_(n-1)` and `beta ~ Beta((k-1)/2, (N-k)/2)` the share of `V` that the active units
/// keep, independent given `k`. First and second moments of `(q, V, T)` therefore obey a linear recursion from the top, where `q = s g^2`, `V = s chi^2_(N-1)`,
/// `T = s` with `s = 2/n_L`. For `L` equal layers `n Var Theta/(E Theta)^2` tends to 3, 58/9, 10, 13.6, 17.222 at `L = 1 ... 5`, close to `11 L/3`.
///
/// # Errors
/// [`NtkError::Parameter`] unless there are at least two widths, all at least 1.
pub fn relu_deep(widths: &[usize]) -> Result<ReluMoments, NtkError> {
    if widths.len() < 2 || widths.contains(&0) {
        let given = format!("{widths:?}");
        return Err(NtkError::parameter(
            "widths",
            &given,
            "the inputs and at least one hidden width, all at least 1",
        ));
    }
    let mut m = Joint::top(widths[widths.len() - 1] as f64);
    for layer in widths.windows(2).rev() {
        m = m.below(layer[1] as f64, layer[0] as f64);
    }
    Ok(ReluMoments { mean: m.t, second_moment: m.tt, output_second_moment: m.q, output_fourth_moment: m.qq })
}

/// First and second moments of `q`, `V`, `T`.
struct Joint {
    q: f64,
    v: f64,
    t: f64,
    qq: f64,
    qv: f64,
    vv: f64,
    qt: f64,
    vt: f64,
    tt: f64,
}

impl Joint {
    fn top(n: f64) -> Self {
        let s = 2.0 / n;
        let (v, square) = (s * (n - 1.0), s * s);
        Self {
            q: s,
            v,
            t: s,
            qq: 3.0 * square,
            qv: square * (n - 1.0),
            vv: square * (n - 1.0) * (n + 1.0),
            qt: square,
            vt: square * (n - 1.0),
            tt: square,
        }
    }

    /// Through a layer of `units` on `inputs`.
    fn below(&self, units: f64, inputs: f64) -> Self {
        let Self { q, v, t, qq, qv, vv, qt, vt, tt } = *self;
        let c = 2.0 / inputs;
        // Binomial moments: P(k >= 1), E k, E k(k+2), and those of beta's mean (k-1)/(N-1) and mean square over k >= 1.
        let some = 1.0 - (-units).exp2();
        let (s1, s2) = (0.5 * units, 0.25 * units * (units + 5.0));
        let (b1, b2, sb) = if units > 1.0 {
            let b2 = (0.25 * units * (units + 1.0) - some) / (units * units - 1.0);
            ((0.5 * units - some) / (units - 1.0), b2, 0.25 * units)
        } else {
            (0.0, 0.0, 0.0)
        };
        let d1 = some * q + b1 * v;
        let d2 = some * qq + 2.0 * b1 * qv + b2 * vv;
        let (ds, dt) = (s1 * qq + sb * qv, s1 * qt + sb * vt);
        let (x1, x2) = (inputs - 1.0, (inputs - 1.0) * (inputs + 1.0));
        let c2 = c * c;
        Self {
            q: c * s1 * q,
            v: c * x1 * d1,
            t: c * d1 + c * s1 * t,
            qq: c2 * s2 * qq,
            qv: c2 * x1 * ds,
            vv: c2 * x2 * d2,
            qt: c2 * (ds + s2 * qt),
            vt: c2 * x1 * (d2 + dt),
            tt: c2 * (d2 + 2.0 * dt + s2 * tt),
        }
    }
}
