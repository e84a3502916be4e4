//! Sizes on the command line.

/// `8G`, `500M`, `64K` or a number of bytes; units are powers of 1024.
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    let (number, unit) = match text.char_indices().last() {
        Some((at, 'K' | 'k')) => (&text[..at], 1 << 10),
        Some((at, 'M' | 'm')) => (&text[..at], 1 << 20),
        Some((at, 'G' | 'g')) => (&text[..at], 1 << 30),
        Some((at, 'T' | 't')) => (&text[..at], 1 << 40),
        _ => (text, 1u64),
    };
    let size = number.parse().ok().and_then(|n: u64| n.checked_mul(unit)).filter(|&n| n > 0);
    size.ok_or_else(|| "expected a number of bytes, for example 8G or 500M".to_owned())
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn sizes_have_units_of_1024() {
        assert_eq!((bytes("8G"), bytes("500m"), bytes("17")), (Ok(8 << 30), Ok(500 << 20), Ok(17)));
        for wrong in ["", "G", "0", "1.5G", "-1", "8GB", "99999999999T", "ä"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }
}
