//! Difan Zou, "Over-parameterization in Deep Learning: Kernel Regime and Beyond", 2023.

pub mod adam_versus_gd;
pub mod benign_overfitting_cnn;
pub mod beyond_kernel_sample_complexity;
mod finite_width;
pub mod kernel_regime;
pub mod mixup_rare_features;
pub mod over_parameterization;
pub mod staircase_learnable;
#[cfg(test)]
mod testing;
pub mod width_transfer;

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
        &width_transfer::WidthTransfer,
        &staircase_learnable::StaircaseLearnable,
    ],
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use overparam_eval::check::{Bound, Kind};
    use overparam_eval::claim::{Plan, Scale};
    use overparam_eval::inputs::Inputs;
    use overparam_eval::registry::RawGrid;
    use overparam_eval::theory::Theory;

    use super::TALK;

    /// Before anything has run, at every scale: each check excludes a rival or is one that the control must fail; a two-sided
    /// tolerance is at most half the distance to the nearest rival; identifiers are unique.
    #[test]
    fn what_is_declared_can_tell_theories_apart() {
        let inputs = Inputs::none();
        for claim in TALK.claims {
            for scale in Scale::ALL {
                let plan = Plan { scale, seeds: 1, inputs: &inputs };
                let [experiment, control] = [claim.tasks(&plan), claim.control_tasks(&plan)].map(|tasks| {
                    RawGrid { cells: tasks.into_iter().map(|t| t.cell).collect(), runs: Vec::new() }
                });
                let checks = claim.judge(&experiment, &control, &Theory::as_stated()).unwrap();
                let mut seen = BTreeSet::new();
                for check in &checks.experiment {
                    let name = format!("{} {}", claim.about().id, check.id);
                    assert!(seen.insert(check.id.clone()), "{name} is there twice");
                    assert_eq!(check.admitted_rival(), None, "{name}");
                    assert!(
                        check.kind == Kind::Guard || check.must_fail || !check.rivals.is_empty(),
                        "{name}"
                    );
                    let near = |rival: f64| match check.bound {
                        Bound::Within { target, tolerance } => {
                            2.0 * tolerance > (rival - target).abs() + 1e-12
                        }
                        Bound::Factor { target, factor } => {
                            2.0 * factor.ln() > (rival.max(1e-300) / target).ln().abs() + 1e-12
                        }
                        _ => false,
                    };
                    assert!(!check.rivals.iter().any(|r| near(r.value)), "{name}: a rival is too near");
                    let twin = checks.control.iter().any(|c| c.id == check.id);
                    assert!(!check.must_fail || twin, "{name}: the control does not measure it");
                }
            }
        }
    }
}
