use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use cutover::record::lease::{Held, LeaseError, LeaseInfo, LeaseKey, Leases, lease_folder};
use jiff::Timestamp;

pub fn key(workflow: &str) -> LeaseKey {
    LeaseKey { cluster_fingerprint: "zone1/etcd2".into(), target_keyspace: "customer".into(), workflow: workflow.into() }
}

pub fn info(operation: &str) -> LeaseInfo {
    LeaseInfo {
        who: "morgan".into(),
        host: "ops1".into(),
        pid: std::process::id(),
        operation: operation.into(),
        since: Timestamp::from_second(1_790_000_000).unwrap(),
    }
}

fn leases(folder: &tempfile::TempDir) -> Leases {
    Leases::new(folder.path().join("cutover/leases"))
}

fn only_file(folder: &tempfile::TempDir) -> std::path::PathBuf {
    fs::read_dir(folder.path().join("cutover/leases")).unwrap().next().unwrap().unwrap().path()
}

#[test]
fn one_at_a_time_and_the_other_is_told_who() {
    let folder = super::sample::folder();
    let leases = leases(&folder);
    let lease = leases.try_take(&key("c2c"), &info("apply")).unwrap();
    let error = leases.try_take(&key("c2c"), &info("switch-back")).unwrap_err();
    assert_eq!(error.exit_code(), 6);
    assert!(matches!(&error, LeaseError::Held(Held { info: Some(held), .. }) if *held == info("apply")), "{error:?}");
    assert!(error.to_string().starts_with("morgan is acting on this movement: `cutover apply`, process"), "{error}");
    leases.try_take(&key("another"), &info("apply")).unwrap();

    drop(lease);
    let lease = leases.try_take(&key("c2c"), &info("switch-back")).unwrap();
    let error = leases.try_take(&key("c2c"), &info("apply")).unwrap_err();
    assert!(matches!(error, LeaseError::Held(Held { info: Some(held), .. }) if held.operation == "switch-back"));
    lease.check().unwrap();
}

#[test]
fn a_holder_that_can_not_be_read_still_holds() {
    let folder = super::sample::folder();
    let leases = leases(&folder);
    let _lease = leases.try_take(&key("c2c"), &info("apply")).unwrap();
    for content in ["", "{\"who\":\"mor", "\u{0}"] {
        fs::write(only_file(&folder), content).unwrap();
        let error = leases.try_take(&key("c2c"), &info("apply")).unwrap_err();
        assert!(matches!(error, LeaseError::Held(Held { info: None, .. })), "{error:?}");
    }
}

#[test]
fn a_lease_whose_file_was_removed_is_lost() {
    let folder = super::sample::folder();
    let leases = leases(&folder);
    let lease = leases.try_take(&key("c2c"), &info("apply")).unwrap();
    fs::remove_file(only_file(&folder)).unwrap();
    assert!(matches!(lease.check(), Err(LeaseError::Lost(_))));
    // Another one may take it now, and the first one sees that too.
    let other = leases.try_take(&key("c2c"), &info("switch-back")).unwrap();
    assert!(matches!(lease.check(), Err(LeaseError::Lost(_))));
    other.check().unwrap();
    fs::remove_dir_all(folder.path().join("cutover")).unwrap();
    assert!(matches!(other.check(), Err(LeaseError::Lost(_))));
    leases.try_take(&key("c2c"), &info("apply")).unwrap().check().unwrap();
}

#[test]
fn a_folder_that_others_may_enter_holds_no_leases() {
    let folder = super::sample::folder();
    let refused = |path: &Path| match Leases::new(path).try_take(&key("c2c"), &info("apply")).unwrap_err() {
        LeaseError::Folder { reason, .. } => reason,
        other => panic!("{other:?}"),
    };
    let open = folder.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(refused(&open), "others may enter it (mode 0755)");
    let private = folder.path().join("private");
    fs::create_dir(&private).unwrap();
    fs::set_permissions(&private, fs::Permissions::from_mode(0o700)).unwrap();
    let link = folder.path().join("link");
    symlink(&private, &link).unwrap();
    assert_eq!(refused(&link), "it is no folder");
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    assert_eq!(refused(&file), "it is no folder");
}

#[test]
fn leases_lie_where_the_host_keeps_such_things() {
    let temporary = Path::new("/tmp");
    assert_eq!(lease_folder(Some(Path::new("/run/user/7")), temporary, 7), Path::new("/run/user/7/cutover/leases"));
    assert_eq!(lease_folder(None, temporary, 7), Path::new("/tmp/cutover-leases-7"));
    assert_eq!(lease_folder(Some(Path::new("relative")), temporary, 7), Path::new("/tmp/cutover-leases-7"));
}
