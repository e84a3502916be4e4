use std::fs::{self, File};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::{is_old, sweep};
use crate::lease::{Patience, stale_at};

const STALE: Duration = Duration::from_secs(100);
const PATIENCE: Patience = Patience { beat: Duration::from_secs(50), stale: STALE };

/// A folder with these files, all of them from long ago.
fn left(names: &[&str]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("job");
    fs::create_dir(&place).unwrap();
    for name in names {
        let file = File::create(place.join(name)).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    }
    (folder, place)
}

#[test]
fn what_is_cleared_is_counted() {
    let cases: [(&[&str], usize); 5] = [
        (&["a.json", "a.failed"], 0),
        (&["a.lease", "a.json"], 1),
        (&["a.lease", "b.lease"], 2),
        (&["a.json.1.tmp", "b.lease.1.stale"], 2),
        (&["a.lease", "b.lease", "c.lease", "a.json.1.tmp", "a.json.2.tmp"], 5),
    ];
    for (names, count) in cases {
        let (_folder, place) = left(names);
        assert_eq!(sweep(&place, PATIENCE).unwrap(), count, "{names:?}");
        assert_eq!(fs::read_dir(place).unwrap().count(), names.len() - count, "{names:?}");
    }
}

#[test]
fn a_lease_that_went_while_one_looked_is_not_stale() {
    let (_folder, place) = left(&["a.lease"]);
    let stale = |name: &str| stale_at(&place.join(name), SystemTime::now(), PATIENCE).unwrap();
    assert_eq!((stale("a.lease"), stale("gone.lease")), (Some(Vec::new()), None));
}

/// Nobody can tell whose it is: nothing is cleared beside it.
#[cfg(unix)]
#[test]
fn a_lease_that_is_a_link_to_nowhere_is_an_error() {
    let (_folder, place) = left(&["a.json.1.tmp"]);
    std::os::unix::fs::symlink(place.join("nowhere"), place.join("gone.lease")).unwrap();
    assert!(sweep(&place, PATIENCE).unwrap_err().to_string().contains("a link that leads nowhere"));
    assert!(place.join("a.json.1.tmp").exists());
}

#[test]
fn a_file_is_old_when_more_than_the_patience_has_passed() {
    let (_folder, place) = left(&["a.tmp"]);
    let (path, tick) = (place.join("a.tmp"), Duration::from_nanos(1));
    for (age, old) in [(STALE - tick, false), (STALE, false), (STALE + tick, true)] {
        assert_eq!(is_old(&path, SystemTime::UNIX_EPOCH + age, PATIENCE), old, "{age:?}");
    }
}
