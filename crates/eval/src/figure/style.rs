//! The style sheet of every figure: plain rules without variables, which drawing programs and typesetters do not know.

use std::fmt::Write;

/// Ink, faint lines, paper.
const LIGHT: [&str; 3] = ["#222", "#ddd", "#fff"];
const DARK: [&str; 3] = ["#ddd", "#444", "#181818"];
const PRINT: [&str; 3] = ["#000", "#ccc", "#fff"];

/// How many colours there are; series beyond share them, with another dash and marker.
pub(super) const COLOURS: usize = 7;

/// The colour of a legend's entry that speaks of all colours: ink.
pub(super) const NEUTRAL: usize = usize::MAX;

/// How many classes a heat map has.
pub(super) const SHADES: usize = 6;

/// Paler to darker on light, and the reverse on dark, so that what is large stands out on both. One hue,
/// easily told from the first series' blue, whose lightness alone says as much.
const SHADES_ON_LIGHT: [&str; SHADES] = ["#feecd6", "#fdd3a8", "#fbb06c", "#ef8736", "#c65c10", "#853a06"];
const SHADES_ON_DARK: [&str; SHADES] = ["#33261b", "#523923", "#79532b", "#a86e31", "#d58a45", "#ffbf85"];

/// The number of the rules of a colour.
pub(super) fn slot(colour: usize) -> usize {
    if colour == NEUTRAL { COLOURS } else { colour % COLOURS }
}

/// Okabe and Ito's colours, told apart by colour-blind readers; yellow is darkened to be seen on paper.
const ON_LIGHT: [&str; COLOURS] =
    ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#56b4e9", "#555555"];
const ON_DARK: [&str; COLOURS] =
    ["#4aa8e0", "#ff8c3a", "#2fcf9f", "#e6a3c8", "#e6c04d", "#8fd0f5", "#aaaaaa"];

const SHAPES: &str = "
.op-figure { font-family: 'Helvetica Neue', Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif; font-size: 12px; }
.op-figure .title { font-size: 13px; font-weight: bold; }
.op-figure .script { font-size: 9px; }
.op-figure .frame, .op-figure .tick, .op-figure .line, .op-figure .thin { fill: none; }
.op-figure .frame, .op-figure .tick, .op-figure .grid { stroke-width: 1; }
.op-figure .line { stroke-width: 2; }
.op-figure .thin { stroke-width: 1; }
.op-figure .band { fill-opacity: 0.13; }
.op-figure .bar { fill: none; stroke-width: 1.4; }
.op-figure .hollow { stroke-width: 1.6; }
.op-figure .shade { stroke-width: 1.2; }
.op-figure .halo { fill: none; stroke-width: 5; }
.op-figure .hit { fill: none; stroke: none; pointer-events: all; }
";

/// Dark where the reader's system is dark, except in print.
pub(crate) fn screen() -> String {
    let dark = colours(DARK, ON_DARK, SHADES_ON_DARK);
    let print = colours(PRINT, ON_LIGHT, SHADES_ON_LIGHT);
    format!(
        "{}@media screen and (prefers-color-scheme: dark) {{\n{dark}}}\n@media print {{\n{print}}}\n",
        paper()
    )
}

/// Dark on white whatever the reader's system.
pub(super) fn paper() -> String {
    format!("{SHAPES}{}", colours(LIGHT, ON_LIGHT, SHADES_ON_LIGHT))
}

fn colours([ink, faint, paper]: [&str; 3], series: [&str; COLOURS], shades: [&str; SHADES]) -> String {
    let mut rules = format!(
        ".op-figure text, .op-figure .ink {{ fill: {ink}; }}\n.op-figure .frame, .op-figure .tick {{ stroke: {ink}; }}\n\
         .op-figure .grid {{ stroke: {faint}; }}\n.op-figure .hollow, .op-figure .paper {{ fill: {paper}; }}\n\
         .op-figure .halo {{ stroke: {paper}; }}\n"
    );
    for (i, colour) in series.iter().chain(std::iter::once(&ink)).enumerate() {
        // Writing to a string cannot fail.
        let _ = writeln!(
            rules,
            ".op-figure .s{i} {{ stroke: {colour}; }} .op-figure .f{i} {{ fill: {colour}; }}"
        );
    }
    for (i, shade) in shades.iter().enumerate() {
        let _ = writeln!(rules, ".op-figure .h{i} {{ fill: {shade}; stroke: {shade}; }}");
    }
    rules
}
