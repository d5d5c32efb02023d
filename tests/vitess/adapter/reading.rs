//! What the adapter reads, beside what `vtctldclient` says of the same.

use std::collections::BTreeSet;

use cutover::cluster::port::{Ask, Query, Question};
use cutover::model::name::{KeyspaceName, TableName, WorkflowName};
use cutover::model::topology::TabletType;
use uuid::Uuid;

use super::super::support::{Case, Movement, Shape, World, cases};
use super::{Port, keyspace, query, tables, workflow};

pub fn tests() -> Vec<Case> {
    cases![
        an_idle_cluster_is_seen_as_it_is,
        what_does_not_exist_is_absent,
        names_of_tables_are_matched_exactly,
        a_tablet_that_is_down_leaves_the_rest,
    ]
}

fn an_idle_cluster_is_seen_as_it_is(world: &World) {
    let movement = Movement::prepare(world, &Shape::default());
    let port = Port::new(world.cluster);
    let source = keyspace("commerce");
    let asks = [
        Ask::Tablets(source.clone()),
        Ask::TabletStatus(source.clone()),
        Ask::Tables { keyspace: source.clone(), names: None },
        Ask::TableNames(source.clone()),
        Ask::Locks {
            workflows: vec![(keyspace("customer"), workflow(&movement))],
            keyspaces: vec![source.clone(), keyspace("customer")],
        },
    ];
    let before = jiff::Timestamp::now();
    let facts = port.observe(&query(&movement, asks.clone()));
    assert!(facts.observed_at >= before && facts.observed_at <= jiff::Timestamp::now());

    let vtctl = world.cluster.vtctl();
    let cells: Vec<&str> = facts.cells.names.iter().map(|cell| cell.as_str()).collect();
    assert_eq!(cells, ["zone1", "zone2"]);
    assert_eq!(facts.keyspaces.keys().map(KeyspaceName::as_str).collect::<Vec<_>>(), ["commerce", "customer"]);
    for (name, found) in &facts.keyspaces {
        for (shard, record) in &found.shards {
            let uid = vtctl.primary_uid(name.as_str(), shard.as_str());
            assert_eq!(record.primary_alias.as_ref().map(|alias| alias.uid), Some(uid), "{name}/{shard}");
            assert!(record.is_primary_serving);
            assert!(record.denied_tables().is_empty());
        }
    }
    assert_eq!(
        facts.keyspaces["customer"].shards.values().map(|shard| shard.key_range.clone()).collect::<Vec<_>>(),
        [(String::new(), "80".into()), ("80".into(), String::new())]
    );
    // The same VSchema globally and in each cell, and the table's as the oracle says it.
    assert_eq!(facts.served.keys().collect::<Vec<_>>(), ["zone1", "zone2"]);
    for served in facts.served.values() {
        assert_eq!(served.vschemas["customer"], facts.vschemas["customer"]);
        assert_eq!(served.routing_rules, facts.routing_rules);
    }
    let oracle = vtctl.vschema("customer");
    let table = &facts.vschemas["customer"].tables[&movement.tables[0]];
    assert_eq!(
        oracle["tables"][&movement.tables[0]]["auto_increment"]["sequence"],
        table.auto_increment.as_ref().unwrap().sequence
    );
    assert_eq!(table.column_vindexes[0].columns, ["id"]);
    assert_eq!(facts.routing_rules.len(), vtctl.routing_rules().len());
    assert!(facts.workflows.is_empty());

    let tablets = facts.tablets(&asks[0]).unwrap();
    assert_eq!(tablets.len(), world.cluster.tablets().iter().filter(|tablet| tablet.keyspace == "commerce").count());
    assert_eq!(tablets.iter().filter(|tablet| tablet.tablet_type == TabletType::Primary).count(), 1);
    assert!(tablets.iter().all(|tablet| tablet.database == "vt_commerce"));
    let status = facts.tablet_status(&asks[1]).unwrap();
    assert_eq!(status.len(), tablets.len());
    for one in status {
        let tablet = tablets.iter().find(|tablet| tablet.alias == one.alias).unwrap();
        let mysql = one.status.as_ref().unwrap();
        eprintln!("  {} {}: {mysql:?}", one.alias, tablet.tablet_type);
        assert_eq!((mysql.binlog_format.as_str(), mysql.binlog_row_image.as_str()), ("ROW", "FULL"));
        assert_eq!(mysql.replication_is_running.is_some(), tablet.tablet_type != TabletType::Primary);
    }
    let definitions = &facts.tables(&asks[2]).unwrap()["0"];
    let definition = &definitions[&movement.tables[0]];
    assert_eq!(definition.primary_key_columns, ["id"]);
    assert_eq!(definition.auto_increment_column().as_deref(), Some("id"));
    assert_eq!(definition.columns, ["id", "token", "hits", "note", "written_at"]);
    let names = &facts.table_names(&asks[3]).unwrap()["0"];
    let all: BTreeSet<String> = world.cluster.tables("commerce").into_iter().collect();
    assert_eq!(names, &all);
    assert!(facts.locks(&asks[4]).unwrap().is_empty());
}

