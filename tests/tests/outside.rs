//! What programs read: the report's JSON against its schema, CSV and NPZ against NumPy and pandas, events, completions.

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::{overparam, python, root, xtask};
use serde_json::Value;

const CLAIMS: [&str; 3] = ["rank-not-norm", "resnet-global-minimum", "convex-reparametrisation"];

fn reproduce(folder: &Path, more: &[&str]) -> String {
    let mut command = xtask();
    command.arg("reproduce").args(CLAIMS).args(["--scale", "smoke"]).args(more).arg("--out").arg(folder);
    let output = command.assert().success();
    String::from_utf8(output.get_output().stdout.clone()).unwrap()
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The part of JSON Schema that `docs/report.schema.json` uses; a keyword beyond it fails.
fn validate(schema: &Value, all: &Value, value: &Value, place: &str) -> Result<(), String> {
    let fail = |what: &str| Err(format!("{place}: {what}"));
    for (keyword, rule) in schema.as_object().unwrap() {
        match keyword.as_str() {
            "$schema" | "$id" | "$defs" | "title" | "description" => {}
            "$ref" => {
                let name = rule.as_str().unwrap().trim_start_matches("#/$defs/");
                validate(&all["$defs"][name], all, value, place)?;
            }
            "const" if value != rule => return fail("another constant"),
            "enum" if !rule.as_array().unwrap().contains(value) => return fail("not one of the enumerated"),
            "const" | "enum" => {}
            "minimum" => {
                if value.as_f64() < rule.as_f64() {
                    return fail("below the minimum");
                }
            }
            "type" => {
                let is = |name: &str| match name {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "boolean" => value.is_boolean(),
                    "number" => value.is_number(),
                    "integer" => value.is_u64() || value.is_i64(),
                    "null" => value.is_null(),
                    other => panic!("type {other}"),
                };
                let names = rule.as_array().map_or_else(|| vec![rule], |names| names.iter().collect());
                if !names.into_iter().any(|name| is(name.as_str().unwrap())) {
                    return fail(&format!("not of type {rule}"));
                }
            }
            "required" => {
                for name in rule.as_array().unwrap() {
                    if value.get(name.as_str().unwrap()).is_none() {
                        return fail(&format!("no {name}"));
                    }
                }
            }
            "properties" => {
                for (name, value) in value.as_object().into_iter().flatten() {
                    match rule.get(name) {
                        Some(rule) => validate(rule, all, value, &format!("{place}.{name}"))?,
                        None if schema["additionalProperties"] == false => {
                            return fail(&format!("unknown {name}"));
                        }
                        None => {}
                    }
                }
            }
            "additionalProperties" => {}
            "items" => {
                for (i, item) in value.as_array().into_iter().flatten().enumerate() {
                    validate(rule, all, item, &format!("{place}[{i}]"))?;
                }
            }
            "prefixItems" => {
                let items = value.as_array().into_iter().flatten().zip(rule.as_array().unwrap());
                for (i, (item, rule)) in items.enumerate() {
                    validate(rule, all, item, &format!("{place}[{i}]"))?;
                }
            }
            "minItems" | "maxItems" => {
                let (count, limit) = (value.as_array().map(|a| a.len() as u64), rule.as_u64());
                if (keyword == "minItems" && count < limit) || (keyword == "maxItems" && count > limit) {
                    return fail(&format!("{count:?} items against {keyword} {limit:?}"));
                }
            }
            "anyOf" => {
                let fits = |s: &Value| validate(s, all, value, place).is_ok();
                if !rule.as_array().unwrap().iter().any(fits) {
                    return fail("fits none of the alternatives");
                }
            }
            other => panic!("keyword {other}"),
        }
    }
    Ok(())
}

const READ_BACK: &str = r#"
import json, sys
import numpy, pandas
exact = {} if int(pandas.__version__.split(".")[0]) >= 3 else {"float_precision": "round_trip"}
out = sys.argv[1]
report = json.load(open(out + "/report.json"))
arrays = 0
def leaf(value, path):
    for key in path.split(".")[1:]:
        value = value[key] if isinstance(value, dict) else value
    return value
for claim in report["claims"]:
    stem = claim["about"]["id"].replace("/", "--")
    frame = pandas.read_csv(f"{out}/csv/{stem}.csv", **exact)
    runs = claim["runs"] + claim["control_runs"]
    assert len(frame) == len(runs) and list(frame["row"]) == list(range(len(runs)))
    for column in frame.columns[2:]:
        kind = column.split(".")[0]
        for row, run in enumerate(runs):
            assert frame[column][row] == leaf(run[kind], column), (stem, column, row)
    for figure in claim["figures"]:
        points = [p for panel in figure["panels"] for s in panel["series"] for p in s["points"]]
        data = pandas.read_csv(f"{out}/csv/{stem}--{figure['name']}.csv", **exact)
        assert data[["x", "y", "low", "high"]].to_dict("records") == points, figure["name"]
    with numpy.load(f"{out}/npz/{stem}.npz") as archive:
        for name in archive.files:
            array = archive[name]
            assert array.dtype == numpy.float64 and len(array) == len(runs)
            for row, run in enumerate(runs):
                value = run[name.split(".")[0]]
                for key in name.split(".")[1:]:
                    value = [v[key] for v in value] if isinstance(value, list) else value[key]
                value = numpy.array(value, dtype=float)
                assert (array[row][tuple(slice(n) for n in value.shape)] == value).all(), (name, row)
                assert numpy.isfinite(array[row]).sum() == value.size
                arrays += 1
print(arrays)
"#;

#[test]
fn programs_read_back_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let text = reproduce(folder.path(), &[]);
    assert!(text.contains("of 3 claims, ") && text.contains("0 contradicted"), "{text}");

    let report = json(&folder.path().join("report.json"));
    let schema = json(&root().join("docs/report.schema.json"));
    validate(&schema, &schema, &report, "report").unwrap();
    // The checker checks: a report with a field less, one more, or another type is refused.
    for change in ["scale", "news", "talks"] {
        let mut wrong = report.clone();
        match change {
            "scale" => drop(wrong.as_object_mut().unwrap().remove(change)),
            _ => wrong[change] = Value::from(1),
        }
        assert!(validate(&schema, &schema, &wrong, "report").is_err(), "{change}");
    }

    for file in ["hu-2021--rank-not-norm--norms-and-rank.png", "hu-2021--rank-not-norm--norms-and-rank.svg"] {
        assert!(fs::metadata(folder.path().join("figures").join(file)).unwrap().len() > 10_000, "{file}");
    }
    let Some(python) = python("numpy, pandas") else {
        eprintln!("skipped: no python3 with numpy and pandas (OVERPARAM_PYTHON names one)");
        return;
    };
    let output = Command::new(python).args(["-c", READ_BACK]).arg(folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let arrays: usize = String::from_utf8_lossy(&output.stdout).trim().parse().unwrap();
    assert!(arrays > 30, "{arrays}");
}

#[test]
fn events_are_json_and_quiet_is_quiet() {
    let folder = tempfile::tempdir().unwrap();
    let text = reproduce(folder.path(), &["--json"]);
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let named = |name: &str| events.iter().filter(|e| e["event"] == name).count();
    assert_eq!((named("verdict"), named("report")), (3, 1));
    let looks = named("round");
    assert!((1..=3).contains(&looks) && (3..=3 * looks).contains(&named("planned")));
    let cells: u64 =
        events.iter().filter(|e| e["event"] == "planned").filter_map(|e| e["cells"].as_u64()).sum();
    assert_eq!(named("cell") as u64, cells);
    let last = events.last().unwrap();
    assert!(Path::new(last["path"].as_str().unwrap()).exists());

    assert_eq!(reproduce(folder.path(), &["--quiet"]), "");
    xtask().args(["reproduce", "--quiet", "--json"]).assert().code(2);
}

/// All but times and machine: the page is the same on any number of threads.
#[test]
fn the_page_and_the_pictures_do_not_depend_on_threads() {
    let folders = ["1", "2"].map(|threads| {
        let folder = tempfile::tempdir().unwrap();
        reproduce(folder.path(), &["--threads", threads]);
        folder
    });
    let read = |i: usize, name: &str| fs::read(folders[i].path().join(name)).unwrap();
    let page = |i: usize| {
        let page = String::from_utf8(read(i, "report.html")).unwrap();
        let (before, after) = page.split_once("<section id=\"run\"").unwrap();
        format!("{before}{}", after.split_once("</section>").unwrap().1)
    };
    assert!(page(0) == page(1));
    let stem = "hu-2021--rank-not-norm";
    for name in
        [format!("npz/{stem}.npz"), format!("figures/{stem}--norms-and-rank.png"), format!("csv/{stem}.csv")]
    {
        assert!(read(0, &name) == read(1, &name), "{name}");
    }
}

#[test]
fn one_assumption_is_changed_from_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let run = |set: &str| {
        let mut command = xtask();
        command.args(["reproduce", "resnet-global-minimum", "--scale", "smoke", "--set", set, "--out"]);
        command.arg(folder.path()).assert()
    };
    // Fewer units than points: the features cannot have full rank, which is what the claim asks for.
    run("width=24").code(1);
    let report = json(&folder.path().join("report.json"));
    let claim = &report["claims"][0];
    for runs in ["runs", "control_runs"] {
        assert!(claim[runs].as_array().unwrap().iter().all(|r| r["cell"]["width"] == 24));
    }
    assert!(claim["command"].as_str().unwrap().ends_with("--set width=24"));
    let message = |set: &str| String::from_utf8_lossy(&run(set).code(2).get_output().stderr).into_owned();
    assert!(message("widht=24").contains("there are depth, examples, missing, seed, steps, width"));
    assert!(message("width").contains("expected FIELD=VALUE"));
    // Of two claims one has the field: the other is said to be unchanged.
    let both = ["list", "resnet-global-minimum", "rank-not-norm", "--set", "width=24"];
    let output = xtask().args(both).assert().success();
    let told = String::from_utf8_lossy(&output.get_output().stderr).into_owned();
    assert!(told.contains("warning: --set width changes nothing in hu-2021/rank-not-norm"), "{told}");
    // A value that no cell can have is refused before anything runs.
    assert!(
        message("width=wide")
            .contains("--set width=wide: fang-2022/resnet-global-minimum takes values such as")
    );
    assert!(message("width=-1").contains("expected a"));
}

