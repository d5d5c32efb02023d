use std::collections::BTreeSet;
use std::path::Path;

use cutover::model::digest::Digest;
use cutover::record::error::{FormatError, Side};
use cutover::record::format::{LIMIT_BYTES, read, write};
use cutover::record::store::{Compacted, Record};
use proptest::prelude::*;

use super::sample::{LINEAGE, begun, digest, new_entry, record, remark, small_record};

fn text(record: &Record) -> String {
    write(record).unwrap()
}

/// The text with a checksum that is right again.
fn sealed(text: &str) -> String {
    let (body, _) = text.rsplit_once("checksum = ").unwrap();
    format!("{body}checksum = \"{}\"\n", Digest::of_bytes(body.as_bytes()))
}

#[test]
fn what_is_written_is_read() {
    let record = record();
    assert_eq!(read(text(&record).as_bytes()), Ok(record.clone()));
    assert_eq!(text(&read(text(&record).as_bytes()).unwrap()), text(&record), "the same record gives the same bytes");
    let compacted = Record { compacted: Some(Compacted { entries: 3, digest: digest("archive") }), ..record };
    assert_eq!(read(text(&compacted).as_bytes()), Ok(compacted));
}

#[test]
fn the_text_can_be_reviewed() {
    insta::assert_snapshot!(text(&small_record()));
}

proptest! {
    #[test]
    fn any_text_survives(words in any::<String>(), key in any::<String>(), user in any::<String>()) {
        let mut record = Record::begin(LINEAGE, vec![new_entry(0, begun()), new_entry(1, remark(words))]).unwrap();
        record.entries[1].by.user = user;
        record.entries[1].what = match record.entries[1].what.clone() {
            cutover::record::entry::What::Remark { text, .. } if text.len() % 2 == 0 =>
                cutover::record::entry::What::Incarnation { streams: [(key, i64::MIN), (text, i64::MAX)].into() },
            other => other,
        };
        prop_assert_eq!(read(text(&record).as_bytes()), Ok(record));
    }
}

#[test]
fn every_beginning_of_a_lockfile_is_refused() {
    let whole = text(&record());
    let mut kinds = BTreeSet::new();
    for length in 0..whole.len() {
        match read(&whole.as_bytes()[..length]) {
            Err(FormatError::Empty) => kinds.insert("empty"),
            Err(FormatError::Truncated { .. }) => kinds.insert("truncated"),
            other => panic!("{length} of {} bytes: {other:?}", whole.len()),
        };
    }
    assert_eq!(kinds, BTreeSet::from(["empty", "truncated"]));
}

#[test]
fn every_flipped_bit_is_refused() {
    let whole = text(&small_record());
    for index in 0..whole.len() {
        for bit in 0..8 {
            let mut bytes = whole.clone().into_bytes();
            bytes[index] ^= 1 << bit;
            assert!(read(&bytes).is_err(), "byte {index}, bit {bit}: {:?}", String::from_utf8_lossy(&bytes));
        }
    }
}

#[test]
fn every_missing_or_doubled_line_is_refused() {
    let whole = text(&record());
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    for index in 0..lines.len() {
        let mut fewer = lines.clone();
        fewer.remove(index);
        assert!(read(fewer.concat().as_bytes()).is_err(), "without line {}", index + 1);
        let mut more = lines.clone();
        more.insert(index, lines[index]);
        assert!(read(more.concat().as_bytes()).is_err(), "with line {} twice", index + 1);
    }
}

#[test]
fn each_kind_of_damage_has_its_name() {
    let whole = text(&small_record());
    let damaged = |from: &str, to: &str| {
        assert!(whole.contains(from));
        read(whole.replacen(from, to, 1).as_bytes()).unwrap_err()
    };
    assert_eq!(read(b""), Err(FormatError::Empty));
    assert_eq!(read(&[0; 4096]), Err(FormatError::Zeroed { first: 0 }));
    assert_eq!(read(format!("\u{feff}{whole}").as_bytes()), Err(FormatError::ByteOrderMark));
    assert_eq!(read(whole.replace('\n', "\r\n").as_bytes()), Err(FormatError::LineEndings { line: 1 }));
    assert_eq!(damaged("\"two\"", "\"three\""), FormatError::Edited { at: None });
    let broken = damaged("text = \"two\"", "text = two\"");
    assert!(matches!(broken, FormatError::Edited { at: Some(place) } if place.line > 20 && place.column == 8), "{broken:?}");
    let mut latin = whole.clone().into_bytes();
    latin[300] = 0xe9;
    assert!(matches!(read(&latin), Err(FormatError::NotUtf8 { line: 3 | 4 })), "{:?}", read(&latin));
    assert_eq!(read(b"version = 3\n\n[[package]]\n"), Err(FormatError::NotALockfile));
    assert_eq!(read(&vec![b'#'; LIMIT_BYTES + 1]), Err(FormatError::TooLarge { bytes: LIMIT_BYTES + 1, limit: LIMIT_BYTES }));
}

