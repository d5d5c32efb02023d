//! Where a lockfile may lie, and as what (F38).

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

use cutover::record::error::{RecordError, UnsafePlace};
use cutover::record::store::RecordStore;
use rustix::fs::{CWD, FileType, Mode};

use super::sample::{begun, new_entry, remark};
use super::store::file_store;

fn refused(folder: &Path) -> UnsafePlace {
    let store = file_store(folder);
    let of = |error| match error {
        RecordError::Unsafe { reason, .. } => reason,
        other => panic!("{other:?}"),
    };
    let loading = of(store.load().unwrap_err());
    assert_eq!(of(store.append(0, vec![new_entry(0, begun())]).unwrap_err()), loading);
    assert!(!folder.join(".cutover").exists(), "a refused place was written to");
    loading
}

#[test]
fn only_a_regular_file_is_a_lockfile() {
    let made = |make: &dyn Fn(&Path)| {
        let folder = super::sample::folder();
        make(&folder.path().join("workflow.lock"));
        refused(folder.path())
    };
    let elsewhere = tempfile::NamedTempFile::new().unwrap();
    assert_eq!(made(&|path| symlink(elsewhere.path(), path).unwrap()), UnsafePlace::NotAFile("a symbolic link"));
    assert_eq!(made(&|path| symlink("nowhere", path).unwrap()), UnsafePlace::NotAFile("a symbolic link"));
    assert_eq!(made(&|path| fs::create_dir(path).unwrap()), UnsafePlace::NotAFile("a folder"));
    assert_eq!(made(&|path| drop(UnixListener::bind(path).unwrap())), UnsafePlace::NotAFile("a socket"));
    let pipe = |path: &Path| rustix::fs::mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    assert_eq!(made(&pipe), UnsafePlace::NotAFile("a named pipe"));
    assert_eq!(fs::read(elsewhere.path()).unwrap(), b"", "what the link leads to was written to");
}

#[test]
fn a_folder_that_everybody_may_write_to_is_refused_unless_sticky() {
    let folder = super::sample::folder();
    let mode = |mode| fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
    mode(0o777);
    assert_eq!(refused(folder.path()), UnsafePlace::OpenFolder { mode: 0o777 });
    mode(0o1777);
    file_store(folder.path()).append(0, vec![new_entry(0, begun())]).unwrap();
}

#[test]
fn a_new_file_is_ours_alone_and_an_old_one_keeps_its_mode() {
    let folder = super::sample::folder();
    let store = file_store(folder.path());
    let mode = || fs::metadata(store.path()).unwrap().permissions().mode() & 0o7777;
    store.append(0, vec![new_entry(0, begun())]).unwrap();
    assert_eq!(mode(), 0o600);
    fs::set_permissions(store.path(), fs::Permissions::from_mode(0o664)).unwrap();
    store.append(1, vec![new_entry(1, remark("x"))]).unwrap();
    assert_eq!(mode(), 0o664);
}

#[test]
fn a_planted_temporary_file_is_not_followed() {
    let folder = super::sample::folder();
    let victim = folder.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    symlink(&victim, folder.path().join(".workflow.lock.new")).unwrap();
    file_store(folder.path()).append(0, vec![new_entry(0, begun())]).unwrap();
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    assert!(!folder.path().join(".workflow.lock.new").exists());
}

#[test]
fn a_planted_folder_for_kept_files_is_not_followed() {
    let folder = super::sample::folder();
    let elsewhere = super::sample::folder();
    symlink(elsewhere.path(), folder.path().join(".cutover")).unwrap();
    let error = file_store(folder.path()).append(0, vec![new_entry(0, begun())]).unwrap_err();
    assert!(matches!(error, RecordError::Unsafe { reason: UnsafePlace::NotAFile("a symbolic link"), .. }), "{error:?}");
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}

#[test]
fn a_hard_link_keeps_the_old_content() {
    let folder = super::sample::folder();
    let store = file_store(folder.path());
    store.append(0, vec![new_entry(0, begun())]).unwrap();
    let backup = folder.path().join("backup");
    fs::hard_link(store.path(), &backup).unwrap();
    let before = fs::read(&backup).unwrap();
    store.append(1, vec![new_entry(1, remark("x"))]).unwrap();
    assert_eq!(fs::read(&backup).unwrap(), before);
}
