//! Formulas as a person types them, set as MathML.
//!
//! For example, `||W|| >= a / sqrt(loss) - b for every norm` becomes a formula with words in it. What is certainly notation is set
//! as such, and everything else as ordinary words, so that every text has a rendering.
//!
//! ```
//! let html = overparam_notation::mathml("s = sqrt(v (2 - v))");
//! assert!(html.starts_with("<math") && html.contains("<msqrt>"));
//! ```
//!
//! | text | set as |
//! |---|---|
//! | `x_i^2`, `m^(-1/2)`, `mu_*`, `(1 - rho)_+^2`, `n1` | indices and powers; digits after a letter are an index |
//! | `a / b`, `a b / (c d)`, `1/m`, `dW/dt` | fractions: of whole products with blanks around the stroke, of two factors without |
//! | `sqrt(x)`, `sqrt d` | root |
//! | `u~`, `B^ w^`, `lambda_bar`, `q*`, `k'` | tilde, hats (a blank or a closing sign follows), bar, star, prime |
//! | `sum_l`, `min_u`, `sup_t`, `mean_z`, `int u d rho` | with the index below; integral |
//! | `<u, v>`, `\|x\|`, `\|\|x\|\|`, `z . h(w)` | inner product, absolute value, norm, dot product |
//! | `<=`, `>=`, `<<`, `->`, `<-`, `<=>`, `~`, `+/-`, `...` | relations, arrows, signs |
//! | `lambda`, `Theta` | Greek letters |
//! | words of two letters and more | words |
//! | two blanks and more | start a new column, except before a relation, where they only align the source |

mod formula;
mod greek;
mod layout;
mod markup;

pub use greek::greek;
pub use layout::{display, mathml};
