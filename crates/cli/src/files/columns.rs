//! Columns of a table that look like something else than features: what a data frame writes beside its numbers.

use overparam_tensor::Array;
use overparam_tensor::linalg::Real;

/// What to say of each such column. Counted from 0, as NumPy does.
pub(super) fn doubtful<T: Real>(heading: Option<&[String]>, numbers: &Array<T>) -> Vec<String> {
    let &[rows, columns] = numbers.shape() else { return Vec::new() };
    let elements = numbers.elements();
    let name = |column: usize| heading.and_then(|names| names.get(column)).map_or("", String::as_str);
    let of = |column: usize| {
        let values: Vec<f64> = (0..rows).map(|row| elements[row * columns + column].f64()).collect();
        let kind = kind(heading.is_some().then_some(name(column)), &values)?;
        let called = if name(column).is_empty() { String::new() } else { format!(" ({})", name(column)) };
        Some(format!("column {column}{called} looks like {kind}: it is taken as a feature"))
    };
    (0..columns).filter_map(of).collect()
}

fn kind(name: Option<&str>, values: &[f64]) -> Option<&'static str> {
    const INDEX: &str = "an index of rows";
    const LABEL: &str = "a label or target";
    match name.map(|name| name.trim().to_lowercase()).as_deref() {
        // As pandas writes an index, and reads what it has written.
        Some("" | "index" | "idx" | "id" | "row") => return Some(INDEX),
        Some(name) if name.starts_with("unnamed:") => return Some(INDEX),
        Some("label" | "labels" | "target" | "targets" | "class" | "y") => return Some(LABEL),
        _ => {}
    }
    const FEWEST: usize = 4;
    let consecutive = values.windows(2).all(|pair| pair[1] - pair[0] == 1.0);
    (values.len() >= FEWEST && values[0].fract() == 0.0 && consecutive).then_some(INDEX)
}

#[cfg(test)]
mod tests {
    use overparam_tensor::Array;

    use super::doubtful;

    #[test]
    fn indices_and_labels_are_named_and_features_are_not() {
        let numbers = Array::<f64>::from_slice(
            &[4, 3],
            &[7.0, 0.5, 1.0, 8.0, 0.25, 0.0, 9.0, 0.0, 1.0, 10.0, 1.0, 0.0],
        );
        let told = |names: Option<[&str; 3]>| {
            let names = names.map(|names| names.map(str::to_owned));
            doubtful(names.as_ref().map(<[String; 3]>::as_slice), &numbers)
        };
        assert_eq!(told(None), ["column 0 looks like an index of rows: it is taken as a feature"]);
        let named = told(Some(["a", "Unnamed: 0", "Target"]));
        assert_eq!(named.len(), 3, "{named:?}");
        assert!(
            named[1].contains("column 1 (Unnamed: 0)")
                && named[2].contains("column 2 (Target) looks like a label")
        );
        assert_eq!(told(Some(["", "b", "c"])).len(), 1);
    }
}
