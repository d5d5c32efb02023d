//! Creating a movement, good and bad.

use cutover::cluster::vtctld::generated::vtctldata as data;

use super::super::{Golden, Stage};
use super::calls::{create, create_to_archive, created, write};

super::cases!["create":
    waiting, started, to_an_unsharded_keyspace, all_tables, without_some_tables, twice, under_another_name, same_keyspace,
    unknown_keyspaces, unknown_tables, no_tables, a_table_without_vindex, a_filled_target, an_empty_target_is_taken,
    without_routing_rules, keeping_auto_increment, replacing_auto_increment, a_global_keyspace, odd_settings, a_time_zone,
    some_source_shards, over_foreign_rules,
];

async fn waiting(stage: &dyn Stage, golden: &mut Golden) {
    golden.call("create", write(stage, create()).await);
    golden.picture(stage, "created").await;
}

async fn started(stage: &dyn Stage, golden: &mut Golden) {
    golden.call("create, started", created(stage, create()).await);
    golden.picture(stage, "copied").await;
}

async fn to_an_unsharded_keyspace(stage: &dyn Stage, golden: &mut Golden) {
    golden.call("create, started", created(stage, create_to_archive()).await);
    golden.picture(stage, "copied").await;
}

async fn all_tables(stage: &dyn Stage, golden: &mut Golden) {
    let all = data::MoveTablesCreateRequest { all_tables: true, include_tables: vec![], ..create_to_archive() };
    golden.call("create for all tables, started", created(stage, all).await);
    golden.picture(stage, "copied").await;
}

async fn without_some_tables(stage: &dyn Stage, golden: &mut Golden) {
    let but = |names: &[&str]| data::MoveTablesCreateRequest {
        all_tables: true,
        include_tables: vec![],
        exclude_tables: names.iter().map(|name| (*name).to_owned()).collect(),
        ..create_to_archive()
    };
    golden.call("create for all tables but an absent one", write(stage, but(&["absent"])).await);
    let names = ["customer", "corder", "customer_seq", "corder_seq", "note"];
    golden.call("create for all tables but five", write(stage, but(&names)).await);
    golden.picture(stage, "created").await;
}

async fn twice(stage: &dyn Stage, golden: &mut Golden) {
    golden.call("create", write(stage, create()).await);
    golden.call("create again", write(stage, create()).await);
    golden.picture(stage, "created once").await;
}

async fn under_another_name(stage: &dyn Stage, golden: &mut Golden) {
    golden.call("create", write(stage, create()).await);
    let other = data::MoveTablesCreateRequest { workflow: "other".into(), ..create() };
    golden.call("create the same under another name", write(stage, other).await);
    golden.picture(stage, "two workflows for the same tables").await;
}

async fn same_keyspace(stage: &dyn Stage, golden: &mut Golden) {
    let request = data::MoveTablesCreateRequest { target_keyspace: "commerce".into(), ..create() };
    golden.call("create from commerce to commerce", write(stage, request).await);
    golden.picture(stage, "nothing was done").await;
}

async fn unknown_keyspaces(stage: &dyn Stage, golden: &mut Golden) {
    let request = data::MoveTablesCreateRequest { target_keyspace: "nowhere".into(), ..create() };
    golden.call("create to nowhere", write(stage, request).await);
    let request = data::MoveTablesCreateRequest { source_keyspace: "nowhere".into(), ..create() };
    golden.call("create from nowhere", write(stage, request).await);
    golden.picture(stage, "nothing was done").await;
}

