//! Song Mei, "Generalization of linearized neural networks: staircase decay and double descent", 2020.

pub mod double_descent;
pub mod invariance;
pub mod lazy_limits;
pub mod linearization;
mod spectra;
pub mod staircase;
#[cfg(test)]
mod testing;

use overparam_eval::claim::Talk;

/// The talk's claims.
pub static TALK: Talk = Talk {
    id: "mei-2020",
    title: "Song Mei: Generalization of linearized neural networks, staircase decay and double descent",
    fingerprint: env!("OVERPARAM_FINGERPRINT_MEI_2020"),
    claims: &[
        &linearization::Linearization,
        &staircase::Staircase,
        &invariance::Invariance,
        &double_descent::DoubleDescent,
        &lazy_limits::LazyLimits,
    ],
};
