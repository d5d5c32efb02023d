//! What holds for every store, run against each; and what the file store adds.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use cutover::cluster::fingerprint::Fingerprint;
use cutover::record::entry::What;
use cutover::record::error::{RecordError, last_good};
use cutover::record::file::FileStore;
use cutover::record::file_system::{HostFileSystem, ThreadSleeper};
use cutover::record::memory::MemoryStore;
use cutover::record::store::{Record, RecordStore};
use uuid::Uuid;

use super::sample::{LINEAGE, begun, everything, mutations, new_entry, remark};

pub fn file_store(folder: &Path) -> FileStore {
    FileStore::new(Arc::new(HostFileSystem), Arc::new(ThreadSleeper), folder, "workflow.lock", LINEAGE)
}

fn conforms(store: &dyn RecordStore) {
    assert!(store.load().unwrap().is_none());
    assert!(matches!(store.append(0, vec![new_entry(0, remark("no beginning"))]), Err(RecordError::NotBegun)));
    assert!(store.load().unwrap().is_none(), "a refused append left something");

    let record = store.append(0, vec![new_entry(0, begun()), new_entry(1, remark("one"))]).unwrap();
    assert_eq!((record.serial(), record.lineage), (2, LINEAGE));
    assert_eq!(store.load().unwrap(), Some(record));

    let conflict = |expected| match store.append(expected, vec![new_entry(2, remark("lost"))]).unwrap_err() {
        RecordError::Conflict { expected: said, found } => {
            assert_eq!(said, expected);
            found
        }
        other => panic!("{other:?}"),
    };
    assert_eq!([conflict(0), conflict(1), conflict(3)], [2, 2, 2]);
    let record = store.append(2, vec![new_entry(2, remark("two"))]).unwrap();
    let serials: Vec<u64> = record.entries.iter().map(|entry| entry.serial).collect();
    assert_eq!(serials, [1, 2, 3]);
    assert_eq!(store.load().unwrap(), Some(record));
}

#[test]
fn every_store_compares_and_swaps() {
    conforms(&MemoryStore::new(LINEAGE));
    conforms(&file_store(super::sample::folder().path()));
}

#[test]
fn a_second_store_goes_on_where_the_first_one_is() {
    let folder = super::sample::folder();
    let (apply, approve) = (file_store(folder.path()), file_store(folder.path()));
    apply.append(0, vec![new_entry(0, begun())]).unwrap();
    let read = approve.load().unwrap().unwrap();
    approve.append(read.serial(), vec![new_entry(1, remark("approved meanwhile"))]).unwrap();
    assert!(matches!(apply.append(1, vec![new_entry(2, remark("late"))]), Err(RecordError::Conflict { expected: 1, found: 2 })));
    assert_eq!(apply.load().unwrap().unwrap().serial(), 2);
    apply.append(2, vec![new_entry(3, remark("in order"))]).unwrap();
}

