//! Tables that fit the terminal: the last columns are left out where it is too narrow for them.

use std::fmt;

use super::bold;

/// Text in a colour, as [`super::good`] and its kin make it.
type Paint = fn(&str) -> String;

/// Text of one place in a table.
pub struct Entry {
    text: String,
    paint: Paint,
}

impl Entry {
    /// In a colour.
    pub fn painted(text: impl Into<String>, paint: Paint) -> Self {
        Self { text: text.into(), paint }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&(self.paint)(&self.text))
    }
}

impl<T: Into<String>> From<T> for Entry {
    fn from(text: T) -> Self {
        Self::painted(text, str::to_owned)
    }
}

/// A heading and rows of as many entries, the most important first.
pub struct Table {
    heading: Vec<&'static str>,
    /// So many columns begin at their left; the others end at their right.
    left: usize,
    rows: Vec<Vec<Entry>>,
}

impl Table {
    /// Without rows; the first `left` columns begin at their left, the others end at their right.
    pub fn new(left: usize, heading: Vec<&'static str>) -> Self {
        Self { heading, left, rows: Vec::new() }
    }

    /// Another row, of an entry for each column.
    pub fn push(&mut self, row: Vec<Entry>) {
        self.rows.push(row);
    }

    /// In lines of at most `width` characters: with the columns that fit; and where not even two do, with the first column on
    /// lines of its own, and the others below it.
    pub fn lines(&self, width: usize) -> Vec<String> {
        let longest =
            |i: usize| self.rows.iter().filter_map(move |row| row.get(i)).map(|e| e.text.chars().count());
        let widths: Vec<usize> = (0..self.heading.len())
            .map(|i| longest(i).max().unwrap_or(0).max(self.heading[i].len()))
            .collect();
        // Two spaces before each column but the first of the line.
        let fitting = |first: usize, indent: usize| {
            let mut end = indent;
            let fits = widths[first..].iter().enumerate().take_while(|(i, wide)| {
                end += **wide + if *i > 0 { 2 } else { 0 };
                end <= width || *i == 0
            });
            first..first + fits.count()
        };
        let line = |columns: std::ops::Range<usize>, text: &dyn Fn(usize) -> (String, Paint)| {
            let cells = columns.map(|i| {
                let (text, paint) = text(i);
                let space = " ".repeat(widths[i] - text.chars().count());
                if i < self.left { paint(&text) + &space } else { space + &paint(&text) }
            });
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        let head = |i: usize| -> (String, Paint) { (self.heading[i].to_owned(), bold) };
        let folded = fitting(0, 0).len() < 2.min(widths.len());
        let parts = if folded { vec![0..1, fitting(1, 2)] } else { vec![fitting(0, 0)] };
        let indented = |part: &std::ops::Range<usize>| " ".repeat(2 * usize::from(part.start > 0));
        let mut lines: Vec<String> =
            parts.iter().map(|part| indented(part) + &line(part.clone(), &head)).collect();
        for row in &self.rows {
            let entry = |i: usize| -> (String, Paint) { (row[i].text.clone(), row[i].paint) };
            lines.extend(parts.iter().map(|part| indented(part) + &line(part.clone(), &entry)));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::Table;

    fn table() -> Table {
        let mut table = Table::new(2, vec!["claim", "decision", "draws", "p"]);
        for (claim, decision, draws, p) in
            [("hu/few", "holds", "8", ".001"), ("mei/staircase", "undecided", "32", ".2")]
        {
            table.push(vec![claim.into(), decision.into(), draws.into(), p.into()]);
        }
        table
    }

    #[test]
    fn columns_line_up() {
        assert_eq!(
            table().lines(80),
            [
                "claim          decision   draws     p",
                "hu/few         holds          8  .001",
                "mei/staircase  undecided     32    .2",
            ]
        );
    }

    #[test]
    fn the_last_columns_give_way() {
        let lines = table().lines(32);
        assert_eq!(lines[0], "claim          decision   draws");
        assert_eq!(lines[2], "mei/staircase  undecided     32");
        assert_eq!(table().lines(24)[1], "hu/few         holds");
    }

    #[test]
    fn what_does_not_fit_beside_the_first_goes_below_it() {
        assert_eq!(
            table().lines(20),
            [
                "claim",
                "  decision   draws",
                "hu/few",
                "  holds          8",
                "mei/staircase",
                "  undecided     32",
            ]
        );
    }

    #[test]
    fn no_line_is_wider_than_asked_if_words_fit() {
        for width in 13..60 {
            assert!(table().lines(width).iter().all(|line| line.chars().count() <= width), "{width}");
        }
    }
}
