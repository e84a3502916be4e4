//! No circles: imports are read from the sources, followed through re-exports to the file that defines a name, and no more than two
//! files may import each other in a loop. Between the top-level modules of `ntk` no loop is allowed at all. A module's file and the
//! files of its folder are one idea, cut for reading: what they take from each other is no tie.
//!
//! Crates need no such test: cargo refuses loops between them. Code for tests is left out, as are paths that a macro makes.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use common::{root, sources};

/// Circles that are known, by the end of their files' paths: each is one idea cut into files for reading.
const KNOWN: [(&str, &[&str]); 2] = [
    (
        // A tensor is a value or a node of a trace, and a trace is made of tensors.
        "tensor",
        &[
            "autodiff/primitive.rs",
            "autodiff/reverse.rs",
            "autodiff/trace.rs",
            "autodiff/tree.rs",
            "tensor.rs",
        ],
    ),
    (
        // The scalar types bring the loops that are compiled for them.
        "tensor",
        &["array/buffer.rs", "kernel/elementary.rs", "linalg/real.rs", "simd/exponential.rs"],
    ),
];

type Module = Vec<String>;

/// A `use`, spelled out: the path, the name that it gives, and whether it hands the name on.
#[derive(Debug, Clone)]
struct Import {
    path: Vec<String>,
    name: String,
    public: bool,
}

/// One source file without comments, tests and imports.
struct Source {
    code: String,
    imports: Vec<Import>,
    /// Modules that only tests have.
    tests: BTreeSet<String>,
}

/// The module that a file is, below the root of its crate.
fn module(file: &Path) -> Module {
    let mut module: Module = file.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    let last = module.pop().unwrap_or_default();
    let stem = last.trim_end_matches(".rs");
    if !(stem == "mod" || module.is_empty() && (stem == "lib" || stem == "main")) {
        module.push(stem.to_owned());
    }
    module
}

/// The end of the block that opens at or after `from`: behind its brace.
fn block_end(text: &str, from: usize) -> usize {
    let mut depth = 0usize;
    for (i, c) in text[from..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return from + i + 1;
                }
            }
            _ => {}
        }
    }
    text.len()
}

/// All paths of a tree of imports such as `a::{b, c::{self, d as e}}`.
fn expand(tree: &str, prefix: &[String], found: &mut Vec<(Vec<String>, String)>) {
    let tree = tree.trim();
    if let Some(open) = tree.find('{') {
        let mut prefix = prefix.to_vec();
        prefix.extend(tree[..open].split("::").map(str::trim).filter(|s| !s.is_empty()).map(str::to_owned));
        let inner = &tree[open + 1..tree.rfind('}').unwrap_or(tree.len()).max(open + 1)];
        let (mut depth, mut start) = (0usize, 0);
        for (i, c) in inner.char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                ',' if depth == 0 => {
                    expand(&inner[start..i], &prefix, found);
                    start = i + 1;
                }
                _ => {}
            }
        }
        expand(&inner[start..], &prefix, found);
    } else if !tree.is_empty() {
        let (path, alias) = tree.split_once(" as ").map_or((tree, None), |(p, a)| (p, Some(a.trim())));
        let mut full = prefix.to_vec();
        full.extend(path.split("::").map(str::trim).filter(|s| !s.is_empty()).map(str::to_owned));
        if full.len() > 1 && full.last().is_some_and(|last| last == "self") {
            full.pop();
        }
        let name = alias.map_or_else(|| full.last().cloned().unwrap_or_default(), str::to_owned);
        found.push((full, name));
    }
}

