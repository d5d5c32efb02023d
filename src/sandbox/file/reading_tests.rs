use super::*;

/// Code, place by name, the text at the place, and message of each problem.
fn wrong(text: &str) -> Vec<String> {
    let problems = read(text).expect_err("something is wrong with it");
    let of = |problem: &Problem| {
        let there = problem.span.clone().and_then(|span| text.get(span)).unwrap_or("?").lines().next().unwrap_or_default();
        let help = if problem.help.is_empty() { String::new() } else { format!(" ({})", problem.help) };
        format!("{} {} at {there}: {}{help}", problem.code, problem.path, problem.message)
    };
    problems.iter().map(of).collect()
}

/// Two keyspaces, with more.
fn with(more: &str) -> String {
    format!(
        "version = 1\n[keyspaces.commerce.tables.corder]\ncolumns = [\"corder_id bigint\", \"customer_id bigint\"]\n\
         [keyspaces.customer]\nshards = [\"-80\", \"80-\"]\n{more}"
    )
}

#[test]
fn the_built_in_world_is_one() {
    let world = read(BUILT_IN).unwrap();
    assert_eq!(world.keyspaces.keys().collect::<Vec<_>>(), ["commerce", "customer"]);
    assert_eq!(world.keyspaces["commerce"].tables["corder"].rows, 100_000);
    assert!(world.keyspaces["customer"].vschema.sharded);
}

#[test]
fn what_is_no_toml_is_drawn_where_it_ends_to_be() {
    let found = wrong("version = 1\n[keyspaces.a\n");
    assert!(found.len() == 1 && found[0].starts_with("C101 "), "{found:#?}");
    assert_eq!(wrong(&with("[speed]\n[speed]\n")).len(), 1);
}

#[test]
fn unknown_keys_are_shown_all_at_once_with_what_was_meant() {
    let text = with(
        "cels = [\"zone1\"]\nreplcas = 2\n[keyspaces.customer.tables.other]\nrow = 5\n[keyspaces.customer.vschema]\nsharedd = true\n\
         [keyspaces.customer.vschema.vindexes.hash]\ntype = \"hash\"\nown = \"x\"\n[speed]\nfast = 1\n\
         [[goes-wrong]]\nwhat = \"lag\"\nkeyspace = \"customer\"\nlasts-seconds = 1\nseconds = 2\nwhy = \"x\"\n",
    );
    let found = wrong(&text);
    for (path, there) in [
        ("keyspaces.customer.cels", "cels"),
        ("keyspaces.customer.tables.other.row", "row"),
        ("keyspaces.customer.vschema.sharedd", "sharedd"),
        ("keyspaces.customer.vschema.vindexes.hash.own", "own"),
        ("goes-wrong.why", "why"),
    ] {
        assert!(found.iter().any(|line| line.starts_with(&format!("C130 {path} at {there}: "))), "{path}: {found:#?}");
    }
    assert!(found.iter().any(|line| line.contains("did you mean `rows`?")), "{found:#?}");
    assert!(found.iter().any(|line| line.contains("`fast`")), "{found:#?}");
}

#[test]
fn wrong_types_and_missing_keys_have_their_place() {
    let found = wrong(&with(
        "[keyspaces.customer.tables.other]\nrows = \"many\"\n[[goes-wrong]]\nwhat = \"lags\"\n[[goes-wrong]]\nwhat = \"lag\"\n",
    ));
    assert_eq!(found.len(), 3, "{found:#?}");
    assert!(found[0].starts_with("C130 keyspaces.customer.tables.other at \"many\": invalid type"), "{found:#?}");
    assert!(
        found[1].starts_with("C130 goes-wrong.what at \"lags\": nothing goes wrong by the name `lags` (did you mean `lag`?)"),
        "{found:#?}"
    );
    assert!(found[2].contains("`keyspace` is missing"), "{found:#?}");
    let bare = wrong("version = 1\nstart = 2026-12-01T00:00:00Z\nkeyspaces = {}\n");
    assert_eq!(
        bare,
        ["C130 start at 2026-12-01T00:00:00Z: a time stands in quotes here, with its zone (\"2026-12-01T02:00:00Z\")"]
    );
    assert_eq!(wrong("version = 1\n"), ["C130 keyspaces at ?: `keyspaces` is missing"]);
}

