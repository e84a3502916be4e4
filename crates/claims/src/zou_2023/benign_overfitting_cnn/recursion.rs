//! The prediction: the recursion of the coefficients of signal and noise (section 5 of the paper), for noise that is orthogonal,
//! `<xi_i, xi_k> = d [i = k]`, as it becomes for `d -> infinity`.
//!
//! With `w_jr = w_jr(0) + j gamma_jr mu / |mu|^2 + sum_i rho_jri xi_i / |xi_i|^2` and slopes `l_i = 1 / (1 + exp(y_i f_i))`,
//!
//! `gamma_jr += eta |mu|^2 / (n m) sum_i l_i q relu(<w_jr(0), y_i mu> + j y_i gamma_jr)^(q - 1)`,
//!
//! `rho_jri += j y_i eta d / (n m) l_i q relu(<w_jr(0), xi_i> + rho_jri)^(q - 1)`,
//!
//! from the products of the experiment's own start. The noise of a fresh example answers to none of the `rho`, so that its loss is
//! `log(1 + exp(-margin))` of the signal's patch alone.

use super::problem::{FILTERS, Problem, STEPS, TARGET, rate};

/// The test loss at this SNR; nothing if it is not finite.
pub(super) fn test_loss(problem: &Problem, snr: f64) -> Option<f64> {
    let (n, d) = (problem.labels.len(), problem.noise.ncols());
    let (m, q, mu) = (FILTERS, problem.power, snr * (d as f64).sqrt());
    let signs: Vec<f64> = (0..2 * m).map(|r| if r < m { 1.0 } else { -1.0 }).collect();
    let mut signal: Vec<f64> = (0..2 * m).map(|r| problem.filters[(r, 0)] * mu).collect();
    let start = |i: usize| (0..2 * m).map(move |r| problem.filters.row(r).dot(&problem.noise.row(i)));
    let mut noise: Vec<Vec<f64>> = (0..n).map(|i| start(i).collect()).collect();
    let output = |products: &[f64], y: f64| -> f64 {
        let patch = products.iter().zip(&signs).map(|(a, j)| j * (y * a).max(0.0).powi(q));
        patch.sum::<f64>() / m as f64
    };
    let unit = rate(snr) * f64::from(q) / (n * m) as f64;
    for _ in 0..=STEPS {
        let (plus, minus) = (output(&signal, 1.0), output(&signal, -1.0));
        let margins: Vec<f64> = (noise.iter().zip(&problem.labels))
            .map(|(a, y)| y * (output(a, 1.0) + if *y > 0.0 { plus } else { minus }))
            .collect();
        let loss = margins.iter().map(|f| (-f).exp().ln_1p()).sum::<f64>() / n as f64;
        if !loss.is_finite() {
            return None;
        }
        if loss <= TARGET {
            break;
        }
        let mut pulls = [0.0; 2];
        for ((a, y), f) in noise.iter_mut().zip(&problem.labels).zip(&margins) {
            let pull = unit / (1.0 + f.exp());
            pulls[usize::from(*y < 0.0)] += pull;
            for (a, j) in a.iter_mut().zip(&signs) {
                *a += j * y * pull * d as f64 * a.max(0.0).powi(q - 1);
            }
        }
        for (a, j) in signal.iter_mut().zip(&signs) {
            let grown = pulls[0] * a.max(0.0).powi(q - 1) + pulls[1] * (-*a).max(0.0).powi(q - 1);
            *a += j * mu * mu * grown;
        }
    }
    let loss = |margin: f64| (-margin).exp().ln_1p();
    Some(0.5 * (loss(output(&signal, 1.0)) + loss(-output(&signal, -1.0))))
}