#[test]
fn loading_writes_nothing() {
    let folder = super::sample::folder();
    assert!(file_store(folder.path()).load().unwrap().is_none());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_lockfile_that_is_gone_is_not_a_beginning() {
    let folder = super::sample::folder();
    let store = file_store(folder.path());
    store.append(0, vec![new_entry(0, begun())]).unwrap();
    fs::remove_file(store.path()).unwrap();
    let error = store.append(1, vec![new_entry(1, remark("x"))]).unwrap_err();
    assert!(matches!(error, RecordError::Gone { expected: 1, .. }), "{error:?}");
    assert_eq!(error.exit_code(), 65);
    // The way out that the help names.
    fs::copy(last_good(&store.path()), store.path()).unwrap();
    assert_eq!(store.append(1, vec![new_entry(1, remark("x"))]).unwrap().serial(), 2);
}

#[test]
fn a_broken_lockfile_stays_as_it_is_and_is_65() {
    let folder = super::sample::folder();
    let store = file_store(folder.path());
    store.append(0, vec![new_entry(0, begun())]).unwrap();
    let whole = fs::read_to_string(store.path()).unwrap();
    for broken in
        [String::new(), whole[..whole.len() / 2].to_owned(), whole.replace("ops1", "ops2"), format!("<<<<<<< HEAD\n{whole}")]
    {
        fs::write(store.path(), &broken).unwrap();
        for expected in [0, 1] {
            for error in [store.load().unwrap_err(), store.append(expected, vec![new_entry(1, begun())]).unwrap_err()] {
                assert!(matches!(error, RecordError::Unreadable { .. }), "{error:?}");
                assert_eq!(error.exit_code(), 65);
                assert!(error.help().contains("workflow.lock"), "{}", error.help());
            }
        }
        assert_eq!(fs::read_to_string(store.path()).unwrap(), broken);
    }
}

#[test]
fn another_record_in_its_place_is_7() {
    let folder = super::sample::folder();
    let store = file_store(folder.path());
    store.append(0, vec![new_entry(0, begun())]).unwrap();
    let other = Record::begin(Uuid::from_u128(9), vec![new_entry(0, begun())]).unwrap();
    fs::write(store.path(), cutover::record::format::write(&other).unwrap()).unwrap();
    let error = store.append(1, vec![new_entry(1, remark("x"))]).unwrap_err();
    assert!(matches!(error, RecordError::OtherLineage { .. }), "{error:?}");
    assert_eq!(error.exit_code(), 7);
}

#[test]
fn the_same_serial_with_other_entries_is_a_conflict() {
    let folder = super::sample::folder();
    let store = file_store(folder.path());
    store.append(0, vec![new_entry(0, begun()), new_entry(1, remark("ours"))]).unwrap();
    let other = Record::begin(LINEAGE, vec![new_entry(0, begun()), new_entry(1, remark("theirs"))]).unwrap();
    fs::write(store.path(), cutover::record::format::write(&other).unwrap()).unwrap();
    let error = store.append(2, vec![new_entry(2, remark("x"))]).unwrap_err();
    assert!(matches!(error, RecordError::Conflict { expected: 2, found: 2 }), "{error:?}");
}

#[test]
fn an_older_lockfile_does_not_continue_the_last_one() {
    let folder = super::sample::folder();
    let store = file_store(folder.path());
    store.append(0, vec![new_entry(0, begun())]).unwrap();
    let older = fs::read(store.path()).unwrap();
    let newer = store.append(1, vec![new_entry(1, remark("x"))]).unwrap();
    assert_eq!(store.last_written(), Some(newer.clone()));
    fs::write(store.path(), &older).unwrap();
    assert!(!store.load().unwrap().unwrap().continues(&newer));
    let error = store.load_newest().unwrap_err();
    assert_eq!(error.exit_code(), 7);
    assert!(matches!(error, RecordError::WentBack { found: 1, written: 2, .. }), "{error:?}");
    let lockfile = store.path();
    assert!(
        error.help().ends_with(&format!("`cp {} {}`", last_good(&lockfile).display(), lockfile.display())),
        "{}",
        error.help()
    );
    fs::copy(last_good(&lockfile), &lockfile).unwrap();
    assert_eq!(store.load_newest().unwrap(), Some(newer.clone()));

    // Another host's entries in their place: neither is the older one.
    let parted = Record::begin(LINEAGE, vec![new_entry(0, begun()), new_entry(1, remark("y"))]).unwrap();
    fs::write(&lockfile, cutover::record::format::write(&parted).unwrap()).unwrap();
    let help = store.load_newest().unwrap_err().help();
    assert!(help.contains("`cp ") && help.contains("`mv "), "{help}");

    fs::write(&lockfile, older).unwrap();
    store.load().unwrap();
    let forked = store.append(1, vec![new_entry(1, remark("y"))]).unwrap();
    assert!(!forked.continues(&newer) && forked.continues(&forked));
}

#[test]
fn a_record_belongs_to_one_movement_on_one_cluster() {
    let cluster = |cell: &str| Fingerprint {
        cells: [cell.to_owned()].into(),
        shards: [("customer".to_owned(), Some(vec!["0".to_owned()]))].into(),
    };
    let What::Begun { workflow, cluster: alias, intent, frozen, tables, spec, .. } = begun() else { panic!() };
    let fingerprint = cluster("zone1").to_string();
    let begun = What::Begun { workflow, cluster: alias, fingerprint, intent, frozen, tables, spec };
    let record = Record::begin(LINEAGE, vec![new_entry(0, begun)]).unwrap();
    record.belongs_to("customer.c2c", "production", Some(&cluster("zone1"))).unwrap();
    record.belongs_to("customer.c2c", "production", None).unwrap();
    for (workflow, alias, is) in [
        ("customer.other", "production", None),
        ("customer.c2c", "staging", None),
        ("customer.c2c", "production", Some(&cluster("zone9"))),
    ] {
        assert_eq!(record.belongs_to(workflow, alias, is).unwrap_err().exit_code(), 7);
    }
}

#[test]
fn a_record_that_grows_stays_small_and_loses_nothing() {
    let folder = super::sample::folder();
    let store = file_store(folder.path());
    let mut all = store.append(0, everything()).unwrap().entries;
    // The last attempt of the sample is open: the first round closes it, each opens another one.
    let last = mutations().len() as u64;
    for (round, attempt) in (last..last + 120).enumerate() {
        let round = round as i64;
        let serial = all.last().unwrap().serial;
        let closing = What::Outcome {
            attempt,
            result: cutover::record::entry::OutcomeResult::NotDone,
            evidence: vec!["no quiet moment in 30 s: ".repeat(40)],
            took_milliseconds: 30_000,
            found: None,
        };
        let (phase, mutation) = mutations().swap_remove(6);
        let opening = What::Intent {
            attempt: attempt + 1,
            phase,
            mutation,
            forecast: super::sample::digest("f"),
            replaced: Some(super::sample::digest("r")),
            lag_seconds: None,
        };
        let record = store.append(serial, vec![new_entry(round, closing), new_entry(round, opening)]).unwrap();
        all.extend(record.entries.iter().filter(|entry| entry.serial > serial).cloned());
        assert!(fs::metadata(store.path()).unwrap().len() <= 100_000);

        let (whole, kept) = (cutover::record::progress::Progress::of(&all), record.progress());
        assert_eq!(kept.attempts.last(), whole.attempts.last());
        let without = |mut progress: cutover::record::progress::Progress| {
            progress.attempts.clear();
            progress
        };
        assert_eq!(without(kept), without(whole));
    }
    let compacted = store.load().unwrap().unwrap().compacted.expect("240 entries don't fit");
    assert!(compacted.entries > 100, "{compacted:?}");
    assert_eq!(store.history().unwrap(), Some((all, 0)));
    fs::remove_dir_all(folder.path().join(".cutover")).unwrap();
    assert_eq!(store.history().unwrap().unwrap().1, compacted.entries);
}
