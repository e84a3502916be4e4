//! What the marks of a figure mean: one legend a figure where a mark means the same in all panels, one a panel otherwise. A
//! line and the points that belong to it are one entry; what all entries share ("theory", "control") is said once.

use std::collections::BTreeMap;

use super::letters::width;
use super::style::NEUTRAL;
use super::{Figure, Panel, Role, Series};

/// From the left end of an entry to its text, and from its text to the next entry.
pub(super) const GLYPH: f64 = 34.0;
const GAP: f64 = 18.0;

/// Marks drawn over each other, and what they mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) colour: usize,
    pub(super) roles: Vec<Role>,
    pub(super) text: String,
}

/// A figure's legend.
pub(super) enum Legend {
    /// For all panels together.
    Shared(Vec<Entry>),
    /// Panel by panel.
    Apart(Vec<Vec<Entry>>),
}

impl Legend {
    pub(super) fn of(figure: &Figure) -> Self {
        let apart: Vec<Vec<Entry>> = figure.panels.iter().map(entries).collect();
        let all = together(&apart.iter().flatten().collect::<Vec<_>>());
        if figure.panels.len() > 1 && unambiguous(&all) { Legend::Shared(all) } else { Legend::Apart(apart) }
    }

    /// The entries that stand below the panel at `i`.
    pub(super) fn below(&self, i: usize) -> &[Entry] {
        match self {
            Legend::Shared(_) => &[],
            Legend::Apart(panels) => panels.get(i).map_or(&[], Vec::as_slice),
        }
    }

    /// The entries that stand beside all panels.
    pub(super) fn shared(&self) -> &[Entry] {
        match self {
            Legend::Shared(entries) => entries,
            Legend::Apart(_) => &[],
        }
    }
}

/// The entries of all panels, each once. What is an experiment in one panel and the control in another is one entry, and hollow
/// marks are explained once.
fn together(entries: &[&Entry]) -> Vec<Entry> {
    let measured = |entry: &Entry| Entry {
        roles: entry.roles.iter().map(|r| if *r == Role::Control { Role::Experiment } else { *r }).collect(),
        ..entry.clone()
    };
    let mut all: Vec<Entry> = Vec::new();
    let mut hollow = false;
    for &entry in entries {
        let filled = measured(entry);
        if filled != *entry && entries.contains(&&filled) {
            hollow = true;
        } else if !all.contains(entry) {
            all.push(entry.clone());
        }
    }
    let control = Entry { colour: NEUTRAL, roles: vec![Role::Control], text: "control".to_owned() };
    if hollow && !all.contains(&control) {
        all.push(control);
    }
    all
}

