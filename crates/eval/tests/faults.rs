//! Whatever happens to a run, it ends in a clear error or a correct report; the report after recovery is the same, byte
//! for byte, as if nothing had happened.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::Ordering;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use common::{CELLS, Counter, TROUBLE, Tiny, process, report, request, run, undisturbed};
use overparam_eval::claim::Scale;
use overparam_eval::decide::Decision;
use overparam_eval::report::{ClaimReport, Terms};
use overparam_eval::runner::{self, RunError, Silent, status};
use overparam_eval::store::{Patience, Store};
use overparam_tensor::random::Stream;

/// Long enough that a test which waited for the dead would be noticed.
#[test]
fn worker() {
    common::work(Patience::default());
}

/// The results of a store, sorted.
fn results(store: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(store.join("test/tiny")) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|e| e == "json")).collect();
    paths.sort();
    paths
}

/// Runs to the end what is left of a store; how many of its files were not trusted.
fn recover(store: &Path) -> (common::Bytes, usize) {
    let (claim, counter) = (Tiny::new(), Counter::default());
    let runs = run(claim, &Store::at(store), &counter).unwrap();
    assert_eq!(claim.computed(), CELLS - runs.cached, "no more than what was missing");
    (report(claim, &runs), counter.rejected.load(Ordering::Relaxed))
}

/// A hundred kills: ten runs that are killed ten times each, every other one with a second process at work. A kill comes some
/// results after the last one, and up to a millisecond later: amid the work on a machine of any speed.
#[test]
fn killed_a_hundred_times_at_random_moments() {
    let expected = undisturbed();
    let moments = Stream::root(10).named("moments").normal_vector::<f64>(100, 1.0);
    let mut unfinished = 0;
    for round in 0..10 {
        let folder = tempfile::tempdir().unwrap();
        for kill in 0..10 {
            let moment = moments[10 * round + kill].abs();
            let enough = results(folder.path()).len() + (5.0 * moment) as usize;
            let mut children: Vec<_> =
                (0..1 + round % 2).map(|_| process(folder.path()).spawn().unwrap()).collect();
            // They may have nothing left to do, and end.
            let patience = Instant::now();
            while results(folder.path()).len() < enough
                && children.iter_mut().any(|child| child.try_wait().unwrap().is_none())
            {
                assert!(patience.elapsed() < Duration::from_secs(60), "a process neither works nor ends");
                sleep(Duration::from_micros(100));
            }
            sleep(Duration::from_secs_f64(0.001 * moment.fract()));
            children.iter_mut().for_each(|child| child.kill().unwrap());
            children.iter_mut().for_each(|child| assert!(child.wait().is_ok()));
            unfinished += usize::from(results(folder.path()).len() < CELLS);
        }
        let (bytes, rejected) = recover(folder.path());
        assert_eq!(rejected, 0, "a kill leaves no half of a result");
        assert_eq!(bytes, expected);
    }
    eprintln!("{unfinished} of 100 kills came before the end");
    assert!(unfinished >= 20, "only {unfinished} of 100 kills came before the end");
}

/// A full store, one of whose files is changed by `damage`.
fn damaged(damage: impl Fn(&Path)) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    recover(folder.path());
    damage(&results(folder.path())[5]);
    folder
}

#[test]
fn a_result_that_was_damaged_is_noticed_and_computed_again() {
    let expected = undisturbed();
    let edit = |path: &Path, change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = fs::read(path).unwrap();
        change(&mut bytes);
        fs::write(path, bytes).unwrap();
    };
    let length = |path: &Path| fs::metadata(path).unwrap().len() as usize;
    type Damage<'a> = (&'static str, &'a dyn Fn(&Path));
    let damages: [Damage<'_>; 8] = [
        ("empty", &|path| fs::write(path, "").unwrap()),
        ("without its end", &|path| edit(path, &|b| b.truncate(b.len() - 1))),
        ("half of it", &|path| edit(path, &|b| b.truncate(b.len() / 2))),
        ("a bit of the outcome", &|path| {
            let at = length(path) - 3;
            edit(path, &|b| b[at] ^= 1);
        }),
        ("a bit of the header", &|path| edit(path, &|b| b[20] ^= 1)),
        ("of another version", &|path| {
            let text = fs::read_to_string(path).unwrap();
            fs::write(path, text.replacen("overparam-cell 1", "overparam-cell 0", 1)).unwrap();
        }),
        ("not text", &|path| edit(path, &|b| b[30] = 0xff)),
        ("another cell's", &|path| {
            let other = results(path.ancestors().nth(3).unwrap()).remove(6);
            fs::copy(other, path).unwrap();
        }),
    ];
    for (name, damage) in damages {
        let folder = damaged(damage);
        assert_eq!(recover(folder.path()), (expected.clone(), 1), "{name}");
        assert_eq!(recover(folder.path()), (expected.clone(), 0), "{name}, repaired");
    }
}

#[cfg(unix)]
#[test]
fn a_result_that_cannot_be_read_is_computed_again_or_a_clear_error() {
    use std::os::unix::fs::PermissionsExt;
    let folder = damaged(|path| fs::set_permissions(path, fs::Permissions::from_mode(0o000)).unwrap());
    // The superuser reads it all the same.
    assert_eq!(recover(folder.path()).0, undisturbed());

    let folder = damaged(|path| {
        fs::remove_file(path).unwrap();
        fs::create_dir(path).unwrap();
    });
    let error = run(Tiny::new(), &Store::at(folder.path()), &Counter::default()).unwrap_err();
    let place = results(folder.path())[5].display().to_string();
    assert!(error.to_string().contains(&place), "{error}");
    fs::remove_dir(&results(folder.path())[5]).unwrap();
    assert_eq!(recover(folder.path()), (undisturbed(), 0));
}

