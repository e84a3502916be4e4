//! Every reader of files on damaged files: an error or a value, never a panic, and never a wrong result from the store.
//! The damages are drawn from a fixed seed, so that a run is a replay.

use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;

use flate2::{Compression, write::GzEncoder};
use overparam_eval::data::{load_cifar10, load_image_dataset, read_ratings};
use overparam_eval::store::{Key, Lookup, Record, Store};
use overparam_tensor::array::{Array, read_npy, read_npz, write_npy, write_npz};
use serde_json::json;

/// Steele, Lea and Flood's SplitMix64.
struct Draws(u64);

impl Draws {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n as u64) as usize
    }

    /// A few changes of the kinds that find mistakes in readers. Most of them near the beginning, where headers are.
    fn damage(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..1 + self.below(3) {
            let near = if self.below(2) == 0 { bytes.len().min(64) } else { bytes.len() };
            let at = self.below(near.max(1));
            match self.below(6) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at.min(bytes.len()), self.below(256) as u8),
                2 => bytes.iter_mut().skip(at).take(4).for_each(|b| *b = 0xff),
                3 => bytes.iter_mut().skip(at).take(1).for_each(|b| *b = b"09-.,:{}[]\"\n\t e"[at % 15]),
                4 => {
                    let again: Vec<u8> = bytes.iter().skip(at).take(32).copied().collect();
                    bytes.extend(again);
                }
                _ => bytes.iter_mut().skip(at).take(1).for_each(|b| *b ^= 1 << (at % 8)),
            }
        }
        bytes
    }
}

/// Reads `rounds` damaged copies of a good file; how many were refused. `read` says whether it accepted, or why not.
fn replay(good: &[u8], rounds: u64, mut read: impl FnMut(&[u8]) -> Result<(), String>) -> u64 {
    assert_eq!(read(good), Ok(()), "the file is good");
    let refused = |round: &u64| {
        let mut draws = Draws(*round);
        match read(&draws.damage(good)) {
            Ok(()) => false,
            Err(message) => {
                assert!(!message.is_empty(), "round {round}");
                true
            }
        }
    };
    let refused = (0..rounds).filter(refused).count() as u64;
    assert!(refused > rounds / 4, "only {refused} of {rounds} were refused");
    refused
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// One file of a folder is damaged, plain and then compressed; the others are good.
fn replay_folder(folder: &Path, name: &str, read: impl Fn(&Path) -> Result<(), String>) {
    let good = fs::read(folder.join(name)).unwrap();
    let named = |bytes: &[u8], name: &str| {
        fs::write(folder.join(name), bytes).unwrap();
        let result = read(folder);
        if let Err(message) = &result {
            assert!(message.contains(&folder.display().to_string()), "{message}");
        }
        result
    };
    replay(&good, 400, |bytes| named(bytes, name));
    fs::remove_file(folder.join(name)).unwrap();
    replay(&gzip(&good), 400, |bytes| named(bytes, &format!("{name}.gz")));
    fs::remove_file(folder.join(format!("{name}.gz"))).unwrap();
    fs::write(folder.join(name), good).unwrap();
}

#[test]
fn ratings() {
    let folder = tempfile::tempdir().unwrap();
    let lines: String = (1..40).map(|i| format!("{i}\t{}\t{}\t8812509{i}\n", 1 + i % 7, 1 + i % 5)).collect();
    fs::write(folder.path().join("u.data"), lines).unwrap();
    replay_folder(folder.path(), "u.data", |f| read_ratings(f).map(|_| ()).map_err(|e| e.to_string()));
}

#[test]
fn images_in_idx() {
    let folder = tempfile::tempdir().unwrap();
    for (kind, n) in [("train", 6u32), ("t10k", 3)] {
        let mut images = vec![0, 0, 8, 3];
        [n, 5, 4].iter().for_each(|d| images.extend(d.to_be_bytes()));
        images.extend((0..20 * n).map(|i| i as u8));
        let mut labels = vec![0, 0, 8, 1];
        labels.extend(n.to_be_bytes());
        labels.extend((0..n).map(|i| i as u8));
        fs::write(folder.path().join(format!("{kind}-images-idx3-ubyte")), images).unwrap();
        fs::write(folder.path().join(format!("{kind}-labels-idx1-ubyte")), labels).unwrap();
    }
    for name in ["train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"] {
        replay_folder(folder.path(), name, |f| load_image_dataset(f).map(|_| ()).map_err(|e| e.to_string()));
    }
}

#[test]
fn cifar() {
    let folder = tempfile::tempdir().unwrap();
    let record: Vec<u8> = (0..3073u32).map(|i| (i % 10) as u8).collect();
    for name in (1..=5).map(|i| format!("data_batch_{i}.bin")).chain(["test_batch.bin".to_owned()]) {
        fs::write(folder.path().join(name), [record.as_slice(), &record].concat()).unwrap();
    }
    replay_folder(folder.path(), "data_batch_2.bin", |f| {
        load_cifar10(f).map(|_| ()).map_err(|e| e.to_string())
    });
}

#[test]
fn arrays() {
    let array = Array::from_vec(&[3, 4], (0..12).map(f64::from).collect());
    let (mut npy, mut npz) = (Vec::new(), Cursor::new(Vec::new()));
    write_npy(&mut npy, &array).unwrap();
    write_npz(&mut npz, [("a", &array), ("b", &array)]).unwrap();
    replay(&npy, 20_000, |bytes| read_npy::<f64>(bytes).map(|_| ()).map_err(|e| e.to_string()));
    replay(&npz.into_inner(), 5_000, |bytes| {
        read_npz::<f64>(Cursor::new(bytes)).map(|_| ()).map_err(|e| e.to_string())
    });
}

/// A header may promise anything; memory follows what the file has.
#[test]
fn an_array_of_an_absurd_size_is_refused() {
    for shape in ["(4611686018427387904,)", "(1000000000, 1000000)", "(18446744073709551615, 2)", "(-1,)"] {
        let header = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}");
        let mut file = b"\x93NUMPY\x01\x00".to_vec();
        file.extend((header.len() as u16).to_le_bytes());
        file.extend(header.bytes());
        file.extend([0; 64]);
        assert!(read_npy::<f64>(file.as_slice()).is_err(), "{shape}");
    }
}