fn tables(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

async fn unknown_tables(stage: &dyn Stage, golden: &mut Golden) {
    let request = data::MoveTablesCreateRequest { include_tables: tables(&["customer", "absent", "ABSENT2"]), ..create() };
    golden.call("create with absent tables", write(stage, request).await);
    golden.picture(stage, "nothing was done").await;
}

async fn no_tables(stage: &dyn Stage, golden: &mut Golden) {
    let request = data::MoveTablesCreateRequest { include_tables: vec![], ..create() };
    golden.call("create without tables", write(stage, request).await);
    golden.picture(stage, "nothing was done").await;
}

async fn a_table_without_vindex(stage: &dyn Stage, golden: &mut Golden) {
    let request = data::MoveTablesCreateRequest { include_tables: tables(&["customer", "note"]), ..create() };
    golden.call("create with a table that the target's VSchema lacks", write(stage, request).await);
    golden.picture(stage, "what is left").await;
}

async fn a_filled_target(stage: &dyn Stage, golden: &mut Golden) {
    golden.call("create", write(stage, create()).await);
    let keep = data::WorkflowDeleteRequest { keep_data: true, ..super::calls::cancel() };
    golden.call("cancel, keeping the tables", write(stage, keep).await);
    stage.put_row("customer", "corder", 5).await;
    golden.call("create, with a row in the target", write(stage, create()).await);
    golden.picture(stage, "nothing was done").await;
}

async fn an_empty_target_is_taken(stage: &dyn Stage, golden: &mut Golden) {
    golden.call("create", write(stage, create()).await);
    let keep = data::WorkflowDeleteRequest { keep_data: true, ..super::calls::cancel() };
    golden.call("cancel, keeping the tables", write(stage, keep).await);
    golden.call("create, with empty tables in the target, started", created(stage, create()).await);
    golden.picture(stage, "copied").await;
}

async fn without_routing_rules(stage: &dyn Stage, golden: &mut Golden) {
    let request = data::MoveTablesCreateRequest { no_routing_rules: true, ..create() };
    golden.call("create without routing rules", write(stage, request).await);
    golden.picture(stage, "created").await;
}

fn handling(handling: data::ShardedAutoIncrementHandling, global_keyspace: &str) -> data::MoveTablesCreateRequest {
    let options = data::WorkflowOptions {
        sharded_auto_increment_handling: handling.into(),
        global_keyspace: global_keyspace.into(),
        ..Default::default()
    };
    data::MoveTablesCreateRequest { workflow_options: Some(options), ..create() }
}

/// The definitions of the tables in the target.
async fn target_tables(stage: &dyn Stage, golden: &mut Golden) {
    let request = data::GetSchemaRequest { tablet_alias: super::calls::alias(200), ..Default::default() };
    golden.call("GetSchema 200", super::calls::read(stage, request).await);
}

async fn keeping_auto_increment(stage: &dyn Stage, golden: &mut Golden) {
    let request = handling(data::ShardedAutoIncrementHandling::Leave, "");
    golden.call("create, leaving auto_increment", write(stage, request).await);
    golden.picture(stage, "created").await;
    target_tables(stage, golden).await;
}

async fn replacing_auto_increment(stage: &dyn Stage, golden: &mut Golden) {
    let request = handling(data::ShardedAutoIncrementHandling::Replace, "");
    golden.call("create, replacing auto_increment", write(stage, request).await);
    golden.picture(stage, "created").await;
    target_tables(stage, golden).await;
}

async fn a_global_keyspace(stage: &dyn Stage, golden: &mut Golden) {
    let with = |keyspace: &str| handling(data::ShardedAutoIncrementHandling::Replace, keyspace);
    golden.call("create with an unknown global keyspace", write(stage, with("nowhere")).await);
    golden.call("create with a sharded global keyspace", write(stage, with("customer")).await);
    golden.call("create with a global keyspace", write(stage, with("archive")).await);
    golden.picture(stage, "created").await;
}

async fn odd_settings(stage: &dyn Stage, golden: &mut Golden) {
    let mut request = data::MoveTablesCreateRequest {
        cells: vec!["zone1".into(), "zone2".into()],
        tablet_types: vec![super::calls::PRIMARY],
        tablet_selection_preference: 0,
        on_ddl: "EXEC_IGNORE".into(),
        stop_after_copy: true,
        defer_secondary_keys: false,
        ..create()
    };
    golden.call("create with other settings, started", created(stage, request.clone()).await);
    golden.picture(stage, "stopped after the copy").await;
    golden.call("cancel", write(stage, super::calls::cancel()).await);
    request.on_ddl = "stop".into();
    golden.call("create with on_ddl in lower case", write(stage, request).await);
    golden.picture(stage, "created").await;
}

async fn a_time_zone(stage: &dyn Stage, golden: &mut Golden) {
    let zone = |zone: &str| data::MoveTablesCreateRequest { source_time_zone: zone.into(), ..create() };
    golden.call("create with a time zone that MySQL does not know", write(stage, zone("Nowhere/City")).await);
    golden.picture(stage, "what is left").await;
}

async fn some_source_shards(stage: &dyn Stage, golden: &mut Golden) {
    let request = data::MoveTablesCreateRequest { source_shards: vec!["-80".into()], ..create() };
    golden.call("create from a source shard that is none", write(stage, request).await);
    golden.picture(stage, "what is left").await;
}

async fn over_foreign_rules(stage: &dyn Stage, golden: &mut Golden) {
    use cutover::cluster::vtctld::generated::vschema;
    let rule = |from: &str, to: &str| vschema::RoutingRule { from_table: from.into(), to_tables: vec![to.into()] };
    let rules = vec![rule("customer", "archive.customer"), rule("elsewhere", "archive.elsewhere")];
    let request = data::ApplyRoutingRulesRequest { routing_rules: Some(vschema::RoutingRules { rules }), ..Default::default() };
    golden.call("apply two foreign rules", write(stage, request).await);
    golden.call("create", write(stage, create()).await);
    golden.picture(stage, "created").await;
}
