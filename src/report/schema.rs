//! JSON Schemas of what `--format json` prints.

use schemars::JsonSchema;
use serde_json::Value;

use super::adoption::AdoptionReport;
use super::doctor::Diagnosis;
use super::history::History;
use super::repair::RepairPlan;
use super::status::Status;
use crate::plan::document::Plan;
use crate::plan::folder::FolderPlan;
use crate::plan::saved::SavedPlan;
use crate::plan::snapshot::Snapshot;

pub use super::events_json::schema as events;

pub fn plan() -> Value {
    of::<Plan>("What `cutover plan --format json` prints")
}

pub fn folder_plan() -> Value {
    of::<FolderPlan>("What `cutover plan DIR --format json` prints")
}

pub fn saved_plan() -> Value {
    of::<SavedPlan>("What `cutover plan --out FILE.json` writes")
}

pub fn snapshot() -> Value {
    of::<Snapshot>("What `cutover snapshot` writes")
}

pub fn status() -> Value {
    of::<Status>("What `cutover status --format json` prints")
}

pub fn doctor() -> Value {
    of::<Diagnosis>("What `cutover doctor --format json` prints")
}

pub fn repair() -> Value {
    of::<RepairPlan>("What `cutover repair --dry-run --format json` prints")
}

pub fn adopt() -> Value {
    of::<AdoptionReport>("What `cutover adopt --format json` prints")
}

pub fn history() -> Value {
    of::<History>("What `cutover history --format json` prints")
}

/// As it is written, in the draft that the other schemas are of.
pub(crate) fn of<T: JsonSchema>(title: &str) -> Value {
    let generator = schemars::generate::SchemaSettings::draft07().for_serialize().into_generator();
    let mut schema = generator.into_root_schema_for::<T>().to_value();
    schema["title"] = title.into();
    schema
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::family::Condition;
    use crate::finding::Finding;
    use crate::record::progress::Progress;
    use crate::report::event::{Event, Level, View as _};
    use crate::report::events_json::JsonLines;
    use crate::report::fixtures::{
        at, cluster, facts_after, gate_hold, movement, night, night_entries, no_key, passes, plan_of, revert_hold, slow_binlog,
    };
    use crate::report::status::{Acting, StatusInput};
    use crate::run::decision::{Decision, Ending, Hold, Stop, StopKind};
    use crate::run::phase::PhaseId;

    /// What the schema has against a value, or none.
    fn against(schema: &Value, value: &Value) -> Option<String> {
        let validator = jsonschema::draft7::new(schema).unwrap();
        validator.iter_errors(value).next().map(|error| format!("{} at {}: {value:#}", error, error.instance_path()))
    }

    /// Every key that the schema requires at its top is asked for: a value without it is refused.
    fn refuses_what_lacks_a_key(schema: &Value, whole: &Value) {
        let required: Vec<&str> = schema["required"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert!(required.len() > 3, "{required:?}");
        for key in required {
            let mut value = whole.clone();
            value.as_object_mut().unwrap().shift_remove(key);
            assert!(against(schema, &value).is_some(), "{key}");
        }
    }

    #[test]
    fn plans_fit_their_schema() {
        let schema = plan();
        let mut waived: Finding = no_key("corder");
        waived.waived = Some("known".into());
        let findings = [vec![], passes(3), vec![no_key("customer"), slow_binlog("zone1-0000000100"), waived]];
        for findings in findings {
            let value = json!(plan_of(2, "production", findings));
            assert_eq!(against(&schema, &value), None);
            refuses_what_lacks_a_key(&schema, &value);
        }
    }

    #[test]
    fn statuses_fit_their_schema() {
        let schema = status();
        let condition = Condition::new("lag", false, "7 s").waivable("C340", "7");
        let waived = Condition { waived: Some("known".into()), ..condition.clone() };
        let hold = Hold { conditions: vec![condition, waived], ..gate_hold() };
        let stop = Stop { kind: StopKind::Refused, phase: Some(PhaseId::VERIFY), findings: vec![no_key("corder")] };
        let decisions = [
            None,
            Some(Decision::Hold(Box::new(hold))),
            Some(Decision::Hold(Box::new(revert_hold()))),
            Some(Decision::Stop(Box::new(stop))),
            Some(Decision::Done(Ending::Complete)),
        ];
        let (movement, entries) = (movement(2), night_entries());
        let progress = Progress::of(&entries);
        let acting = Acting {
            who: "alice".into(),
            host: "ops-1".into(),
            process: 1,
            command: "apply".into(),
            since: Timestamp::UNIX_EPOCH,
        };
        for phases in [&["create"][..], &["create", "copy", "switch-replicas", "switch-primary"]] {
            for decision in &decisions {
                for acting in [None, Some(acting.clone())] {
                    let value = json!(Status::of(&StatusInput {
                        family: &movement,
                        cluster: cluster("production"),
                        facts: &facts_after(&movement, phases),
                        progress: &progress,
                        entries: &entries,
                        decision: decision.as_ref(),
                        acting,
                        now: at(79_400),
                    }));
                    assert_eq!(against(&schema, &value), None);
                    refuses_what_lacks_a_key(&schema, &value);
                }
            }
        }
    }

    #[test]
    fn every_event_fits_its_schema() {
        let schema = events();
        let mut all = night();
        let condition = Condition::new("lag", false, "7 s").waivable("C340", "7");
        let hold = Hold { conditions: vec![condition], ..gate_hold() };
        all.push((at(1), Event::Hold { hold: Box::new(hold), waiting: false }));
        let stop = Stop { kind: StopKind::NeedsHuman, phase: None, findings: vec![no_key("corder")] };
        all.push((at(2), Event::Stop(Box::new(stop))));
        all.push((at(3), Event::Say { level: Level::Warning, text: "it is late".into() }));
        let next = vec!["cutover history".into()];
        all.push((at(4), Event::End { ending: Some(Ending::Complete), exit_code: 0, words: "done".into(), next }));
        for entry in night_entries() {
            all.push((entry.at, Event::Entry { entry, words: "an entry".into() }));
        }
        let mut view = JsonLines::new(Vec::new());
        for (at, event) in &all {
            view.event(*at, event);
        }
        let text = String::from_utf8(view.into_inner()).unwrap();
        let mut types = std::collections::BTreeSet::new();
        for line in text.lines() {
            let value: Value = serde_json::from_str(line).unwrap();
            assert_eq!(against(&schema, &value), None);
            types.insert(value["type"].as_str().unwrap().to_owned());
            for key in ["@timestamp", "@level", "@message", "type"] {
                let mut value = value.clone();
                value.as_object_mut().unwrap().shift_remove(key);
                assert!(against(&schema, &value).is_some(), "{key}");
            }
        }
        let expected = ["await", "begin", "calling", "end", "entry", "hold", "progress", "say", "stop"];
        assert_eq!(types.into_iter().collect::<Vec<_>>(), expected, "every type of event was tried");
    }

    #[test]
    fn histories_fit_their_schema() {
        assert_eq!(against(&history(), &json!(History::of(&night_entries()))), None);
    }
}
