//! A store that nothing disturbs: what is written is read, by us and by the rules of Zarr.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use common::{EDGE, N, TILES, compute, contents, entry, spec, store, tile, undisturbed};
use nalgebra::DMatrix;
use overparam_jobs::tiles::{Input, Kind, Precision, Spec, State, TileError, TileStore};
use serde_json::Value;

#[test]
fn every_entry_is_where_zarr_looks_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    assert_eq!(store.missing().len(), TILES);
    compute(&store, store.grid().tiles()).unwrap();
    assert_eq!(store.missing(), []);
    // By the specification alone: element (r, c) is in chunk (r / e, c / e), at row r % e and column c % e of it.
    for kind in [Kind::Nngp, Kind::Ntk] {
        let array = store.root().join(kind.name());
        let description: Value = serde_json::from_slice(&fs::read(array.join("zarr.json")).unwrap()).unwrap();
        let chunk = description["chunk_grid"]["configuration"]["chunk_shape"][0].as_u64().unwrap() as usize;
        assert_eq!((description["data_type"].as_str(), chunk), (Some("float32"), EDGE));
        let chunks = N.div_ceil(chunk);
        for (i, j) in (0..chunks).flat_map(|i| (0..chunks).map(move |j| (i, j))) {
            let bytes = fs::read(array.join(format!("c/{i}/{j}"))).unwrap();
            assert_eq!(bytes.len(), chunk * chunk * 4);
            for (at, number) in bytes.chunks_exact(4).enumerate() {
                let (r, c) = (i * chunk + at / chunk, j * chunk + at % chunk);
                let number = f32::from_le_bytes(number.try_into().unwrap());
                let expected = if r < N && c < N { entry(kind, r, c) } else { f32::NAN };
                assert_eq!(number.to_bits(), expected.to_bits(), "{kind} ({r}, {c})");
            }
            assert_eq!(store.read_tile::<f32>(kind, i, j).unwrap(), tile(&store, kind, (i, j)));
        }
    }
}

#[test]
fn shards_in_any_order_make_the_same_store() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let mut computed = BTreeSet::new();
    for shard in [3, 1, 4, 2] {
        let counter = compute(&store, store.grid().shard(shard, 4)).unwrap();
        assert!(counter.found.into_inner().unwrap().is_empty());
        computed.extend(counter.computed.into_inner().unwrap());
    }
    assert_eq!(computed.len(), TILES);
    assert!(contents(store.root()) == undisturbed());
}

#[test]
fn whoever_makes_a_store_at_the_same_time_has_the_same_one() {
    for round in 0..300 {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("K.zarr");
        fs::create_dir(&root).unwrap();
        let start = Barrier::new(2);
        std::thread::scope(|scope| {
            for late in [0, round] {
                let (root, start) = (&root, &start);
                scope.spawn(move || {
                    start.wait();
                    // Later by a little more each time: once just when the other has written its first file.
                    let begin = Instant::now();
                    while begin.elapsed() < Duration::from_micros(5) * late {
                        std::hint::spin_loop();
                    }
                    let made = TileStore::create(root, spec()).map(|store| store.spec().clone());
                    assert_eq!(made.map_err(|e| e.to_string()), Ok(spec()), "round {round}");
                });
            }
        });
    }
}

#[test]
fn a_store_of_another_kernel_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    compute(&store, store.grid().shard(1, 2)).unwrap();
    let before = contents(store.root());
    let error = TileStore::create(store.root(), Spec { tile: 7, ..spec() }).unwrap_err();
    assert!(matches!(error, TileError::Different { .. }));
    assert!(error.to_string().contains("its --tile is 6, and 7 was asked for"), "{error}");
    assert!(contents(store.root()) == before);
    assert_eq!(TileStore::open(store.root()).unwrap().spec(), &spec());
}

#[test]
fn a_folder_of_something_else_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("thesis.tex"), "").unwrap();
    let error = TileStore::create(folder.path(), spec()).unwrap_err().to_string();
    assert!(error.contains("thesis.tex") && error.contains("no store of kernel tiles"), "{error}");
    assert!(TileStore::open(folder.path()).unwrap_err().to_string().contains("zarr.json"));
    fs::write(folder.path().join("zarr.json"), r#"{"zarr_format": 3, "node_type": "group"}"#).unwrap();
    for error in [TileStore::open(folder.path()), TileStore::create(folder.path(), spec())] {
        assert!(error.unwrap_err().to_string().contains("no attributes of overparam"));
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    let file = folder.path().join("thesis.tex");
    assert!(matches!(TileStore::create(&file, spec()), Err(TileError::NotAStore { .. })));
}

#[test]
fn what_the_store_does_not_have_is_an_error_that_says_what_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let x2 = Input { blake3: "x2".into(), shape: vec![4, 2], path: "z.npy".into(), layout: None };
    let spec = Spec { x2: Some(x2), kinds: vec![Kind::Ntk], precision: Precision::F64, tile: 5, ..spec() };
    let store = TileStore::create(folder.path().join("K.zarr"), spec).unwrap();
    let error = |e: TileError| e.to_string();
    assert!(
        error(store.read_tile::<f64>(Kind::Ntk, 0, 0).unwrap_err())
            .contains("(0, 0) of ntk is not computed yet")
    );
    assert!(
        error(store.read_tile::<f64>(Kind::Nngp, 0, 0).unwrap_err())
            .contains("nngp asked for, and the store has ntk")
    );
    assert!(error(store.read_tile::<f32>(Kind::Ntk, 0, 0).unwrap_err()).contains("f32 numbers asked for"));
    assert!(error(store.read_tile::<f64>(Kind::Ntk, 0, 1).unwrap_err()).contains("7 x 1 tiles"));
    let tile = DMatrix::from_fn(3, 4, |r, c| (r * 10 + c) as f64);
    assert!(error(store.put((0, 0), std::slice::from_ref(&tile)).unwrap_err()).contains("of (5, 4) there"));
    assert!(store.put((6, 0), &[tile.clone(), tile.clone()]).is_err(), "one kernel too many");
    assert!(store.put((7, 0), std::slice::from_ref(&tile)).is_err(), "no such tile");
    store.put((6, 0), std::slice::from_ref(&tile)).unwrap();
    assert_eq!(store.read_tile::<f64>(Kind::Ntk, 6, 0).unwrap(), tile);
    assert_eq!((store.state((6, 0)), store.quick_state((6, 0))), (State::Finished, State::Finished));
    assert_eq!((store.state((5, 0)), store.missing().len()), (State::Missing, 6));
}