fn what_does_not_exist_is_absent(world: &World) {
    let port = Port::new(world.cluster);
    let (nowhere, name) = (keyspace("nowhere"), WorkflowName::forward(world.name.as_str()).unwrap());
    let vdiff = Ask::VDiff { keyspace: keyspace("customer"), workflow: name.clone(), uuid: Uuid::new_v4().to_string() };
    let vdiffs = Ask::VDiffs { keyspace: keyspace("customer"), workflow: name.clone() };
    let progress = Ask::CopyProgress { keyspace: keyspace("customer"), workflow: name.clone() };
    let tables = Ask::Tables { keyspace: nowhere.clone(), names: None };
    let facts = port.observe(&Query {
        keyspaces: [nowhere.clone(), keyspace("commerce")].into(),
        workflows: [(nowhere.clone(), name.clone()), (keyspace("customer"), name)].into(),
        asks: [vdiff.clone(), vdiffs.clone(), progress.clone(), tables.clone()].into(),
    });
    assert!(!facts.keyspaces.contains_key(&nowhere) && facts.keyspaces.contains_key("commerce"));
    assert!(!facts.vschemas.contains_key(&nowhere));
    assert!(facts.workflows.is_empty());
    assert_eq!(facts.vdiff(&vdiff).unwrap(), &None);
    assert!(facts.vdiffs(&vdiffs).unwrap().is_empty());
    assert!(facts.copy_progress(&progress).unwrap_err().why.contains("no streams found"));
    assert_eq!(facts.tables(&tables).unwrap_err().why, "keyspace nowhere does not exist");
}

fn names_of_tables_are_matched_exactly(world: &World) {
    let movement = Movement::prepare(world, &Shape { tables: 1, rows: 1, ..Shape::default() });
    let port = Port::new(world.cluster);
    let table = &movement.tables[0];
    let view = format!("{table}_view");
    world.cluster.execute_primaries("commerce", &format!("create view `{view}` as select id from `{table}`"));
    let source = keyspace("commerce");
    let name = |name: &str| TableName::new(name).unwrap();
    let ask = Ask::Tables { keyspace: source.clone(), names: Some(vec![name(&table.to_uppercase()), name(table), name(&view)]) };
    let none = Ask::Tables { keyspace: source.clone(), names: Some(vec![]) };
    let names = Ask::TableNames(source);
    let facts = port.observe(&Query { asks: [ask.clone(), none.clone(), names.clone()].into(), ..Query::default() });
    world.cluster.execute_primaries("commerce", &format!("drop view `{view}`"));
    let found = &facts.tables(&ask).unwrap()["0"];
    assert_eq!(found.keys().collect::<BTreeSet<_>>(), [table, &view].into());
    assert!(found[&view].is_view && !found[table].is_view);
    assert!(facts.tables(&none).unwrap()["0"].is_empty());
    let names = &facts.table_names(&names).unwrap()["0"];
    assert!(names.contains(table) && !names.contains(&view));
}

fn a_tablet_that_is_down_leaves_the_rest(world: &World) {
    let movement = Movement::prepare(world, &Shape { tables: 1, rows: 1, ..Shape::default() });
    let port = Port::new(world.cluster);
    let source = keyspace("commerce");
    let down = world.cluster.tablets().into_iter().rfind(|tablet| tablet.keyspace == "commerce").unwrap();
    let status = Ask::TabletStatus(source.clone());
    let definitions = Ask::Tables { keyspace: source.clone(), names: Some(tables(&movement)) };
    let has_null = Ask::Sql(Question::HasNull { keyspace: source, columns: vec![(tables(&movement)[0].clone(), "note".into())] });
    let process = format!("vttablet-{}", down.uid);
    world.cluster.kill(&process);
    let facts = port.attempt(&Query { asks: [status.clone(), definitions.clone(), has_null.clone()].into(), ..Query::default() });
    world.cluster.restart(&process);
    let facts = facts.unwrap();
    for one in facts.tablet_status(&status).unwrap() {
        eprintln!("  {}: {:?}", one.alias, one.status);
        assert_eq!(one.status.is_err(), one.alias.uid == down.uid, "{one:?}");
    }
    assert!(facts.tables(&definitions).unwrap()["0"].contains_key(&movement.tables[0]));
    // The replica does not answer, so the primary did.
    assert!(facts.has_null(&has_null).unwrap().is_empty());
}
