use std::path::Path;

use super::super::file::testing::{gzip, message};
use super::*;

const GOOD: &str = "196\t242\t3\t881250949\n186\t302\t3\t891717742\n22\t377\t1\t878887116\n";

fn folder_with(name: &str, content: &[u8]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join(name), content).expect("a temporary file");
    folder
}

fn read(name: &str, content: &[u8]) -> Result<Ratings, DataError> {
    read_ratings(folder_with(name, content).path())
}

fn message_for(name: &str, content: &[u8]) -> String {
    let folder = folder_with(name, content);
    message(folder.path(), read_ratings(folder.path()))
}

#[test]
fn ratings_count_from_zero() -> Result<(), DataError> {
    let ratings = read("u.data", GOOD.as_bytes())?;
    assert_eq!((ratings.users, ratings.items), (196, 377));
    assert_eq!(
        ratings.entries,
        [
            Rating { user: 195, item: 241, value: 3.0 },
            Rating { user: 185, item: 301, value: 3.0 },
            Rating { user: 21, item: 376, value: 1.0 }
        ]
    );
    assert_eq!(ratings.digest, blake3::hash(GOOD.as_bytes()).to_hex().to_string());
    Ok(())
}

#[test]
fn compression_line_ends_and_trailing_blanks_do_not_matter() -> Result<(), DataError> {
    let plain = read("u.data", GOOD.as_bytes())?;
    assert_eq!(read("u.data.gz", &gzip(GOOD.as_bytes()))?, plain);
    for text in [GOOD.replace('\n', "\r\n"), GOOD.trim_end().to_owned(), format!("{GOOD}\n\r\n")] {
        assert_eq!(read("u.data", text.as_bytes())?.entries, plain.entries);
    }
    Ok(())
}

#[test]
fn a_missing_folder_or_file_is_named() {
    let folder = folder_with("u.item", b"");
    let text = |path: &Path| message(folder.path(), read_ratings(path));
    assert_eq!(
        text(&folder.path().join("ml-100k")),
        "no such folder: DIR/ml-100k; expected a folder that holds u.data or u.data.gz"
    );
    assert_eq!(
        text(&folder.path().join("u.item")),
        "DIR/u.item is not a folder; expected a folder that holds u.data or u.data.gz"
    );
    assert_eq!(text(folder.path()), "DIR holds neither u.data nor u.data.gz");
    std::fs::create_dir(folder.path().join("u.data")).expect("a temporary folder");
    assert_eq!(text(folder.path()), "cannot read DIR/u.data: is a directory");
}

#[test]
fn an_empty_file_is_an_error() {
    const EXPECTED: &str = "is empty, expected four numbers separated by tabs: user, item, rating, timestamp";
    assert_eq!(message_for("u.data", b""), format!("DIR/u.data {EXPECTED}"));
    assert_eq!(message_for("u.data", b"\n\n"), format!("DIR/u.data {EXPECTED}"));
    assert_eq!(message_for("u.data.gz", &gzip(b"")), format!("DIR/u.data.gz {EXPECTED}"));
    assert_eq!(message_for("u.data.gz", b""), format!("DIR/u.data.gz {EXPECTED}"));
}

