//! `cutover validate`: everything that is wrong with a file at once, drawn.

mod grammar;
mod times;
mod values;

use std::path::Path;

use insta::assert_snapshot;

use crate::support::{Output, TestEnv};

const LEAST: &str = r#"version = 1
workflow = "commerce2customer"
cluster = "production"

[move-tables]
source-keyspace = "commerce"
target-keyspace = "customer"
tables = ["customer", "corder"]

[complete]
source-tables = "rename"
"#;

/// The output for one of the invalid fixtures.
fn invalid(name: &str) -> Output {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/plan-files/invalid");
    let env = TestEnv::new();
    env.write("workflow.toml", std::fs::read(fixtures.join(format!("{name}.toml"))).unwrap());
    let output = env.run(&["validate"]);
    assert_eq!(output.code, Some(65), "{output}");
    output
}

fn valid(content: &str) -> Output {
    let env = TestEnv::new();
    env.write("workflow.toml", content);
    env.run(&["validate"])
}

#[test]
fn a_valid_file_is_summed_up() {
    assert_snapshot!(valid(LEAST), @r#"
    workflow.toml: valid
      commerce2customer on `production`: 2 tables from `commerce` to `customer`
      hold: switch-replicas, switch-primary, complete, remove-rules
      auto-advance: create, copy, verify
    [exit: 0]
    "#);
}
#[test]
fn a_file_of_every_key_is_summed_up() {
    assert_snapshot!(valid(include_str!("../fixtures/plan-files/valid/every-key.toml")), @r#"
    workflow.toml: valid
      commerce2customer on `production`: all tables but 2 from `commerce` to `customer`
      hold: create, copy, verify, switch-replicas, switch-primary
      auto-advance: complete, remove-rules
      copy only in: Sat 00:00-24:00 (UTC)
      switch-replicas only in: Mon-Fri 22:00-23:30 (Europe/Stockholm)
      switch-primary only in: Tue 02:00-04:00; Sat,Sun 23:00-02:00; 2126-12-03 23:00/2126-12-04 01:00 (America/New_York)
      complete only in: Tue 02:00-04:00 (UTC)
    [exit: 0]
    "#);
}
#[test]
fn warnings_are_shown_and_stop_nothing() {
    assert_snapshot!(valid(&format!("{LEAST}\n[switch]\ntimeout = \"10s\"\n\n[revert]\nwindow = \"0s\"\n")), @r#"
    workflow.toml: valid
      commerce2customer on `production`: 2 tables from `commerce` to `customer`
      hold: switch-replicas, switch-primary, complete, remove-rules
      auto-advance: create, copy, verify
    ------- stderr -------
    warning[C117]

      ⚠ `switch.timeout` is not below vtgate's buffer of 10s
        ╭─[workflow.toml:14:11]
     13 │ [switch]
     14 │ timeout = "10s"
        ·           ──┬──
        ·             ╰── writes may wait this long
     15 │ 
        ╰────
      help: unless your vtgates run with a longer `--buffer-window`, writes that wait longer than 10s
            fail; use 9s or less

    warning[C119]

      ⚠ there is no revert window
        ╭─[workflow.toml:17:10]
     16 │ [revert]
     17 │ window = "0s"
        ·          ──┬─
        ·            ╰── `complete` may follow the switch at once
        ╰────
      help: after `complete` there is no way back; give yourself time to see that the target is right

    workflow.toml: 2 warnings
    [exit: 0]
    "#);
}
#[test]
fn windows_that_have_passed() {
    assert_snapshot!(valid(&format!("{LEAST}\n[gates.switch-primary]\nwindows = [\"2020-12-03 23:00/2020-12-04 01:00\"]\n")), @r#"
    ------- stderr -------
    error[C109]

      × every window of `switch-primary` has passed, so it would never open
        ╭─[workflow.toml:14:12]
     13 │ [gates.switch-primary]
     14 │ windows = ["2020-12-03 23:00/2020-12-04 01:00"]
        ·            ─────────────────┬─────────────────
        ·                             ╰── has passed
        ╰────
      help: name a window that still comes

    workflow.toml: 1 error
    [exit: 65]
    "#);
}
#[test]
fn a_file_that_is_not_there() {
    assert_snapshot!(TestEnv::new().run(&["validate"]), @r#"
    ------- stderr -------
    error: workflow.toml: there is no such file
    help: `cutover init` writes one from the live cluster
    [exit: 65]
    "#);
}
#[test]
fn a_file_that_is_not_utf_8() {
    assert_snapshot!(invalid("C100-not-utf-8"), @r#"
    ------- stderr -------
    error[C100]

      × the file is not UTF-8: byte 47 (line 3) is 0xef
      help: save it as UTF-8
      in workflow.toml

    workflow.toml: 1 error
    [exit: 65]
    "#);
}
#[test]
fn as_json_with_places() {
    let env = TestEnv::new();
    env.write("workflow.toml", LEAST.replace("tables = ", "tabels = "));
    let output = env.run(&["validate", "--format", "json"]);
    assert_eq!((output.code, output.stderr.as_str()), (Some(65), ""));
    let value: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    assert_snapshot!(format!("{value:#}"), @r#"
    {
      "file": "workflow.toml",
      "valid": false,
      "problems": [
        {
          "code": "C104",
          "severity": "error",
          "path": "move-tables.tables",
          "message": "no tables are named",
          "help": "write `tables = [\"…\"]`, or `all-tables = true` for every table of the source keyspace",
          "start": {
            "line": 5,
            "column": 1,
            "byte": 67
          },
          "end": {
            "line": 5,
            "column": 14,
            "byte": 80
          }
        },
        {
          "code": "C103",
          "severity": "error",
          "path": "move-tables.tabels",
          "message": "there is no key `tabels` in `[move-tables]`",
          "help": "did you mean `tables`?",
          "start": {
            "line": 8,
            "column": 1,
            "byte": 139
          },
          "end": {
            "line": 8,
            "column": 7,
            "byte": 145
          }
        },
        {
          "code": "C104",
          "severity": "error",
          "path": "complete.source-tables",
          "message": "the key `source-tables` is missing in `[complete]`",
          "help": "`rename` renames them to `_NAME_old`, `drop` drops them, `keep` leaves them where they are, denied, so that no stale copy takes writes. It must be `rename`, `drop` or `keep`",
          "start": {
            "line": 10,
            "column": 1,
            "byte": 172
          },
          "end": {
            "line": 10,
            "column": 11,
            "byte": 182
          }
        },
        {
          "code": "C103",
          "severity": "error",
          "path": "complete.source-tabels",
          "message": "there is no key `source-tabels` in `[complete]`",
          "help": "did you mean `source-tables`?",
          "start": {
            "line": 11,
            "column": 1,
            "byte": 183
          },
          "end": {
            "line": 11,
            "column": 14,
            "byte": 196
          }
        }
      ]
    }
    "#);
}

#[test]
fn several_files_and_standard_input() {
    let env = TestEnv::new();
    env.write("a/workflow.toml", LEAST);
    env.write("b/workflow.toml", "version = 2\n");
    let output = env.run(&["validate", "a/workflow.toml", "b/workflow.toml", "-"]);
    assert_eq!(output.code, Some(65));
    assert!(output.stdout.starts_with("a/workflow.toml: valid\n"), "{output}");
    assert!(output.stderr.contains("b/workflow.toml: 1 error"), "{output}");
}

#[test]
fn a_folder_and_a_large_file_are_refused() {
    let env = TestEnv::new();
    env.write("folder/workflow.toml", LEAST);
    let output = env.run(&["validate", "folder"]);
    assert_eq!(output.code, Some(65), "{output}");
    env.write("large.toml", vec![b'#'; 1024 * 1024 + 1]);
    let output = env.run(&["validate", "large.toml"]);
    assert!(output.code == Some(65) && output.stderr.contains("1048576 at most"), "{output}");
}

/// Nothing that a terminal would act on comes out, whatever stands in the file.
#[test]
fn hostile_text_is_neutralised() {
    let env = TestEnv::new();
    let hostile = "version = 1\nworkflow = \"\\u001b[31m::error::\"\n# \u{202e}\u{1b}]8;;http://x\u{7}\n\"\\u001b[2J\\r\\n::set-output\" = 1\n";
    env.write("workflow.toml", hostile);
    let output = env.run(&["validate"]);
    assert_eq!(output.code, Some(65));
    let shown = format!("{}{}", output.stdout, output.stderr);
    let acts = |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c);
    assert!(!shown.contains(acts), "{shown:?}");
    assert!(!shown.lines().any(|line| line.starts_with("::")), "{shown}");
}

#[test]
fn colour_is_only_for_those_who_ask() {
    let mut env = TestEnv::new();
    env.write("workflow.toml", "");
    assert!(!env.run(&["validate"]).stderr.contains('\u{1b}'));
    assert!(env.run(&["validate", "--color", "always"]).stderr.contains('\u{1b}'));
    env.set("LC_ALL", "C");
    assert!(env.run(&["validate"]).stderr.is_ascii());
}
