//! What is no TOML, what stands twice, what nobody knows, and what is missing.

use insta::assert_snapshot;

use super::invalid;

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
      help: What becomes of the source tables. It must be said, for it destroys.

    workflow.toml: 5 errors
    [exit: 65]
    "#);
}
