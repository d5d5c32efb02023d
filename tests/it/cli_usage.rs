//! Usage: streams and exit codes of what clap answers.

use crate::support::TestEnv;

#[test]
fn help_and_version_are_answers() {
    let env = TestEnv::new();
    for arguments in [&["--help"][..], &["-h"], &["--version"], &["validate", "--help"]] {
        let output = env.run(arguments);
        assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{arguments:?}");
        assert!(!output.stdout.is_empty());
    }
}

/// clap would exit 2, which scripts take for "there are changes".
#[test]
fn errors_of_usage_exit_64_and_say_it_on_stderr() {
    let env = TestEnv::new();
    for arguments in [
        &[][..],
        &["valdate"],
        &["validate", "--formt", "json"],
        &["--format", "xml", "validate"],
        &["--color", "sometimes", "validate"],
        &["validate", "-q", "-v"],
        &["explain", "C999"],
        &["schema", "plan-file"],
        &["completions", "cmd"],
        &["validate", "--format", "markdown"],
        &["plan", "--deep", "--no-sql"],
    ] {
        let output = env.run(arguments);
        assert_eq!((output.code, output.stdout.as_str()), (Some(64), ""), "{arguments:?}: {output}");
        assert!(!output.stderr.is_empty());
    }
}

#[test]
fn errors_are_json_where_json_is_asked_for() {
    let output = TestEnv::new().run(&["explain", "C999", "--format", "json"]);
    assert_eq!(output.code, Some(64));
    let value: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(value["error"]["exit"], 64);
}

#[test]
fn completions_and_manual_name_every_command() {
    let env = TestEnv::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = env.run(&["completions", shell]);
        assert!(output.code == Some(0) && output.stdout.contains("validate"), "{shell}");
    }
    let page = env.run(&["man"]);
    assert!(page.stdout.contains("65  a bad plan file") && page.stdout.contains("validate"), "{page}");
    assert_eq!(env.run(&["man", "--dir", "pages"]).code, Some(0));
    assert!(env.path().join("pages/cutover-validate.1").exists());
}

#[test]
fn schemas_are_those_that_are_checked_in() {
    let env = TestEnv::new();
    let names = env.run(&["schema"]).stdout;
    assert!(names.lines().count() >= 2);
    for name in names.lines() {
        let path = format!("{}/schemas/{name}.schema.json", env!("CARGO_MANIFEST_DIR"));
        let is_the_same = env.run(&["schema", name]).stdout == std::fs::read_to_string(path).unwrap();
        assert!(is_the_same, "the schema `{name}` that the program prints is not the one that is checked in");
    }
}
