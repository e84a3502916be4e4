//! Yuan Cao, "Over-parameterized deep networks, polylogarithmic width", 2020.

pub mod learnable_functions;
pub mod polylog_width;
pub mod zero_training_error;

use overparam_eval::claim::Talk;

/// The talk's claims.
pub static TALK: Talk = Talk {
    id: "cao-2020",
    title: "Yuan Cao: Over-parameterised deep networks: training, learnable functions, polylogarithmic width",
    fingerprint: env!("OVERPARAM_FINGERPRINT_CAO_2020"),
    claims: &[
        &zero_training_error::ZeroTrainingError,
        &polylog_width::PolylogWidth,
        &learnable_functions::LearnableFunctions,
    ],
};
