//! Difan Zou, "Over-parameterization in Deep Learning: Kernel Regime and Beyond", 2023.

pub mod adam_versus_gd;
pub mod benign_overfitting_cnn;
pub mod beyond_kernel_sample_complexity;
pub mod kernel_regime;
pub mod mixup_rare_features;
pub mod over_parameterization;

use overparam_eval::claim::Talk;

/// The talk's claims.
pub static TALK: Talk = Talk {
    id: "zou-2023",
    title: "Difan Zou: Over-parameterization in deep learning, kernel regime and beyond",
    fingerprint: env!("OVERPARAM_FINGERPRINT_ZOU_2023"),
    claims: &[
        &kernel_regime::KernelRegime,
        &over_parameterization::OverParameterization,
        &beyond_kernel_sample_complexity::BeyondKernelSampleComplexity,
        &benign_overfitting_cnn::BenignOverfittingCnn,
        &adam_versus_gd::AdamVersusGd,
        &mixup_rare_features::MixupRareFeatures,
    ],
};
