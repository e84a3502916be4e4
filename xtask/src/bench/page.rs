//! The page of the book, from `bench.json` alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde_json::Value;

use super::table::{seconds, short};

/// The whole page.
pub(crate) fn page(cases: &[Value]) -> String {
    let mut page = String::from(INTRODUCTION);
    circumstances(&mut page, cases);
    table(&mut page, cases);
    limits(&mut page, cases);
    page.push_str("\n## The work\n\n");
    for case in cases {
        let (name, work) = (text(&case["name"]), text(&case["work"]));
        let _ = writeln!(page, "- `{name}`: {work}. Counted: {}.", text(&case["floor"]["counted"]));
    }
    page.push_str(END);
    page
}

const INTRODUCTION: &str = "\
# Benchmarks

`cargo xtask bench` runs our code beside the programs that people use for the same work today (the *peers*): neural-tangents on JAX,
PyTorch and NumPy. Without `--peers` it measures ours alone. Times are never part of a test.

```sh
python3 -m venv peers && peers/bin/pip install -r benches/peers/requirements.txt
cargo xtask bench --peers peers/bin/python              # all cases; a quarter of an hour, most of it the peers'
cargo xtask bench deep-linear cnn                       # ours alone, of these cases
cargo xtask bench kernels-all --peers peers/bin/python  # every activation and every layer, at two sizes
cargo xtask bench --list                                # what the cases are and what is counted
```

Both sides get the same inputs, and their results are compared, because a race between different computations is worthless. A round runs
ours, then the peer on one thread and on two. Each side is prepared beforehand and warmed up by one untimed run of the same work directly
before the timed one (if a run takes the peer half a minute, only before the first), so that caches and memory are as they would be in a loop
that does nothing else. Each ratio is taken within a round, with the number of threads that is better for the peer. Run it on an idle machine.

The limit is the shortest time that the machine would allow: counted operations divided by the rate of its matrix products, or bytes divided
by the rate at which it copies memory, whichever takes longer. Both rates are measured in the same run. Operations other than products (the
arc-cosine maps have roots, divisions and long polynomials) never come near that rate, so a result far from the limit does not always leave
room for improvement.

";

const END: &str = "
## Others

`cargo bench -p overparam-linearized` times one asymptotic prediction. `tests/callgrind/run` counts the instructions of small kernels and
compares them with `tests/callgrind/baseline.json`: unlike times, such counts can be compared on a shared machine. `cargo xtask list` and the
last section of `report.html` say how long whole claims take.
";

/// Where and when.
fn circumstances(page: &mut String, cases: &[Value]) {
    let all = |key: &str| -> BTreeSet<String> { cases.iter().map(|c| text(&c["run"][key])).collect() };
    let join =
        |set: BTreeSet<String>| set.into_iter().filter(|t| !t.is_empty()).collect::<Vec<_>>().join("; ");
    let (dates, commits) = (all("date"), join(all("commit")));
    let between = match (dates.first(), dates.last()) {
        (Some(first), Some(last)) if first != last => format!("{first} to {last}"),
        (Some(first), _) => first.clone(),
        _ => String::new(),
    };
    let versions: BTreeMap<String, String> = cases
        .iter()
        .filter_map(|c| c["run"]["peers"].as_object())
        .flatten()
        .map(|(name, version)| (name.clone(), text(version)))
        .collect();
    let versions: Vec<String> = versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
    let _ = writeln!(page, "Measured {between}, commit {commits}, on {}.", join(all("machine")));
    if !versions.is_empty() {
        let _ = writeln!(page, "Peers: {}.", versions.join(", "));
    }
    let _ = writeln!(page, "\n```text\n{}\n```\n", all("command").into_iter().collect::<Vec<_>>().join("\n"));
}

