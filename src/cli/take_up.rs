//! The record of a session: where it lies, how it begins, how an edited plan file is taken up, how a command appends to it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use uuid::Uuid;

use super::error::Error;
use super::exit::Exit;
use super::session::{FirstLook, Session};
use super::way::{self, Way};
use crate::cluster::fingerprint::Fingerprint;
use crate::cluster::mutation::shell;
use crate::cluster::port::Facts;
use crate::family::{Family as _, SituationKind};
use crate::finding::{Finding, Severity};
use crate::model::digest::Digest;
use crate::model::name::TableName;
use crate::record::entry::{Goal, What};
use crate::record::error::{RecordError, last_good};
use crate::record::file::FileStore;
use crate::record::file_system::{HostFileSystem, ThreadSleeper};
use crate::record::progress::{Begun, Progress};
use crate::record::store::{NewEntry, Record, RecordStore};
use crate::report::command::for_file;
use crate::run::phase::PhaseId;
use crate::spec::{Movement, Spec, TableSelection};
use crate::words::names;

/// How often an append is tried again that others came before: each of them has appended, so this is no loop without an end.
const TRIES: usize = 20;

/// The record's store: beside the plan file, where `workflow.toml` has `workflow.lock`; or in the operator's `record-dir`, which is
/// shared by all plan files, under the movement's own name.
pub fn store_of(file: &Path, record_folder: Option<PathBuf>, spec: &Spec) -> FileStore {
    let Some(folder) = record_folder else { return store_beside(file) };
    let Movement::MoveTables(of) = &spec.movement;
    let name = format!("{}.{}.{}.lock", spec.cluster, of.target_keyspace, spec.workflow);
    FileStore::new(Arc::new(HostFileSystem), Arc::new(ThreadSleeper), folder, name, Uuid::new_v4())
}

/// The command that puts the record back as this host wrote it last, where it has written one.
pub fn put_back(store: &FileStore) -> String {
    let lockfile = store.path();
    format!("cp {} {}", shell(&last_good(&lockfile).to_string_lossy()), shell(&lockfile.to_string_lossy()))
}

/// What a record is that is not where this host has written it.
pub const GONE: &str = "gone, and this host wrote one here once";

/// The record of a movement as this host last wrote it. `is` is none while the cluster can't be asked.
pub fn last_written_of(store: &FileStore, spec: &Spec, is: Option<&Fingerprint>) -> Option<Record> {
    store.last_written().filter(|record| record.belongs_to(spec.workflow.as_str(), &spec.cluster, is).is_ok())
}

fn store_beside(file: &Path) -> FileStore {
    let stem = file.file_stem().map_or_else(|| "workflow".into(), |stem| stem.to_string_lossy().into_owned());
    let beside = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    let folder = beside.map_or_else(|| PathBuf::from("."), Path::to_path_buf);
    FileStore::new(Arc::new(HostFileSystem), Arc::new(ThreadSleeper), folder, format!("{stem}.lock"), Uuid::new_v4())
}

/// What the plan file of a movement under way meant when it was last taken up, where the record lies beside it: for the commands that
/// must not hang on what somebody has done to the file since.
pub fn spec_on_record(file: &Path) -> Option<Spec> {
    let store = store_beside(file);
    let progress = store.load_newest().ok()??.progress();
    kept_spec(&store, &progress).filter(|_| progress.is_bound())
}

