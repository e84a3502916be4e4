//! Cong Fang, "Convex Formulation of Overparameterized Deep Neural Networks", 2022.

pub mod convex_reparametrisation;
pub mod neural_feature_flow;
pub mod nfr_learns_features;
pub mod resnet_global_minimum;
pub mod rich_limit;
#[cfg(test)]
mod testing;
pub mod two_level_convexity;

use overparam_eval::claim::{Source, Talk};

/// The talk's claims.
pub static TALK: Talk = Talk {
    id: "fang-2022",
    title: "Cong Fang: Convex formulation of overparameterized deep neural networks",
    fingerprint: env!("OVERPARAM_FINGERPRINT_FANG_2022"),
    claims: &[
        &two_level_convexity::TwoLevelConvexity,
        &convex_reparametrisation::ConvexReparametrisation,
        &nfr_learns_features::NfrLearnsFeatures,
        &neural_feature_flow::NeuralFeatureFlow,
        &rich_limit::RichLimit,
        &resnet_global_minimum::ResnetGlobalMinimum,
    ],
};

const FANG_GU_ZHANG_ZHANG: Source = Source {
    citation: "Fang, Gu, Zhang, Zhang: Convex Formulation of Overparameterized Deep Neural Networks (2019)",
    place: "",
    url: "https://arxiv.org/abs/1911.07626",
};

const FANG_LEE_YANG_ZHANG: Source = Source {
    citation: "Fang, Lee, Yang, Zhang: Modeling from Features: a Mean-field Framework for Over-parameterized Deep Neural \
               Networks (COLT 2021)",
    place: "",
    url: "https://arxiv.org/abs/2007.01452",
};
