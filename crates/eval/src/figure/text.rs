//! A figure as text and back: JSON with a line for each series, from which the same picture is drawn without a run.

use serde_json::{Value, json};

use super::Figure;

impl Figure {
    /// The figure as JSON, from which [`Figure::parse`] makes the same figure. A number that is infinite or none becomes null, which it
    /// does not read.
    pub fn text(&self) -> String {
        let panels = self.panels.iter().map(|panel| {
            let series: Vec<String> = panel.series.iter().map(|series| json!(series).to_string()).collect();
            let head = object([("title", json!(panel.title)), ("x", json!(panel.x)), ("y", json!(panel.y))]);
            format!("{head}, \"series\": [\n{}\n]}}", series.join(",\n"))
        });
        let panels: Vec<String> = panels.collect();
        let head = object([
            ("name", json!(self.name)),
            ("title", json!(self.title)),
            ("caption", json!(self.caption)),
        ]);
        format!("{head}, \"panels\": [\n{}\n]}}\n", panels.join(",\n"))
    }

    /// The figure of a text that [`Figure::text`] wrote.
    ///
    /// # Errors
    /// Where the text is not that of a figure, and what was expected there.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }
}

/// The beginning of an object, up to its last field.
fn object<const N: usize>(fields: [(&str, Value); N]) -> String {
    let fields = fields.map(|(name, value)| format!("{name:?}: {value}"));
    format!("{{{}", fields.join(", "))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::figure::{Axis, Figure, Panel, Point, Role, Series, Shade};

    proptest! {
        #[test]
        fn the_figure_is_read_back_to_the_bit(
            texts in prop::collection::vec(".{0,12}", 4),
            points in prop::collection::vec((-1e9..1e9f64, prop::num::f64::NORMAL), 0..6),
            floor in prop::option::of(1e-9..1.0f64),
            role in 0usize..4,
        ) {
            let role = [Role::Theory, Role::Experiment, Role::Trajectory, Role::Control][role];
            let drawn: Vec<Point> = points.iter().map(|(x, y)| Point { x: *x, y: *y, low: -y, high: x * 0.1 }).collect();
            let shade = |p: &Point| (*p, Shade { value: p.y, left: p.x - 0.1, right: p.x + 0.1 });
            let cells: Vec<_> = drawn.iter().map(shade).collect();
            let mut y = Axis::log(texts[0].as_str());
            y.floor = floor;
            let panel = |series| Panel { title: texts[1].clone(), x: Axis::named("x", &["a", "b"]), y: y.clone(), series };
            let figure = Figure {
                name: "f".into(),
                title: texts[2].clone(),
                caption: texts[3].clone(),
                panels: vec![
                    panel(vec![Series::new("s", role, 3, drawn)]),
                    panel(Vec::new()),
                    panel(vec![Series::heat_map("loss", [0.1, 0.2, 0.3, 0.4, 0.5], cells)]),
                ],
            };
            prop_assert_eq!(Figure::parse(&figure.text()).unwrap(), figure);
        }
    }

    #[test]
    fn what_is_no_figure_is_refused_with_its_place() {
        let text = "{\"name\": \"f\", \"title\": \"t\", \"caption\": \"c\", \"panels\": [{\"title\": 3}]}";
        let error = Figure::parse(text).unwrap_err().to_string();
        assert!(error.contains("expected a string at line 1 column"), "{error}");
    }
}
