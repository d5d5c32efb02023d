//! The checked-in code of the protocol is what the `.proto` files give.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The folders with a `proto` and a `generated` in them, and a file that must come out of each.
const PROTOCOLS: [(&str, &str); 2] = [
    (concat!(env!("CARGO_MANIFEST_DIR"), "/src/cluster/vtctld"), "vtctlservice.rs"),
    (concat!(env!("CARGO_MANIFEST_DIR"), "/src/cluster/topo"), "etcdserverpb.rs"),
];

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

fn generate(proto: &Path, into: &Path) {
    let protos = files(proto, "proto");
    let descriptors = protox::compile(protos.keys(), [proto]).unwrap();
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
    for (protocol, made) in PROTOCOLS {
        let protocol = Path::new(protocol);
        let into = tempfile::tempdir().unwrap();
        generate(&protocol.join("proto"), into.path());
        let wanted = files(into.path(), "rs");
        assert!(wanted.contains_key(made), "{:?}", wanted.keys());
        compare(&protocol.join("generated"), &wanted);
    }
}

fn compare(generated: &Path, wanted: &BTreeMap<String, String>) {
    let checked_in = || {
        let mut found = files(generated, "rs");
        found.remove("mod.rs");
        found
    };
    if std::env::var_os("CUTOVER_UPDATE").is_some() {
        for name in checked_in().keys().filter(|name| !wanted.contains_key(*name)) {
            fs::remove_file(generated.join(name)).unwrap();
        }
        for (name, content) in wanted {
            fs::write(generated.join(name), content).unwrap();
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
        "{differing:?} in {} differ from the protos; write them with CUTOVER_UPDATE=1 cargo test --test it generated",
        generated.display()
    );
}
