use super::*;
use crate::cluster::mutation::AutoIncrementHandling;
use crate::cluster::port::Answer;
use crate::plan::checks::fixtures::{CORDER, Fixture, by_name, definition, keyspace, table_name};

fn sequence_table(fixture: &mut Fixture, of: &str, names: &[&str]) {
    let ask = sequence_tables(&keyspace(of), &names.iter().map(|name| table_name(name)).collect());
    let shard = fixture.facts.keyspaces.get(of).and_then(|known| known.shards.keys().next()).unwrap().to_string();
    let tables =
        names.iter().flat_map(|name| by_name([definition(&format!("CREATE TABLE `{name}` (\n  `id` int\n)"))])).collect();
    fixture.answer(ask, Answer::Tables(BTreeMap::from([(shard, tables)])));
}

/// Sequences are found by a first look; the second brings their tables.
fn healthy() -> Fixture {
    let mut fixture = Fixture::new();
    sequence_table(&mut fixture, "commerce", &["customer_seq", "order_seq"]);
    fixture
}

fn without_entry(handling: AutoIncrementHandling) -> Fixture {
    let mut fixture = Fixture::new();
    fixture.movement.options.sharded_auto_increment_handling = handling;
    fixture.change_target_table("corder", |table| table.auto_increment = None);
    sequence_table(&mut fixture, "commerce", &["customer_seq"]);
    fixture
}

#[test]
fn a_sequence_that_the_switch_sets_costs_no_sql() {
    let fixture = healthy();
    assert!(follow_up(&fixture.movement, &fixture.facts).asks.iter().all(|ask| !matches!(ask, Ask::Sql(_))));
    assert!(fixture.amiss(&CHECK).is_empty());
    let set = set_by_the_switch(&fixture.movement, &fixture.facts);
    assert_eq!(set.get("commerce.order_seq").map(String::as_str), Some("above the largest `corder.order_id`"), "{set:?}");
    let summaries = |fixture: &Fixture| fixture.run(&CHECK).into_iter().map(|finding| finding.summary).collect::<Vec<_>>();
    let said = |words: &str| format!("the sequence `commerce.order_seq` of `corder` {words} by the primary switch");
    assert!(summaries(&fixture).contains(&said("will be set above its largest id")), "{:?}", summaries(&fixture));
    // Without its table the switch makes it.
    let mut fixture = Fixture::new();
    let ask = sequence_tables(&keyspace("commerce"), &["customer_seq", "order_seq"].map(table_name).into());
    fixture.answer(ask, Answer::Tables(BTreeMap::from([("0".to_owned(), BTreeMap::new())])));
    assert!(summaries(&fixture).contains(&said("isn't there yet and will be made")), "{:?}", summaries(&fixture));
}

#[test]
fn auto_increment_without_a_sequence_blocks_with_the_entry_that_is_missing() {
    let finding = without_entry(AutoIncrementHandling::Remove).only_amiss(&CHECK);
    assert!(finding.blocks());
    assert!(finding.summary.contains("nothing gives `corder.order_id` its value"), "{}", finding.summary);
    let entry = "\"auto_increment\": {\"column\": \"order_id\", \"sequence\": \"commerce.corder_seq\"}";
    assert!(finding.help.contains(entry), "{}", finding.help);

    let finding = without_entry(AutoIncrementHandling::Leave).only_amiss(&CHECK);
    assert!(finding.summary.contains("would count `corder.order_id` for itself"), "{}", finding.summary);
}

#[test]
fn replace_adds_the_entry_and_the_sequence_has_to_come_from_somewhere() {
    let mut fixture = without_entry(AutoIncrementHandling::Replace);
    let finding = fixture.only_amiss(&CHECK);
    assert!(finding.summary.contains("the sequence `corder_seq` of `corder` is in no unsharded keyspace's VSchema"));

    fixture.movement.options.global_keyspace = Some(keyspace("commerce"));
    sequence_table(&mut fixture, "commerce", &["corder_seq", "customer_seq"]);
    assert!(fixture.amiss(&CHECK).is_empty());
    fixture.movement.options.initialize_target_sequences = false;
    fixture
        .tables_mut(&sequence_tables(
            &keyspace("commerce"),
            &BTreeSet::from([table_name("corder_seq"), table_name("customer_seq")]),
        ))
        .values_mut()
        .for_each(BTreeMap::clear);
    assert_eq!(fixture.amiss(&CHECK), ["customer.corder", "customer.customer"]);
}

#[test]
fn a_bare_name_that_is_nowhere_is_made_by_the_switch_only_in_a_global_keyspace() {
    let mut fixture = healthy();
    fixture.change_vschema("commerce", |vschema| {
        vschema.tables.remove("order_seq");
    });
    sequence_table(&mut fixture, "commerce", &["customer_seq"]);
    assert_eq!(fixture.amiss(&CHECK), ["customer.corder"]);
    fixture.movement.options.global_keyspace = Some(keyspace("commerce"));
    assert!(fixture.amiss(&CHECK).is_empty());
    fixture.movement.options.initialize_target_sequences = false;
    assert!(fixture.amiss(&CHECK).contains(&"customer.corder".to_owned()));
}

