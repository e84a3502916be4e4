//! What moving features do to a prediction: in numbers, and in a sentence.

use serde_json::{Value, json};

/// A loss with the tangent kernel and with features that move.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Loss {
    pub(super) lazy: f64,
    pub(super) rich: f64,
    /// Of the second.
    pub(super) error: f64,
}

/// What richness changes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Effect {
    pub(super) gamma: f64,
    pub(super) train: Loss,
    /// If there are test targets.
    pub(super) test: Option<Loss>,
    /// The largest change of an output on a test input, and its error.
    pub(super) largest_move: f64,
    pub(super) largest_move_error: f64,
}

impl Loss {
    /// What is gained or lost, as a share of the lazy loss; none of a lazy loss of zero.
    fn relative_change(&self) -> Option<f64> {
        Some((self.rich - self.lazy) / self.lazy).filter(|change| change.is_finite())
    }

    /// Beyond twice the error: `"help"` or `"harm"`; within it `"none"`.
    fn verdict(&self) -> &'static str {
        let gain = self.rich - self.lazy;
        if gain.abs() <= 2.0 * self.error {
            "none"
        } else if gain < 0.0 {
            "help"
        } else {
            "harm"
        }
    }
}

impl Effect {
    /// One event: a number for everything in the sentence.
    pub(super) fn event(&self) -> Value {
        let test = self.test.as_ref();
        json!({
            "event": "richness",
            "gamma": self.gamma,
            "train_loss": self.train.rich,
            "train_loss_error": self.train.error,
            "lazy_train_loss": self.train.lazy,
            "test_loss": test.map(|loss| loss.rich),
            "test_loss_error": test.map(|loss| loss.error),
            "lazy_test_loss": test.map(|loss| loss.lazy),
            "relative_change": test.and_then(Loss::relative_change),
            "features": test.map(Loss::verdict),
            "largest_move": self.largest_move,
            "largest_move_error": self.largest_move_error,
            "summary": self.sentence(),
        })
    }

    /// The same in words.
    pub(super) fn sentence(&self) -> String {
        let Loss { rich, error, .. } = self.train;
        let text = format!("richness {}: train loss {rich:.6e} (error {error:.1e})", self.gamma);
        let Some(test) = self.test else {
            let (most, error) = (self.largest_move, self.largest_move_error);
            return format!("{text}, test outputs move by up to {most:.3e} (error {error:.1e})");
        };
        let Loss { lazy, rich, error } = test;
        let verdict = match test.verdict() {
            "none" => "features that move make no difference beyond the error",
            "help" => "features that move help",
            _ => "features that move do harm",
        };
        let percent =
            test.relative_change().map_or(String::new(), |change| format!(" ({:+.1} %)", 100.0 * change));
        format!("{text}, test loss {rich:.6e} (error {error:.1e}), lazy {lazy:.6e}: {verdict}{percent}")
    }
}

#[cfg(test)]
mod tests {
    use super::{Effect, Loss};

    #[test]
    fn an_effect_is_numbers_and_a_sentence() {
        let train = Loss { lazy: 0.5, rich: 0.25, error: 0.01 };
        let effect =
            Effect { gamma: 1.0, train, test: Some(train), largest_move: 0.5, largest_move_error: 0.1 };
        let event = effect.event();
        assert_eq!(event["features"], "help");
        assert_eq!(event["relative_change"], -0.5);
        assert_eq!(event["test_loss"], 0.25);
        assert!(effect.sentence().ends_with("lazy 5.000000e-1: features that move help (-50.0 %)"));
        for (rich, error, verdict) in [(0.515, 0.01, "none"), (0.53, 0.01, "harm"), (0.0, 0.3, "none")] {
            let test = Some(Loss { lazy: 0.5, rich, error });
            assert_eq!(Effect { test, ..effect }.event()["features"], verdict);
        }
        let none = Effect { test: None, ..effect };
        assert!(none.event()["test_loss"].is_null() && none.event()["features"].is_null());
        assert!(none.sentence().ends_with("test outputs move by up to 5.000e-1 (error 1.0e-1)"));
        let perfect = Effect { test: Some(Loss { lazy: 0.0, rich: 0.0, error: 0.0 }), ..effect };
        assert!(
            perfect.event()["relative_change"].is_null() && perfect.sentence().ends_with("beyond the error")
        );
    }
}
