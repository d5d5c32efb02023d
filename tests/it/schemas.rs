//! The checked-in schemas are what the code gives, decoder and schema know the same keys, and what is checked in fits them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use cutover::spec;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The files below a folder whose names end so, in order.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(ROOT).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_str().unwrap().ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// What the schema has against a text, or none.
fn against_schema(schema: &serde_json::Value, text: &str) -> Option<String> {
    let validator = jsonschema::draft7::new(schema).unwrap();
    let Ok(value) = toml::from_str::<serde_json::Value>(text.trim_start_matches('\u{feff}')) else {
        return Some("not TOML".to_owned());
    };
    validator.iter_errors(&value).next().map(|error| format!("{}: {error}", error.instance_path()))
}

#[test]
fn checked_in_schemas_are_what_the_code_gives() {
    let folder = Path::new(ROOT).join("schemas");
    for (name, schema) in cutover::cli::schemas() {
        let path = folder.join(format!("{name}.schema.json"));
        let wanted = format!("{}\n", serde_json::to_string_pretty(&schema).unwrap());
        if std::env::var_os("CUTOVER_UPDATE").is_some() {
            fs::write(&path, &wanted).unwrap();
        }
        let found = fs::read_to_string(&path).unwrap_or_default();
        assert!(found == wanted, "{} has drifted; write it with CUTOVER_UPDATE=1 cargo test --test it schemas", path.display());
    }
}

#[test]
fn decoder_and_schema_know_the_same_keys() {
    let decoder = spec::known_keys();
    let schema = spec::schema::keys(&spec::schema::workflow());
    let only = |a: &BTreeSet<String>, b: &BTreeSet<String>| a.difference(b).cloned().collect::<Vec<_>>();
    assert_eq!(only(&decoder, &schema), Vec::<String>::new(), "only the decoder knows them");
    assert_eq!(only(&schema, &decoder), Vec::<String>::new(), "only the schema knows them");
    assert!(decoder.contains("gates.switch-primary.approval-expires") && decoder.len() > 50, "{decoder:#?}");
}

#[test]
fn the_fixture_of_every_key_has_every_key() {
    let text = fs::read_to_string(Path::new(ROOT).join("tests/fixtures/plan-files/valid/every-key.toml")).unwrap();
    let value: serde_json::Value = toml::from_str(&text).unwrap();
    let mut found = BTreeSet::new();
    fn collect(value: &serde_json::Value, path: &str, found: &mut BTreeSet<String>) {
        for (name, inner) in value.as_object().into_iter().flatten() {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            collect(inner, &path, found);
            found.insert(path);
        }
    }
    collect(&value, "", &mut found);
    let known = spec::known_keys();
    assert_eq!(found.difference(&known).cloned().collect::<Vec<_>>(), Vec::<String>::new());
    // A gate's keys are the same for every gate; `tables` excludes `all-tables`.
    let missing: Vec<String> =
        known.difference(&found).filter(|path| path.matches('.').count() < 2 && *path != "move-tables.tables").cloned().collect();
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn valid_files_are_valid_for_decoder_and_schema() {
    let schema = spec::schema::workflow();
    let mut paths = files("tests/fixtures/plan-files/valid", ".toml");
    paths.extend(files("examples", "workflow.toml"));
    assert!(paths.len() >= 3, "{paths:?}");
    for path in paths {
        let text = fs::read_to_string(&path).unwrap();
        if let Err(problems) = spec::read(&text) {
            panic!("{}: {problems:#?}", path.display());
        }
        assert_eq!(against_schema(&schema, &text), None, "{}", path.display());
        let first = text.lines().next().unwrap().strip_prefix("#:schema ").unwrap_or_else(|| panic!("{}", path.display()));
        let named = path.parent().unwrap().join(first);
        assert!(named.exists(), "{} names no schema that there is: {first}", path.display());
    }
}

#[test]
fn sandboxes_are_valid_for_decoder_and_schema() {
    let schema = cutover::sandbox::file::schema::schema();
    let mut paths = files("examples", "sandbox.toml");
    paths.extend(files("src/sandbox", ".toml"));
    assert!(!paths.is_empty());
    for path in paths {
        let text = fs::read_to_string(&path).unwrap();
        if let Err(problems) = cutover::sandbox::file::reading::read(&text) {
            panic!("{}: {problems:#?}", path.display());
        }
        assert_eq!(against_schema(&schema, &text), None, "{}", path.display());
    }
}

/// A file is named after what is wrong with it: `C113-misspelt-gate.toml`.
#[test]
fn invalid_files_fail_with_the_code_of_their_name() {
    let paths = files("tests/fixtures/plan-files/invalid", ".toml");
    assert!(paths.len() >= 12, "{paths:?}");
    for path in paths {
        let bytes = fs::read(&path).unwrap();
        let found = match spec::source::text(&bytes) {
            Ok(text) => spec::read(text).expect_err(&path.display().to_string()),
            Err(problem) => vec![*problem],
        };
        let name = path.file_name().unwrap().to_str().unwrap();
        let code = name.split('-').next().unwrap();
        assert!(found.iter().any(|problem| problem.code == code), "{name}: {found:#?}");
    }
}

/// What the schema refuses, the decoder refuses too: an editor never shows an error that isn't one.
#[test]
fn the_schema_is_never_stricter_than_the_decoder() {
    let schema = spec::schema::workflow();
    let least = "version = 1\nworkflow = \"w\"\ncluster = \"c\"\n[move-tables]\nsource-keyspace = \"a\"\ntarget-keyspace = \"b\"\ntables = [\"t\"]\n[complete]\nsource-tables = \"keep\"\n";
    for more in [
        "[copy]\nmax-lag = \"1 minute, 5 seconds\"",
        "[copy]\nmax-lag = \" 90s \"",
        "[copy]\nmax-lag = \"1:30:00\"",
        "[copy]\nmax-lag = \"1h 00:30:00\"",
        "[copy]\nmax-lag = \"+90s\"",
        "[gates.copy]\nwindows = [\"mon , tue  02:00-24:00\"]",
        "[gates.copy]\nwindows = [\" 2026-12-03T23:00 / 2026-12-04 01:00 \"]",
        "[gates]",
        "[gates.copy]",
        "[verify]\ncells = []",
    ] {
        let text = format!("{least}{more}\n");
        let by_decoder = spec::read(&text).map_err(|problems| problems[0].message.clone());
        let by_schema = against_schema(&schema, &text);
        assert!(by_schema.is_none() || by_decoder.is_err(), "{more}: schema: {by_schema:?}");
    }
}
