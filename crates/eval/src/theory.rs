//! The constants that a prediction rests on, so that each can be changed to see whether the verdict notices.

use std::cell::RefCell;
use std::collections::BTreeMap;

/// Theory as it is stated, or with one of its constants changed.
///
/// A judge passes the constants that its statement names through [`Theory::constant`]:
///
/// ```
/// use overparam_eval::theory::Theory;
///
/// let predicted = |theory: &Theory, m: f64| theory.constant("C", 0.25) * m.powf(theory.constant("exponent", -0.5));
/// assert_eq!(predicted(&Theory::as_stated(), 4.0), 0.125);
/// assert_eq!(predicted(&Theory::with("C", 2.0), 4.0), 0.25);
/// ```
#[derive(Debug, Default)]
pub struct Theory {
    change: Option<(String, f64)>,
    seen: RefCell<BTreeMap<String, f64>>,
}

impl Theory {
    /// The theory of the sources.
    pub fn as_stated() -> Self {
        Self::default()
    }

    /// A wrong theory: one constant is multiplied by a factor.
    pub fn with(name: impl Into<String>, factor: f64) -> Self {
        Self { change: Some((name.into(), factor)), ..Self::default() }
    }

    /// A constant of the prediction by its name, changed if this theory changes it.
    pub fn constant(&self, name: &str, value: f64) -> f64 {
        self.seen.borrow_mut().insert(name.to_owned(), value);
        match &self.change {
            Some((changed, factor)) if changed == name => value * factor,
            _ => value,
        }
    }

    /// The constants that were asked for so far, with their values in the sources.
    pub fn constants(&self) -> BTreeMap<String, f64> {
        self.seen.borrow().clone()
    }
}