fn read(text: &str) -> Source {
    let mut text: String = text
        .lines()
        .map(|line| line.find("//").map_or(line, |at| &line[..at]))
        .collect::<Vec<_>>()
        .join("\n")
        .replace("$crate::", "crate::");
    let mut tests = BTreeSet::new();
    while let Some(at) = text.find("#[cfg(test)]") {
        let rest = &text[at..];
        let semicolon = rest.find(';').unwrap_or(rest.len());
        let brace = rest.find('{').unwrap_or(rest.len());
        let end = if semicolon < brace { (at + semicolon + 1).min(text.len()) } else { block_end(&text, at) };
        if let Some(name) = rest[..semicolon.min(brace)].split("mod ").nth(1) {
            tests.insert(name.trim().to_owned());
        }
        text.replace_range(at..end, "");
    }
    let (mut code, mut imports) = (String::new(), Vec::new());
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let trimmed = line.trim_start();
        let public = trimmed.starts_with("pub");
        let statement = match trimmed.find("use ") {
            // A line of a text may begin so too.
            _ if !trimmed.trim_end().ends_with([';', '{']) => None,
            Some(0) => Some(4),
            Some(at) if public && trimmed[..at].trim_end().ends_with([')', 'b']) => Some(at + 4),
            _ => None,
        };
        let Some(start) = statement else {
            code.push_str(line);
            code.push('\n');
            continue;
        };
        let mut tree = trimmed[start..].to_owned();
        while !tree.contains(';') {
            let Some(more) = lines.next() else { break };
            tree.push(' ');
            tree.push_str(more.trim());
        }
        let mut found = Vec::new();
        expand(tree.split(';').next().unwrap_or_default(), &[], &mut found);
        imports.extend(found.into_iter().map(|(path, name)| Import { path, name, public }));
    }
    Source { code, imports, tests }
}

/// Words of code: identifiers, and `::` between them.
fn paths(code: &str) -> Vec<Vec<String>> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let (mut paths, mut path, mut word, mut colons) = (Vec::new(), Vec::new(), String::new(), 0);
    for c in code.chars().chain([' ']) {
        if is_word(c) {
            if colons != 2 && word.is_empty() && !path.is_empty() {
                paths.push(std::mem::take(&mut path));
            }
            colons = 0;
            word.push(c);
            continue;
        }
        if !word.is_empty() {
            path.push(std::mem::take(&mut word));
        }
        if c == ':' {
            colons += 1;
        } else {
            colons = 0;
            if !path.is_empty() {
                paths.push(std::mem::take(&mut path));
            }
        }
    }
    paths
}

struct Crate {
    files: BTreeMap<Module, Source>,
}

impl Crate {
    fn read(folder: &Path) -> Self {
        let each = sources(folder).into_iter().map(|file| {
            let text = fs::read_to_string(&file).expect("sources are readable");
            (module(file.strip_prefix(folder).expect("below the folder")), read(&text))
        });
        let mut files: BTreeMap<Module, Source> = each.collect();
        let tests: Vec<Module> = files
            .iter()
            .flat_map(|(module, source)| {
                source.tests.iter().map(|t| [module.clone(), vec![t.clone()]].concat())
            })
            .collect();
        files.retain(|module, _| !tests.iter().any(|test| module.starts_with(test)));
        Self { files }
    }

    /// The file that defines what `path` names in module `from`; `None` if it is of another crate.
    fn resolve(&self, from: &[String], path: &[String], depth: usize) -> Option<Module> {
        let mut at: Module = from.to_vec();
        let mut rest = path;
        match path.first()?.as_str() {
            "crate" => (at, rest) = (Vec::new(), &path[1..]),
            "self" => rest = &path[1..],
            "super" => {
                while rest.first().is_some_and(|word| word == "super") {
                    at.pop();
                    rest = &rest[1..];
                }
            }
            first => {
                let child = [from, &[first.to_owned()]].concat();
                if !self.files.contains_key(&child) {
                    return None;
                }
            }
        }
        while let Some((word, tail)) = rest.split_first() {
            at.push(word.clone());
            if self.files.contains_key(&at) {
                rest = tail;
                continue;
            }
            at.pop();
            let source = self.files.get(&at)?;
            let handed = source
                .imports
                .iter()
                .find(|import| import.name == *word && (import.public || !tail.is_empty()));
            if let (Some(import), true) = (handed, depth < 8) {
                let target = [import.path.as_slice(), tail].concat();
                return self.resolve(&at, &target, depth + 1);
            }
            break;
        }
        self.files.contains_key(&at).then_some(at)
    }

    /// Which files each file imports from.
    fn edges(&self) -> BTreeMap<Module, BTreeSet<Module>> {
        let of = |(module, source): (&Module, &Source)| {
            let words = paths(&source.code);
            let mut targets = BTreeSet::new();
            for import in &source.imports {
                // A name that is only handed on ties the two ends, not the file between them.
                let used = || words.iter().any(|path| path.contains(&import.name));
                if !import.public || used() {
                    targets.extend(self.resolve(module, &import.path, 0));
                }
            }
            let inline = words.iter().filter(|path| path.len() > 1);
            targets.extend(inline.filter_map(|path| self.resolve(module, path, 0)));
            targets.retain(|to| !to.starts_with(module) && !module.starts_with(to));
            (module.clone(), targets)
        };
        self.files.iter().map(of).collect()
    }
}

