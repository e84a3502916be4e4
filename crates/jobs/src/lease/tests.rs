//! What the ends and edges of a lease do, one function at a time; whole runs are in `tests/leases.rs`.

use std::thread::sleep;

use serde_json::json;
use tempfile::{TempDir, tempdir};

use super::*;

const PATIENCE: Patience = Patience { beat: Duration::from_secs(1000), stale: Duration::from_secs(2000) };
const TICK: Duration = Duration::from_nanos(1);

/// Of another machine, so that only its times can tell that it is stale.
const ELSEWHERE: &str = concat!(
    r#"{"cell":null,"holder":{"host":"elsewhere","pid":1,"boot":"b","namespace":"n","started":1},"#,
    r#""nonce":"x"}"#
);

/// A folder with no leases yet, and the file of the lease that the tests take.
fn leases(patience: Patience) -> (TempDir, PathBuf, Leases) {
    let folder = tempdir().unwrap();
    let path = folder.path().join("job/part.lease");
    (folder, path, Leases::new(patience).unwrap())
}

fn take<'a>(leases: &'a Leases, path: &Path) -> Option<Lease<'a>> {
    leases.take(path, &json!(3)).unwrap()
}

fn write(path: &Path, text: &str, modified: SystemTime) {
    fs::write(path, text).unwrap();
    File::options().write(true).open(path).unwrap().set_modified(modified).unwrap();
}

#[test]
fn a_lease_is_stale_when_it_was_silent_for_longer_than_the_patience() {
    let (folder, _, leases) = leases(PATIENCE);
    let (path, own) = (folder.path().join("a.lease"), folder.path().join("own"));
    let beat = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    write(&path, ELSEWHERE, beat);
    for (age, stale) in
        [(PATIENCE.stale - TICK, false), (PATIENCE.stale, false), (PATIENCE.stale + TICK, true)]
    {
        let judged = stale_at(&path, beat + age, PATIENCE).unwrap();
        assert_eq!(judged, stale.then(|| ELSEWHERE.as_bytes().to_vec()), "{age:?}");
        write(&own, "", beat + age);
        let sight = leases.look(&path, &own).unwrap();
        assert_eq!(matches!(sight, Sight::Stale(_)), stale, "{age:?}");
    }
    assert!(sign(&path, PATIENCE).unwrap().lost, "decades old");
    write(&path, ELSEWHERE, SystemTime::now());
    assert!(!sign(&path, PATIENCE).unwrap().lost);
}

#[test]
fn a_lease_is_kept_alive_given_back_once_and_not_taken_after_the_end() {
    let (_folder, path, leases) = leases(Patience { beat: Duration::from_millis(1), ..PATIENCE });
    let long_ago = SystemTime::UNIX_EPOCH;
    {
        let _lease = take(&leases, &path).unwrap();
        assert!(take(&leases, &path).is_none(), "it is taken");
        File::options().write(true).open(&path).unwrap().set_modified(long_ago).unwrap();
        let patience = Instant::now();
        while fs::metadata(&path).unwrap().modified().unwrap() == long_ago {
            assert!(patience.elapsed() < Duration::from_secs(60), "no sign of life");
            sleep(Duration::from_millis(1));
        }
    }
    assert!(!path.exists());
    let _lease = take(&leases, &path).unwrap();
    leases.release_all();
    assert!(!path.exists());
    assert!(take(&leases, &path).is_none(), "the end");
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 0);
}

#[test]
fn the_end_of_the_leases_gives_them_back_and_ends_their_thread() {
    let (_folder, path, leases) = leases(PATIENCE);
    std::mem::forget(take(&leases, &path).unwrap());
    let held = Arc::clone(&leases.held);
    assert!(path.exists());
    drop(leases);
    assert!(!path.exists());
    assert_eq!(Arc::strong_count(&held), 1, "the thread has one until it ends");
}

#[test]
fn a_lease_that_is_another_s_by_now_is_neither_held_nor_removed() {
    let (_folder, path, leases) = leases(PATIENCE);
    {
        let _lease = take(&leases, &path).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, ELSEWHERE).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), ELSEWHERE);
    assert!(!leases.held.hold(&path, b"mine".to_vec()).unwrap(), "another's");
    fs::remove_file(&path).unwrap();
    assert!(!leases.held.hold(&path, b"mine".to_vec()).unwrap(), "taken away");
    fs::create_dir(&path).unwrap();
    assert!(leases.held.hold(&path, b"mine".to_vec()).is_err(), "not a file");
}

#[test]
fn what_cannot_be_read_is_an_error_and_what_is_missing_is_none() {
    let folder = tempdir().unwrap();
    assert!(read(folder.path()).is_err(), "a folder");
    assert_eq!(read(&folder.path().join("missing")).unwrap(), None);
}

/// A name of one's own that is missing cannot be linked, as on a file system without links.
#[test]
fn a_name_is_given_once_with_links_or_without() {
    let folder = tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("own"), "mine").unwrap();
    for (own, name) in [("own", "linked"), ("missing", "created")] {
        assert!(link(&at(own), &at(name), b"mine").unwrap(), "{own}");
        assert_eq!(fs::read_to_string(at(name)).unwrap(), "mine");
        assert!(!link(&at(own), &at(name), b"another's").unwrap(), "{own}: there is one");
        assert_eq!(fs::read_to_string(at(name)).unwrap(), "mine");
        assert!(link(&at(own), &at("missing/name"), b"mine").is_err(), "{own}: no such folder");
    }
    assert!(link(&at("own"), &at("linked"), b"mine").unwrap(), "the answer to the first request got lost");
}

#[test]
fn only_the_lease_that_was_judged_is_removed() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("a.lease");
    remove_stale(&path, b"old").unwrap();
    fs::write(&path, "new").unwrap();
    remove_stale(&path, b"old").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    remove_stale(&path, b"new").unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    fs::write(&path, "not a folder").unwrap();
    assert!(remove_stale(&path.join("a.lease"), b"old").is_err());
}
