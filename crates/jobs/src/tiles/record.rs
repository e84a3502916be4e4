//! The checksums of a finished tile: one small file, which makes the tile count.

use serde::{Deserialize, Serialize};

use super::grid::Tile;
use super::spec::Kind;

const FORMAT: &str = "overparam-tile 1";

/// Bytes of such a file.
pub(super) const LARGEST: u64 = 1 << 12;

/// What was written for a tile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Checksums {
    format: String,
    /// The name of the kernel.
    kernel: String,
    kind: Kind,
    tile: Tile,
    /// Of the chunk, and then of its mirror image if there is one.
    blake3: Vec<String>,
}

/// Of the bytes of a chunk.
pub(super) fn checksum(chunk: &[u8]) -> String {
    blake3::hash(chunk).to_hex().to_string()
}

impl Checksums {
    pub(super) fn new(kernel: &str, kind: Kind, tile: Tile, blake3: Vec<String>) -> Self {
        Self { format: FORMAT.to_owned(), kernel: kernel.to_owned(), kind, tile, blake3 }
    }

    pub(super) fn to_text(&self) -> String {
        let text = serde_json::to_string(self);
        // Strings and whole numbers: nothing that JSON does not have.
        text.unwrap_or_default() + "\n"
    }

    /// The checksums in the file of this tile, of which there are `count`.
    ///
    /// # Errors
    /// Why they must not be trusted.
    pub(super) fn parse(
        text: &[u8],
        kernel: &str,
        kind: Kind,
        tile: Tile,
        count: usize,
    ) -> Result<Vec<String>, String> {
        let Some(line) = text.strip_suffix(b"\n") else {
            return Err("truncated: it has no end of line".to_owned());
        };
        let found: Self =
            serde_json::from_slice(line).map_err(|e| format!("it is no record of a tile: {e}"))?;
        if found.blake3.len() != count {
            return Err(format!("it has {} checksums, expected {count}", found.blake3.len()));
        }
        let expected = Self::new(kernel, kind, tile, found.blake3.clone());
        if found == expected {
            Ok(found.blake3)
        } else {
            Err("it is of another tile or another kernel".to_owned())
        }
    }
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;

    use super::{Checksums, checksum};
    use crate::tiles::Kind;

    fn sums() -> Vec<String> {
        vec![checksum(b"tile"), checksum(b"mirror")]
    }

    fn parse(text: &[u8]) -> Result<Vec<String>, String> {
        Checksums::parse(text, "k", Kind::Ntk, (3, 1), 2)
    }

    proptest! {
        /// Whatever byte is altered, the checksums are refused or the same, or others that no chunk has.
        #[test]
        fn an_altered_record_gives_no_other_tile(at in any::<prop::sample::Index>(), flip in 1u8..=255, cut in any::<bool>()) {
            let mut text = Checksums::new("k", Kind::Ntk, (3, 1), sums()).to_text().into_bytes();
            let at = at.index(text.len());
            if cut { text.truncate(at) } else { text[at] ^= flip }
            if let Ok(read) = parse(&text) {
                prop_assert!(!cut);
                prop_assert_ne!(read, sums());
            }
        }
    }

    #[test]
    fn a_record_is_of_one_tile_of_one_kernel() {
        let text = |kernel: &str, kind, tile| Checksums::new(kernel, kind, tile, sums()).to_text();
        assert_eq!(parse(text("k", Kind::Ntk, (3, 1)).as_bytes()), Ok(sums()));
        for other in
            [text("l", Kind::Ntk, (3, 1)), text("k", Kind::Nngp, (3, 1)), text("k", Kind::Ntk, (1, 3))]
        {
            assert!(parse(other.as_bytes()).unwrap_err().contains("another tile or another kernel"));
        }
        let single = Checksums::new("k", Kind::Ntk, (3, 1), sums()[..1].to_vec()).to_text();
        assert!(parse(single.as_bytes()).unwrap_err().contains("1 checksums, expected 2"));
        let older = text("k", Kind::Ntk, (3, 1)).replace("tile 1", "tile 0");
        assert!(parse(older.as_bytes()).is_err());
    }
}
