//! Whatever happens to the processes that compute a kernel, the store ends the same, byte for byte.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use common::{SHORT, TILES, compute, contents, process, spec, store, undisturbed};
use overparam_jobs::tiles::{Input, Kind, Spec, State, TileError, TileStore};

#[test]
fn worker() {
    common::work();
}

/// Between 0 and 1, looks random, and is the same every time.
fn moment(kill: u32) -> f64 {
    let hash = blake3::hash(&kill.to_le_bytes());
    let bytes = hash.as_bytes();
    f64::from(u16::from_le_bytes([bytes[0], bytes[1]])) / f64::from(u16::MAX)
}

/// Tiles begun in a folder so far, by any process.
fn begun(folder: &Path) -> usize {
    fs::read_to_string(folder.join("log")).map_or(0, |log| log.lines().count())
}

/// A hundred kills: ten stores whose processes are killed ten times each, every other time two at once. A kill comes some tiles
/// after the last one, and up to a millisecond later: amid the work on a machine of any speed.
#[test]
fn killed_a_hundred_times_at_random_moments() {
    let expected = undisturbed();
    let mut unfinished = 0;
    for round in 0..10 {
        let folder = tempfile::tempdir().unwrap();
        for kill in 0..10 {
            let moment = moment(10 * round + kill);
            let enough = begun(folder.path()) + (5.0 * moment) as usize;
            let mut children: Vec<_> =
                (0..1 + round % 2).map(|_| process(folder.path(), "1/1").spawn().unwrap()).collect();
            // They may have nothing left to begin, and end.
            let patience = Instant::now();
            while begun(folder.path()) < enough
                && children.iter_mut().any(|child| child.try_wait().unwrap().is_none())
            {
                assert!(patience.elapsed() < Duration::from_secs(60), "a process neither works nor ends");
                sleep(Duration::from_micros(100));
            }
            sleep(Duration::from_secs_f64(0.001 * (97.0 * moment).fract()));
            children.iter_mut().for_each(|child| child.kill().unwrap());
            children.iter_mut().for_each(|child| assert!(child.wait().is_ok()));
            let there = TileStore::open(folder.path().join("K.zarr"));
            unfinished += usize::from(there.map_or(true, |store| !store.missing().is_empty()));
        }
        // What the killed left is old enough to be cleared away.
        sleep(2 * SHORT.stale);
        let store = store(folder.path());
        let counter = compute(&store, store.grid().tiles()).unwrap();
        assert_eq!(
            counter.damaged.into_inner().unwrap(),
            Vec::<String>::new(),
            "a kill leaves no half of a tile"
        );
        let ends = contents(store.root());
        let names = |files: &BTreeMap<PathBuf, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&ends), names(&expected));
        assert!(ends == expected, "round {round}");
    }
    eprintln!("{unfinished} of 100 kills came before the end");
    assert!(unfinished >= 20, "only {unfinished} of 100 kills came before the end");
}

#[test]
fn processes_on_one_store_compute_every_tile_once() {
    let folder = tempfile::tempdir().unwrap();
    let children: Vec<_> = (0..3).map(|_| process(folder.path(), "1/1").spawn().unwrap()).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let log = fs::read_to_string(folder.path().join("log")).unwrap();
    let mut tiles: Vec<&str> = log.lines().collect();
    assert_eq!(tiles.len(), TILES, "computed twice");
    tiles.sort_unstable();
    tiles.dedup();
    assert_eq!(tiles.len(), TILES);
    assert!(contents(&folder.path().join("K.zarr")) == undisturbed());
}

/// A full store, a file of which is changed.
fn damaged(file: &str, damage: impl Fn(&Path)) -> (tempfile::TempDir, TileStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    compute(&store, store.grid().tiles()).unwrap();
    damage(&store.root().join(file));
    (folder, store)
}

