//! Record ids: 15 characters that tell case apart, or 18 that also survive tools which do not.
//!
//! Ids are issued in ascending order per key prefix. This module knows nothing of records.

const CHECK: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Characters 4 to 6 of every id of this org: its instance and a reserved zero.
const INSTANCE: &str = "Fl0";

/// The `n`th id of a key prefix, in the 18-character form.
pub(super) fn nth(prefix: &str, n: u64) -> String {
    full(&format!("{prefix}{INSTANCE}{}", base62(n)))
}

fn base62(mut n: u64) -> String {
    let mut digits = [b'0'; 9];
    for digit in digits.iter_mut().rev() {
        let at = usize::try_from(n % 62).unwrap_or_default();
        *digit = DIGITS.get(at).copied().unwrap_or(b'0');
        n /= 62;
    }
    digits.iter().copied().map(char::from).collect()
}

/// The 18-character form of a 15-character id.
fn full(id15: &str) -> String {
    let mut id = id15.to_owned();
    for block in id15.as_bytes().chunks(5) {
        let number = block
            .iter()
            .rev()
            .fold(0_usize, |n, c| n * 2 + usize::from(c.is_ascii_uppercase()));
        id.push(char::from(CHECK.get(number).copied().unwrap_or(b'A')));
    }
    id
}

/// The 15-character form, which Salesforce's messages use.
pub(super) fn short(id: &str) -> &str {
    id.get(..15).unwrap_or(id)
}

/// Reads an id of either length into the 18-character form; `None` where it is not an id.
pub(super) fn parse(id: &str) -> Option<String> {
    if !id.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return None;
    }
    match id.len() {
        15 => Some(full(id)),
        18 => {
            let (body, check) = id.split_at(15);
            let restored = restore_case(body, check)?;
            Some(full(&restored))
        }
        _ => None,
    }
}

/// The check characters say which letters are capitals, so an id whose case was lost can be read.
fn restore_case(body: &str, check: &str) -> Option<String> {
    let mut restored = String::with_capacity(15);
    for (block, mark) in body.as_bytes().chunks(5).zip(check.bytes()) {
        let bits = CHECK.iter().position(|c| *c == mark.to_ascii_uppercase())?;
        for (at, byte) in block.iter().enumerate() {
            let capital = bits >> at & 1 == 1;
            if capital && !byte.is_ascii_alphabetic() {
                return None;
            }
            restored.push(char::from(if capital {
                byte.to_ascii_uppercase()
            } else {
                byte.to_ascii_lowercase()
            }));
        }
    }
    Some(restored)
}

/// The key prefix, which names the object.
pub(super) fn prefix(id: &str) -> &str {
    id.get(..3).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_in_both_lengths_and_with_lost_case() {
        let id = nth("001", 62 * 62 + 35);
        assert_eq!(id.len(), 18);
        assert_eq!(parse(short(&id)).as_deref(), Some(id.as_str()));
        assert_eq!(parse(&id.to_lowercase()).as_deref(), Some(id.as_str()));
        assert_eq!(parse("001"), None);
        assert_eq!(parse("001-F0000000000"), None);
    }

    #[test]
    fn check_characters_follow_the_published_rule() {
        assert_eq!(full("001D000000IRFma"), "001D000000IRFmaIAH");
        assert!(nth("006", 9) < nth("006", 10) && nth("006", 61) < nth("006", 62));
    }
}
