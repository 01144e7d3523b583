//! Statements over many rows: one text for a few sizes of batch, so that an engine prepares each of them once.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{LazyLock, Mutex, PoisonError};

/// Rows that one statement takes: a batch is cut into these.
const SIZES: [usize; 4] = [128, 32, 8, 1];

type Texts = HashMap<(&'static str, usize), &'static str>;

static TEXTS: LazyLock<Mutex<Texts>> = LazyLock::new(Mutex::default);

/// A statement with `{rows}` where its rows stand, and how its rows look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bulk {
    /// The statement.
    pub template: &'static str,
    /// Parameters that stand before those of the rows.
    pub fixed: usize,
    /// Parameters of a row.
    pub columns: usize,
    /// Rows are `(..)` rather than bare.
    pub brackets: bool,
}

impl Bulk {
    /// The statement for so many rows. There are as many texts as statements times sizes, so keeping each for good
    /// costs nothing; the drivers want text that stays.
    pub(super) fn text(&self, rows: usize) -> &'static str {
        let mut texts = TEXTS.lock().unwrap_or_else(PoisonError::into_inner);
        texts.entry((self.template, rows)).or_insert_with(|| {
            let text = self.template.replace("{rows}", &self.placeholders(rows));
            Box::leak(text.into_boxed_str())
        })
    }

    fn placeholders(&self, rows: usize) -> String {
        let mut text = String::new();
        let mut number = self.fixed;
        for row in 0..rows {
            text.push_str(if row == 0 { "" } else { ", " });
            text.push_str(if self.brackets { "(" } else { "" });
            for column in 0..self.columns {
                number += 1;
                // Writing to a String cannot fail.
                let _ = write!(text, "{}${number}", if column == 0 { "" } else { ", " });
            }
            text.push_str(if self.brackets { ")" } else { "" });
        }
        text
    }
}

/// Cuts a slice into pieces for which there are statements.
pub(super) fn pieces<T>(mut rows: &[T]) -> Vec<&[T]> {
    let mut pieces = Vec::new();
    for size in SIZES {
        while let Some((piece, rest)) = rows.split_at_checked(size).filter(|(p, _)| !p.is_empty()) {
            pieces.push(piece);
            rows = rest;
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_cut_into_a_few_sizes_and_numbered_through() {
        let rows: Vec<usize> = (0..170).collect();
        let cut = pieces(&rows);
        assert_eq!(
            cut.iter().map(|p| p.len()).collect::<Vec<_>>(),
            [128, 32, 8, 1, 1]
        );
        assert_eq!(cut.concat(), rows);
        let bulk = Bulk {
            template: "UPDATE t SET a = $1 WHERE id IN ({rows})",
            fixed: 1,
            columns: 1,
            brackets: false,
        };
        assert_eq!(bulk.text(3), "UPDATE t SET a = $1 WHERE id IN ($2, $3, $4)");
        let pairs = Bulk {
            template: "VALUES {rows}",
            fixed: 0,
            columns: 2,
            brackets: true,
        };
        assert_eq!(pairs.text(2), "VALUES ($1, $2), ($3, $4)");
    }
}
