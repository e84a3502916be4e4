//! Wei Hu, "Opening the Black Box: Towards Theoretical Understanding of Deep Learning", 2021.

pub mod few_shot;
pub mod low_rank_completion;
pub mod rank_not_norm;
pub mod singular_value_dynamics;

use overparam_eval::claim::{Source, Talk};

/// The talk's claims.
pub static TALK: Talk = Talk {
    id: "hu-2021",
    title: "Wei Hu: Opening the Black Box, towards theoretical understanding of deep learning",
    fingerprint: env!("OVERPARAM_FINGERPRINT_HU_2021"),
    claims: &[
        &low_rank_completion::LowRankCompletion,
        &singular_value_dynamics::SingularValueDynamics,
        &rank_not_norm::RankNotNorm,
        &few_shot::FewShot,
    ],
};

const ARORA_COHEN_HU_LUO: Source = Source {
    citation: "Arora, Cohen, Hu, Luo: Implicit Regularization in Deep Matrix Factorization (NeurIPS 2019)",
    place: "",
    url: "https://arxiv.org/abs/1905.13655",
};
