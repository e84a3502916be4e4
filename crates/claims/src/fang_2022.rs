//! Cong Fang, "Convex Formulation of Overparameterized Deep Neural Networks", 2022.

pub mod two_level_convexity;

use overparam_eval::claim::Talk;

/// The talk's claims.
pub static TALK: Talk = Talk {
    id: "fang-2022",
    title: "Cong Fang: Convex formulation of overparameterized deep neural networks",
    fingerprint: env!("OVERPARAM_FINGERPRINT_FANG_2022"),
    claims: &[&two_level_convexity::TwoLevelConvexity],
};
