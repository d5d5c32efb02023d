//! C507: a cell serves other rules or VSchemas than the topology holds. The next rebuild, by whomever, publishes the difference.

use std::collections::BTreeSet;

use super::super::survey::Survey;
use super::super::{Kind, Leftover, Mend, Weight};
use super::words::listed;
use crate::cluster::port::{Ask, Served};
use crate::model::routing::RoutingDiff;
use crate::model::vschema::VSchema;
use crate::words::counted;

const CODE: &str = "C507";

pub static KIND: Kind = Kind {
    code: CODE,
    title: "a cell doesn't serve what the topology holds",
    find,
    wants_every_workflow: false,
    page: include_str!("../pages/C507.md"),
};

/// So many rules are shown as evidence.
const MOST_RULES: usize = 12;

fn find(survey: &Survey) -> Vec<Leftover> {
    let cells = survey.facts.cells.names.iter();
    cells
        .filter_map(|cell| match survey.facts.served.get(cell.as_str()) {
            None => Some(without(cell.as_str())),
            Some(served) => behind(survey, cell.as_str(), served),
        })
        .collect()
}

fn without(cell: &str) -> Leftover {
    Leftover {
        code: CODE.to_owned(),
        weight: Weight::Between,
        subject: cell.to_owned(),
        summary: format!("cell `{cell}` has no SrvVSchema"),
        evidence: vec![format!("GetSrvVSchemas gives nothing for `{cell}`")],
        since: None,
        meaning: "its vtgates serve what they remember, or nothing".into(),
        mend: Mend::Publish,
        by_hand: vec![
            "vtctldclient RebuildVSchemaGraph".into(),
            format!("vtctldclient DeleteCellInfo {cell}   # if the cell is gone for good"),
        ],
    }
}

fn behind(survey: &Survey, cell: &str, served: &Served) -> Option<Leftover> {
    let diff = served.routing_rules.diff(&survey.facts.routing_rules);
    let keyspaces = keyspaces_that_differ(survey, served);
    if diff.is_empty() && keyspaces.is_empty() {
        return None;
    }
    let mut what = Vec::new();
    if !diff.is_empty() {
        what.push(counted(diff.len(), "routing rule"));
    }
    if !keyspaces.is_empty() {
        what.push(format!("the VSchema of {}", listed(&keyspaces)));
    }
    let mut evidence = of_rules(&diff);
    evidence.extend(keyspaces.iter().map(|keyspace| format!("the VSchema of `{keyspace}` is saved otherwise than served")));
    Some(Leftover {
        code: CODE.to_owned(),
        weight: Weight::Between,
        subject: cell.to_owned(),
        summary: format!("cell `{cell}` doesn't serve what the topology holds: {}", what.join(" and ")),
        evidence,
        since: None,
        meaning: "the next rebuild publishes it, whoever does it and for whatever reason: anybody's `ApplyVSchema` is enough"
            .into(),
        mend: Mend::Publish,
        by_hand: vec![
            "vtctldclient RebuildVSchemaGraph   # if what is saved is wanted".into(),
            "vtctldclient ApplyRoutingRules --rules-file rules.json   # if what is served is: the whole set, as it is served"
                .into(),
        ],
    })
}

/// What a rebuild would do to each rule.
fn of_rules(diff: &RoutingDiff) -> Vec<String> {
    let changed = diff
        .changed
        .iter()
        .map(|rule| format!("`{}`: served to `{}`, a rebuild leads it to `{}`", rule.from_table, rule.before, rule.after));
    let added =
        diff.added.iter().map(|rule| format!("`{}`: not served, a rebuild leads it to `{}`", rule.from_table, rule.to_table));
    let removed =
        diff.removed.iter().map(|rule| format!("`{}`: served to `{}`, a rebuild takes it away", rule.from_table, rule.to_table));
    let all: Vec<String> = changed.chain(added).chain(removed).collect();
    let left_out = all.len().saturating_sub(MOST_RULES);
    let mut shown: Vec<String> = all.into_iter().take(MOST_RULES).collect();
    if left_out > 0 {
        shown.push(format!("and {left_out} more rules"));
    }
    shown
}

/// None are told when the saved ones could not be read: that is said by itself.
fn keyspaces_that_differ(survey: &Survey, served: &Served) -> BTreeSet<String> {
    let Ok(saved) = survey.facts.all_vschemas(&Ask::AllVSchemas) else { return BTreeSet::new() };
    let empty = VSchema::default();
    // A keyspace without VSchema is served as an empty one.
    let differs = |name: &&String| saved.get(*name).unwrap_or(&empty) != served.vschemas.get(*name).unwrap_or(&empty);
    saved.keys().chain(served.vschemas.keys()).filter(differs).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::fixtures::Case;
    use super::*;

    #[test]
    fn a_rule_that_is_saved_and_not_served_tells_what_a_rebuild_would_publish() {
        let mut case = Case::after(&["create", "copy"]);
        assert_eq!(case.find(&KIND), []);
        case.world.facts.routing_rules.set("corder@replica", "customer.corder");
        case.world.facts.routing_rules.remove("customer@rdonly");
        let found = case.only(&KIND);
        assert_eq!((found.subject.as_str(), found.mend), ("zone1", Mend::Publish));
        assert_eq!(
            found.evidence,
            [
                "`corder@replica`: served to `commerce.corder`, a rebuild leads it to `customer.corder`",
                "`customer@rdonly`: served to `commerce.customer`, a rebuild takes it away"
            ]
        );
    }

    #[test]
    fn a_vschema_that_is_saved_and_not_served_counts_too() {
        let mut case = Case::after(&[]);
        case.world.facts.served.get_mut("zone1").unwrap().vschemas.get_mut("customer").unwrap().sharded = false;
        assert!(case.only(&KIND).summary.ends_with("the VSchema of `customer`"));
    }

    #[test]
    fn a_cell_without_a_copy_is_found() {
        let mut case = Case::after(&[]);
        case.world.facts.cells.names.push(crate::model::name::CellName::new("zone2").unwrap());
        assert_eq!(case.subjects(&KIND), ["zone2"]);
    }
}
