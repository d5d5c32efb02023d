//! The nine routing rules of a moved table (vitess-facts 3.2), and what they say about who serves it.

use std::collections::BTreeSet;

use super::MoveTables;
use crate::family::Side;
use crate::model::name::TableName;
use crate::model::routing::RoutingRules;
use crate::model::topology::TabletType;

pub const SERVING_TYPES: [TabletType; 3] = [TabletType::Rdonly, TabletType::Replica, TabletType::Primary];

impl MoveTables {
    pub fn source_table(&self, table: &TableName) -> String {
        format!("{}.{table}", self.source())
    }

    pub fn target_table(&self, table: &TableName) -> String {
        format!("{}.{table}", self.target())
    }

    /// The three keys of a table for one tablet type: bare, source, target.
    pub fn rule_keys_of(&self, table: &TableName, tablet_type: TabletType) -> [String; 3] {
        let suffix = tablet_type.rule_suffix();
        [
            format!("{table}{suffix}"),
            format!("{}{suffix}", self.source_table(table)),
            format!("{}{suffix}", self.target_table(table)),
        ]
    }

    /// All keys of ours.
    pub fn rule_keys(&self) -> BTreeSet<String> {
        self.tables
            .iter()
            .flat_map(|table| SERVING_TYPES.into_iter().flat_map(move |kind| self.rule_keys_of(table, kind)))
            .collect()
    }

    /// Leads every key of one type to one side, as Vitess does in create and in a switch of reads.
    pub fn route(&self, rules: &mut RoutingRules, tablet_type: TabletType, to_target: bool) {
        for table in &self.tables {
            self.route_table(rules, table, tablet_type, to_target);
        }
    }

    fn route_table(&self, rules: &mut RoutingRules, table: &TableName, tablet_type: TabletType, to_target: bool) {
        let to = if to_target { self.target_table(table) } else { self.source_table(table) };
        for key in self.rule_keys_of(table, tablet_type) {
            rules.set(key, to.clone());
        }
    }

    /// Leads writes to one side, as a primary switch does: the rule of the serving keyspace's own name goes away.
    pub fn route_primary(&self, rules: &mut RoutingRules, to_target: bool) {
        for table in &self.tables {
            let (serving, other) = if to_target {
                (self.target_table(table), self.source_table(table))
            } else {
                (self.source_table(table), self.target_table(table))
            };
            rules.remove(&serving);
            rules.set(table.as_str(), serving.clone());
            rules.set(other, serving);
        }
    }

    /// Whether each table has a rule for one tablet type.
    pub fn each_has_rules(&self, rules: &RoutingRules, tablet_type: TabletType) -> bool {
        self.tables.iter().all(|table| self.side_of_table(rules, table, tablet_type).is_some())
    }

    /// Leads to one side what disagrees among the rules of one type; what agrees stays as it is.
    pub fn agree(&self, rules: &mut RoutingRules, tablet_type: TabletType, to_target: bool) {
        let side = if to_target { Side::Target } else { Side::Source };
        for table in &self.tables {
            if self.side_of_table(rules, table, tablet_type) != Some(side) {
                self.route_table(rules, table, tablet_type, to_target);
            }
        }
    }

    /// Our rules as a completed movement has them: two of a table's nine keys have served their time.
    pub fn rules_at_the_end(&self) -> RoutingRules {
        let mut rules = RoutingRules::default();
        for kind in SERVING_TYPES {
            self.route(&mut rules, kind, true);
        }
        self.route_primary(&mut rules, true);
        rules
    }

    /// Who serves one tablet type by these rules; none when there are no rules of ours for it.
    pub fn side(&self, rules: &RoutingRules, tablet_type: TabletType) -> Option<Side> {
        let mut sides = self.tables.iter().map(|table| self.side_of_table(rules, table, tablet_type));
        let first = sides.next()?;
        if sides.all(|side| side == first) { first } else { Some(Side::Mixed) }
    }

    fn side_of_table(&self, rules: &RoutingRules, table: &TableName, tablet_type: TabletType) -> Option<Side> {
        let (source, target) = (self.source_table(table), self.target_table(table));
        let keys = self.rule_keys_of(table, tablet_type);
        let absent = |key: &str| rules.get(key).is_none();
        if keys.iter().all(|key| absent(key)) {
            return None;
        }
        let leads = |key: &str, to: &str| rules.target(key) == Some(to);
        let [bare, from_source, from_target] = &keys;
        // After a switch or a switch back the serving keyspace's own unsuffixed name has no rule.
        let own = |key: &str, to: &str| leads(key, to) || (tablet_type == TabletType::Primary && absent(key));
        if leads(bare, &source) && leads(from_target, &source) && own(from_source, &source) {
            Some(Side::Source)
        } else if leads(bare, &target) && leads(from_source, &target) && own(from_target, &target) {
            Some(Side::Target)
        } else {
            Some(Side::Mixed)
        }
    }

    /// Whether any of our keys is there.
    pub fn has_rules(&self, rules: &RoutingRules) -> bool {
        self.rule_keys().iter().any(|key| rules.get(key).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::commerce_to_customer;
    use super::*;

    #[test]
    fn the_rules_of_each_stage_say_who_serves() {
        let movement = commerce_to_customer();
        let mut rules = RoutingRules::default();
        assert_eq!(movement.side(&rules, TabletType::Primary), None);
        for kind in SERVING_TYPES {
            movement.route(&mut rules, kind, false);
        }
        assert_eq!(rules.len(), 18, "nine keys a table after create");
        assert_eq!(movement.side(&rules, TabletType::Primary), Some(Side::Source));
        movement.route(&mut rules, TabletType::Replica, true);
        assert_eq!(movement.side(&rules, TabletType::Replica), Some(Side::Target));
        assert_eq!(movement.side(&rules, TabletType::Rdonly), Some(Side::Source));
        movement.route(&mut rules, TabletType::Rdonly, true);
        movement.route_primary(&mut rules, true);
        assert_eq!(rules.len(), 16, "after a primary switch `customer.<table>` has no rule");
        assert_eq!(rules.get("customer.corder"), None);
        assert_eq!(movement.side(&rules, TabletType::Primary), Some(Side::Target));
        movement.route_primary(&mut rules, false);
        assert_eq!(rules.get("commerce.corder"), None);
        assert_eq!(movement.side(&rules, TabletType::Primary), Some(Side::Source));
    }

    #[test]
    fn one_rule_of_one_table_that_disagrees_makes_it_mixed() {
        let movement = commerce_to_customer();
        let mut rules = RoutingRules::default();
        movement.route(&mut rules, TabletType::Replica, false);
        rules.set("corder@replica", "customer.corder");
        assert_eq!(movement.side(&rules, TabletType::Replica), Some(Side::Mixed));
        movement.route(&mut rules, TabletType::Replica, true);
        rules.remove("commerce.corder@replica");
        assert_eq!(movement.side(&rules, TabletType::Replica), Some(Side::Mixed), "reads keep all three keys");
    }
}
