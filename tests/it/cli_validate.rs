//! `cutover validate`: everything that is wrong with a file at once, drawn.

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
fn breaks_of_the_grammar() {
    assert_snapshot!(invalid("C101-two-breaks-of-the-grammar"), @r#"
    ------- stderr -------
    error[C101]

      × this is not TOML: invalid basic string, expected `"`
       ╭─[workflow.toml:2:30]
     1 │ version = 1
     2 │ workflow = "commerce2customer
       ·                              ▲
       ·                              ╰── here
     3 │ cluster = "production"
       ╰────

    error[C101]

      × this is not TOML: unclosed table, expected `]`
       ╭─[workflow.toml:5:13]
     4 │ 
     5 │ [move-tables
       ·             ▲
       ·             ╰── here
     6 │ source-keyspace = "commerce"
       ╰────

    workflow.toml: 2 errors
    [exit: 65]
    "#);
}
#[test]
fn forms_of_toml_1_1() {
    assert_snapshot!(invalid("C101-toml-1.1"), @r#"
    ------- stderr -------
    error[C101]

      × an inline table must stand on one line
        ╭─[workflow.toml:11:19]
     10 │ [gates]
     11 │ switch-primary = {
        ·                   ┬
        ·                   ╰── TOML 1.1
     12 │   policy = "operator-hold",
     13 │ }
        ╰────
      help: write it as a table of its own: `[name]`

    error[C101]

      × an inline table may not end in a comma
        ╭─[workflow.toml:12:27]
     11 │ switch-primary = {
     12 │   policy = "operator-hold",
        ·                           ┬
        ·                           ╰── TOML 1.1
     13 │ }
        ╰────
      help: remove the comma

    workflow.toml: 2 errors
    [exit: 65]
    "#);
}
#[test]
fn carriage_returns_and_tabs() {
    assert_snapshot!(invalid("C101-carriage-returns-and-tabs"), @r#"
    ------- stderr -------
    error[C101]

      × this is not TOML: string values must be quoted, expected literal string
       ╭─[workflow.toml:3:12]
     2 │ workflow = "commerce2customer" 
     3 │     cluster =   production 
       ·                 ─────┬────
       ·                      ╰── here
       ╰────

    workflow.toml: 1 error
    [exit: 65]
    "#);
}
#[test]
fn keys_and_tables_that_stand_twice() {
    assert_snapshot!(invalid("C102-twice"), @r#"
    ------- stderr -------
    error[C102]

      × the key `max-lag` stands twice
        ╭─[workflow.toml:13:1]
     10 │ [switch]
     11 │ max-lag = "5s"
        · ───┬───
        ·    ╰── first here
     12 │ stable-for = "10s"
     13 │ max-lag = "6s"
        · ───┬───
        ·    ╰── again here
     14 │ 
        ╰────
      help: TOML allows each key once; put them together

    error[C102]

      × the table `switch` stands twice
        ╭─[workflow.toml:18:2]
      9 │ 
     10 │ [switch]
        ·  ───┬──
        ·     ╰── first here
     11 │ max-lag = "5s"
     12 │ stable-for = "10s"
     13 │ max-lag = "6s"
     14 │ 
     15 │ [complete]
     16 │ source-tables = "rename"
     17 │ 
     18 │ [switch]
        ·  ───┬──
        ·     ╰── again here
     19 │ timeout = "5s"
        ╰────
      help: TOML allows each table once; put them together

    workflow.toml: 2 errors
    [exit: 65]
    "#);
}
#[test]
fn keys_that_nobody_knows() {
    assert_snapshot!(invalid("C103-misspelt-and-misplaced"), @r#"
    ------- stderr -------
    error[C104]

      × no tables are named
       ╭─[workflow.toml:5:1]
     4 │ 
     5 │ [move-tables]
       · ─────────────
     6 │ source-keyspace = "commerce"
       ╰────
      help: write `tables = ["…"]`, or `all-tables = true` for every table of the source keyspace

    error[C103]

      × there is no key `tabels` in `[move-tables]`
       ╭─[workflow.toml:8:1]
     7 │ target-keyspace = "customer"
     8 │ tabels = ["customer", "corder"]
       · ───┬──
       ·    ╰── did you mean `tables`?
     9 │ 
       ╰────

    error[C103]

      × there is no key `max_lag` in `[copy]`
        ╭─[workflow.toml:11:1]
     10 │ [copy]
     11 │ max_lag = "30s"
        · ───┬───
        ·    ╰── did you mean `max-lag`?
     12 │ 
        ╰────

    error[C103]

      × there is no key `stable-for` in `[verify]`
        ╭─[workflow.toml:14:1]
     13 │ [verify]
     14 │ stable-for = "10s"
        · ─────┬────
        ·      ╰── not here
     15 │ 
        ╰────
      help: `stable-for` belongs in `[switch]`

    error[C103]

      × there is no key `fast-track` at the top of the file
        ╭─[workflow.toml:16:2]
     15 │ 
     16 │ [fast-track]
        ·  ─────┬────
        ·       ╰── unknown
     17 │ unheard-of = 1
        ╰────
      help: known here: cluster, complete, copy, fast-path, gates, move-tables, revert, switch,
            verify, version, workflow

    workflow.toml: 5 errors
    [exit: 65]
    "#);
}
#[test]
fn much_is_missing() {
    assert_snapshot!(invalid("C104-much-is-missing"), @r#"
    ------- stderr -------
    error[C104]

      × the key `cluster` is missing
       ╭─[workflow.toml:2:1]
     1 │ # A file that was begun.
     2 │ version = 1
       · ▲
       · ╰── add `cluster = …` above
     3 │ 
       ╰────
      help: An alias of the cluster. Where it is and how to log in is the operator's to say; `sandbox`
            is built in. It must be a cluster alias in quotes

    error[C104]

      × the key `workflow` is missing
       ╭─[workflow.toml:2:1]
     1 │ # A file that was begun.
     2 │ version = 1
       · ▲
       · ╰── add `workflow = …` above
     3 │ 
       ╰────
      help: The name of the Vitess workflow. Vitess keeps names that end in `_reverse` for the way
            back. It must be a workflow name in quotes

    error[C104]

      × no tables are named
       ╭─[workflow.toml:4:1]
     3 │ 
     4 │ [move-tables]
       · ─────────────
     5 │ source-keyspace = "commerce"
       ╰────
      help: write `tables = ["…"]`, or `all-tables = true` for every table of the source keyspace

    error[C104]

      × the key `target-keyspace` is missing in `[move-tables]`
       ╭─[workflow.toml:4:1]
     3 │ 
     4 │ [move-tables]
       · ─────────────
     5 │ source-keyspace = "commerce"
       ╰────
      help: The keyspace that is to have them. It must be a keyspace name in quotes

    error[C104]

      × the table `[complete]` is missing
       ╭─[workflow.toml:5:29]
     4 │ [move-tables]
     5 │ source-keyspace = "commerce"
       ·                             ▲
       ·                             ╰── add `[complete]` below
       ╰────
      help: What becomes of the source tables. It has no default, for it destroys.

    workflow.toml: 5 errors
    [exit: 65]
    "#);
}
#[test]
fn values_of_the_wrong_type() {
    assert_snapshot!(invalid("C105-wrong-types"), @r#"
    ------- stderr -------
    error[C105]

      × `version` must be 1, not text
       ╭─[workflow.toml:1:11]
     1 │ version = "1"
       ·           ─┬─
       ·            ╰── text
     2 │ workflow = ["commerce2customer"]
       ╰────

    error[C105]

      × `workflow` must be a workflow name in quotes, not a list
       ╭─[workflow.toml:2:12]
     1 │ version = "1"
     2 │ workflow = ["commerce2customer"]
       ·            ──────────┬──────────
       ·                      ╰── a list
     3 │ cluster = "production"
       ╰────

    error[C105]

      × `move-tables.tables` must be a list of table names, not text
       ╭─[workflow.toml:8:10]
     7 │ target-keyspace = "customer"
     8 │ tables = "customer"
       ·          ─────┬────
       ·               ╰── text
     9 │ defer-secondary-keys = "true"
       ╰────
      help: write it as a list: ["customer"]

    error[C105]

      × `move-tables.defer-secondary-keys` must be `true` or `false`, not text
        ╭─[workflow.toml:9:24]
      8 │ tables = "customer"
      9 │ defer-secondary-keys = "true"
        ·                        ───┬──
        ·                           ╰── text
     10 │ 
        ╰────
      help: write it without quotes: true

    error[C105]

      × `copy.max-lag` must be a length of time such as "90s" or "2h 30m", not a whole number
        ╭─[workflow.toml:12:11]
     11 │ [copy]
     12 │ max-lag = 30
        ·           ─┬
        ·            ╰── a whole number
     13 │ 
        ╰────
      help: write it with its unit: "30s"

    error[C105]

      × `gates.switch-primary` must be a policy (`operator-hold` or `auto-advance`) or a table, not
      │ true or false
        ╭─[workflow.toml:15:18]
     14 │ [gates]
     15 │ switch-primary = false
        ·                  ──┬──
        ·                    ╰── true or false
     16 │ 
        ╰────

    workflow.toml: 6 errors
    [exit: 65]
    "#);
}
#[test]
fn words_that_keys_dont_take() {
    assert_snapshot!(invalid("C106-unknown-words"), @r#"
    ------- stderr -------
    error[C106]

      × `replcia` is not a value of `move-tables.tablet-types[0]`
        ╭─[workflow.toml:9:17]
      8 │ tables = ["customer", "corder"]
      9 │ tablet-types = ["replcia", "spare"]
        ·                 ────┬────
        ·                     ╰── did you mean `replica`?
     10 │ on-ddl = "STOP"
        ╰────
      help: it must be `replica`, `primary` or `rdonly`

    error[C106]

      × `spare` is not a value of `move-tables.tablet-types[1]`
        ╭─[workflow.toml:9:28]
      8 │ tables = ["customer", "corder"]
      9 │ tablet-types = ["replcia", "spare"]
        ·                            ───┬───
        ·                               ╰── unknown
     10 │ on-ddl = "STOP"
        ╰────
      help: it must be `replica`, `primary` or `rdonly`

    error[C106]

      × `STOP` is not a value of `move-tables.on-ddl`
        ╭─[workflow.toml:10:10]
      9 │ tablet-types = ["replcia", "spare"]
     10 │ on-ddl = "STOP"
        ·          ───┬──
        ·             ╰── did you mean `stop`?
     11 │ 
        ╰────
      help: it must be `stop`, `ignore`, `exec` or `exec-ignore`

    error[C106]

      × `hold` is not a value of `gates.policy`
        ╭─[workflow.toml:13:10]
     12 │ [gates]
     13 │ policy = "hold"
        ·          ───┬──
        ·             ╰── unknown
     14 │ 
        ╰────
      help: it must be `operator-hold` or `auto-advance`

    error[C106]

      × `delete` is not a value of `complete.source-tables`
        ╭─[workflow.toml:16:17]
     15 │ [complete]
     16 │ source-tables = "delete"
        ·                 ────┬───
        ·                     ╰── unknown
        ╰────
      help: it must be `rename`, `drop` or `keep`

    workflow.toml: 5 errors
    [exit: 65]
    "#);
}
#[test]
fn names() {
    assert_snapshot!(invalid("C107-names"), @r#"
    ------- stderr -------
    error[C107]

      × the workflow name `commerce2customer_reverse` ends in `_reverse`, which Vitess keeps for the
      │ way back of another workflow
       ╭─[workflow.toml:2:12]
     1 │ version = 1
     2 │ workflow = "commerce2customer_reverse"
       ·            ─────────────┬─────────────
       ·                         ╰── not a workflow name
     3 │ cluster = "vtctld.example.com:15999"
       ╰────

    error[C107]

      × the cluster alias `vtctld.example.com:15999` is not plain
       ╭─[workflow.toml:3:11]
     2 │ workflow = "commerce2customer_reverse"
     3 │ cluster = "vtctld.example.com:15999"
       ·           ─────────────┬────────────
       ·                        ╰── not a cluster alias
     4 │ 
       ╰────
      help: letters, digits, `-`, `_` and `.`, a letter or digit first, 63 characters at most; no
            address

    error[C107]

      × the keyspace name `com/merce` holds `/`, which Vitess gives a meaning of its own
       ╭─[workflow.toml:6:19]
     5 │ [move-tables]
     6 │ source-keyspace = "com/merce"
       ·                   ─────┬─────
       ·                        ╰── not a keyspace name
     7 │ target-keyspace = ""
       ╰────

    error[C107]

      × `move-tables.target-keyspace` is empty
       ╭─[workflow.toml:7:19]
     6 │ source-keyspace = "com/merce"
     7 │ target-keyspace = ""
       ·                   ─┬
       ·                    ╰── not a keyspace name
     8 │ tables = ["a.b", "c@replica", "zero�width", "naïve.x"]
       ╰────

    error[C107]

      × the table name `a.b` holds `.`, which Vitess gives a meaning of its own
       ╭─[workflow.toml:8:11]
     7 │ target-keyspace = ""
     8 │ tables = ["a.b", "c@replica", "zero�width", "naïve.x"]
       ·           ──┬──
       ·             ╰── not a table name
     9 │ 
       ╰────

    error[C107]

      × the table name `c@replica` holds `@`, which Vitess gives a meaning of its own
       ╭─[workflow.toml:8:18]
     7 │ target-keyspace = ""
     8 │ tables = ["a.b", "c@replica", "zero�width", "naïve.x"]
       ·                  ─────┬─────
       ·                       ╰── not a table name
     9 │ 
       ╰────

    error[C107]

      × the table name `zero�width` holds the control character U+200B
       ╭─[workflow.toml:8:31]
     7 │ target-keyspace = ""
     8 │ tables = ["a.b", "c@replica", "zero�width", "naïve.x"]
       ·                               ──────┬─────
       ·                                     ╰── not a table name
     9 │ 
       ╰────

    error[C107]

      × the table name `naïve.x` holds `.`, which Vitess gives a meaning of its own
       ╭─[workflow.toml:8:45]
     7 │ target-keyspace = ""
     8 │ tables = ["a.b", "c@replica", "zero�width", "naïve.x"]
       ·                                             ────┬────
       ·                                                 ╰── not a table name
     9 │ 
       ╰────

    workflow.toml: 8 errors
    [exit: 65]
    "#);
}
#[test]
fn lengths_of_time() {
    assert_snapshot!(invalid("C108-lengths"), @r#"
    ------- stderr -------
    error[C108]

      × `switch.max-lag` is "500ms", less than 1s
        ╭─[workflow.toml:11:11]
     10 │ [switch]
     11 │ max-lag = "500ms"
        ·           ───┬───
        ·              ╰── this value
     12 │ stable-for = "10"
        ╰────
      help: a length of time such as "90s" or "2h 30m", from 1s to 1h, in whole seconds

    error[C108]

      × `switch.stable-for` has no unit: "10"
        ╭─[workflow.toml:12:14]
     11 │ max-lag = "500ms"
     12 │ stable-for = "10"
        ·              ──┬─
        ·                ╰── this value
     13 │ timeout = "soon"
        ╰────
      help: a length of time such as "90s" or "2h 30m", from 0s to 1h, in whole seconds

    error[C108]

      × `switch.timeout` is not a length of time: "soon"
        ╭─[workflow.toml:13:11]
     12 │ stable-for = "10"
     13 │ timeout = "soon"
        ·           ───┬──
        ·              ╰── this value
     14 │ wait-for-quiet = "2 months"
        ╰────
      help: a length of time such as "90s" or "2h 30m", from 1s to 5m, in whole seconds

    error[C108]

      × `switch.wait-for-quiet` has months or years, which have no fixed length: "2 months"
        ╭─[workflow.toml:14:18]
     13 │ timeout = "soon"
     14 │ wait-for-quiet = "2 months"
        ·                  ─────┬────
        ·                       ╰── this value
     15 │ 
        ╰────
      help: a length of time such as "90s" or "2h 30m", from 1s to 1d, in whole seconds

    error[C108]

      × `revert.window` is below zero: "-30m"
        ╭─[workflow.toml:17:10]
     16 │ [revert]
     17 │ window = "-30m"
        ·          ───┬──
        ·             ╰── this value
     18 │ 
        ╰────
      help: a length of time such as "90s" or "2h 30m", from 0s to 30d, in whole seconds

    workflow.toml: 5 errors
    [exit: 65]
    "#);
}
#[test]
fn windows() {
    assert_snapshot!(invalid("C109-windows"), @r#"
    ------- stderr -------
    error[C109]

      × the window `Tue 02:00-02:00` has no length: it ends when it begins
        ╭─[workflow.toml:12:3]
     11 │ windows = [
     12 │   "Tue 02:00-02:00",
        ·   ────────┬────────
        ·           ╰── this window
     13 │   "Tuesday 02:00-04:00",
        ╰────
      help: for a whole day write 00:00-24:00

    error[C109]

      × the window `Tuesday 02:00-04:00` names the day `Tuesday`, which is none of Mon, Tue, Wed, Thu,
      │ Fri, Sat, Sun
        ╭─[workflow.toml:13:3]
     12 │   "Tue 02:00-02:00",
     13 │   "Tuesday 02:00-04:00",
        ·   ──────────┬──────────
        ·             ╰── this window
     14 │   "Tue 2:00-4:00",
        ╰────
      help: weekly: "Tue 02:00-04:00", "Mon-Fri 22:00-23:30", "Sat 23:00-02:00"; once: "2026-12-03
            23:00/2026-12-04 01:00"

    error[C109]

      × the window `Tue 2:00-4:00` has `2:00`, which is not a time of the day from 00:00 to 24:00
        ╭─[workflow.toml:14:3]
     13 │   "Tuesday 02:00-04:00",
     14 │   "Tue 2:00-4:00",
        ·   ───────┬───────
        ·          ╰── this window
     15 │   "2026-12-04 01:00/2026-12-03 23:00",
        ╰────
      help: weekly: "Tue 02:00-04:00", "Mon-Fri 22:00-23:30", "Sat 23:00-02:00"; once: "2026-12-03
            23:00/2026-12-04 01:00"

    error[C109]

      × the window `2026-12-04 01:00/2026-12-03 23:00` ends before it begins
        ╭─[workflow.toml:15:3]
     14 │   "Tue 2:00-4:00",
     15 │   "2026-12-04 01:00/2026-12-03 23:00",
        ·   ─────────────────┬─────────────────
        ·                    ╰── this window
     16 │ ]
        ╰────
      help: the later time stands behind the `/`

    error[C110]

      × there is no time zone `CEST`
        ╭─[workflow.toml:17:13]
     16 │ ]
     17 │ time-zone = "CEST"
        ·             ───┬──
        ·                ╰── did you mean `CET`?
     18 │ 
        ╰────
      help: name a zone of the IANA database, such as "UTC" or "America/New_York"

    workflow.toml: 5 errors
    [exit: 65]
    "#);
}
#[test]
fn time_zones() {
    assert_snapshot!(invalid("C110-time-zones"), @r#"
    ------- stderr -------
    error[C110]

      × there is no time zone `Europe/Stokholm`
        ╭─[workflow.toml:9:20]
      8 │ tables = ["customer", "corder"]
      9 │ source-time-zone = "Europe/Stokholm"
        ·                    ────────┬────────
        ·                            ╰── did you mean `Europe/Stockholm`?
     10 │ 
        ╰────
      help: name a zone of the IANA database, such as "UTC" or "America/New_York"

    error[C110]

      × there is no time zone `Mars/Olympus`
        ╭─[workflow.toml:13:13]
     12 │ windows = ["Tue 02:00-04:00"]
     13 │ time-zone = "Mars/Olympus"
        ·             ───────┬──────
        ·                    ╰── unknown
     14 │ 
        ╰────
      help: name a zone of the IANA database, such as "UTC" or "America/New_York"

    workflow.toml: 2 errors
    [exit: 65]
    "#);
}
#[test]
fn contradictions() {
    assert_snapshot!(invalid("C111-contradictions"), @r#"
    ------- stderr -------
    error[C111]

      × source and target are the same keyspace
       ╭─[workflow.toml:7:19]
     5 │ [move-tables]
     6 │ source-keyspace = "commerce"
       ·                   ─────┬────
       ·                        ╰── the source
     7 │ target-keyspace = "commerce"
       ·                   ─────┬────
       ·                        ╰── the target
     8 │ tables = ["customer"]
       ╰────
      help: MoveTables moves between two keyspaces; to change the sharding of one, Vitess has Reshard

    error[C111]

      × `tables` and `all-tables = true` exclude each other
        ╭─[workflow.toml:9:14]
      7 │ target-keyspace = "commerce"
      8 │ tables = ["customer"]
        ·          ──────┬─────
        ·                ╰── and these by name
      9 │ all-tables = true
        ·              ──┬─
        ·                ╰── all tables
     10 │ exclude-tables = ["audit"]
        ╰────
      help: name the tables, or move all of them but those of `exclude-tables`

    error[C111]

      × `switch.wait-for-quiet` is not longer than `switch.stable-for`
        ╭─[workflow.toml:12:1]
     11 │ 
     12 │ [switch]
        · ────┬───
        ·     ╰── it would always give up
     13 │ stable-for = "20m"
        ·              ──┬──
        ·                ╰── the quiet must last this long
     14 │ 
        ╰────
      help: make `wait-for-quiet` longer than `stable-for`

    workflow.toml: 3 errors
    [exit: 65]
    "#);
}
#[test]
fn lists_with_something_twice() {
    assert_snapshot!(invalid("C112-twice-in-a-list"), @r#"
    ------- stderr -------
    error[C112]

      × `customer` and `Customer` differ only in case
       ╭─[workflow.toml:8:33]
     7 │ target-keyspace = "customer"
     8 │ tables = ["customer", "corder", "Customer"]
       ·           ─────┬────            ─────┬────
       ·                │                     ╰── again here
       ·                ╰── first here
     9 │ cells = ["zone1", "zone1"]
       ╰────
      help: Vitess looks table names up without regard to case, so they are one table here; name it
            once

    error[C112]

      × `zone1` stands twice in the list
        ╭─[workflow.toml:9:19]
      8 │ tables = ["customer", "corder", "Customer"]
      9 │ cells = ["zone1", "zone1"]
        ·          ───┬───  ───┬───
        ·             │        ╰── again here
        ·             ╰── first here
     10 │ 
        ╰────
      help: name it once

    error[C112]

      × `Tue,Wed 02:00-04:00` stands twice in the list
        ╭─[workflow.toml:12:35]
     11 │ [gates.complete]
     12 │ windows = ["Tue,Wed 02:00-04:00", "wed,tue 02:00-04:00"]
        ·            ──────────┬──────────  ──────────┬──────────
        ·                      │                      ╰── again here
        ·                      ╰── first here
     13 │ 
        ╰────
      help: name it once

    workflow.toml: 3 errors
    [exit: 65]
    "#);
}
#[test]
fn misspelt_gates() {
    assert_snapshot!(invalid("C113-misspelt-gates"), @r#"
    ------- stderr -------
    error[C113]

      × there is no gate `switch-primry`
        ╭─[workflow.toml:12:1]
     11 │ policy = "auto-advance"
     12 │ switch-primry = "operator-hold"
        · ──────┬──────
        ·       ╰── did you mean `switch-primary`?
     13 │ windows = ["Tue 02:00-04:00"]
        ╰────
      help: gates stand before `create`, `copy`, `verify`, `switch-replicas`, `switch-primary`,
            `complete` and `remove-rules`

    error[C113]

      × there is no gate `windows`
        ╭─[workflow.toml:13:1]
     12 │ switch-primry = "operator-hold"
     13 │ windows = ["Tue 02:00-04:00"]
        · ───┬───
        ·    ╰── a key of one gate
     14 │ 
        ╰────
      help: `windows` stands with one gate: write it below `[gates.switch-primary]`, or whichever it
            is for

    error[C113]

      × there is no gate `switch_replicas`
        ╭─[workflow.toml:15:8]
     14 │ 
     15 │ [gates.switch_replicas]
        ·        ───────┬───────
        ·               ╰── did you mean `switch-replicas`?
     16 │ policy = "operator-hold"
        ╰────
      help: gates stand before `create`, `copy`, `verify`, `switch-replicas`, `switch-primary`,
            `complete` and `remove-rules`

    error[C113]

      × there is no gate `cut-over`
        ╭─[workflow.toml:18:8]
     17 │ 
     18 │ [gates.cut-over]
        ·        ────┬───
        ·            ╰── unknown
     19 │ 
        ╰────
      help: gates stand before `create`, `copy`, `verify`, `switch-replicas`, `switch-primary`,
            `complete` and `remove-rules`

    workflow.toml: 4 errors
    [exit: 65]
    "#);
}
#[test]
fn a_newer_version() {
    assert_snapshot!(invalid("C114-newer"), @r#"
    ------- stderr -------
    error[C114]

      × the file is of version 2
       ╭─[workflow.toml:1:11]
     1 │ version = 2
       ·           ┬
       ·           ╰── this cutover reads version 1
     2 │ workflow = "commerce2customer"
       ╰────
      help: use a cutover that knows this version: its keys may mean something that this one would
            miss

    workflow.toml: 1 error
    [exit: 65]
    "#);
}
#[test]
fn what_cant_be_seen() {
    assert_snapshot!(invalid("C115-invisible"), @r#"
    ------- stderr -------
    error[C115]

      × the file holds U+202E, which can't be seen in a review
        ╭─[workflow.toml:10:19]
      9 │ 
     10 │ # Approved by the �elbasreva� team.
        ·                   ┬
        ·                   ╰── here
     11 │ [copy]
        ╰────
      help: remove it

    error[C115]

      × the file holds U+202C, which can't be seen in a review
        ╭─[workflow.toml:10:29]
      9 │ 
     10 │ # Approved by the �elbasreva� team.
        ·                             ┬
        ·                             ╰── here
     11 │ [copy]
        ╰────
      help: remove it

    error[C115]

      × `copy.max-lag` holds U+0007, which can't be seen in a review
        ╭─[workflow.toml:12:11]
     11 │ [copy]
     12 │ max-lag = "30s\u0007"
        ·           ─────┬─────
        ·                ╰── in here
     13 │ 
        ╰────
      help: write it without control and invisible characters

    workflow.toml: 3 errors
    [exit: 65]
    "#);
}
#[test]
fn windows_too_short_for_a_switch() {
    assert_snapshot!(invalid("C116-short-windows"), @r#"
    ------- stderr -------
    error[C116]

      × the window `Tue 02:00-02:03` is too short for switch-primary
        ╭─[workflow.toml:11:12]
     10 │ [gates.switch-primary]
     11 │ windows = ["Tue 02:00-02:03", "Wed 02:00-02:04"]
        ·            ────────┬────────
        ·                    ╰── 3m long
     12 │ 
        ╰────
      help: a switch begins only when its worst case fits into what is left of the window, and with
            `switch.timeout` 5s that is 3m 30s

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
