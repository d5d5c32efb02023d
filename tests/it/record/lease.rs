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
fn whoever_asks_for_all_leases_is_told_of_any_and_takes_none() {
    let folder = super::sample::folder();
    let leases = leases(&folder);
    leases.none_is_held().unwrap();
    let lease = leases.try_take(&key("c2c"), &info("apply")).unwrap();
    let error = leases.none_is_held().unwrap_err();
    assert!(matches!(&error, LeaseError::Held(Held { info: Some(held), .. }) if *held == info("apply")), "{error:?}");
    lease.check().unwrap();
    drop(lease);
    leases.none_is_held().unwrap();
    leases.try_take(&key("c2c"), &info("switch-back")).unwrap();
}

#[test]
fn a_holder_that_can_not_be_read_still_holds() {
    let folder = super::sample::folder();
    let leases = leases(&folder);
    let _lease = leases.try_take(&key("c2c"), &info("apply")).unwrap();
    for content in ["", "{\"who\":\"mor", "\u{0}"] {
        fs::write(only_file(&folder), content).unwrap();
        let error = leases.try_take_with(&key("c2c"), &info("apply"), &mut |_| {}).unwrap_err();
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
fn a_folder_in_which_others_may_take_files_away_holds_no_leases() {
    let folder = super::sample::folder();
    let refused = |path: &Path| match Leases::new(path).try_take(&key("c2c"), &info("apply")).unwrap_err() {
        LeaseError::Folder { reason, .. } => reason,
        other => panic!("{other:?}"),
    };
    let open = folder.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
    assert_eq!(refused(&open), "others may take away what lies in it (mode 0777, no sticky bit)");
    let private = folder.path().join("private");
    fs::create_dir(&private).unwrap();
    fs::set_permissions(&private, fs::Permissions::from_mode(0o700)).unwrap();
    Leases::new(&private).try_take(&key("c2c"), &info("apply")).unwrap();
    let link = folder.path().join("link");
    symlink(&private, &link).unwrap();
    assert_eq!(refused(&link), "it is no folder");
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    assert_eq!(refused(&file), "it is no folder");
}

#[test]
fn a_link_in_the_place_of_a_lease_is_not_followed() {
    let folder = super::sample::folder();
    let leases = leases(&folder);
    drop(leases.try_take(&key("c2c"), &info("apply")).unwrap());
    let (lease, elsewhere) = (only_file(&folder), folder.path().join("elsewhere"));
    fs::remove_file(&lease).unwrap();
    fs::write(&elsewhere, "precious").unwrap();
    symlink(&elsewhere, &lease).unwrap();
    assert!(matches!(leases.try_take(&key("c2c"), &info("apply")), Err(LeaseError::Io { action: "open", .. })));
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "precious");
}

#[test]
fn every_user_of_the_host_may_take_a_lease() {
    let folder = super::sample::folder();
    drop(leases(&folder).try_take(&key("c2c"), &info("apply")).unwrap());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&folder.path().join("cutover/leases")), 0o1777);
    assert_eq!(mode(&only_file(&folder)), 0o666);
}

#[test]
fn who_shares_the_record_and_not_the_host_is_kept_out_too() {
    let folder = super::sample::folder();
    let beside = folder.path().join("moves/.cutover");
    let host = |name: &str| Leases::new(folder.path().join(name)).beside(&beside);
    let lease = host("one").try_take(&key("c2c"), &info("apply")).unwrap();
    let error = host("two").try_take(&key("c2c"), &info("switch-back")).unwrap_err();
    assert!(matches!(&error, LeaseError::Held(Held { info: Some(held), .. }) if *held == info("apply")), "{error:?}");
    lease.check().unwrap();
    fs::remove_dir_all(&beside).unwrap();
    assert!(matches!(lease.check(), Err(LeaseError::Lost(_))));
    drop(lease);
    host("two").try_take(&key("c2c"), &info("switch-back")).unwrap();
}

#[test]
fn a_holder_that_is_just_writing_its_name_is_waited_for() {
    let folder = super::sample::folder();
    let leases = leases(&folder);
    let _lease = leases.try_take(&key("c2c"), &info("apply")).unwrap();
    let name = fs::read(only_file(&folder)).unwrap();
    fs::write(only_file(&folder), "").unwrap();
    let mut pauses = 0;
    let error = leases
        .try_take_with(&key("c2c"), &info("cancel"), &mut |_| {
            pauses += 1;
            if pauses == 3 {
                fs::write(only_file(&folder), &name).unwrap();
            }
        })
        .unwrap_err();
    assert!(matches!(&error, LeaseError::Held(Held { info: Some(held), .. }) if *held == info("apply")), "{error:?}");
    assert_eq!(pauses, 3);
}

#[test]
fn a_holder_that_goes_while_its_name_is_waited_for_leaves_the_lease() {
    let folder = super::sample::folder();
    let leases = leases(&folder);
    let mut lease = Some(leases.try_take(&key("c2c"), &info("apply")).unwrap());
    fs::write(only_file(&folder), "").unwrap();
    leases.try_take_with(&key("c2c"), &info("cancel"), &mut |_| drop(lease.take())).unwrap();
}

#[test]
fn a_name_in_a_lease_can_not_draw_on_the_terminal() {
    let folder = super::sample::folder();
    let leases = leases(&folder);
    let painted = LeaseInfo { who: "mor\u{1b}[31mgan".into(), ..info("apply") };
    let _lease = leases.try_take(&key("c2c"), &painted).unwrap();
    assert_eq!(leases.holder(&key("c2c")).unwrap().who, "mor[31mgan");
    assert!(!leases.try_take(&key("c2c"), &info("apply")).unwrap_err().to_string().contains('\u{1b}'));
}

#[test]
fn leases_lie_where_every_session_of_the_host_looks() {
    let folder = lease_folder();
    assert!(folder == Path::new("/var/tmp/cutover-leases") || folder == Path::new("/tmp/cutover-leases"), "{folder:?}");
}