/// No mark means two things, and no two marks mean one.
fn unambiguous(entries: &[Entry]) -> bool {
    let mut meaning: BTreeMap<(usize, &'static str), &str> = BTreeMap::new();
    let mut texts: Vec<&str> = Vec::new();
    entries.iter().all(|entry| {
        let known = texts.contains(&entry.text.as_str());
        texts.push(&entry.text);
        let mut marks = entry.roles.iter();
        !known && marks.all(|role| meaning.insert((entry.colour, role.mark()), &entry.text).is_none())
    })
}

fn entries(panel: &Panel) -> Vec<Entry> {
    let drawn: Vec<&Series> =
        panel.series.iter().filter(|s| s.points.iter().any(|p| panel.shows(p))).collect();
    let lines = partners(&drawn, Role::Theory);
    let hollow = partners(&drawn, Role::Control);
    let (line, hollow_text) = (common(&lines), common(&hollow));
    let mut entries = Vec::new();
    for shades in drawn.iter().filter_map(|series| series.shades.as_ref()) {
        let texts = shades.texts().into_iter().enumerate();
        entries.extend(texts.map(|(colour, text)| Entry { colour, roles: vec![Role::HeatMap], text }));
    }
    for (i, series) in drawn.iter().enumerate().filter(|(_, s)| s.role != Role::HeatMap) {
        if lines.contains_key(&i) || (hollow_text.is_some() && hollow.contains_key(&i)) {
            continue;
        }
        let mut entry = Entry { colour: series.colour, roles: vec![series.role], text: series.label.clone() };
        if let Some((_, partner)) = lines.iter().find(|(_, p)| p.with == i) {
            entry.roles.insert(0, Role::Theory);
            if line.is_none() {
                entry.text += &format!(" (line: {})", partner.says);
            }
        }
        entries.push(entry);
    }
    entries.extend(line.map(|text| Entry { colour: NEUTRAL, roles: vec![Role::Theory], text }));
    entries.extend(hollow_text.map(|text| Entry { colour: NEUTRAL, roles: vec![Role::Control], text }));
    one_of_each_text(entries)
}

/// Two entries of one text are one where they are drawn alike, and told apart where they are not.
fn one_of_each_text(entries: Vec<Entry>) -> Vec<Entry> {
    let mut kept: Vec<Entry> = Vec::new();
    for mut entry in entries {
        if kept.contains(&entry) {
            continue;
        }
        let text = entry.text.clone();
        let how = match entry.roles.last() {
            Some(Role::Control) => "control",
            Some(Role::Theory) => "theory",
            _ => "measured",
        };
        if kept.iter().any(|e| e.text == text) {
            entry.text = format!("{text}, {how}");
        }
        let mut number = 2;
        while kept.iter().any(|e| e.text == entry.text) {
            entry.text = format!("{text}, {how} {number}");
            number += 1;
        }
        kept.push(entry);
    }
    kept
}

/// A series that belongs to a measured one of its colour, and what it says beyond that one's name.
struct Partner {
    with: usize,
    says: String,
}

/// The lines, or the controls, each with the measured series that it belongs to: the only one of its colour.
fn partners(drawn: &[&Series], role: Role) -> BTreeMap<usize, Partner> {
    let of = |role: Role, colour: usize| {
        drawn.iter().enumerate().filter(move |(_, s)| s.role == role && s.colour == colour).map(|(i, _)| i)
    };
    let only = |mut found: Vec<usize>| (found.len() == 1).then(|| found.remove(0));
    let mut partners = BTreeMap::new();
    for (i, series) in drawn.iter().enumerate().filter(|(_, s)| s.role == role && s.bound().is_none()) {
        let measured = [Role::Experiment, Role::Trajectory].into_iter().flat_map(|r| of(r, series.colour));
        let measured = only(measured.collect()).or_else(|| {
            // Where only the control was measured, the line belongs to it.
            (role == Role::Theory).then(|| only(of(Role::Control, series.colour).collect())).flatten()
        });
        let alone = of(role, series.colour).count() == 1;
        let Some(with) = measured.filter(|_| alone) else { continue };
        let rest = beyond(&series.label, &drawn[with].label);
        // A control of another name keeps it.
        if role == Role::Theory || rest.len() < series.label.len() {
            partners.insert(i, Partner { with, says: rest });
        }
    }
    partners
}

/// What a label says beyond another's beginning: `theory` of `ridgeless, theory` beyond `ridgeless`.
fn beyond(label: &str, name: &str) -> String {
    let bare = |word: &str| word.trim_end_matches([',', ':']).to_owned();
    let shared = label.split(' ').zip(name.split(' ')).take_while(|(a, b)| bare(a) == bare(b));
    let length: usize = shared.map(|(a, _)| a.len() + 1).sum();
    match label.get(length..) {
        Some(rest) if !rest.is_empty() => rest.to_owned(),
        _ => label.to_owned(),
    }
}

/// What two and more say alike.
fn common(partners: &BTreeMap<usize, Partner>) -> Option<String> {
    let mut says = partners.values().map(|p| &p.says);
    let first = says.next()?;
    (partners.len() > 1 && says.all(|s| s == first)).then(|| first.clone())
}

/// Where entries stand, line by line, within a width: as many in a line as fit.
pub(super) fn flow(entries: &[Entry], within: f64) -> (Vec<(f64, usize)>, usize) {
    let (mut x, mut line) = (0.0, 0);
    let mut places = Vec::new();
    for entry in entries {
        let wide = GLYPH + width(&entry.text, false);
        if x > 0.0 && x + wide > within {
            (x, line) = (0.0, line + 1);
        }
        places.push((x, line));
        x += wide + GAP;
    }
    (places, if entries.is_empty() { 0 } else { line + 1 })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::{Entry, GLYPH, Legend, entries, flow, unambiguous};
    use crate::figure::letters::width;
    use crate::figure::{Axis, Figure, Panel, Point, Role, Series};

    fn panel(series: &[(&str, Role, usize)]) -> Panel {
        let series = series.iter().map(|(label, role, colour)| {
            Series::new(*label, *role, *colour, vec![Point::new(1.0, 1.0), Point::new(2.0, 3.0)])
        });
        Panel { title: "t".into(), x: Axis::linear("x"), y: Axis::log("y"), series: series.collect() }
    }

    fn texts(panel: &Panel) -> Vec<String> {
        entries(panel).into_iter().map(|e| e.text).collect()
    }

    #[test]
    fn a_line_and_its_points_are_one_entry() {
        let alone = panel(&[("lambda: formula", Role::Theory, 0), ("lambda", Role::Experiment, 0)]);
        assert_eq!(texts(&alone), ["lambda (line: formula)"]);
        assert_eq!(entries(&alone)[0].roles, [Role::Theory, Role::Experiment]);
        let degrees = panel(&[
            ("mu_1", Role::Theory, 0),
            ("degree 1", Role::Trajectory, 0),
            ("mu_2", Role::Theory, 1),
            ("degree 2", Role::Trajectory, 1),
        ]);
        let both = panel(&[("d = 20, theory", Role::Theory, 0), ("d = 20, measured", Role::Experiment, 0)]);
        assert_eq!(texts(&both), ["d = 20, measured (line: theory)"]);
        assert_eq!(texts(&degrees), ["degree 1 (line: mu_1)", "degree 2 (line: mu_2)"]);
    }

    #[test]
    fn what_all_share_is_said_once() {
        let both = panel(&[
            ("a, theory", Role::Theory, 0),
            ("a", Role::Experiment, 0),
            ("a, control", Role::Control, 0),
            ("b, theory", Role::Theory, 1),
            ("b", Role::Experiment, 1),
            ("b, control", Role::Control, 1),
        ]);
        assert_eq!(texts(&both), ["a", "b", "theory", "control"]);
        // A control of its own name, and a bound, keep theirs.
        let named = panel(&[
            ("at most", Role::Theory, 0),
            ("nets", Role::Experiment, 0),
            ("no skips", Role::Control, 0),
        ]);
        assert_eq!(texts(&named), ["at most", "nets", "no skips"]);
    }

    #[test]
    fn a_series_without_a_point_has_no_entry() {
        let mut empty = panel(&[("a", Role::Experiment, 0), ("b", Role::Experiment, 1)]);
        empty.series[1].points = vec![Point::new(1.0, -1.0), Point::new(f64::NAN, 1.0)];
        assert_eq!(texts(&empty), ["a"], "nothing below zero stands on a logarithmic axis");
    }

    #[test]
    fn panels_share_a_legend_unless_a_mark_means_two_things() {
        let figure =
            |panels: Vec<Panel>| Figure { name: "f".into(), title: "t".into(), caption: "c".into(), panels };
        let a = || panel(&[("a", Role::Experiment, 0)]);
        let shared = figure(vec![a(), panel(&[("a", Role::Experiment, 0), ("b", Role::Control, 0)])]);
        assert!(matches!(Legend::of(&shared), Legend::Shared(entries) if entries.len() == 2));
        let apart = figure(vec![a(), panel(&[("b", Role::Experiment, 0)])]);
        assert!(matches!(Legend::of(&apart), Legend::Apart(panels) if panels.len() == 2));
        let control = figure(vec![a(), panel(&[("a", Role::Control, 0)])]);
        assert!(
            matches!(Legend::of(&control), Legend::Shared(entries) if entries.len() == 2 && entries[1].text == "control")
        );
        // A line alone here and with its points there would be listed twice.
        let twice = figure(vec![a(), panel(&[("a", Role::Experiment, 1)])]);
        assert!(matches!(Legend::of(&twice), Legend::Apart(_)));
    }

    proptest! {
        #[test]
        fn no_legend_says_one_thing_twice_and_every_drawn_series_is_in_it(
            series in prop::collection::vec(("[ab]( c|, theory|, control)?", 0usize..4, 0usize..3), 1..9),
        ) {
            let roles = [Role::Theory, Role::Experiment, Role::Trajectory, Role::Control];
            let series: Vec<_> = series.iter().map(|(l, r, c)| (l.as_str(), roles[*r], *c)).collect();
            let panel = panel(&series);
            let found = entries(&panel);
            let texts: BTreeSet<&String> = found.iter().map(|e| &e.text).collect();
            prop_assert_eq!(texts.len(), found.len());
            for (_, role, colour) in series {
                let grey = |e: &Entry| e.colour == super::NEUTRAL && role == Role::Control;
                prop_assert!(found.iter().any(|e| (e.colour == colour && e.roles.contains(&role)) || grey(e)));
            }
            let shared: Vec<Entry> = found.iter().chain(&found).cloned().collect();
            prop_assert!(!unambiguous(&shared));
        }

        #[test]
        fn entries_stay_within_the_width_and_apart(texts in prop::collection::vec("[a-z ]{1,30}", 0..9), within in 250.0..1200.0f64) {
            let entries: Vec<Entry> =
                texts.into_iter().map(|text| Entry { colour: 0, roles: vec![Role::Theory], text }).collect();
            let (places, lines) = flow(&entries, within);
            prop_assert_eq!(places.last().map_or(0, |p| p.1 + 1), lines);
            for (i, (x, line)) in places.iter().enumerate() {
                let end = x + GLYPH + width(&entries[i].text, false);
                prop_assert!(end <= within || *x == 0.0);
                if let Some((next, _)) = places.get(i + 1).filter(|p| p.1 == *line) {
                    prop_assert!(*next > end);
                }
            }
        }
    }
}
