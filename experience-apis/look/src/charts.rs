//! Charts as inline SVG. Coordinates are whole pixels of a fixed view box; the values keep their decimals as text.

use std::fmt::Write;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

/// One bar or column.
#[derive(Debug, Clone)]
pub struct Bar {
    /// What it stands for.
    pub label: String,
    /// How much; below zero is drawn as nothing.
    pub value: Decimal,
    /// The value as people read it.
    pub shown: String,
}

/// Narrow, so that the text is still readable when the drawing is as wide as a phone.
const WIDTH: u32 = 400;
const ROW: u32 = 48;
const HEIGHT: u32 = 200;

/// Horizontal bars, one row each: label and value in a line, the bar below. `title` says what the chart shows; the labels
/// and values are text for every reader.
#[must_use]
pub fn bars(title: &str, rows: &[Bar]) -> String {
    let largest = rows.iter().map(|row| row.value).max().unwrap_or_default();
    bars_of(title, rows, largest)
}

/// As [`bars`], of percentages: a full track is 100; what is beyond is drawn full and said in words.
#[must_use]
pub fn percent_bars(title: &str, rows: &[Bar]) -> String {
    bars_of(title, rows, Decimal::ONE_HUNDRED)
}

fn bars_of(title: &str, rows: &[Bar], whole: Decimal) -> String {
    let count = u32::try_from(rows.len()).unwrap_or(0);
    let mut svg = open(title, rows, ROW * count.max(1));
    for (n, (row, length)) in rows.iter().zip(lengths(rows, whole, WIDTH)).enumerate() {
        let top = ROW * u32::try_from(n).unwrap_or(0);
        let (text, bar) = (top + 16, top + 24);
        let _ = write!(
            svg,
            r#"<text x="0" y="{text}">{}</text><text class="soft" x="{WIDTH}" y="{text}" text-anchor="end">{}</text><rect class="track" x="0" y="{bar}" width="{WIDTH}" height="12" rx="6"/><rect class="bar" x="0" y="{bar}" width="{length}" height="12" rx="6"/>"#,
            escaped(&row.label),
            escaped(&row.shown),
        );
    }
    svg + "</svg>"
}

/// Vertical columns, for a few values in order, such as ages or months.
#[must_use]
pub fn columns(title: &str, values: &[Bar]) -> String {
    let mut svg = open(title, values, HEIGHT);
    let count = u32::try_from(values.len()).unwrap_or(0).max(1);
    let slot = WIDTH / count;
    let room = HEIGHT - 50;
    let largest = values.iter().map(|value| value.value).max().unwrap_or_default();
    for (n, (value, height)) in values.iter().zip(lengths(values, largest, room)).enumerate() {
        let left = slot * u32::try_from(n).unwrap_or(0);
        let centre = left + slot / 2;
        let width = (slot * 3 / 5).min(90);
        let top = HEIGHT - 25 - height;
        let _ = write!(
            svg,
            r#"<rect class="bar" x="{}" y="{top}" width="{width}" height="{height}" rx="5"/><text x="{centre}" y="{}" text-anchor="middle">{}</text><text class="soft" x="{centre}" y="{}" text-anchor="middle">{}</text>"#,
            centre - width / 2,
            top - 6,
            escaped(&value.shown),
            HEIGHT - 6,
            escaped(&value.label),
        );
    }
    svg + "</svg>"
}

fn open(title: &str, values: &[Bar], height: u32) -> String {
    let said: Vec<String> = values
        .iter()
        .map(|v| format!("{}: {}", v.label, v.shown))
        .collect();
    format!(
        r#"<svg class="chart" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{}. {}">"#,
        escaped(title),
        escaped(&said.join("; ")),
    )
}

/// Lengths in proportion to the largest value; a value above zero is never invisible.
fn lengths(values: &[Bar], whole: Decimal, room: u32) -> impl Iterator<Item = u32> {
    values.iter().map(move |v| {
        if whole <= Decimal::ZERO || v.value <= Decimal::ZERO {
            return 0;
        }
        (v.value.min(whole) / whole * Decimal::from(room))
            .round()
            .to_u32()
            .unwrap_or(room)
            .max(2)
    })
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(label: &str, value: i64) -> Bar {
        Bar {
            label: label.to_owned(),
            value: Decimal::from(value),
            shown: format!("{value} EUR"),
        }
    }

    #[test]
    fn a_chart_says_in_words_what_it_draws() {
        let svg = bars("Work in progress", &[bar("0-30", 300), bar("<31", 100)]);
        assert!(
            svg.contains(r#"aria-label="Work in progress. 0-30: 300 EUR; &lt;31: 100 EUR""#),
            "{svg}"
        );
        assert!(
            svg.contains(r#"width="400" height="12""#) && svg.contains(r#"width="133" height="12""#),
            "{svg}"
        );
    }

    #[test]
    fn half_of_a_budget_fills_half_a_track_and_twice_a_budget_no_more_than_all_of_it() {
        let svg = percent_bars("Burn", &[bar("a", 50), bar("b", 200)]);
        let bars: Vec<_> = svg
            .split(r#"class="bar""#)
            .skip(1)
            .map(|rest| rest.contains(r#"width="200""#))
            .collect();
        assert_eq!(bars, [true, false], "{svg}");
        assert_eq!(svg.matches(r#"width="400" height="12""#).count(), 3, "{svg}");
    }

    #[test]
    fn nothing_and_less_than_nothing_are_drawn_as_nothing() {
        assert_eq!(
            lengths(&[bar("a", 0), bar("b", -5)], Decimal::ZERO, 100).collect::<Vec<_>>(),
            [0, 0]
        );
        assert_eq!(
            lengths(&[bar("a", 1), bar("b", 1_000_000)], Decimal::from(1_000_000), 100).collect::<Vec<_>>(),
            [2, 100]
        );
        assert!(columns("Empty", &[]).starts_with("<svg"));
    }
}