/// A small file system in memory, if this process may mount one. Unmounted when dropped.
struct Disk(tempfile::TempDir);

impl Disk {
    fn of(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let options = format!("size={size}");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &options, "overparam-test"]).arg(folder.path());
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        if !mounted {
            eprintln!("skipped: a file system in memory cannot be mounted here");
        }
        mounted.then_some(Self(folder))
    }

    fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        assert!(Command::new("mount").args(["-o", &options]).arg(self.0.path()).status().unwrap().success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // What stays mounted is seen by whoever looks; a panic here would hide the test's own.
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_is_a_clear_error_and_no_result_is_lost() {
    let Some(disk) = Disk::of("64k") else { return };
    let place = disk.0.path().join("store");
    let store = Store::at(&place);
    let error = run(Tiny::new(), &store, &Counter::default()).unwrap_err();
    assert!(matches!(error, RunError::Store(_)), "{error}");
    let text = error.to_string();
    assert!(
        text.contains("No space left on device") && text.contains(&place.display().to_string()),
        "{text}"
    );
    let kept = results(&place).len();
    assert!((1..CELLS).contains(&kept), "{kept}");
    // What is there can still be looked at. A cell that was in flight may have been stored since.
    let done = status(&request(Tiny::new(), 1), &store)[0].done;
    assert!((kept..CELLS).contains(&done), "{done} of {kept}");

    disk.remount("size=4m");
    let counter = Counter::default();
    let runs = run(Tiny::new(), &store, &counter).unwrap();
    assert_eq!(counter.rejected.load(Ordering::Relaxed), 0);
    assert!(runs.cached >= kept);
    assert_eq!(report(Tiny::new(), &runs), undisturbed());
}

#[test]
fn a_store_that_cannot_be_written_is_a_clear_error_before_anything_is_computed() {
    let Some(disk) = Disk::of("4m") else { return };
    let store = Store::at(disk.0.path());
    let part = runner::run_shard(
        &request(Tiny::new(), 2),
        "1/2".parse().unwrap(),
        Some(1),
        &store,
        &Silent,
        &common::never(),
    );
    let part = part.unwrap().cells;
    disk.remount("ro");
    let claim = Tiny::new();
    let error = run(claim, &store, &Counter::default()).unwrap_err().to_string();
    assert!(error.contains("Read-only file system") && error.contains("test/tiny"), "{error}");
    assert_eq!(claim.computed(), 0);
    // Reading is enough for these.
    let collected = runner::collect(&request(claim, 1), &store, &Silent).remove(0);
    assert_eq!((collected.cached, collected.failures.len()), (part, CELLS - part));
    assert_eq!(status(&request(claim, 1), &store)[0].done, part);

    disk.remount("rw");
    assert_eq!(recover(disk.0.path()), (undisturbed(), 0));
    disk.remount("ro");
    let runs = run(claim, &store, &Counter::default()).unwrap();
    assert_eq!((runs.cached, claim.computed()), (CELLS, 0), "a full store is read, not written");
}

/// Only leases look at times (`leases.rs`); results count whatever the clock says.
#[test]
fn a_clock_that_was_set_back_or_ahead_changes_nothing() {
    let century = Duration::from_secs(3_000_000_000);
    for time in [SystemTime::now() + century, SystemTime::UNIX_EPOCH] {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path());
        let half = "1/2".parse().unwrap();
        runner::run_shard(&request(Tiny::new(), 2), half, Some(1), &store, &Silent, &common::never())
            .unwrap();
        for path in results(folder.path()) {
            fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
        }
        assert_eq!(recover(folder.path()), (undisturbed(), 0));
    }
}

#[test]
fn out_of_memory_in_a_cell_ends_the_process_and_loses_that_cell_alone() {
    let folder = tempfile::tempdir().unwrap();
    let output = process(folder.path()).env(TROUBLE, "memory").output().unwrap();
    let messages = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    assert!(messages.contains("memory allocation of 70368744177664 bytes failed"), "{messages}");
    // The lease that the dead process left says which cell it was at.
    let state = status(&request(Tiny::new(), 1), &Store::at(folder.path())).remove(0);
    assert!(state.done < CELLS);
    let cell = |seed: u64| serde_json::json!({"seed": seed, "shift": 0.0});
    let lost: Vec<_> = state.in_progress.iter().filter(|held| held.lost).map(|held| &held.cell).collect();
    assert!(lost.contains(&&cell(3)), "{lost:?}");
    assert_eq!(recover(folder.path()), (undisturbed(), 0));
}

#[test]
fn a_panic_in_a_cell_is_that_cells_failure_and_the_store_remembers_why() {
    let folder = tempfile::tempdir().unwrap();
    // In a process of its own, because others read the same variable.
    let output = process(folder.path()).env(TROUBLE, "panic").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (claim, store) = (Tiny::new(), Store::at(folder.path()));
    let state = status(&request(claim, 1), &store).remove(0);
    assert_eq!((state.done, state.failed.len(), state.in_progress.len()), (CELLS - 1, 1, 0));
    assert_eq!(state.failed[0].1, "panicked: at seed 3");
    let runs = runner::collect(&request(claim, 1), &store, &Silent).remove(0);
    let terms = Terms { scale: Scale::Smoke, design: request(claim, 1).design(), exploratory: None };
    let report = ClaimReport::of(claim, &runs, None, &terms);
    assert_eq!(report.decision, Decision::Undecided);
    assert!(report.reason.contains("panicked: at seed 3"), "{}", report.reason);

    assert_eq!(recover(folder.path()), (undisturbed(), 0));
    assert!(status(&request(claim, 1), &store)[0].failed.is_empty());
}