#[test]
fn a_merge_conflict_is_named_with_what_each_side_has() {
    let whole = text(&small_record());
    let (head, tail) = whole.split_once("serial = 2\n").unwrap();
    let merged = format!("{head}<<<<<<< HEAD\nserial = 2\n=======\nserial = 5\n>>>>>>> night-shift\n{tail}");
    let line = head.lines().count() + 1;
    let problem = read(merged.as_bytes()).unwrap_err();
    let side = |label: &str, serial| Side { label: label.into(), serial: Some(serial) };
    assert_eq!(problem, FormatError::Conflicted { line, sides: vec![side("HEAD", 2), side("night-shift", 5)] });
    insta::assert_snapshot!(problem, @"holds the conflict marker of a merge in line 10: `HEAD` goes up to serial 2, `night-shift` goes up to serial 5");
    let help = problem.help(Path::new("moves/workflow.lock"));
    assert!(help.contains("git checkout --theirs -- moves/workflow.lock"), "{help}");
}

#[test]
fn a_newer_format_is_refused_with_the_version_that_wrote_it() {
    let newer = "# whatever\nformat = 2\nwritten-by = \"3.1.0\"\nsomething = { else = true }\n";
    let problem = read(newer.as_bytes()).unwrap_err();
    assert_eq!(problem, FormatError::Newer { format: 2, written_by: Some("3.1.0".into()) });
    assert!(problem.help(Path::new("workflow.lock")).contains("cutover 3.1.0 or newer"));
}

#[test]
fn what_this_version_does_not_know_is_not_lost_but_refused() {
    let whole = text(&small_record());
    let unknown = |from: &str, to: &str| {
        assert!(whole.contains(from));
        match read(sealed(&whole.replacen(from, to, 1)).as_bytes()).unwrap_err() {
            FormatError::Unknown { what, written_by } => {
                assert_eq!(written_by.as_deref(), Some("0.1.0"));
                what
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(unknown("entry = \"remark\"", "entry = \"prophecy\""), "prophecy");
    assert_eq!(unknown("entry = \"remark\"", "entry = \"remark\"\nmood = \"good\""), "entry[1].what.mood");
    assert_eq!(unknown("[seal]\n", "[seal]\nsigned-by = \"morgan\"\n"), "seal.signed-by");
    assert_eq!(unknown("\n[[entry]]", "owner = \"morgan\"\n\n[[entry]]"), "owner");
}

#[test]
fn a_right_checksum_over_a_contradiction_does_not_help() {
    let whole = text(&small_record());
    let refused = |from: &str, to: &str| {
        assert!(whole.contains(from));
        let problem = read(sealed(&whole.replacen(from, to, 1)).as_bytes()).unwrap_err();
        assert!(matches!(problem, FormatError::Inconsistent { .. } | FormatError::Malformed { .. }), "{problem:?}");
    };
    refused("serial = 2\n", "serial = 3\n");
    refused("[[entry]]\nserial = 2", "[[entry]]\nserial = 1");
    refused("[[entry]]\nserial = 2", "[[entry]]\nserial = -2");
    refused("workflow = \"customer.c2c\"", "workflow = \"customer.other\"");
    refused("entry = \"begun\"", "entry = \"begun\"\nentry = \"begun\"");
}

#[test]
fn the_schema_knows_what_is_written() {
    let schema = cutover::record::format::schema();
    let validator = jsonschema::draft7::new(&schema).unwrap();
    let problems = |record: &Record| {
        let value: serde_json::Value = toml::from_str(&text(record)).unwrap();
        validator.iter_errors(&value).map(|error| format!("{}: {error}", error.instance_path())).collect::<Vec<_>>()
    };
    assert_eq!(problems(&record()), Vec::<String>::new());
    let mut value: serde_json::Value = toml::from_str(&text(&small_record())).unwrap();
    value["entry"][1]["what"]["entry"] = "prophecy".into();
    assert!(!validator.is_valid(&value));
}
