//! A formula in a line, or several lines as a table.

use crate::formula::{Item, join, parse};
use crate::markup::{element, escape, space};

/// A formula of one line as a `<math>` element; its text is the accessible name.
pub fn mathml(text: &str) -> String {
    let cells: Vec<String> = columns(text).iter().map(|cell| join(&parse(cell))).collect();
    math(text, &cells.join(&space("2em")))
}

/// Several lines as one `<math>` element: a row a line, aligned at the first relation of those that have one. Two blanks
/// and more begin a column of their own.
pub fn display(lines: &[&str]) -> String {
    if let [line] = lines {
        return mathml(line);
    }
    let rows: Vec<Vec<Vec<Item>>> =
        lines.iter().map(|line| columns(line).iter().map(|cell| parse(cell)).collect()).collect();
    let relation = |row: &[Vec<Item>]| row.first()?.iter().position(Item::is_relation);
    let aligned = rows.iter().filter(|row| relation(row).is_some()).count() > 1;
    let mut table = String::new();
    for row in &rows {
        let mut cells = String::new();
        for (i, items) in row.iter().enumerate() {
            if i == 0 && aligned {
                let (left, right) = items.split_at(relation(row).unwrap_or(items.len()));
                cells += &cell("right", "0", &join(left));
                cells += &cell("left", "0", &join(right));
            } else {
                cells += &cell("left", if i == 0 { "0" } else { "2em" }, &join(items));
            }
        }
        table += &element("mtr", &cells);
    }
    math(&lines.join("; "), &format!("<mtable displaystyle=\"true\">{table}</mtable>"))
}

/// Fonts whose brackets and roots grow with what they hold, as browsers' own choice often does not.
const FONTS: &str = "'Latin Modern Math','STIX Two Math','Cambria Math','DejaVu Math TeX Gyre',math";

fn math(text: &str, content: &str) -> String {
    let text = escape(text);
    format!(
        "<math display=\"block\" style=\"font-family:{FONTS}\" alttext=\"{text}\" aria-label=\"{text}\">{content}</math>"
    )
}

fn cell(side: &str, before: &str, content: &str) -> String {
    let style = format!("text-align:{side};padding:0.25em 0.15em 0.25em {before}");
    format!("<mtd style=\"{style}\">{content}</mtd>")
}

/// The parts of a line between runs of blanks, those before a relation not counted.
fn columns(line: &str) -> Vec<String> {
    let mut columns: Vec<String> = Vec::new();
    let parts = line.trim().split("  ").map(str::trim).filter(|part| !part.is_empty());
    for part in parts {
        match columns.last_mut() {
            Some(last) if RELATIONS.iter().any(|sign| part.starts_with(sign)) => {
                last.push(' ');
                last.push_str(part);
            }
            _ => columns.push(part.to_owned()),
        }
    }
    columns
}

const RELATIONS: [&str; 7] = ["=", "<=", ">=", "~ ", "->", "<-", "~="];

#[cfg(test)]
mod tests {
    use super::{columns, display, mathml};

    #[test]
    fn blanks_begin_columns_but_not_before_relations() {
        assert_eq!(columns("k'     = a,    b  <= c"), ["k' = a,", "b <= c"]);
        assert_eq!(columns("dual:    max <Y, M>"), ["dual:", "max <Y, M>"]);
    }

    #[test]
    fn rows_are_aligned_at_their_first_relation() {
        let html = display(&["a = b = c", "  = d,    if e > 0"]);
        let cells: Vec<&str> = html.split("<mtd").collect();
        assert_eq!(cells.len(), 6, "two, and two with a condition: {html}");
        assert!(cells[1].contains("right") && cells[1].contains("<mi>a</mi>") && !cells[1].contains('b'));
        assert!(cells[2].contains("<mo>=</mo><mi>b</mi>") && cells[4].contains("<mi>d</mi>"));
    }

    #[test]
    fn rows_without_relations_are_not_split() {
        assert_eq!(display(&["a + b", "c = d"]).matches("<mtd").count(), 2);
        assert_eq!(display(&["a = b"]), mathml("a = b"));
    }

    #[test]
    fn no_line_is_empty() {
        assert!(!display(&["a", "", "b"]).contains('\n'));
    }
}