#[test]
fn a_name_in_two_keyspaces_or_in_a_sharded_one_resolves_nowhere() {
    let mut fixture = healthy();
    fixture.facts.vschemas.insert(keyspace("other"), Default::default());
    fixture.change_vschema("other", |vschema| {
        let entry = crate::model::vschema::VSchemaTable { kind: "sequence".into(), ..Default::default() };
        vschema.tables.insert("order_seq".into(), entry);
    });
    sequence_table(&mut fixture, "commerce", &["customer_seq"]);
    assert!(fixture.only_amiss(&CHECK).summary.contains("in several keyspaces: commerce, other"));

    let mut fixture = healthy();
    fixture.change_target_table("corder", |table| table.auto_increment.as_mut().unwrap().sequence = "customer.order_seq".into());
    sequence_table(&mut fixture, "commerce", &["customer_seq"]);
    assert!(fixture.only_amiss(&CHECK).summary.contains("in a sharded keyspace"));
}

#[test]
fn without_setting_the_next_value_has_to_be_above_the_largest_id() {
    let mut fixture = Fixture::with_questions();
    let asked: Vec<Ask> = follow_up(&fixture.movement, &fixture.facts).asks.into_iter().collect();
    assert_eq!(asked.iter().filter(|ask| matches!(ask, Ask::Sql(_))).count(), 2, "{asked:?}");
    assert!(fixture.amiss(&CHECK).is_empty());

    let largest = asked.iter().find(|ask| matches!(ask, Ask::Sql(Question::LargestValue { .. }))).unwrap();
    let values = BTreeMap::from([("corder".to_owned(), Some(1000)), ("customer".to_owned(), None)]);
    fixture.answer(largest.clone(), Answer::LargestValue(values));
    let finding = fixture.only_amiss(&CHECK);
    assert!(finding.summary.contains("gives 1000 next, but `corder.order_id` goes up to 1000"), "{}", finding.summary);
    assert_eq!(finding.seen, "next 1000, largest 1000");

    let next = asked.iter().find(|ask| matches!(ask, Ask::Sql(Question::SequenceNext { .. }))).unwrap();
    let values = BTreeMap::from([("customer_seq".to_owned(), None), ("order_seq".to_owned(), Some(1001))]);
    fixture.answer(next.clone(), Answer::SequenceNext(values));
    assert!(fixture.only_amiss(&CHECK).summary.contains("`commerce.customer_seq` of `customer` has no row"));
}

#[test]
fn a_sequence_that_two_moved_tables_share_or_a_sharded_source_is_not_set_by_the_switch() {
    let mut fixture = Fixture::with_questions();
    fixture.movement.options.initialize_target_sequences = true;
    fixture.change_target_table("corder", |table| table.auto_increment.as_mut().unwrap().sequence = "customer_seq".into());
    sequence_table(&mut fixture, "commerce", &["customer_seq"]);
    let sql = follow_up(&fixture.movement, &fixture.facts).asks.into_iter().filter(|ask| matches!(ask, Ask::Sql(_))).count();
    assert_eq!(sql, 2, "both tables' largest ids and the one sequence are looked at");
    assert_eq!(fixture.amiss(&CHECK), ["customer.corder", "customer.customer"], "not looked at yet");

    let mut fixture = Fixture::with_questions();
    fixture.movement.options.initialize_target_sequences = true;
    assert!(fixture.amiss(&CHECK).is_empty());
    fixture.change_vschema("commerce", |vschema| vschema.sharded = true);
    assert_eq!(fixture.amiss(&CHECK).len(), 2, "a sharded keyspace holds no sequences either");
}

#[test]
fn an_unsharded_target_and_tables_without_auto_increment_need_none() {
    let mut fixture = Fixture::new();
    fixture.change_vschema("customer", |vschema| vschema.sharded = false);
    assert!(fixture.amiss(&CHECK).is_empty());

    let mut fixture = without_entry(AutoIncrementHandling::Remove);
    fixture.source_table("0", definition(&CORDER.replace(" AUTO_INCREMENT", "")));
    assert!(fixture.amiss(&CHECK).is_empty());
}

#[test]
fn a_column_that_the_table_lacks_blocks() {
    let mut fixture = healthy();
    fixture.change_target_table("corder", |table| table.auto_increment.as_mut().unwrap().column = "id".into());
    assert!(fixture.only_amiss(&CHECK).summary.contains("the table has no such column"));
}

#[test]
fn names_stand_in_quotes_in_the_sql_that_mends_a_sequence() {
    let mut fixture = Fixture::new();
    fixture.movement.options.initialize_target_sequences = true;
    let it = Use {
        table: table_name("corder"),
        column: "order_id".into(),
        sequence: table_name("order"),
        keyspace: keyspace("commerce"),
        is_set_by_switch: false,
    };
    let finding = compared(&fixture.input(), &it, "commerce.order", Some(1), 7);
    assert!(
        finding.help.contains("in `commerce`: insert into `order` (id, next_id, cache) values (0, 8, 1000)"),
        "{}",
        finding.help
    );
}
