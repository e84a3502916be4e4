//! The report in a real browser: nothing on the console, nothing from the network, every figure seen, values on hover,
//! no sideways scrolling on a phone, dark and print. Skipped with a message where there is no Chromium; `.ci/run` installs
//! one. `OVERPARAM_SCREENSHOTS=folder` keeps pictures of what it saw.

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::browser::{Browser, installed};
use common::xtask;

/// A report of three quick claims; the path of their data set has a script in it.
fn report(folder: &Path) {
    let data = folder.join("ml-<script>x");
    fs::create_dir(&data).unwrap();
    // Enough ratings to be read; the claims chosen do not use them.
    let ratings: String =
        (0..400).map(|i| format!("{}\t{}\t{}\t0\n", i / 20 + 1, i % 20 + 1, i % 5 + 1)).collect();
    fs::write(data.join("u.data"), ratings).unwrap();
    let ratings = format!("movielens-100k={}", data.display());
    xtask()
        .args([
            "reproduce",
            "rank-not-norm",
            "resnet-global-minimum",
            "convex-reparametrisation",
            "--scale",
            "smoke",
        ])
        .args(["--data", &ratings, "--out"])
        .arg(folder)
        .assert()
        .success();
}

/// What many readers of SVG are built on; a drawing that it leaves blank has a few hundred bytes.
#[test]
fn every_figure_is_drawn_by_librsvg() {
    let Ok(version) = Command::new("rsvg-convert").arg("--version").output() else {
        eprintln!("skipped: no rsvg-convert on this machine");
        return;
    };
    assert!(version.status.success());
    let folder = tempfile::tempdir().unwrap();
    report(folder.path());
    let mut drawn = 0;
    for entry in fs::read_dir(folder.path().join("figures")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "svg") {
            let output = Command::new("rsvg-convert").arg(&path).output().unwrap();
            assert!(
                output.status.success(),
                "{}: {}",
                path.display(),
                String::from_utf8_lossy(&output.stderr)
            );
            assert!(
                output.stdout.len() > 8_000,
                "{} is blank: {} bytes",
                path.display(),
                output.stdout.len()
            );
            drawn += 1;
        }
    }
    assert!(drawn >= 3);
}

