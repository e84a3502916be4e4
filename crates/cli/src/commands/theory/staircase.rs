//! The deterministic equivalents at finite size.

use std::str::FromStr;

use anyhow::{Result, bail, ensure};
use clap::Args;
use overparam_linearized::Error;
use overparam_linearized::activation::Standard;
use overparam_linearized::equivalents::{Sizes, equivalent};
use overparam_linearized::spectrum::Spectrum;
use overparam_linearized::symmetry::CyclicAverage;
use serde_json::json;

use super::{Entry, Output, Sheet, activation};

/// The regression and its target.
#[derive(Args)]
#[command(allow_negative_numbers = true, after_help = EXAMPLE)]
pub struct Options {
    /// ACTIVATION (its random features), tangent:ACTIVATION (first-layer tangent features), ntk (both layers, ReLU) or exp
    #[arg(long)]
    kernel: Kernel,
    /// Dimension d of the inputs uniform on the sphere
    #[arg(long, value_name = "D", value_parser = clap::value_parser!(u64).range(2..=1_000_000))]
    d: u64,
    /// Samples n; inf is population regression
    #[arg(long, value_name = "N", default_value_t = f64::INFINITY)]
    samples: f64,
    /// Random features N (tangent features: parameters N d); inf is kernel regression
    #[arg(long, value_name = "N", default_value_t = f64::INFINITY)]
    features: f64,
    /// Energies of the target in degrees 0, 1, 2, ...
    #[arg(long, value_name = "E0,E1,...", value_delimiter = ',', num_args = 1, required = true)]
    energies: Vec<f64>,
    /// Ridge in (1/n) sum (y - f)^2 + ridge ||f||^2; 0 is the minimum-norm fit
    #[arg(long, default_value_t = 0.0)]
    ridge: f64,
    /// tau, the standard deviation of the label noise
    #[arg(long, value_name = "DEVIATION", default_value_t = 0.0)]
    tau: f64,
    /// Degree to which the kernel is followed; what is beyond acts as a ridge
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u8).range(1..=60))]
    degree: u8,
    /// Average the kernel over the cyclic shifts of the coordinates; energies are those of an invariant target
    #[arg(long, conflicts_with = "features")]
    cyclic: bool,
    #[command(flatten)]
    pub(super) output: Output,
}

const EXAMPLE: &str = "Example:
  overparam theory staircase --kernel relu-0.5 --d 100 --samples 700 --energies 0,0.5,0.3,0.2
  overparam theory staircase --kernel exp --d 23 --samples 112 --energies 0,0,0.4,0.3,0.3 --cyclic";

/// A rotation-invariant kernel on the sphere.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kernel {
    RandomFeatures(Standard),
    Tangent(Standard),
    TwoLayer,
    Exponential,
}

impl FromStr for Kernel {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name.split_once(':') {
            Some(("tangent", name)) => activation(name).map(Self::Tangent),
            Some((kind, _)) => Err(format!(
                "no kernel is called {kind:?}:...; known: tangent:ACTIVATION, or an activation, ntk, exp"
            )),
            None if name == "ntk" => Ok(Self::TwoLayer),
            None if name == "exp" => Ok(Self::Exponential),
            None => activation(name)
                .map(Self::RandomFeatures)
                .map_err(|e| format!("{e}; or ntk, exp, tangent:NAME")),
        }
    }
}

impl Kernel {
    fn spectrum(self, dimension: usize, degree: usize) -> Result<Spectrum, Error> {
        match self {
            Self::RandomFeatures(s) => Spectrum::of_random_features(&s, dimension, degree),
            Self::Tangent(s) => Spectrum::of_tangent_features(&s, dimension, degree),
            Self::TwoLayer => {
                // t k0 + k1 is twice the kernels of the two layers' features.
                let first = Self::Tangent(Standard::Relu).spectrum(dimension, degree)?;
                let second = Self::RandomFeatures(Standard::Relu).spectrum(dimension, degree)?;
                let both = first.eigenvalues().iter().zip(second.eigenvalues());
                let eigenvalues = both.map(|(a, b)| 2.0 * (a + b)).collect();
                Spectrum::new(dimension, eigenvalues, 2.0 * (first.tail() + second.tail()))
            }
            Self::Exponential => {
                let mut series = vec![1.0];
                for k in 1..=80 {
                    series.push(series[k - 1] / k as f64);
                }
                Spectrum::of_power_series(&series, dimension, degree)
            }
        }
    }

    fn name(self) -> String {
        match self {
            Self::RandomFeatures(s) => s.to_string(),
            Self::Tangent(s) => format!("tangent:{s}"),
            Self::TwoLayer => "ntk".to_owned(),
            Self::Exponential => "exp".to_owned(),
        }
    }
}