/// Sets of nodes each of which reaches every other, of more than one node.
fn circles<N: Ord + Clone>(edges: &BTreeMap<N, BTreeSet<N>>) -> Vec<BTreeSet<N>> {
    let reach = |start: &N| {
        let (mut seen, mut open) = (BTreeSet::new(), vec![start.clone()]);
        while let Some(node) = open.pop() {
            for next in edges.get(&node).into_iter().flatten() {
                if seen.insert(next.clone()) {
                    open.push(next.clone());
                }
            }
        }
        seen
    };
    let reached: BTreeMap<&N, BTreeSet<N>> = edges.keys().map(|node| (node, reach(node))).collect();
    let mut found: Vec<BTreeSet<N>> = Vec::new();
    for (node, there) in &reached {
        let circle: BTreeSet<N> = there
            .iter()
            .filter(|other| reached.get(other).is_some_and(|back| back.contains(*node)))
            .cloned()
            .collect();
        if circle.len() > 1 && !found.contains(&circle) {
            found.push(circle);
        }
    }
    found
}

fn folders() -> Vec<(String, PathBuf)> {
    let crates = root().join("crates");
    let entries = fs::read_dir(&crates).expect("crates/ is a folder");
    let mut all: Vec<(String, PathBuf)> = entries
        .flatten()
        .map(|e| (e.file_name().to_string_lossy().into_owned(), e.path().join("src")))
        .collect();
    all.push(("xtask".into(), root().join("xtask/src")));
    all.sort();
    all
}

#[test]
fn no_more_than_two_files_import_each_other() {
    let mut wrong = Vec::new();
    for (name, folder) in folders() {
        let edges = Crate::read(&folder).edges();
        for circle in circles(&edges).into_iter().filter(|circle| circle.len() > 2) {
            let files: Vec<String> = circle.iter().map(|module| module.join("/") + ".rs").collect();
            let known =
                |file: &String| KNOWN.iter().any(|(of, known)| *of == name && known.contains(&file.as_str()));
            if files.iter().all(known) {
                continue;
            }
            let ties = circle.iter().flat_map(|from| {
                let inside = edges[from].iter().filter(|to| circle.contains(*to));
                inside.map(|to| format!("  {} -> {}", from.join("/"), to.join("/"))).collect::<Vec<_>>()
            });
            wrong.push(format!("{name}: {}\n{}", files.join(", "), ties.collect::<Vec<_>>().join("\n")));
        }
    }
    assert!(wrong.is_empty(), "files import each other in a circle:\n{}", wrong.join("\n"));
}

#[test]
fn modules_of_ntk_stand_one_above_the_other() {
    let files = Crate::read(&root().join("crates/ntk/src")).edges();
    let mut modules: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (from, targets) in &files {
        let Some(top) = from.first() else { continue };
        let others = targets.iter().filter_map(|to| to.first()).filter(|other| *other != top);
        modules.entry(top.clone()).or_default().extend(others.cloned());
    }
    assert!(modules.len() > 10, "the modules are read: {modules:?}");
    let found = circles(&modules);
    assert!(found.is_empty(), "modules of ntk import each other: {found:?}");
}

/// The reader sees what it should: an import through a re-export, a path without `use`, a name that is only handed on.
#[test]
fn imports_are_followed_to_their_definitions() {
    let file = |name: &str, text: &str| (module(Path::new(name)), read(text));
    let files = [
        file("lib.rs", "pub mod a;\nmod b;\npub use b::Thing;\npub use a::unused;"),
        file("a.rs", "use crate::Thing;\n// use crate::c;\npub fn unused(_: Thing) {}"),
        file("b.rs", "pub struct Thing; fn f() { super::a::unused(Thing); }\n#[cfg(test)]\nmod tests { use crate::c; }"),
        file("c.rs", "pub(crate) use super::{a::{self, unused as other}, b as d};\nfn g() { other() }"),
    ]
    .into();
    let edges = Crate { files }.edges();
    let of = |name: &str| edges[&vec![name.to_owned()]].iter().map(|to| to.join("/")).collect::<Vec<_>>();
    assert_eq!(
        (of("a"), of("b"), of("c")),
        (vec!["b".to_owned()], vec!["a".to_owned()], vec!["a".to_owned()])
    );
    assert!(edges[&Vec::new()].is_empty());
    assert_eq!(circles(&edges).len(), 1);
}
