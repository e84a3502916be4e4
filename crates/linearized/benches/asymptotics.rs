//! Time of one asymptotic prediction: `cargo bench -p overparam-linearized --bench asymptotics`.

use std::hint::black_box;
use std::time::Instant;

use overparam_linearized::activation::Standard;
use overparam_linearized::asymptotics::{Energies, predict};
use overparam_linearized::hermite::Profile;

fn main() -> Result<(), overparam_linearized::Error> {
    let relu = Profile::of(&Standard::Relu)?;
    let energies = Energies { linear: 1.0, nonlinear: 0.1, noise: 0.2 };
    let decades: Vec<f64> = (0..22).map(|i| 10f64.powf(-3.0 + f64::from(i) * 6.0 / 21.0)).collect();
    let mut rounds: Vec<f64> = Vec::new();
    for _ in 0..15 {
        let start = Instant::now();
        let mut points = 0u32;
        for &psi1 in &decades {
            for &psi2 in &decades {
                for &lambda in &decades {
                    black_box(predict(black_box(psi1), psi2, &relu, lambda, energies)?);
                    points += 1;
                }
            }
        }
        rounds.push(start.elapsed().as_secs_f64() / f64::from(points));
    }
    rounds.sort_by(f64::total_cmp);
    println!("one prediction: {:.0} ns (median of 15 rounds over a 22^3 grid)", rounds[7] * 1e9);
    Ok(())
}
