//! Convolutional networks of two layers on patches of signal and noise: what they learn, and what they memorise.
//!
//! An example is a few patches, some of which carry a feature that decides the label while the others carry noise. A filter is
//! applied to every patch and the responses are summed. In this setting theory can follow the inner products of filters with
//! features and with each example's noise, and say which of them descent grows.
//!
//! | module | model | theory |
//! |---|---|---|
//! | [`span`] | descent in the span of finitely many patches: exact, in inner products | |
//! | [`benign`] | one signal, dense noise, `relu^q` | Cao, Chen, Belkin, Gu 2022 |
//! | [`sparse`] | signal, sparse noise, `relu^q`; descent and Adam | Zou, Cao, Li, Gu 2021 |
//! | [`mixup`] | common and rare features, quadratic responses; mixup of all pairs | Zou, Cao, Li, Gu 2023 |

pub mod benign;
pub mod mixup;
pub mod span;
pub mod sparse;

/// `-log sigma(margin)` and its derivative `-sigma(-margin)`, without overflow.
pub(crate) fn logistic(margin: f64) -> (f64, f64) {
    let tail = (-margin.abs()).exp();
    let loss = tail.ln_1p() + (-margin).max(0.0);
    let slope = if margin >= 0.0 { tail / (1.0 + tail) } else { 1.0 / (1.0 + tail) };
    (loss, -slope)
}

/// `relu(a)^q` and its derivative, `q >= 1`; the powers in use without a call.
#[inline(always)]
pub(crate) fn relu_power(a: f64, q: i32) -> (f64, f64) {
    let relu = a.max(0.0);
    let below = match q {
        1 => f64::from(u8::from(a > 0.0)),
        2 => relu,
        3 => relu * relu,
        _ => relu.powi(q - 1),
    };
    (relu * below, f64::from(q) * below)
}

#[cfg(test)]
mod tests {
    use super::relu_power;

    #[test]
    fn powers_are_powers() {
        for q in 1..6 {
            for a in [-2.0, -0.3, 0.0, 0.3, 1.7] {
                let expected =
                    if a > 0.0 { (f64::powi(a, q), f64::from(q) * f64::powi(a, q - 1)) } else { (0.0, 0.0) };
                let (value, slope) = relu_power(a, q);
                assert!((value - expected.0).abs() < 1e-14 * (1.0 + value), "{a}^{q}");
                assert!((slope - expected.1).abs() < 1e-14 * (1.0 + slope), "{a}^{q}");
            }
        }
    }
}