#[test]
fn a_cluster_that_can_not_be_is_refused_with_places() {
    for (more, wanted) in [
        (
            "[keyspaces.x]\nshards = [\"-80\"]\n",
            "C131 keyspaces.x.shards at [\"-80\"]: no shard has the keyspace ids after `-80`",
        ),
        ("[keyspaces.\"a.b\"]\n", "C131 keyspaces.a.b at \"a.b\": the keyspace name `a.b` "),
        (
            "[keyspaces.customer.tables.t]\nprimary-key = [\"idd\"]\n",
            "C131 keyspaces.customer.tables.t.primary-key.0 at \"idd\": there is no column `idd` (did you mean `id`?)",
        ),
        (
            "[keyspaces.customer.tables.t]\nnulls-in = [\"x\"]\n",
            "C131 keyspaces.customer.tables.t.nulls-in.0 at \"x\": there is no column `x`",
        ),
        (
            "[keyspaces.customer.tables.t]\ncolumns = [\"a int\", \"`a` int\"]\n",
            "C131 keyspaces.customer.tables.t.columns.1 at \"`a` int\": `a` stands twice",
        ),
        (
            "[keyspaces.customer.vschema.tables.corder]\ncolumn_vindexes = [{ column = \"customer_id\", name = \"xxhash\" }]\n",
            "C131 keyspaces.customer.vschema.tables.corder.column_vindexes.0.name at \"xxhash\": this VSchema has no vindex `xxhash`",
        ),
        (
            "[keyspaces.customer.vschema.tables.corder]\nauto_increment = { column = \"corder\", sequence = \"commerce.s\" }\n",
            "C131 keyspaces.customer.vschema.tables.corder.auto_increment.column at \"corder\": `corder` has no column `corder`",
        ),
        ("[speed]\ncopy-rows-per-second = 0\n", "C131 speed.copy-rows-per-second at 0: `copy-rows-per-second` is 0"),
        (
            "[application]\nkeyspace = \"comerce\"\n",
            "C131 application.keyspace at \"comerce\": there is no keyspace `comerce` (did you mean `commerce`?)",
        ),
        (
            "[[goes-wrong]]\nwhat = \"rows-differ\"\ntable = \"corders\"\nmismatched = 1\n",
            "C131 goes-wrong.0.table at \"corders\": there is no table `corders` (did you mean `corder`?)",
        ),
        (
            "[[goes-wrong]]\nwhat = \"refuse\"\ncall = \"SwitchTraffic\"\nmessage = \"no\"\n",
            "C131 goes-wrong.0.call at \"SwitchTraffic\": there is no call `SwitchTraffic`",
        ),
        (
            "[[goes-wrong]]\nwhat = \"vtctld-down\"\nlasts-seconds = 0\n",
            "C131 goes-wrong.0.lasts-seconds at 0: it lasts for 0 seconds",
        ),
        (
            "[[goes-wrong]]\nwhat = \"kill-vtctld\"\ncall = \"WorkflowSwitchTraffic\"\nstep = \"save-rule\"\n",
            "C131 goes-wrong.0.step at \"save-rule\": a WorkflowSwitchTraffic has no step `save-rule` (did you mean `save-rules`?)",
        ),
        (
            "[[goes-wrong]]\nwhat = \"kill-vtctld\"\ncall = \"WorkflowDelete\"\nstep = \"?\"\n",
            "C131 goes-wrong.0.step at \"?\": a WorkflowDelete has no step `?` (it may be `lock-workflow`, `lock-source`, ",
        ),
        (
            "[[goes-wrong]]\nwhat = \"kill-vtctld\"\ncall = \"GetShard\"\nstep = \"save-rules\"\n",
            "C131 goes-wrong.0.call at \"GetShard\": there are no steps of a call `GetShard` (it may be `MoveTablesCreate`, ",
        ),
        (
            "[[goes-wrong]]\nwhat = \"reparent\"\nkeyspace = \"commerce\"\nshard = \"1\"\n",
            "C131 goes-wrong.0.shard at \"1\": the keyspace `commerce` has no shard `1`",
        ),
    ] {
        let found = wrong(&with(more));
        assert!(found.iter().any(|line| line.starts_with(wanted)), "{more}: {found:#?}");
    }
    let newer = with("").replace("version = 1", "version = 2");
    assert!(wrong(&newer)[0].starts_with("C131 version at 2: "), "{:#?}", wrong(&newer));
}

#[test]
fn what_is_right_is_read() {
    let text = with(
        "[keyspaces.customer.vschema]\nsharded = true\nvindexes.xxhash = { type = \"xxhash\" }\n\
         [keyspaces.customer.vschema.tables.corder]\ncolumn_vindexes = [{ column = \"customer_id\", name = \"xxhash\" }]\n\
         [[goes-wrong]]\nwhat = \"refuse\"\ncall = \"WorkflowSwitchTraffic\"\nmessage = \"no\"\n\
         [[goes-wrong]]\nwhat = \"long-transaction\"\nkeyspace = \"customer\"\ntable = \"corder\"\nlasts-seconds = 5\n\
         [[goes-wrong]]\nwhat = \"kill-vtctld\"\ncall = \"WorkflowSwitchTraffic\"\nstep = \"save-rules\"\nwhen = \"before\"\n\
         [[goes-wrong]]\nwhat = \"tablet-down\"\nkeyspace = \"commerce\"\nshard = \"0\"\ntablet-type = \"primary\"\nlasts-seconds = 5\n\
         [[goes-wrong]]\nwhat = \"somebody-acts\"\ndoes = \"stop\"\nkeyspace = \"customer\"\nworkflow = \"w\"\n",
    );
    assert_eq!(read(&text).map(|read| read.goes_wrong.len()), Ok(5));
}

#[test]
fn the_schema_accepts_what_is_read_and_refuses_unknown_keys() {
    let validator = jsonschema::draft7::new(&crate::sandbox::file::schema::schema()).unwrap();
    let accepts = |text: &str| validator.is_valid(&toml::from_str::<serde_json::Value>(text).unwrap());
    assert!(accepts(BUILT_IN));
    assert!(!accepts(&BUILT_IN.replace("rows =", "row =")));
}