#[test]
fn records_of_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::at(folder.path());
    let key = Key { claim: "a/b".into(), seed: 1, fingerprint: "f".into(), cell: json!({"n": 3, "x": 0.1}) };
    let record = Record { outcome: json!({"loss": [0.25, 1e-300], "steps": 7}), seconds: 0.5 };
    store.put(&key, &record).unwrap();
    let path = store.path(&key);
    replay(&fs::read(&path).unwrap(), 4_000, |bytes| {
        fs::write(&path, bytes).unwrap();
        match store.get(&key) {
            Lookup::Found(found) => {
                assert_eq!(found, record, "whatever is found is what was stored");
                Ok(())
            }
            Lookup::Rejected { reason, .. } => Err(reason),
            Lookup::Missing => Err("missing".to_owned()),
        }
    });
}

/// What the fuzzer found: of a field that no lease has, the parser did not look at the content.
#[test]
fn a_lease_with_more_in_it_is_none() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::at(directory.path());
    let key = Key { claim: "a/b".into(), seed: 1, fingerprint: "f".into(), cell: json!({"n": 3, "x": 0.1}) };
    let path = store.path(&key).with_extension("lease");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let text =
        r#"{"cell":null,"holder":{"host":"h","pid":7,"boot":null,"namespace":null,"started":1},"nonce":"x"}"#;
    fs::write(&path, text).unwrap();
    assert_eq!(store.held(&key).map(|sign| (sign.host, sign.pid)), Some(("h".to_owned(), 7)));
    for more in ["1e9999", "\"\\uD800\"", "1"] {
        for place in ["\"cell\"", "\"pid\"", "\"nonce\""] {
            fs::write(&path, text.replace(place, &format!("\"more\":{more},{place}"))).unwrap();
            assert_eq!(store.held(&key), None, "{more} before {place}");
        }
    }
}
