//! Several runs on one store: each cell is computed by one of them, and no run waits for the dead.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use common::{CELLS, Counter, TROUBLE, Tiny, process, report, request, run, undisturbed};
use overparam_eval::claim::CellError;
use overparam_eval::runner::{self, Observer, RunError, status};
use overparam_eval::store::{Patience, Store};

/// Short enough to wait for in a test.
const SHORT: Patience = Patience { beat: Duration::from_millis(50), stale: Duration::from_millis(1500) };

#[test]
fn worker() {
    common::work(SHORT);
}

#[test]
fn runs_at_the_same_time_share_the_cells_and_compute_none_twice() {
    let (claim, folder) = (Tiny::new(), tempfile::tempdir().unwrap());
    let store = Store::at(folder.path());
    let expected = undisturbed();
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..4).map(|_| scope.spawn(|| run(claim, &store, &Counter::default()))).collect();
        for handle in runs {
            let runs = handle.join().unwrap().unwrap();
            assert_eq!(report(claim, &runs), expected);
        }
    });
    assert_eq!(claim.computed(), CELLS);
    assert_eq!(files_of(folder.path(), "json").len(), CELLS);
    // Nothing but results stays.
    assert_eq!(fs::read_dir(folder.path().join("test/tiny")).unwrap().count(), CELLS);
}