fn kept_spec(store: &FileStore, progress: &Progress) -> Option<Spec> {
    let bytes = store.kept().fetch(progress.spec.as_ref()?).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// The store of what is done to something that has no record here: in the operator's `record-dir`, or in the folder of the command.
pub fn store_of_repair(record_folder: Option<PathBuf>, name: &str) -> FileStore {
    let folder = record_folder.unwrap_or_else(|| PathBuf::from("."));
    let name = format!("repair.{name}.lock");
    FileStore::new(Arc::new(HostFileSystem), Arc::new(ThreadSleeper), folder, name, Uuid::new_v4())
}

/// Appends what `entries` gives for the record as it stands; nothing if it gives none. When another process has appended meanwhile,
/// the record is read and `entries` asked anew: it must judge again what it rests on.
fn append_again(
    store: &dyn RecordStore,
    record: &mut Option<Record>,
    entries: impl Fn(&Progress) -> Result<Vec<NewEntry>, Error>,
) -> Result<(), Error> {
    let mut tries = 0;
    loop {
        let entries = entries(&record.as_ref().map(Record::progress).unwrap_or_default())?;
        if entries.is_empty() {
            return Ok(());
        }
        tries += 1;
        match store.append(record.as_ref().map_or(0, Record::serial), entries) {
            Ok(appended) => {
                *record = Some(appended);
                return Ok(());
            }
            Err(RecordError::Conflict { .. }) if tries < TRIES => *record = store.load().map_err(Error::record)?,
            Err(error) => return Err(Error::record(error)),
        }
    }
}

impl Session {
    /// Appends `whats`, as long as `judge` has nothing against it on the record as it stands then.
    pub fn append_if(&mut self, whats: Vec<What>, judge: impl Fn(&Progress) -> Result<(), Error>) -> Result<(), Error> {
        let mut record = self.record.take();
        let done = append_again(&self.store, &mut record, |progress| {
            judge(progress)?;
            Ok(self.entries(whats.clone()))
        });
        self.record = record;
        done
    }

    fn entries(&self, whats: Vec<What>) -> Vec<NewEntry> {
        let at = self.clock.now();
        whats.into_iter().map(|what| NewEntry { at, by: self.actor.clone(), what }).collect()
    }

    /// Puts on record where the movement shall go, unless the cluster shows that it can't go there from here: a goal that was put by
    /// mistake would stand.
    pub async fn choose(&mut self, way: Way, what: What) -> Result<(), Error> {
        let facts = self.observe().await?;
        let movement = self.movement.clone();
        self.append_if(vec![what], |progress| way::judge(way, &movement.situation(&facts, progress), progress))
    }

    /// Refuses what was given for a plan file that another process has taken up in another meaning by now.
    pub fn intent_guard(&self) -> impl Fn(&Progress) -> Result<(), Error> + use<> {
        let intent = self.intent();
        let plan = for_file("cutover plan", self.file.to_str());
        move |progress| {
            if progress.intent.as_ref() == Some(&intent) {
                return Ok(());
            }
            Err(Error::ended(
                Exit::Stale,
                "the plan file was edited meanwhile, and another command has taken that up; nothing was put on record",
                format!("read it again (`{plan}`), then run the command again"),
            ))
        }
    }

    /// Refuses to begin a record where a workflow of that name lives: it is somebody's, or ours and its lockfile is gone. Before anything
    /// is written, for a new record would take the place of the last copy of the old one too.
    pub fn refuse_foreign(&self, facts: &Facts) -> Result<(), Error> {
        if self.record.is_some() {
            return Ok(());
        }
        let situation = self.movement.situation(facts, &self.progress());
        if situation.kind != SituationKind::Foreign {
            return Ok(());
        }
        let help = if let Some(put_back) = self.put_back_the_copy() {
            put_back
        } else {
            let lockfile = self.store.path();
            let name = lockfile.file_name().unwrap_or_default().to_string_lossy();
            let adopt = for_file("cutover adopt", self.file.to_str());
            format!(
                "it is not ours to touch. `{adopt}` takes it over on evidence, if somebody made it by hand; or choose another `workflow` \
                 name, or run this where its `{name}` lies"
            )
        };
        Err(Error::ended(Exit::Refused, format!("C402 workflow: {}", situation.words), help))
    }

    /// How the record of this movement that this host once wrote is put back; none if it never wrote one.
    pub fn put_back_the_copy(&self) -> Option<String> {
        self.copy_of_the_record()?;
        Some(format!("this host wrote a record of it here once; if it is this movement's: `{}`", put_back(&self.store)))
    }

    /// The record of this movement as this host last wrote it.
    pub fn copy_of_the_record(&self) -> Option<Record> {
        last_written_of(&self.store, &self.spec, Some(&self.fingerprint))
    }

    /// Begins the movement on record, or takes an edited plan file up into it.
    pub fn begin(&mut self) -> Result<(), Error> {
        self.take_up(|progress| progress.goal.is_none().then_some(What::Goal { goal: Goal::Forward, reason: None }))
    }

    /// The same, and nobody has said that it shall go on: what was approved or waived before `apply` is no beginning.
    pub fn put_on_record(&mut self) -> Result<(), Error> {
        self.take_up(|_| None)
    }

    fn take_up(&mut self, more: impl Fn(&Progress) -> Option<What>) -> Result<(), Error> {
        // From here on each decision looks for itself.
        self.seen = FirstLook::None;
        let kept = self.store.kept().keep(&crate::driver::bytes_of(&self.spec)).map_err(Error::record)?;
        let mut record = self.record.take();
        let done = append_again(&self.store, &mut record, |progress| {
            let mut whats = self.what_is_new(progress, kept.clone())?;
            whats.extend(more(progress));
            Ok(self.entries(whats))
        });
        self.record = record;
        done
    }

    /// What the record doesn't say yet of the plan file as it is.
    fn what_is_new(&self, progress: &Progress, kept: Digest) -> Result<Vec<What>, Error> {
        let intent = self.intent();
        let begun = What::Begun {
            workflow: self.spec.workflow.to_string(),
            cluster: self.spec.cluster.clone(),
            fingerprint: self.fingerprint.to_string(),
            intent: intent.clone(),
            frozen: self.spec.frozen_digest(),
            tables: self.movement.tables(),
            spec: Some(kept.clone()),
        };
        let Some(before) = &progress.begun else { return Ok(vec![begun]) };
        if is_unbound(progress) && is_another(before, &self.spec.frozen_digest(), &self.movement.tables(), &self.fingerprint) {
            return Ok(vec![begun]);
        }
        let spec_before = kept_spec(&self.store, progress);
        self.refuse_frozen_edits(progress, before, spec_before.as_ref())?;
        if progress.intent.as_ref() == Some(&intent) {
            return Ok(vec![]);
        }
        // Without the old meaning, every approval is void.
        let gates = match &spec_before {
            Some(before) => before.gates_that_differ(&self.spec),
            None => self.spec.gates.keys().cloned().collect(),
        };
        Ok(vec![What::Edited { intent, gates, spec: Some(kept) }])
    }

    /// What was edited since the movement began and can't be any more, in words.
    pub fn frozen_edits(&self, progress: &Progress) -> Option<String> {
        let begun = progress.begun.as_ref().filter(|_| progress.is_bound())?;
        self.frozen_edits_since(begun, kept_spec(&self.store, progress).as_ref())
    }

    fn frozen_edits_since(&self, begun: &Begun, before: Option<&Spec>) -> Option<String> {
        if begun.frozen == self.spec.frozen_digest() {
            return None;
        }
        let changes: Vec<String> = before
            .map(|before| before.frozen_changes(&self.spec))
            .unwrap_or_default()
            .into_iter()
            .map(|change| {
                let of_tables = before.filter(|_| change.path == "move-tables.tables");
                match of_tables.and_then(|before| tables_changed(tables_named(before)?, tables_named(&self.spec)?)) {
                    Some(words) => format!("`{}` {words}", change.path),
                    None => format!("`{}` was {} and is {}", change.path, change.was, change.is),
                }
            })
            .collect();
        Some(if changes.is_empty() {
            "`workflow`, `cluster` or `[move-tables]` was edited".to_owned()
        } else {
            changes.join("; ")
        })
    }

    fn refuse_frozen_edits(&self, progress: &Progress, begun: &Begun, before: Option<&Spec>) -> Result<(), Error> {
        let Some(what) = self.frozen_edits_since(begun, before) else { return Ok(()) };
        if way::is_cancelled(progress) {
            return Err(Error::ended(
                Exit::Stale,
                format!("the movement was cancelled, and its record is not another one's: {what}"),
                format!("begin another one: `{}`", self.begin_anew()),
            ));
        }
        Err(Error::ended(
            Exit::Stale,
            format!("the movement is under way, and what it moves can't be edited any more: {what}"),
            self.frozen_help(begun, progress),
        ))
    }

    fn frozen_help(&self, begun: &Begun, progress: &Progress) -> String {
        let cancel = for_file(&format!("cutover cancel --confirm {}", shell(&begun.workflow)), self.file.to_str());
        let is_switched = progress.reached.contains_key(&PhaseId::SWITCH_PRIMARY);
        let first =
            if is_switched { format!("`{}`, then ", for_file("cutover switch-back", self.file.to_str())) } else { String::new() };
        format!("put it back in `{}`; or end this movement first: {first}`{cancel}`", self.file.display())
    }

    /// What a plan of a plan file says that `apply` would refuse.
    pub fn refused_edit(&self) -> Option<Finding> {
        let progress = self.progress();
        let what = self.frozen_edits(&progress)?;
        let begun = progress.begun.as_ref()?;
        Some(Finding::fail(
            "C406",
            Severity::Error,
            "plan file",
            format!("the movement is under way, and what it moves can't be edited any more: {what}"),
            self.frozen_help(begun, &progress),
        ))
    }

    /// The command that begins anew after the end of a movement, with a record of its own.
    pub fn begin_anew(&self) -> String {
        self.put_aside_and("cutover apply")
    }

    /// The command that puts the record aside and runs `command` without it.
    pub fn put_aside_and(&self, command: &str) -> String {
        let lockfile = self.store.path();
        let lineage = self.record.as_ref().map_or_else(String::new, |record| record.lineage.simple().to_string());
        let ended = format!("{}.{}", lockfile.display(), lineage.get(..8).unwrap_or("ended"));
        let command = for_file(command, self.file.to_str());
        format!("mv {} {} && {command}", shell(&lockfile.display().to_string()), shell(&ended))
    }
}

/// The tables of a plan file that names them.
fn tables_named(spec: &Spec) -> Option<&[TableName]> {
    let Movement::MoveTables(of) = &spec.movement;
    match &of.tables {
        TableSelection::Named(tables) => Some(tables),
        TableSelection::AllBut(_) => None,
    }
}

/// The tables that an edit took out and put in, where it did.
fn tables_changed(before: &[TableName], now: &[TableName]) -> Option<String> {
    const MOST_TABLES: usize = 6;
    let only_in = |one: &[TableName], other: &[TableName]| -> Vec<String> {
        one.iter().filter(|table| !other.contains(table)).map(|table| format!("`{table}`")).collect()
    };
    let (gone, added) = (only_in(before, now), only_in(now, before));
    let words = |what: &str, tables: &[String]| format!("{what} {}", names(tables, MOST_TABLES));
    match (gone.is_empty(), added.is_empty()) {
        (true, true) => None,
        (false, true) => Some(words("no longer has", &gone)),
        (true, false) => Some(words("has in addition", &added)),
        (false, false) => Some(format!("{} and {}", words("no longer has", &gone), words("has in addition", &added))),
    }
}

/// Whether what was begun is not what the plan file means now.
fn is_another(begun: &Begun, frozen: &Digest, tables: &[String], is: &Fingerprint) -> bool {
    begun.frozen != *frozen || begun.tables != tables || !is.is_still(&begun.fingerprint)
}

/// Whether the plan file may still say anything: nothing was ever sent or taken over, and nobody has ended it.
fn is_unbound(progress: &Progress) -> bool {
    !progress.is_bound() && progress.goal() != Goal::Cancelled
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::record::entry::Actor;
    use crate::record::memory::MemoryStore;

    #[test]
    fn an_edit_of_the_tables_names_those_that_changed_and_not_all() {
        let names = |names: &[&str]| -> Vec<TableName> { names.iter().map(|name| TableName::new(*name).unwrap()).collect() };
        let of = |before: &[&str], now: &[&str]| tables_changed(&names(before), &names(now));
        assert_eq!(of(&["a", "b"], &["a", "b"]), None);
        assert_eq!(of(&["a", "b"], &["b", "c"]).unwrap(), "no longer has `a` and has in addition `c`");
        let many: Vec<String> = (0..400).map(|number| format!("t{number:03}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let words = of(&["a"], &[&["a"], many.as_slice()].concat()).unwrap();
        assert!(words.starts_with("has in addition `t000`, ") && words.ends_with("and 394 more"), "{words}");
    }

    fn new_entry(what: What) -> NewEntry {
        let by = Actor { user: "morgan".into(), host: "ops1".into(), process: 1, version: "0.1.0".into() };
        NewEntry { at: jiff::Timestamp::UNIX_EPOCH, by, what }
    }

    fn begun() -> What {
        let digest = Digest::of_bytes(b"");
        What::Begun {
            workflow: "c2c".into(),
            cluster: "test".into(),
            fingerprint: "f".into(),
            intent: digest.clone(),
            frozen: digest,
            tables: vec![],
            spec: None,
        }
    }

    /// A store into which an `apply` in another terminal appends just before the first appends of ours.
    struct Crowded {
        store: MemoryStore,
        others: AtomicUsize,
    }

    impl RecordStore for Crowded {
        fn load(&self) -> Result<Option<Record>, RecordError> {
            self.store.load()
        }

        fn append(&self, expected_serial: u64, entries: Vec<NewEntry>) -> Result<Record, RecordError> {
            let left = self.others.load(Ordering::Relaxed);
            if left > 0 {
                self.others.store(left - 1, Ordering::Relaxed);
                let serial = self.store.load()?.map_or(0, |record| record.serial());
                self.store.append(serial, vec![new_entry(What::Paused { reason: None })])?;
            }
            self.store.append(expected_serial, entries)
        }
    }

    fn crowded(others: usize) -> (Crowded, Option<Record>) {
        let store = MemoryStore::new(Uuid::nil());
        let record = store.append(0, vec![new_entry(begun())]).unwrap();
        (Crowded { store, others: AtomicUsize::new(others) }, Some(record))
    }

    fn back() -> NewEntry {
        new_entry(What::Goal { goal: Goal::SwitchedBack, reason: None })
    }

    #[test]
    fn an_emergency_is_put_on_record_whoever_appends_meanwhile() {
        for others in [0, 1, TRIES - 1] {
            let (store, mut record) = crowded(others);
            append_again(&store, &mut record, |_| Ok(vec![back()])).unwrap();
            let stands = store.load().unwrap();
            assert_eq!(stands.as_ref().map(|record| record.progress().goal()), Some(Goal::SwitchedBack));
            assert_eq!(stands, record);
        }
        let (store, mut record) = crowded(usize::MAX);
        assert_eq!(append_again(&store, &mut record, |_| Ok(vec![back()])).unwrap_err().exit(), Exit::Busy);
    }

    #[test]
    fn what_an_append_rests_on_is_judged_on_the_record_as_it_stands_then() {
        let (store, mut record) = crowded(1);
        let refused = append_again(&store, &mut record, |progress| {
            if progress.paused { Err(Error::usage("somebody has paused it", "")) } else { Ok(vec![back()]) }
        });
        assert_eq!(refused.unwrap_err().exit(), Exit::Usage);
        assert_eq!(store.load().unwrap().unwrap().progress().goal(), Goal::Forward);
    }

    #[test]
    fn a_record_binds_once_something_was_sent() {
        let progress = |whats: Vec<What>| {
            let store = MemoryStore::new(Uuid::nil());
            let entries = std::iter::once(begun()).chain(whats).map(new_entry).collect();
            store.append(0, entries).unwrap().progress()
        };
        let sent = What::Intent {
            attempt: 1,
            phase: crate::run::phase::PhaseId::CREATE,
            mutation: crate::cluster::mutation::Mutation::RebuildVSchemaGraph(crate::cluster::mutation::RebuildVSchemaGraph {
                cells: vec![],
            }),
            forecast: Digest::of_bytes(b""),
            replaced: None,
            lag_seconds: None,
        };
        let goal = |goal| What::Goal { goal, reason: None };
        assert!(is_unbound(&progress(vec![])));
        assert!(is_unbound(&progress(vec![goal(Goal::Forward), What::Paused { reason: None }])));
        assert!(!is_unbound(&progress(vec![sent])));
        assert!(!is_unbound(&progress(vec![goal(Goal::Cancelled)])), "it was ended; another one has a record of its own");
    }

    #[test]
    fn an_edit_of_what_moves_is_another_movement() {
        let fingerprint = |shard: &str| Fingerprint {
            cells: ["zone1".to_owned()].into(),
            shards: [("customer".to_owned(), Some(vec![shard.to_owned()]))].into(),
        };
        let (frozen, other) = (Digest::of_bytes(b"frozen"), Digest::of_bytes(b"other"));
        let begun = Begun {
            at: jiff::Timestamp::UNIX_EPOCH,
            workflow: "c2c".into(),
            cluster: "test".into(),
            fingerprint: fingerprint("0").to_string(),
            frozen: frozen.clone(),
            tables: vec!["corder".into()],
        };
        let is = |frozen: &Digest, table: &str, shard: &str| is_another(&begun, frozen, &[table.to_owned()], &fingerprint(shard));
        assert!(!is(&frozen, "corder", "0"));
        assert!(is(&other, "corder", "0"));
        assert!(is(&frozen, "customer", "0"), "`all-tables` means others by now");
        assert!(is(&frozen, "corder", "-80"));
    }

    fn spec(workflow: &str) -> Spec {
        let text = format!(
            "version = 1\nworkflow = \"{workflow}\"\ncluster = \"eu.production\"\n[move-tables]\nsource-keyspace = \"a\"\n\
             target-keyspace = \"b\"\ntables = [\"t\"]\n[complete]\nsource-tables = \"keep\"\n"
        );
        crate::spec::read(&text).unwrap().spec
    }

    #[test]
    fn each_movement_has_a_lockfile_of_its_own() {
        let path = |file: &str, folder: Option<&str>, workflow: &str| {
            store_of(Path::new(file), folder.map(PathBuf::from), &spec(workflow)).path().display().to_string()
        };
        for (file, folder, lockfile) in [
            ("workflow.toml", None, "./workflow.lock"),
            ("moves/orders.toml", None, "moves/orders.lock"),
            ("moves/workflow.toml", Some("/records"), "/records/eu.production.b.orders.lock"),
            ("others/workflow.toml", Some("/records"), "/records/eu.production.b.orders.lock"),
        ] {
            assert_eq!(path(file, folder, "orders"), lockfile);
        }
        assert_ne!(path("workflow.toml", Some("/records"), "orders"), path("workflow.toml", Some("/records"), "stock"));
    }
}
