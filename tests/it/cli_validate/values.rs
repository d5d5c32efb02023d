//! Values that a key does not take.

use insta::assert_snapshot;

use super::invalid;

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
