//! The header `Retry-After` in both of its forms.

use chrono::{DateTime, NaiveDateTime, Utc};

/// Nobody is waited for longer than this on a header's word.
const LONGEST_MS: u64 = 24 * 60 * 60 * 1000;

/// Milliseconds to wait, from seconds (whole or not) or an HTTP date (all three forms of RFC 9110). `None` when the
/// text is neither; a date that has passed is 0.
#[must_use]
pub fn retry_after_ms(text: &str, now: DateTime<Utc>) -> Option<u64> {
    let text = text.trim();
    let ms = seconds(text).or_else(|| until(text, now))?;
    Some(ms.min(LONGEST_MS))
}

fn seconds(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.chars().all(|c| c.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    // More digits than u64 holds still mean "very long".
    let whole_ms = whole.parse::<u64>().unwrap_or(u64::MAX).saturating_mul(1000);
    let thousandths: String = fraction.chars().chain("000".chars()).take(3).collect();
    Some(whole_ms.saturating_add(thousandths.parse().ok()?))
}

fn until(text: &str, now: DateTime<Utc>) -> Option<u64> {
    let date = DateTime::parse_from_rfc2822(text)
        .map(|date| date.with_timezone(&Utc))
        .ok()
        .or_else(|| obsolete(text, "%A, %d-%b-%y %H:%M:%S GMT"))
        .or_else(|| obsolete(text, "%a %b %e %H:%M:%S %Y"))?;
    Some(u64::try_from((date - now).num_milliseconds()).unwrap_or(0))
}

fn obsolete(text: &str, format: &str) -> Option<DateTime<Utc>> {
    NaiveDateTime::parse_from_str(text, format)
        .ok()
        .map(|date| date.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_every_form_of_date_are_understood() {
        let now = "2026-03-01T10:00:00Z".parse().unwrap();
        let cases = [
            ("0", Some(0)),
            ("120", Some(120_000)),
            (" 1.5 ", Some(1_500)),
            ("Sun, 01 Mar 2026 10:00:30 GMT", Some(30_000)),
            ("Sunday, 01-Mar-26 10:00:30 GMT", Some(30_000)),
            ("Sun Mar  1 10:00:30 2026", Some(30_000)),
            ("Sun, 01 Mar 2026 09:00:00 GMT", Some(0)),
            ("99999999999999999999999", Some(LONGEST_MS)),
            ("-5", None),
            ("soon", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(retry_after_ms(text, now), expected, "{text:?}");
        }
    }
}
