//! Our side of every case: the public interface that a user would call.

pub(super) mod descent;
mod dynamics;
mod empirical;
pub(super) mod features;
mod flow;
pub(super) mod kernels;
pub(crate) mod layers;
pub(super) mod networks;

use super::case::Case;

/// All cases, in the order of the table.
pub(crate) fn cases() -> Vec<Case> {
    [
        kernels::cases(),
        empirical::cases(),
        vec![dynamics::case()],
        descent::cases(),
        networks::cases(),
        vec![flow::case(), features::case()],
        layers::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::cases;

    #[test]
    fn every_case_has_a_name_of_its_own_and_a_floor() {
        let cases = cases();
        let names: BTreeSet<&str> = cases.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names.len(), cases.len());
        for case in &cases {
            assert!(case.cost.flops > 0.0 && case.cost.bytes > 0.0 && case.target >= 1.0, "{}", case.name);
            assert!(case.tolerance < 0.01 && case.rounds >= 1, "{}", case.name);
        }
    }

    /// Each case stands on the other side too.
    #[test]
    fn every_case_has_a_peer() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../benches/peers");
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).expect("the peers' programs");
        let text = ["kernels.py", "networks.py", "descent.py", "features.py"].map(read).concat();
        for case in cases() {
            if !case.name.starts_with(super::layers::PREFIX) {
                assert!(text.contains(&format!("\"{}\"", case.name)), "{} has no peer", case.name);
            }
        }
        // Names that the other side puts together.
        let text = read("layers.py");
        for case in cases().iter().filter(|case| case.name.starts_with(super::layers::PREFIX)) {
            let name = case.name.trim_start_matches(super::layers::PREFIX).trim_start_matches('-');
            let name = name.rsplit_once('-').map_or(name, |(name, _)| name);
            assert!(text.contains(&format!("\"{name}\": lambda")), "{name} has no peer");
        }
    }
}
