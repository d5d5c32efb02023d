use std::fs;
use std::os::unix::fs::PermissionsExt;

use cutover::model::digest::Digest;
use cutover::record::error::RecordError;
use cutover::record::file_system::HostFileSystem;
use cutover::record::kept::Kept;

#[test]
fn what_is_kept_is_found_under_its_digest() {
    let folder = super::sample::folder();
    let kept = Kept::beside(&HostFileSystem, folder.path());
    let digest = kept.keep(b"{\"rules\":[]}").unwrap();
    assert_eq!(kept.keep(b"{\"rules\":[]}").unwrap(), digest);
    assert_eq!(kept.fetch(&digest).unwrap(), b"{\"rules\":[]}");

    let beside = folder.path().join(".cutover");
    let file = beside.join(format!("{}.json", &digest.as_str()["sha256:".len()..]));
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&beside), mode(&file)), (0o700, 0o600));
    assert_eq!(fs::read_to_string(beside.join(".gitignore")).unwrap(), "*\n");
    assert_eq!(fs::read_dir(&beside).unwrap().count(), 2, "a temporary file stayed");
}

#[test]
fn what_is_not_what_was_kept_is_refused() {
    let folder = super::sample::folder();
    let kept = Kept::beside(&HostFileSystem, folder.path());
    let digest = kept.keep(b"before").unwrap();
    let file = folder.path().join(".cutover").join(format!("{}.json", &digest.as_str()["sha256:".len()..]));
    fs::write(&file, b"torn").unwrap();
    assert!(matches!(kept.fetch(&digest), Err(RecordError::Kept { .. })));
    kept.keep(b"before").unwrap();
    assert_eq!(kept.fetch(&digest).unwrap(), b"before", "keeping again mends it");
    assert!(matches!(kept.fetch(&Digest::of_bytes(b"never kept")), Err(RecordError::Kept { .. })));
}

#[test]
fn a_digest_never_leads_out_of_the_folder() {
    let folder = super::sample::folder();
    fs::write(folder.path().join("secret.json"), b"x").unwrap();
    let kept = Kept::beside(&HostFileSystem, folder.path());
    let digest: Digest = serde_json::from_str("\"sha256:../secret\"").unwrap();
    assert!(matches!(kept.fetch(&digest), Err(RecordError::Kept { .. })));
}
