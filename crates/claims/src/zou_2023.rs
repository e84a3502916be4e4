//! Difan Zou, "Over-parameterization in Deep Learning: Kernel Regime and Beyond", 2023.

use overparam_eval::claim::Talk;

/// The talk's claims.
pub static TALK: Talk = Talk {
    id: "zou-2023",
    title: "Difan Zou: Over-parameterization in deep learning, kernel regime and beyond",
    fingerprint: env!("OVERPARAM_FINGERPRINT_ZOU_2023"),
    claims: &[],
};
