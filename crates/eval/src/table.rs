//! A small table for the report: numbers worth reading that nothing is judged by.

use serde::Serialize;

/// A caption, column heads and rows of text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Table {
    /// What the table shows, and how each entry was computed.
    pub caption: String,
    /// Column heads, with units.
    pub head: Vec<String>,
    /// Rows, each as long as the head.
    pub rows: Vec<Vec<String>>,
}

/// A number as a person reads it: four significant digits, powers of ten where they help.
pub fn number(x: f64) -> String {
    let magnitude = x.abs();
    if !x.is_finite() {
        return if x.is_nan() { "none".into() } else { format!("{x}") };
    }
    if x == 0.0 {
        return "0".into();
    }
    if !(1e-3..1e5).contains(&magnitude) {
        let text = format!("{x:.2e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        return format!("{}e{exponent}", trim_zeros(mantissa));
    }
    let digits = (3 - magnitude.log10().floor() as i32).clamp(0, 6);
    trim_zeros(&format!("{x:.*}", digits as usize)).to_owned()
}

fn trim_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_read_well() {
        let cases = [
            (0.0, "0"),
            (1.0, "1"),
            (-0.5, "-0.5"),
            (219.54321, "219.5"),
            (31_234.0, "31234"),
            (0.012345, "0.01235"),
            (2.58e-5, "2.58e-5"),
            (1e6, "1e6"),
            (f64::INFINITY, "inf"),
        ];
        for (x, text) in cases {
            assert_eq!(number(x), text);
        }
    }
}
