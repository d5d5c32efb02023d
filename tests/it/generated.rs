//! The checked-in code of the protocol is what the `.proto` files give.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const PROTO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/cluster/vtctld/proto");
const GENERATED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/cluster/vtctld/generated");

/// Name and content of every file of `folder` with this ending.
fn files(folder: &Path, ending: &str) -> BTreeMap<String, String> {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == ending))
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(&path).unwrap())
        })
        .collect()
}

fn generate(into: &Path) {
    let protos = files(Path::new(PROTO), "proto");
    let descriptors = protox::compile(protos.keys(), [PROTO]).unwrap();
    tonic_prost_build::configure()
        .out_dir(into)
        .emit_rerun_if_changed(false)
        // Maps in order: what is printed, kept or compared comes out the same each time.
        .btree_map(".")
        // A server that lacks a call answers as a vtctld that lacks it does.
        .generate_default_stubs(true)
        .compile_fds(descriptors)
        .unwrap();
}

#[test]
fn checked_in_code_is_what_the_protos_give() {
    let folder = tempfile::tempdir().unwrap();
    generate(folder.path());
    let wanted = files(folder.path(), "rs");
    assert!(wanted.contains_key("vtctlservice.rs"), "{:?}", wanted.keys());

    let checked_in = || {
        let mut found = files(Path::new(GENERATED), "rs");
        found.remove("mod.rs");
        found
    };
    if std::env::var_os("CUTOVER_UPDATE").is_some() {
        for name in checked_in().keys().filter(|name| !wanted.contains_key(*name)) {
            fs::remove_file(Path::new(GENERATED).join(name)).unwrap();
        }
        for (name, content) in &wanted {
            fs::write(Path::new(GENERATED).join(name), content).unwrap();
        }
    }

    let found = checked_in();
    let differing: Vec<&String> = wanted
        .iter()
        .filter(|(name, content)| found.get(*name) != Some(*content))
        .map(|(name, _)| name)
        .chain(found.keys().filter(|name| !wanted.contains_key(*name)))
        .collect();
    assert!(
        differing.is_empty(),
        "{differing:?} differ from the protos; write them with CUTOVER_UPDATE=1 cargo test --test it generated"
    );
}
