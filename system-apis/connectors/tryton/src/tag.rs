//! What Tryton has no field for, kept as one line of text in a field for remarks: `fairlead: key=q2p-1 currency=EUR`.
//!
//! Tryton has custom fields only where a firm writes a module. The line is for us; people leave it alone. A value is
//! percent-encoded, so that neither blanks nor line ends break it.

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

const MARK: &str = "fairlead:";
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// The values of a tag.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tag(BTreeMap<String, String>);

impl Tag {
    /// The tag in a remark; empty where it has none.
    pub(crate) fn of(remark: Option<&str>) -> Self {
        let line = remark
            .unwrap_or_default()
            .lines()
            .find_map(|line| line.trim().strip_prefix(MARK));
        let pairs = line.unwrap_or_default().split_whitespace();
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=')?;
            let value = percent_decode_str(value).decode_utf8_lossy().into_owned();
            Some((name.to_owned(), value))
        };
        Self(pairs.filter_map(pair).collect())
    }

    /// A value.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Sets a value that may be absent; an absent one leaves what is there.
    pub(crate) fn set(&mut self, name: &str, value: Option<impl ToString>) {
        if let Some(value) = value {
            self.0.insert(name.to_owned(), value.to_string());
        }
    }

    /// The remark with this tag in the place of its own; people's lines stay.
    pub(crate) fn within(&self, remark: Option<&str>) -> String {
        let lines = remark
            .unwrap_or_default()
            .lines()
            .filter(|line| !line.trim().starts_with(MARK));
        let kept = lines.collect::<Vec<_>>().join("\n");
        let line = self.line();
        if kept.trim().is_empty() {
            line
        } else {
            format!("{}\n{line}", kept.trim_end())
        }
    }

    /// The tag as a line.
    pub(crate) fn line(&self) -> String {
        let pairs = self.0.iter().map(|(name, value)| pair(name, value));
        let pairs = pairs.collect::<Vec<_>>().join(" ");
        format!("{MARK} {pairs}")
    }
}

fn pair(name: &str, value: &str) -> String {
    format!("{name}={}", utf8_percent_encode(value, PLAIN))
}

/// A pattern that finds the remarks with a value, and perhaps some others: `_` stands for any character.
pub(crate) fn pattern(name: &str, value: &str) -> String {
    format!("%{}%", pair(name, value).replace('%', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_comes_back_and_leaves_peoples_lines_alone() {
        let mut tag = Tag::default();
        tag.set("key", Some("q2p-1"));
        tag.set("region", Some("Nord & Süd\n="));
        tag.set("budget", None::<&str>);
        let remark = tag.within(Some("Call Anna first.\nfairlead: key=old\n"));
        assert!(remark.starts_with("Call Anna first.\nfairlead: "), "{remark}");
        assert_eq!(Tag::of(Some(&remark)), tag);
        assert_eq!(Tag::of(Some(&remark)).get("region"), Some("Nord & Süd\n="));
        assert_eq!(Tag::of(Some("nothing of ours")), Tag::default());
        assert_eq!(pattern("key", "a b"), "%key=a_20b%");
    }
}
