//! Whole numbers as people write them: `500k`, `2M`, `1.5M`, `1e6`, `10_000`.

/// Reads such a number; `None` if it is none.
pub fn parse(text: &str) -> Option<u64> {
    let text = text.trim().replace('_', "");
    let (digits, unit) = match text.char_indices().last()? {
        (at, 'k' | 'K') => (&text[..at], 1e3),
        (at, 'm' | 'M') => (&text[..at], 1e6),
        (at, 'g' | 'G') => (&text[..at], 1e9),
        _ => (text.as_str(), 1.0),
    };
    if unit == 1.0
        && let Ok(exact) = digits.parse()
    {
        return Some(exact);
    }
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let value = digits.parse::<f64>().ok()? * unit;
    // Beyond 2^53 not every whole number is a f64.
    (value.fract() == 0.0 && (0.0..9e15).contains(&value)).then_some(value as u64)
}

/// For clap.
///
/// # Errors
/// A sentence's end that says what is expected.
pub fn argument(text: &str) -> Result<u64, String> {
    parse(text).ok_or_else(|| "expected a whole number such as 64, 500k or 2M".to_owned())
}

/// For clap: at least 1.
///
/// # Errors
/// As [`argument`].
pub fn positive(text: &str) -> Result<u64, String> {
    match argument(text)? {
        0 => Err("must be at least 1".to_owned()),
        number => Ok(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read_and_nonsense_is_not() {
        assert_eq!(
            ["64", "500k", "2M", "1.5M", "1e6", "10_000", "0"].map(|t| parse(t).expect(t)),
            [64, 500_000, 2_000_000, 1_500_000, 1_000_000, 10_000, 0]
        );
        assert_eq!(parse("18446744073709551615"), Some(u64::MAX));
        for text in ["", "k", "-1", "1.5", "x", "12kk", "inf", "nan", "1e99", "0.0001k"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