/// Both programs are one code: they differ in what they tell a person to type.
#[test]
fn the_installed_program_is_the_checkouts() {
    let said = |mut program: assert_cmd::Command, arguments: &[&str]| {
        let output = program.args(arguments).assert().success();
        String::from_utf8(output.get_output().stdout.clone()).unwrap()
    };
    for arguments in [&["list", "rank-not-norm", "--out", "/nowhere"][..], &["explain", "rank-not-norm"]] {
        assert_eq!(said(overparam(), arguments), said(xtask(), arguments), "{arguments:?}");
    }
    for arguments in [&["kernel", "--help"][..], &["theory", "balanced", "--help"], &["--help"]] {
        let (installed, checkout) = (said(overparam(), arguments), said(xtask(), arguments));
        assert!(installed.contains("  overparam ") && !installed.contains("cargo"), "{installed}");
        assert!(checkout.contains("  cargo xtask ") && !checkout.contains("  overparam "), "{checkout}");
    }
    let misspelt = |mut program: assert_cmd::Command| {
        let output = program.args(["explain", "xyzzy"]).assert().code(2);
        String::from_utf8_lossy(&output.get_output().stderr).into_owned()
    };
    assert!(misspelt(overparam()).contains("`overparam list` shows them all"));
    assert!(misspelt(xtask()).contains("`cargo xtask list` shows them all"));
    // Developers' commands are the checkout's alone.
    overparam().args(["seal", "--check"]).assert().code(2);
}

#[test]
fn the_manual_has_a_page_for_every_command() {
    for program in [overparam(), xtask()] {
        let folder = tempfile::tempdir().unwrap();
        let mut program = program;
        program.arg("man").arg(folder.path().join("man1")).assert().success();
        for page in ["overparam", "overparam-kernel", "overparam-reproduce", "overparam-theory-balanced"] {
            let path = folder.path().join("man1").join(format!("{page}.1"));
            let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{page}: {e}"));
            assert!(text.contains(".TH") && text.contains("overparam"), "{page}");
        }
    }
}

#[test]
fn completions_know_the_claims() {
    // clap's scripts for fish do not complete arguments without a name.
    for (shell, known) in [("bash", "rank-not-norm"), ("zsh", "rank-not-norm"), ("fish", "reproduce")] {
        let output = xtask().args(["completions", shell]).assert().success();
        let script = String::from_utf8_lossy(&output.get_output().stdout).into_owned();
        assert!(script.contains(known) && script.contains("overparam"), "{shell}");
    }
}