#[test]
fn the_report_works_in_a_browser() {
    let Some(program) = installed() else {
        eprintln!("skipped: no chromium on this machine");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    report(folder.path());
    let browser = Browser::start(&program);
    let page = folder.path().join("report.html");
    browser.look(1200, 900, "light", "screen");
    browser.open(&page);

    loads_and_escapes(&browser);
    every_figure_is_seen(&browser);
    the_index_leads_to_every_claim(&browser);
    assert_eq!(browser.evaluate(CLIPPED), serde_json::json!([]), "formulas that their lines cut off");
    values_are_told(&browser);
    panels_are_enlarged(&browser);
    a_phone_does_not_scroll_sideways(&browser);
    colours_follow_the_reader(&browser);
    it_prints(&browser);
    assert_eq!(browser.complaints(), Vec::<String>::new());

    // Without its script, as where scripts are forbidden, everything is there to read.
    let html = fs::read_to_string(&page).unwrap();
    let (before, after) = html.rsplit_once("<script>").unwrap();
    let plain = folder.path().join("plain.html");
    fs::write(&plain, format!("{before}{}", after.rsplit_once("</script>").unwrap().1)).unwrap();
    browser.open(&plain);
    every_figure_is_seen(&browser);
    assert!(browser.evaluate("document.querySelectorAll('.op-figure title').length").as_u64() > Some(20));
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

fn loads_and_escapes(browser: &Browser) {
    assert_eq!(browser.evaluate("document.title"), "overparam: what the theory says, and what came out");
    assert_eq!(browser.evaluate("document.scripts.length"), 1, "the page's own");
    let text = browser.evaluate("document.querySelector('header code').textContent");
    assert!(text.as_str().is_some_and(|t| t.contains("ml-<script>x")), "{text}");
    assert_eq!(browser.evaluate("document.querySelectorAll('.formula').length"), 3);
    let formula = browser.evaluate("document.querySelector('math').getBoundingClientRect().height");
    assert!(formula.as_f64() > Some(10.0), "formulas have a size: {formula}");
    let unlabelled =
        "[...document.querySelectorAll('svg[role=img]')].filter(s => !s.getAttribute('aria-label')).length";
    assert_eq!(browser.evaluate(unlabelled), 0);
    let ids =
        "[...document.querySelectorAll('[id]')].map(e => e.id).filter((id, i, all) => all.indexOf(id) !== i)";
    assert_eq!(browser.evaluate(ids), serde_json::json!([]), "no identifier twice");
    let broken = "[...document.querySelectorAll('a[href^=\"#\"]')]\
                  .filter(a => !document.getElementById(a.getAttribute('href').slice(1))).length";
    assert_eq!(browser.evaluate(broken), 0, "links within the page lead somewhere");
}

fn every_figure_is_seen(browser: &Browser) {
    let sizes = browser.evaluate(
        "[...document.querySelectorAll('figure .panels > svg')].map(s => { const b = s.getBoundingClientRect(); \
         return [b.width, b.height, s.querySelectorAll('polyline, .mark, .hollow').length]; })",
    );
    let sizes = sizes.as_array().unwrap();
    assert!(sizes.len() >= 5, "{sizes:?}");
    for size in sizes {
        let [width, height, drawn] = [0, 1, 2].map(|i| size[i].as_f64().unwrap());
        assert!(width > 200.0 && height > 150.0 && drawn > 1.0, "{size}");
    }
}

/// The parts of formulas that reach beyond the box that shows them.
const CLIPPED: &str = "[...document.querySelectorAll('.formula span')].filter(s => { \
    const math = s.firstElementChild.getBoundingClientRect(), box = s.parentNode.getBoundingClientRect(); \
    return math.width === 0 || math.left < box.left || math.right > box.right; }).map(s => s.textContent)";

/// From the index to a claim, by its card and by the contents beside the page; what is folded there unfolds.
fn the_index_leads_to_every_claim(browser: &Browser) {
    let count = |of: &str| browser.evaluate(&format!("document.querySelectorAll('{of}').length"));
    assert_eq!(count("ul.index > li"), 3);
    assert_eq!(count(".contents li a"), 3);
    let seen = "[...document.querySelectorAll('.thumb svg')].every(s => { \
                const b = s.firstElementChild.getBoundingClientRect(); return b.width > 60 && b.height > 40; })";
    assert_eq!(browser.evaluate(seen), true, "thumbnails");
    let order = "[...document.querySelectorAll('main > section')].every(s => \
                 s.querySelector('figure').compareDocumentPosition(s.querySelector('.checks')) & 4)";
    assert_eq!(browser.evaluate(order), true, "the figure stands before the table");
    browser.screenshot("index");
}

/// The page hides what it tells on a scroll, and hears of one with the next frame.
fn settle(browser: &Browser) {
    browser
        .evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(0))))");
}

fn values_are_told(browser: &Browser) {
    browser.evaluate("document.querySelector('figure .mark[data-tip]').scrollIntoView({block: 'center'})");
    settle(browser);
    let place = browser.evaluate(
        "(() => { const b = document.querySelector('figure .mark[data-tip]').getBoundingClientRect(); \
         return [b.x + b.width / 2, b.y + b.height / 2]; })()",
    );
    let hidden = "document.getElementById('tip').hidden";
    assert_eq!(browser.evaluate(hidden), true);
    browser.pointer("mouseMoved", [0, 1].map(|i| place[i].as_f64().unwrap()));
    assert_eq!(browser.evaluate(hidden), false);
    let text = browser.evaluate("document.getElementById('tip').textContent");
    assert_eq!(text.as_str().unwrap().lines().count(), 3, "series, abscissa, ordinate: {text}");
    browser.screenshot("hover");
    browser.pointer("mouseMoved", [2.0, 2.0]);
    assert_eq!(browser.evaluate(hidden), true);

    browser.evaluate("document.querySelector('figure .panels > svg').focus()");
    settle(browser);
    browser.key("ArrowRight");
    let first = browser.evaluate("document.getElementById('tip').textContent");
    browser.key("ArrowRight");
    let second = browser.evaluate("document.getElementById('tip').textContent");
    assert!(first != "" && first != second, "arrow keys go from value to value: {first} {second}");
    browser.key("Escape");
    assert_eq!(browser.evaluate(hidden), true);
}

