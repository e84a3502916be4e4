//! What the judges' tests share: grids with made-up outcomes, decided as a run would be.

use overparam_eval::check::Check;
use overparam_eval::claim::{Claim, Plan, Run, Scale};
use overparam_eval::decide::{Decision, Design, decide};
use overparam_eval::inputs::Inputs;
use overparam_eval::runs::Grid;
use overparam_eval::theory::Theory;

/// The experiment's grid and the control's, at smoke scale with the draws of the last look.
#[derive(Clone)]
pub(crate) struct Grids<C, O> {
    experiment: Grid<C, O>,
    control: Grid<C, O>,
}

/// Outcomes of every cell, given the cell and a number of mean 0 and deviation about 1 that depends on the seed.
pub(crate) fn grids<L: Claim>(
    claim: &L,
    outcome: impl Fn(&L::Cell, f64) -> L::Outcome,
) -> Grids<L::Cell, L::Outcome>
where
    L::Cell: Clone,
{
    let inputs = Inputs::none();
    let plan = Plan { scale: Scale::Smoke, seeds: 32, inputs: &inputs };
    let seed = |cell: &L::Cell| {
        serde_json::to_value(cell).ok().and_then(|v| v["seed"].as_u64()).expect("a cell has a seed")
    };
    let run = |cells: Vec<L::Cell>| {
        let run = |cell: L::Cell| {
            let noise = std::f64::consts::SQRT_2 * (2.4 * seed(&cell) as f64).sin();
            Run { outcome: outcome(&cell, noise), cell }
        };
        Grid::finished(cells.into_iter().map(run).collect())
    };
    Grids { experiment: run(claim.cells(&plan)), control: run(claim.control(&plan)) }
}

impl<C, O> Grids<C, O> {
    fn decision<L: Claim<Cell = C, Outcome = O>>(&self, claim: &L, theory: &Theory) -> Decision
    where
        C: serde::Serialize,
    {
        let judge = |grid: &Grid<C, O>| claim.judge(&grid.view(), theory);
        decide(&judge(&self.experiment), &judge(&self.control), &Design::of(Scale::Smoke, 26)).decision
    }

    /// The checks of the experiment.
    pub(crate) fn judged<L: Claim<Cell = C, Outcome = O>>(&self, claim: &L) -> Vec<Check>
    where
        C: serde::Serialize,
    {
        claim.judge(&self.experiment.view(), &Theory::as_stated())
    }

    /// Whether the claim holds on these outcomes; no rival may lie inside a bound.
    pub(crate) fn holds<L: Claim<Cell = C, Outcome = O>>(&self, claim: &L) -> bool
    where
        C: serde::Serialize,
    {
        let checks = self.judged(claim);
        for check in &checks {
            assert_eq!(check.admitted_rival(), None, "{}", check.id);
            assert!(check.must_fail || !check.rivals.is_empty(), "{} excludes nothing", check.id);
        }
        self.decision(claim, &Theory::as_stated()) == Decision::Holds
    }

    /// Whether the claim does not hold if one of its constants, which must be these, is 0.7 or 1.3 times what it is.
    pub(crate) fn wrong_theories_fail<L: Claim<Cell = C, Outcome = O>>(
        &self,
        claim: &L,
        constants: &[&str],
    ) -> bool
    where
        C: serde::Serialize,
    {
        let stated = Theory::as_stated();
        claim.judge(&self.experiment.view(), &stated);
        assert!(stated.constants().keys().eq(constants), "{:?}", stated.constants());
        let changed = constants.iter().flat_map(|name| [0.7, 1.3].map(|factor| Theory::with(*name, factor)));
        changed.into_iter().all(|theory| self.decision(claim, &theory) != Decision::Holds)
    }

    /// The control's outcomes in the experiment's place, and the reverse.
    pub(crate) fn exchanged(self) -> Self {
        Self { experiment: self.control, control: self.experiment }
    }
}