fn table(page: &mut String, cases: &[Value]) {
    page.push_str("| case | ours | peer (threads) | peer / ours | target | | of the limit | results differ | MiB, ours and peer |\n");
    page.push_str("|---|---|---|---|---|---|---|---|---|\n");
    let mut few = Vec::new();
    for case in cases {
        let best = best_peer(case);
        let peer =
            best.map_or_else(dash, |p| format!("{} ({})", spread_of(&p["spread"], seconds), p["threads"]));
        let ratio = if case["ratio"].is_object() { spread_of(&case["ratio"], short) } else { dash() };
        let number = |value: &Value, show: &dyn Fn(f64) -> String| value.as_f64().map_or_else(dash, show);
        let _ = writeln!(
            page,
            "| `{}` | {} | {peer} | {ratio} | {} | {} | {} | {} | {} and {} |",
            text(&case["name"]),
            spread_of(&case["ours"]["spread"], seconds),
            number(&case["target"], &|t| format!("{t}")),
            verdict(&text(&case["verdict"])),
            number(&case["floor"]["fraction"], &|f| format!("{} %", short(100.0 * f))),
            number(&case["difference"], &|d| format!("{d:.0e}")),
            number(&case["ours"]["peak_mib"], &|m| format!("{m:.0}")),
            best.map_or_else(dash, |p| number(&p["peak_mib"], &|m| format!("{m:.0}"))),
        );
        if case["ours"]["seconds"].as_array().is_some_and(|s| s.len() == 1) {
            few.push(format!("`{}`", text(&case["name"])));
        }
    }
    page.push_str("\nTimes and ratios are medians, with the smallest and the largest round in brackets.");
    if !few.is_empty() {
        let _ = write!(page, " One round only, because the peer is slow: {}.", few.join(", "));
    }
    page.push_str("\n\n");
}

/// The measured rates.
fn limits(page: &mut String, cases: &[Value]) {
    let mut rates: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for case in cases {
        let threads = text(&case["threads"]);
        let mut add = |name: String, rate: &Value, unit: &str| {
            if let Some(rate) = rate.as_f64() {
                rates.entry(name).or_default().insert(format!("{} {unit}", short(rate / 1e9)));
            }
        };
        let product = format!("{} matrix product, {threads}", text(&case["precision"]));
        add(product, &case["floor"]["flops_per_second"], "GFLOP/s");
        add(format!("memory copy, {threads}"), &case["floor"]["bytes_per_second"], "GB/s read and written");
    }
    let list = rates.into_iter().map(|(name, values)| {
        format!(
            "{name} thread{}: {}",
            if name.ends_with("all") { "s" } else { "" },
            values.into_iter().collect::<Vec<_>>().join(" or ")
        )
    });
    let _ = writeln!(page, "Measured rates: {}.", list.collect::<Vec<_>>().join("; "));
}

/// The peer's entry with the smaller median.
fn best_peer(case: &Value) -> Option<&Value> {
    let median = |p: &&Value| p["spread"]["median"].as_f64().unwrap_or(f64::INFINITY);
    case["peer"].as_array()?.iter().min_by(|a, b| median(a).total_cmp(&median(b)))
}

fn spread_of(spread: &Value, show: impl Fn(f64) -> String) -> String {
    let [Some(median), Some(least), Some(most)] = ["median", "min", "max"].map(|key| spread[key].as_f64())
    else {
        return dash();
    };
    if least == most { show(median) } else { format!("{} ({} to {})", show(median), show(least), show(most)) }
}

fn verdict(name: &str) -> &'static str {
    use super::outcome::Verdict;
    let all = [Verdict::Met, Verdict::Missed, Verdict::Differ, Verdict::Broken];
    all.into_iter().find(|v| v.key() == name).unwrap_or(Verdict::Alone).words()
}

fn dash() -> String {
    "-".to_owned()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::page;
    use crate::bench::machine::Circumstances;
    use crate::bench::outcome::tests::example;

    #[test]
    fn the_page_has_the_row_and_the_circumstances() {
        let run = Circumstances::now("cargo xtask bench example".to_owned(), Value::Null);
        let page = page(&[example().json(&run)]);
        for part in [
            "| `example` | 1.00 s | 3.50 s (3.00 s to 4.00 s) (2) | 3.50 (3.00 to 4.00) | 3 | \u{2713} met | 50.0 % | 0e0 | 10 and 100 |",
            "cargo xtask bench example",
            "f64 matrix product, all threads: 1.00 GFLOP/s",
            "- `example`: Some work. Counted: everything.",
        ] {
            assert!(page.contains(part), "{part} in\n{page}");
        }
    }
}