#[test]
fn wrong_lines_are_named_and_shown() {
    const EXPECTED: &str = "expected four numbers separated by tabs: user, item, rating, timestamp";
    let cases: [(&[u8], &str); 6] = [
        (b"1\t2\t3\n", r#"3 fields in "1\t2\t3""#),
        (b"1\t2\t3\t4\t5\n", r#"5 fields in "1\t2\t3\t4\t5""#),
        (b"1 2 3 4\n", r#"1 field in "1 2 3 4""#),
        (b"\n1\t2\t3\t4\n", "a blank line"),
        (b"1\t2\xff\t3\t4\n", "byte 4 (0xff) is not UTF-8"),
        (
            &[b'7'; 2000],
            r#"a line of more than 1000 bytes, starting "7777777777777777777777777777777777777777"..."#,
        ),
    ];
    for (line, found) in cases {
        let content = [GOOD.as_bytes(), line].concat();
        assert_eq!(message_for("u.data", &content), format!("DIR/u.data, line 4: {found}, {EXPECTED}"));
    }
}

#[test]
fn wrong_fields_are_named_and_shown() {
    let cases = [
        ("abc\t2\t3\t4", r#"field 1 (user): found "abc", expected a whole number from 1 to 200000"#),
        ("0\t2\t3\t4", r#"field 1 (user): found "0", expected a whole number from 1 to 200000"#),
        ("+1\t2\t3\t4", r#"field 1 (user): found "+1", expected a whole number from 1 to 200000"#),
        ("1\t\t3\t4", r#"field 2 (item): found "", expected a whole number from 1 to 200000"#),
        ("1\t200001\t3\t4", r#"field 2 (item): found "200001", expected a whole number from 1 to 200000"#),
        (
            "1\t99999999999999999999999\t3\t4",
            r#"field 2 (item): found "99999999999999999999999", expected a whole number from 1 to 200000"#,
        ),
        ("1\t2\t6\t4", r#"field 3 (rating): found "6", expected a whole number from 1 to 5"#),
        ("1\t2\t0\t4", r#"field 3 (rating): found "0", expected a whole number from 1 to 5"#),
        ("1\t2\tNaN\t4", r#"field 3 (rating): found "NaN", expected a whole number from 1 to 5"#),
        ("1\t2\t3.5\t4", r#"field 3 (rating): found "3.5", expected a whole number from 1 to 5"#),
        ("1\t2\t3\t-4", r#"field 4 (timestamp): found "-4", expected seconds since 1970, a whole number"#),
        (
            "1\t2\t3\t4\u{7}",
            r#"field 4 (timestamp): found "4\u{7}", expected seconds since 1970, a whole number"#,
        ),
    ];
    for (line, problem) in cases {
        assert_eq!(
            message_for("u.data", format!("{GOOD}{line}\n").as_bytes()),
            format!("DIR/u.data, line 4, {problem}")
        );
    }
}

#[test]
fn a_repeated_pair_names_both_lines() {
    assert_eq!(
        message_for("u.data", format!("{GOOD}5\t6\t2\t1\n186\t302\t4\t5\n").as_bytes()),
        "DIR/u.data, line 5: user 186 rates item 302 again (first in line 2), expected one rating a pair"
    );
}

#[test]
fn a_matrix_beyond_memory_is_refused() {
    assert_eq!(
        message_for("u.data", b"1\t150000\t3\t4\n2\t2\t3\t4\n150000\t1\t3\t4\n"),
        "DIR/u.data: user 150000 (line 3) and item 150000 (line 1) span a matrix of 22500000000 entries, \
         expected at most 100000000"
    );
}

#[test]
fn damaged_gzip_says_how_far_it_was_good() {
    let long: String =
        (1..=20_000).map(|i| format!("{}\t{}\t3\t{}\n", i % 900 + 1, i / 900 + 1, i * 7919)).collect();
    let whole = gzip(long.as_bytes());
    let text = message_for("u.data.gz", &whole[..whole.len() / 2]);
    let start = text.strip_prefix("DIR/u.data.gz: truncated or damaged gzip after ").unwrap_or_default();
    let (lines, cause) = start.split_once(" whole lines: ").unwrap_or_default();
    assert!(lines.parse::<usize>().is_ok_and(|n| n > 1000), "{text}");
    assert_eq!(cause, "incomplete deflate stream");

    let mut wrong_sum = gzip(GOOD.as_bytes());
    let checksum = wrong_sum.len() - 8;
    wrong_sum[checksum] ^= 1;
    assert_eq!(
        message_for("u.data.gz", &wrong_sum),
        "DIR/u.data.gz: truncated or damaged gzip after 3 whole lines: corrupt gzip stream does not have a matching checksum"
    );
    assert_eq!(
        message_for("u.data.gz", GOOD.as_bytes()),
        "DIR/u.data.gz: truncated or damaged gzip after 0 whole lines: invalid gzip header"
    );
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(
            entries in prop::collection::btree_map((0u32..500, 0u32..500), (1u8..=5, any::<u32>()), 1..60),
            crlf: bool,
            gz: bool,
        ) {
            let end = if crlf { "\r\n" } else { "\n" };
            let text: String = entries
                .iter()
                .map(|((u, i), (r, t))| format!("{}\t{}\t{r}\t{t}{end}", u + 1, i + 1))
                .collect();
            let ratings = if gz {
                read("u.data.gz", &gzip(text.as_bytes()))?
            } else {
                read("u.data", text.as_bytes())?
            };
            let expected: Vec<Rating> = entries
                .iter()
                .map(|(&(user, item), &(r, _))| Rating { user, item, value: f64::from(r) })
                .collect();
            prop_assert_eq!(ratings.entries, expected);
        }

        #[test]
        fn any_bytes_are_ratings_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300), gz: bool) {
            let _ = read(if gz { "u.data.gz" } else { "u.data" }, &bytes);
        }

        #[test]
        fn any_text_of_the_right_alphabet_is_ratings_or_an_error(text in "[0-9\t\n\r.a+-]{0,80}", gz: bool) {
            let result = if gz { read("u.data.gz", &gzip(text.as_bytes())) } else { read("u.data", text.as_bytes()) };
            if let Ok(ratings) = result {
                prop_assert!(ratings.entries.iter().all(|r| (1.0..=5.0).contains(&r.value)));
                prop_assert!(ratings.entries.iter().all(|r| (r.user as usize) < ratings.users));
            }
        }
    }
}