#[test]
fn processes_at_the_same_time_share_the_cells() {
    let (claim, folder) = (Tiny::new(), tempfile::tempdir().unwrap());
    let store = Store::at(folder.path());
    let others: Vec<_> = (0..3).map(|_| process(folder.path()).spawn().unwrap()).collect();
    let runs = run(claim, &store, &Counter::default()).unwrap();
    assert_eq!(report(claim, &runs), undisturbed());
    for other in others {
        let output = other.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(fs::read_dir(folder.path().join("test/tiny")).unwrap().count(), CELLS);
}

/// Asks to stop at the first finished cell.
struct StopAtOnce(Arc<AtomicBool>);

impl Observer for StopAtOnce {
    fn finished(&self, _: usize, _: f64, _: f64, _: Option<&CellError>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_run_that_is_stopped_gives_its_leases_back() {
    let (claim, folder) = (Tiny::new(), tempfile::tempdir().unwrap());
    let (store, stop) = (Store::at(folder.path()), common::never());
    let stopped = runner::run(&request(claim, 2), &store, &StopAtOnce(Arc::clone(&stop)), &stop);
    // It may have finished before it saw the flag.
    assert!(matches!(stopped, Ok(_) | Err(RunError::Interrupted { .. })));
    // A thread that was just taking a lease gives it back a moment later.
    let patience = Instant::now();
    while !files_of(folder.path(), "lease").is_empty() {
        assert!(patience.elapsed() < Duration::from_secs(30), "a lease stays");
        sleep(Duration::from_millis(1));
    }
    let runs = run(claim, &store, &Counter::default()).unwrap();
    assert_eq!(report(claim, &runs), undisturbed());
}

/// A lease of another machine as its file says it, for the first cell of the store.
fn foreign_lease(store: &Path, claim: &'static Tiny) -> PathBuf {
    // Where the first cell's file will be: that of a finished run.
    let other = tempfile::tempdir().unwrap();
    run(claim, &Store::at(other.path()), &Counter::default()).unwrap();
    let result = files_of(other.path(), "json").remove(0);
    let path = store.join(result.strip_prefix(other.path()).unwrap()).with_extension("lease");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let holder = r#"{"host":"elsewhere","pid":1,"boot":"b","namespace":"n","started":1}"#;
    fs::write(&path, format!(r#"{{"cell":null,"holder":{holder},"nonce":"x"}}"#)).unwrap();
    path
}

fn files_of(store: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(store.join("test/tiny")).unwrap().map(|e| e.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|e| e == extension)).collect();
    files.sort();
    files
}

#[test]
fn a_cell_at_work_elsewhere_is_waited_for() {
    let (claim, folder) = (Tiny::new(), tempfile::tempdir().unwrap());
    let lease = foreign_lease(folder.path(), claim);
    let store = Store::at(folder.path()).with_patience(SHORT);
    let stored = status(&request(claim, 1), &store).remove(0);
    assert_eq!((stored.done, stored.in_progress.len(), stored.in_progress[0].lost), (0, 1, false));
    assert_eq!((stored.in_progress[0].host.as_str(), stored.in_progress[0].pid), ("elsewhere", 1));

    let before = claim.computed();
    let finished = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // The other machine: it beats three times as long as it takes to grow stale, then writes its result.
        scope.spawn(|| {
            let (start, text) = (Instant::now(), fs::read(&lease).unwrap());
            while start.elapsed() < 3 * SHORT.stale {
                fs::write(&lease, &text).unwrap();
                sleep(SHORT.beat);
            }
            assert!(!finished.load(Ordering::Relaxed), "the run did not wait");
            let (claim, elsewhere) = (Tiny::new(), tempfile::tempdir().unwrap());
            run(claim, &Store::at(elsewhere.path()), &Counter::default()).unwrap();
            let name = lease.with_extension("json");
            let result = elsewhere.path().join(name.strip_prefix(folder.path()).unwrap());
            fs::copy(result, &name).unwrap();
            fs::remove_file(&lease).unwrap();
        });
        let runs = run(claim, &store, &Counter::default()).unwrap();
        finished.store(true, Ordering::Relaxed);
        assert_eq!(report(claim, &runs), undisturbed());
    });
    assert_eq!(claim.computed() - before, CELLS - 1);
}

#[test]
fn a_silent_lease_is_taken_over_whatever_its_file_says_about_the_time() {
    let hours = Duration::from_secs(36_000);
    let times = [
        ("now", SystemTime::now()),
        ("long ago", SystemTime::now() - hours),
        ("the future: the store's clock was set back", SystemTime::now() + hours),
    ];
    for (name, time) in times {
        let (claim, folder) = (Tiny::new(), tempfile::tempdir().unwrap());
        let lease = foreign_lease(folder.path(), claim);
        fs::File::options().write(true).open(&lease).unwrap().set_modified(time).unwrap();
        let store = Store::at(folder.path()).with_patience(SHORT);
        let before = claim.computed();
        let runs = run(claim, &store, &Counter::default()).unwrap();
        assert_eq!(report(claim, &runs), undisturbed(), "{name}");
        assert_eq!(claim.computed() - before, CELLS, "{name}");
        assert!(!lease.exists(), "{name}");
    }
}

#[test]
fn a_lease_that_is_not_one_is_taken_over() {
    for content in ["", "{", "\u{0}\u{1}", "{\"holder\":3}"] {
        let (claim, folder) = (Tiny::new(), tempfile::tempdir().unwrap());
        fs::write(foreign_lease(folder.path(), claim), content).unwrap();
        let store = Store::at(folder.path()).with_patience(SHORT);
        let runs = run(claim, &store, &Counter::default()).unwrap();
        assert_eq!(report(claim, &runs), undisturbed(), "{content:?}");
    }
}

/// Leases and partial files that nobody will come back for go, those that somebody may need stay.
#[test]
fn a_run_that_is_alone_clears_what_the_killed_left() {
    let (claim, folder) = (Tiny::new(), tempfile::tempdir().unwrap());
    let store = Store::at(folder.path()).with_patience(SHORT);
    run(claim, &store, &Counter::default()).unwrap();
    let place = folder.path().join("test/tiny");
    let long_ago = SystemTime::now() - Duration::from_secs(36_000);
    let leave = |name: &str, time: SystemTime| {
        fs::write(place.join(name), "{}").unwrap();
        fs::File::options().write(true).open(place.join(name)).unwrap().set_modified(time).unwrap();
    };
    let run_again = || {
        let runs = run(claim, &store, &Counter::default()).unwrap();
        assert_eq!(report(claim, &runs), undisturbed());
        let names = fs::read_dir(&place).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
        let mut left: Vec<String> = names.filter(|name| !name.ends_with(".json")).collect();
        left.sort();
        left
    };
    assert_eq!(run_again(), Vec::<String>::new());
    // Of another version of the code, which this run does not know.
    for name in ["old.lease", "x.json.1-2-3.tmp", "y.lease.1-2-3.stale"] {
        leave(name, long_ago);
    }
    leave("young.json.1-2-3.tmp", SystemTime::now() + Duration::from_secs(60));
    leave("other.failed", long_ago);
    leave("alive.lease", SystemTime::now() + Duration::from_secs(60));
    assert_eq!(run_again().len(), 6, "somebody is at work here");
    fs::remove_file(place.join("alive.lease")).unwrap();
    assert_eq!(run_again(), ["other.failed", "young.json.1-2-3.tmp"]);
    // A holder that is known to be dead, however young its lease.
    fs::remove_dir_all(&place).unwrap();
    let mut child = process(folder.path()).env(TROUBLE, "slow").spawn().unwrap();
    while !place.exists() || files_of(folder.path(), "lease").is_empty() {
        sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let lease = files_of(folder.path(), "lease").remove(0);
    fs::rename(&lease, place.join("unknown.lease")).unwrap();
    // It may have been killed while it wrote a file, which is young.
    assert!(cfg!(not(target_os = "linux")) || run_again().iter().all(|name| name.ends_with(".tmp")));
}

/// A process that stands still loses its cell; when it goes on it does no harm.
#[cfg(unix)]
#[test]
fn a_suspended_process_loses_its_cells_and_does_no_harm_when_it_goes_on() {
    let (claim, folder) = (Tiny::new(), tempfile::tempdir().unwrap());
    let store = Store::at(folder.path()).with_patience(SHORT);
    let child = process(folder.path()).env(TROUBLE, "slow").spawn().unwrap();
    let signal = |name: &str| {
        assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
    };
    let leases = || folder.path().join("test/tiny").exists() && !files_of(folder.path(), "lease").is_empty();
    while !leases() {
        sleep(Duration::from_millis(5));
    }
    signal("-STOP");
    assert!(leases(), "it was stopped in a cell of a tenth of a second");
    let runs = run(claim, &store, &Counter::default()).unwrap();
    assert_eq!(report(claim, &runs), undisturbed());
    signal("-CONT");
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let again = runner::collect(&request(claim, 1), &store, &runner::Silent).remove(0);
    assert_eq!(again.cached, CELLS);
    assert_eq!(report(claim, &again), undisturbed());
}
