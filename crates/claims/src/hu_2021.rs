//! Wei Hu, "Opening the Black Box: Towards Theoretical Understanding of Deep Learning", 2021.

pub mod few_shot;
pub mod images;
pub mod label_complexity;
pub mod lazy_to_rich;
pub mod loss_dynamics;
pub mod low_rank_completion;
pub mod noisy_labels;
pub mod pooling_helps;
pub mod pooling_is_augmentation;
pub mod rank_not_norm;
pub mod singular_value_dynamics;
#[cfg(test)]
mod trial;
mod two_layer;
mod zonal;

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
        &loss_dynamics::LossDynamics,
        &label_complexity::LabelComplexity,
        &pooling_helps::PoolingHelps,
        &noisy_labels::NoisyLabels,
        &few_shot::FewShot,
        &pooling_is_augmentation::PoolingIsAugmentation,
        &lazy_to_rich::LazyToRich,
    ],
};

const ARORA_COHEN_HU_LUO: Source = Source {
    citation: "Arora, Cohen, Hu, Luo: Implicit Regularization in Deep Matrix Factorization (NeurIPS 2019)",
    place: "",
    url: "https://arxiv.org/abs/1905.13655",
};

const ARORA_DU_HU_LI_WANG: Source = Source {
    citation: "Arora, Du, Hu, Li, Wang: Fine-Grained Analysis of Optimization and Generalization for Overparameterized \
               Two-Layer Neural Networks (ICML 2019)",
    place: "",
    url: "https://arxiv.org/abs/1901.08584",
};
