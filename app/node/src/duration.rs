//! Spans of time as people write them.

use std::time::Duration;

/// Longer than any chain lives: a thousand years.
const MOST_SECONDS: u64 = 1_000 * 366 * 86_400;
const UNITS: [(&str, u64); 5] = [("w", 7 * 86_400), ("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];

/// Reads `8d`, `12h`, `90s`, `5m`, `2w`, or several of them from the greatest unit on: `1d12h`. A bare number is seconds.
///
/// # Errors
/// When it is none, or longer than a thousand years.
pub fn parse(text: &str) -> Result<Duration, String> {
    let refused = || format!("{text:?} is no span of time: write 8d, 12h, 5m, 90s, 2w, or 1d12h");
    let seconds = match text.bytes().all(|b| b.is_ascii_digit()) {
        true => text.parse().map_err(|_| refused())?,
        false => units(text).ok_or_else(refused)?,
    };
    if seconds > MOST_SECONDS {
        return Err(format!("{text:?} is {seconds} s, at most {MOST_SECONDS} s (a thousand years)"));
    }
    Ok(Duration::from_secs(seconds))
}

fn units(text: &str) -> Option<u64> {
    let (mut rest, mut sum, mut last) = (text, 0_u64, None);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, tail) = rest.split_at(digits);
        let at = UNITS.iter().position(|(unit, _)| tail.starts_with(unit))?;
        if last.is_some_and(|before| at <= before) {
            return None;
        }
        last = Some(at);
        let (unit, seconds) = UNITS.get(at)?;
        sum = sum.checked_add(number.parse::<u64>().ok()?.checked_mul(*seconds)?)?;
        rest = tail.get(unit.len()..)?;
    }
    last.map(|_| sum)
}

/// Seconds in the largest units, two at most: `8d`, `1d 12h`, `40s`.
#[must_use]
pub fn shown(seconds: u64) -> String {
    let mut parts = Vec::new();
    let mut rest = seconds;
    for (unit, size) in UNITS.into_iter().skip(1) {
        let count = rest / size;
        if count > 0 || (unit == "s" && parts.is_empty()) {
            parts.push(format!("{count}{unit}"));
        } else if !parts.is_empty() {
            break;
        }
        rest %= size;
        if parts.len() == 2 {
            break;
        }
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_people_write_them() {
        for (text, seconds) in [
            ("8d", 691_200),
            ("12h", 43_200),
            ("90s", 90),
            ("90", 90),
            ("1d12h", 129_600),
            ("2w", 1_209_600),
            ("0s", 0),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "d", "8x", "-8d", "8 d", "12h1d", "1d1d", "1.5h", "99999999999999999999d", "366001d", "8d5"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse("400000d").unwrap_err().contains("at most 31622400000 s"));
    }

    #[test]
    fn spans_are_shown_in_their_largest_units() {
        for (seconds, text) in
            [(0, "0s"), (59, "59s"), (60, "1m"), (3_661, "1h 1m"), (691_200, "8d"), (129_600, "1d 12h")]
        {
            assert_eq!(shown(seconds), text);
        }
    }
}