/// Risk, training error and the plateau; learnability and energy left degree by degree.
pub(super) fn sheet(options: &Options) -> Result<Sheet> {
    let Options { kernel, d, samples, features, ridge, tau, cyclic, .. } = *options;
    let (energies, degree) = (&options.energies, usize::from(options.degree));
    ensure!(tau >= 0.0 && tau.is_finite(), "--tau is {tau}, but must be finite and at least 0");
    if energies.len() > degree + 1 {
        bail!(
            "--energies has {} degrees, but the kernel is followed to degree {degree}: see --degree",
            energies.len()
        );
    }
    let limited = samples.is_finite() || features.is_finite() || ridge > 0.0;
    ensure!(
        limited,
        "give --samples or --features (or a ridge): with infinitely many of both nothing is left"
    );
    let spectrum = kernel.spectrum(d as usize, degree)?;
    let sizes = Sizes { samples, features, ridge };
    let (e, multiplicities) = if cyclic {
        let average = CyclicAverage::of(&spectrum)?;
        (average.equivalent(energies, 0.0, tau * tau, sizes)?, average.multiplicities().to_vec())
    } else {
        (equivalent(&spectrum, energies, tau * tau, sizes)?, spectrum.multiplicities().to_vec())
    };
    let exponent = samples.min(features).ln() / (d as f64).ln();
    // d^l << min(n, N) << d^(l+1) leaves the energy above degree l; with the symmetry d^(l-1) << n << d^l does.
    let learned = exponent + f64::from(u8::from(cyclic));
    let above = if exponent >= 0.0 { learned.floor().min(1e3) as usize + 1 } else { 0 };
    let entry = |name, value, meaning| Entry { name, value, meaning };
    let row = |k: usize| {
        let learned = e.learnabilities[k];
        vec![
            k as f64,
            multiplicities[k],
            spectrum.eigenvalues()[k],
            learned,
            energies.get(k).copied().unwrap_or(0.0),
        ]
    };
    Ok(Sheet {
        title: "Deterministic equivalent at finite size; plateaus of Ghorbani, Mei, Misiakiewicz, Montanari 2021",
        inputs: vec![
            ("kernel", json!(kernel.name())),
            ("d", json!(d)),
            ("samples", json!(samples)),
            ("features", json!(features)),
            ("ridge", json!(ridge)),
            ("tau", json!(tau)),
            ("degree", json!(degree)),
            ("cyclic", json!(cyclic)),
        ],
        results: vec![
            entry("risk", e.risk, "E (f - fit)^2, noise of the test label not counted"),
            entry("training_error", e.training_error, "mean squared error on the sample"),
            entry("threshold", e.threshold, "eigenvalues above it are learned"),
            entry("exponent", exponent, "log min(n, N) / log d"),
            entry(
                "plateau",
                energies.iter().skip(above).fold(0.0, |s, e| s + e),
                "energy above the degree that d -> inf learns",
            ),
        ],
        degrees: Some((
            vec!["degree", "multiplicity", "eigenvalue", "learnability", "energy"],
            (0..energies.len().max(5).min(degree + 1)).map(row).collect(),
        )),
    })
}

#[cfg(test)]
mod tests {
    use overparam_linearized::activation::Standard;

    use super::Kernel;

    #[test]
    fn kernels_have_names() {
        for name in ["relu", "relu-0.5", "tangent:tanh", "ntk", "exp"] {
            assert_eq!(name.parse::<Kernel>().map(Kernel::name), Ok(name.to_owned()));
        }
        for wrong in ["rbf", "tangent:", "tangent:rbf", "ntk:relu", ""] {
            assert!(wrong.parse::<Kernel>().is_err(), "{wrong}");
        }
    }

    /// The two-layer kernel is 2 at coinciding points and `1 / pi` at orthogonal ones: masses with signs of `Q_k(0)`.
    #[test]
    fn the_two_layer_kernel_is_the_sum_of_arc_cosines() {
        let spectrum = Kernel::TwoLayer.spectrum(10, 30).unwrap();
        assert!((spectrum.trace() - 2.0).abs() < 1e-12);
        // Exact eigenvalues of `t k0 + k1`.
        for (k, value) in [(0, 0.36806), (1, 0.1), (2, 8.5725e-3), (4, 9.654e-5)] {
            assert!((spectrum.eigenvalues()[k] / value - 1.0).abs() < 1e-4);
        }
        assert!(Kernel::RandomFeatures(Standard::Relu).spectrum(10, 4).is_ok());
    }
}
