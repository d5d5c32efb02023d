//! The power fails after every call, and every combination of what was not synced is lost (F17): afterwards the record is whole, and
//! holds whatever an append had said to be written.

use std::sync::Arc;

use cutover::model::digest::Digest;
use cutover::record::file::FileStore;
use cutover::record::file_system::ThreadSleeper;
use cutover::record::store::{NewEntry, RecordStore};

use super::disk::{Disk, State, root};
use super::sample::{LINEAGE, begun, new_entry, remark};

fn store(disk: &Disk) -> FileStore {
    FileStore::new(Arc::new(disk.clone()), Arc::new(ThreadSleeper), root(), "workflow.lock", LINEAGE)
}

/// What is found after a loss of power: the serial, and that everything is whole and can go on.
fn survives(state: &State, kept: &[Digest]) -> u64 {
    let disk = Disk::with(state.clone());
    let store = store(&disk);
    let serial = store.load().unwrap_or_else(|error| panic!("{error}")).map_or(0, |record| record.serial());
    for digest in kept {
        store.kept().fetch(digest).unwrap_or_else(|error| panic!("{error}"));
    }
    let next = if serial == 0 { new_entry(0, begun()) } else { new_entry(1, remark("next")) };
    assert_eq!(store.append(serial, vec![next]).unwrap().serial(), serial + 1);
    assert_eq!(store.history().unwrap().unwrap().1, 0, "what was moved out is lost");
    serial
}

fn all_losses(disk: &Disk, acknowledged: u64, under_way: u64, kept: &[Digest]) -> usize {
    let mut count = 0;
    for state in disk.states() {
        for survivor in state.after_power_loss() {
            let serial = survives(&survivor, kept);
            assert!((acknowledged..=under_way).contains(&serial), "{serial}, not {acknowledged} to {under_way}: {survivor:?}");
            count += 1;
        }
    }
    count
}

#[test]
fn no_loss_of_power_tears_a_record() {
    let disk = Disk::new();
    let store = store(&disk);
    let mut count = 0;
    let mut append = |serial: u64, entry: NewEntry, kept: &[Digest]| {
        // What led here, as keeping something, has no effect on the record.
        count += all_losses(&disk, serial, serial, &[]);
        store.append(serial, vec![entry]).unwrap();
        count += all_losses(&disk, serial, serial + 1, kept);
        // And once it is acknowledged, it stays.
        let now = Disk::with(disk.now());
        for survivor in now.now().after_power_loss() {
            assert_eq!(survives(&survivor, kept), serial + 1);
        }
    };
    append(0, new_entry(0, begun()), &[]);
    append(1, new_entry(1, remark("two")), &[]);
    let kept = store.kept().keep(b"{\"rules\":[]}").unwrap();
    append(2, new_entry(2, remark("what it replaces is kept")), std::slice::from_ref(&kept));
    assert!(count > 100, "{count} losses of power are too few to mean anything");
}

#[test]
fn no_loss_of_power_loses_what_was_moved_out() {
    let disk = Disk::new();
    let store = store(&disk);
    let mut entries = vec![new_entry(0, begun())];
    entries.extend((1..20).map(|second| new_entry(second, remark("x".repeat(4_900)))));
    store.append(0, entries).unwrap();
    disk.states();
    let record = store.append(20, vec![new_entry(20, remark("y".repeat(9_000)))]).unwrap();
    assert!(record.compacted.is_some());
    assert!(all_losses(&disk, 20, 21, &[]) > 10);
}