fn edit(path: &Path, change: impl Fn(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_tile_that_was_damaged_is_found_and_computed_again() {
    let expected = undisturbed();
    let sibling = |path: &Path, name: &str| {
        fs::copy(path.with_file_name(name), path).unwrap();
    };
    type Damage<'a> = (&'static str, &'static str, &'a dyn Fn(&Path), &'static str);
    let damages: [Damage<'_>; 11] = [
        ("empty", "ntk/c/3/1", &|p| fs::write(p, "").unwrap(), "it has 0 bytes, expected 144"),
        ("half of it", "ntk/c/3/1", &|p| edit(p, |b| b.truncate(b.len() / 2)), "72 bytes"),
        ("a bit", "nngp/c/3/1", &|p| edit(p, |b| b[77] ^= 1), "altered, or of another tile"),
        ("a bit of the mirror image", "ntk/c/1/3", &|p| edit(p, |b| b[143] ^= 128), "altered"),
        ("too long", "ntk/c/3/1", &|p| edit(p, |b| b.push(0)), "145 bytes"),
        ("another tile's", "ntk/c/3/1", &|p| sibling(p, "2"), "of another tile"),
        ("another tile's record", "ntk/tiles/3.1.json", &|p| sibling(p, "3.2.json"), "another tile"),
        ("half a record", "ntk/tiles/3.1.json", &|p| edit(p, |b| b.truncate(60)), "truncated"),
        ("a record that is no text", "nngp/tiles/3.1.json", &|p| edit(p, |b| b[30] = 0xff), "no record"),
        ("without its chunk", "ntk/c/3/1", &|p| fs::remove_file(p).unwrap(), "No such file"),
        (
            "a link to nowhere",
            "ntk/c/3/1",
            &|p| {
                fs::remove_file(p).unwrap();
                std::os::unix::fs::symlink("nowhere", p).unwrap();
            },
            "leads nowhere",
        ),
    ];
    for (name, file, damage, reason) in damages {
        let (_folder, store) = damaged(file, damage);
        let State::Damaged { path, reason: found } = store.state((3, 1)) else { panic!("{name}: trusted") };
        assert!(
            path == store.root().join(file) && found.contains(reason),
            "{name}: {} {found}",
            path.display()
        );
        let kind = if file.starts_with("ntk") { Kind::Ntk } else { Kind::Nngp };
        let at = if file == "ntk/c/1/3" { (1, 3) } else { (3, 1) };
        let read = store.read_tile::<f32>(kind, at.0, at.1);
        assert!(matches!(read, Err(TileError::Damaged { .. })), "{name}: {read:?}");
        let counter = compute(&store, store.grid().tiles()).unwrap();
        assert_eq!(counter.computed.into_inner().unwrap(), [(3, 1)], "{name}");
        assert_eq!(counter.damaged.into_inner().unwrap().len(), 1, "{name}");
        assert!(contents(store.root()) == expected, "{name}");
    }
}

/// Tiles of another kernel, records and all, are not taken for this one's.
#[test]
fn a_tile_of_another_kernel_is_foreign() {
    let other = tempfile::tempdir().unwrap();
    let x1 = Input { blake3: "other".into(), ..spec().x1 };
    let other = TileStore::create(other.path().join("K.zarr"), Spec { x1, ..spec() }).unwrap();
    compute(&other, vec![(3, 1)]).unwrap();
    let (_folder, store) = damaged("ntk/tiles/3.1.json", |path| {
        fs::copy(other.root().join("ntk/tiles/3.1.json"), path).unwrap();
    });
    let State::Damaged { reason, .. } = store.state((3, 1)) else { panic!("trusted") };
    assert!(reason.contains("another kernel"), "{reason}");
    assert_eq!(compute(&store, store.grid().tiles()).unwrap().computed.into_inner().unwrap(), [(3, 1)]);
}

#[test]
fn a_folder_in_the_place_of_a_tile_is_a_clear_error() {
    let (_folder, store) = damaged("ntk/c/3/1", |path| {
        fs::remove_file(path).unwrap();
        fs::create_dir(path).unwrap();
    });
    let Err(error) = compute(&store, store.grid().tiles()) else { panic!("a folder was written over") };
    let text = format!("{error:?}");
    assert!(text.contains("ntk/c/3/1"), "{text}");
    fs::remove_dir(store.root().join("ntk/c/3/1")).unwrap();
    compute(&store, store.grid().tiles()).unwrap();
    assert!(contents(store.root()) == undisturbed());
}

#[test]
fn a_description_of_an_array_that_was_damaged_is_written_again() {
    let (folder, damaged) = damaged("ntk/zarr.json", |path| fs::write(path, "{").unwrap());
    drop(damaged);
    assert!(contents(store(folder.path()).root()) == undisturbed());
}