fn panels_are_enlarged(browser: &Browser) {
    let width = "document.querySelector('dialog svg')?.getBoundingClientRect().width ?? 0";
    browser.evaluate("document.querySelector('figure .panels > svg').focus()");
    settle(browser);
    browser.key("Enter");
    assert!(browser.evaluate(width).as_f64() > Some(600.0));
    let fills = "(() => { const b = document.querySelector('dialog > svg').getBoundingClientRect(); \
                 return Math.max(b.width / innerWidth, b.height / innerHeight); })()";
    assert!(browser.evaluate(fills).as_f64() > Some(0.8), "the enlarged figure fills the window");
    browser.screenshot("enlarged");
    browser.evaluate("document.querySelector('dialog button').click()");
    assert_eq!(browser.evaluate("document.querySelector('dialog').open"), false);

    browser.evaluate("document.querySelector('figure .panels > svg').scrollIntoView({block: 'center'})");
    settle(browser);
    let corner = browser.evaluate(
        "(() => { const b = document.querySelector('figure .panels > svg').getBoundingClientRect(); return [b.x + 5, b.y + 5]; })()",
    );
    let corner = [0, 1].map(|i| corner[i].as_f64().unwrap());
    browser.pointer("mousePressed", corner);
    browser.pointer("mouseReleased", corner);
    assert_eq!(browser.evaluate("document.querySelector('dialog').open"), true);
    browser.evaluate("document.querySelector('dialog').close()");
}

fn a_phone_does_not_scroll_sideways(browser: &Browser) {
    browser.look(380, 800, "light", "screen");
    browser.evaluate("scrollTo(0, 0)");
    // A table that is opened scrolls within itself.
    browser.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })");
    let widths =
        browser.evaluate("[document.documentElement.scrollWidth, document.body.scrollWidth, innerWidth]");
    assert_eq!(widths, serde_json::json!([380, 380, 380]));
    assert_eq!(browser.evaluate(CLIPPED), serde_json::json!([]), "formulas that their lines cut off");
    every_figure_is_seen(browser);
    browser.screenshot("phone");
    browser.evaluate("document.querySelector('figure').scrollIntoView()");
    browser.screenshot("phone-figure");
    browser.evaluate("document.querySelectorAll('details').forEach(d => { d.open = false; })");
}

/// Relative luminance of the page, the text, a figure's letters and its frame.
fn luminance(browser: &Browser) -> Vec<f64> {
    let values = browser.evaluate(
        "(() => { const l = c => { const [r, g, b] = c.match(/[0-9.]+/g).map(Number); return (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255; }; \
         const s = (q, p) => l(getComputedStyle(document.querySelector(q))[p]); \
         return [s('body', 'backgroundColor'), s('body', 'color'), s('figure .panels > svg text', 'fill'), s('figure .panels > svg .frame', 'stroke')]; })()",
    );
    values.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn colours_follow_the_reader(browser: &Browser) {
    for (scheme, medium, dark) in
        [("light", "screen", false), ("dark", "screen", true), ("dark", "print", false)]
    {
        browser.look(1200, 900, scheme, medium);
        let found = luminance(browser);
        let (page, ink) = (found[0], &found[1..]);
        assert_eq!(page < 0.2, dark, "{scheme} on {medium}: {found:?}");
        assert!(ink.iter().all(|l| (l - page).abs() > 0.6), "{scheme} on {medium}: {found:?}");
        browser.evaluate("document.querySelector('figure').scrollIntoView()");
        browser.screenshot(&format!("{scheme}-{medium}"));
    }
}

fn it_prints(browser: &Browser) {
    browser.look(1200, 900, "dark", "");
    let pdf = browser.print();
    assert!(pdf.starts_with(b"%PDF") && pdf.len() > 20_000, "{} bytes", pdf.len());
    if let Some(folder) = std::env::var_os("OVERPARAM_SCREENSHOTS") {
        fs::write(Path::new(&folder).join("report.pdf"), pdf).unwrap();
    }
}
