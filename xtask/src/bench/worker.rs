//! A Python process that holds one case ready, and the list of all processes that must not outlive us.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;

/// The peers' programs.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../benches/peers")
}

/// Every process that we started and that may still run; whoever stops us stops them.
#[derive(Clone, Default)]
pub(crate) struct Children(Arc<Mutex<Vec<Child>>>);

impl Children {
    fn add(&self, child: Child) -> u32 {
        let id = child.id();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(child);
        id
    }

    fn end(&self, chosen: impl Fn(&Child) -> bool) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for child in all.iter_mut().filter(|c| chosen(c)) {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
        all.retain(|c| !chosen(c));
    }

    /// Ends them all.
    pub(crate) fn end_all(&self) {
        self.end(|_| true);
    }

    /// The standard output of a command that ends by itself; `None` if it cannot be run.
    pub(super) fn output(&self, mut command: Command) -> Option<String> {
        let mut child = command.stdout(Stdio::piped()).spawn().ok()?;
        let mut from = child.stdout.take()?;
        let id = self.add(child);
        let mut text = String::new();
        let read = from.read_to_string(&mut text);
        self.end(|c| c.id() == id);
        read.ok().map(|_| text)
    }
}

/// A Python with the peers.
pub(crate) struct Python {
    program: PathBuf,
    children: Children,
}

impl Python {
    /// Checks that the program runs and has these packages; also their versions.
    pub(crate) fn with(program: &Path, packages: &[&str], children: &Children) -> Result<(Self, Value)> {
        let python = Self { program: program.to_owned(), children: children.clone() };
        let output = python.command(&["--packages", &packages.join(",")]).output();
        let output = output.with_context(|| format!("--peers {}: cannot be run", program.display()))?;
        let answer: Option<Value> = serde_json::from_slice(&output.stdout).ok();
        let Some(answer) = answer.filter(Value::is_object) else {
            let message = String::from_utf8_lossy(&output.stderr);
            bail!("--peers {}: this is no Python that works: {}", program.display(), last_lines(&message));
        };
        let missing: Vec<&str> =
            answer["missing"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if !missing.is_empty() {
            bail!(
                "--peers {}: lacks {}; {} -m pip install -r benches/peers/requirements.txt installs what the peers need",
                program.display(),
                missing.join(" and "),
                program.display()
            );
        }
        Ok((python, answer["versions"].clone()))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(folder().join("worker.py")).args(arguments).env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }

    /// Starts a worker that prepares a case and runs it once, on so many threads.
    pub(super) fn worker(&self, case: &str, threads: usize) -> Result<Worker> {
        let mut command = self.command(&[case, "--threads", &threads.to_string()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot run {}", self.program.display()))?;
        let (Some(to), Some(from), Some(mut complaints)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            bail!("no pipes to {}", self.program.display());
        };
        let complaints = std::thread::spawn(move || {
            let mut text = Vec::new();
            // What arrived before an error is what there is to tell.
            let _ = complaints.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        let id = self.children.add(child);
        let children = self.children.clone();
        let (from, complaints) = (BufReader::new(from), Some(complaints));
        let mut worker =
            Worker { threads, id, children, to, from, complaints, summary: Vec::new(), peak_mib: 0.0 };
        let ready = worker.hear()?;
        let numbers = ready["summary"].as_array().into_iter().flatten();
        worker.summary = numbers.map(|v| v.as_f64().unwrap_or(f64::NAN)).collect();
        Ok(worker)
    }
}

/// A process that runs one repetition whenever it is asked.
pub(super) struct Worker {
    pub(super) threads: usize,
    /// Of the result of its first repetition.
    pub(super) summary: Vec<f64>,
    /// The largest memory so far, its interpreter included.
    pub(super) peak_mib: f64,
    id: u32,
    children: Children,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    complaints: Option<JoinHandle<String>>,
}

impl Worker {
    /// Seconds of one repetition.
    pub(super) fn repeat(&mut self) -> Result<f64> {
        // If it is gone, reading tells why.
        let _ = self.to.write_all(b"\n").and_then(|()| self.to.flush());
        let answer = self.hear()?;
        self.peak_mib = answer["peak_mib"].as_f64().unwrap_or(self.peak_mib);
        let seconds = answer["seconds"].as_f64().filter(|s| *s > 0.0);
        seconds.ok_or_else(|| anyhow!("the peer's worker answered {answer}"))
    }

    fn hear(&mut self) -> Result<Value> {
        let mut line = String::new();
        if self.from.read_line(&mut line)? == 0 {
            self.children.end(|c| c.id() == self.id);
            let complaints = self.complaints.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
            bail!("the peer's worker on {} ended: {}", threads_words(self.threads), last_lines(&complaints));
        }
        serde_json::from_str(&line).map_err(|_| anyhow!("the peer's worker answered {line:?}"))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.children.end(|c| c.id() == self.id);
    }
}

/// `"1 thread"`.
pub(super) fn threads_words(threads: usize) -> String {
    format!("{threads} thread{}", if threads == 1 { "" } else { "s" })
}

/// Where a traceback says what happened.
fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|l| !l.trim().is_empty()).collect();
    if lines.is_empty() {
        "it said nothing".to_owned()
    } else {
        lines[lines.len().saturating_sub(3)..].join(" | ")
    }
}
