//! The operator's `config.toml`, read as the plan file is: every problem at once, with its place.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::SANDBOX;
use crate::cluster::topo::TopologyAddress;
use crate::cluster::vtctld::Address;
use crate::run::phase::PhaseId;
use crate::spec::key::{Bounds, DAY, Fallback, Key, Kind, Table};
use crate::spec::problem::{self, Problem};
use crate::spec::section::{Log, Section};
use crate::spec::source;
use crate::spec::value::Placed;

/// The whole file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OperatorConfig {
    pub clusters: BTreeMap<String, ClusterConfig>,
    /// Guards and `notify` count in the sandbox too, so that they can be tried; it names no cluster.
    pub sandbox: Option<ClusterConfig>,
}

impl OperatorConfig {
    /// What it says about the cluster of an alias.
    pub fn of(&self, alias: &str) -> Option<&ClusterConfig> {
        if alias == SANDBOX { self.sandbox.as_ref() } else { self.clusters.get(alias) }
    }
}

/// What the operator says about one cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClusterConfig {
    pub vtctld: Option<Address>,
    pub insecure: bool,
    pub tls_ca: Option<PathBuf>,
    pub tls_cert: Option<PathBuf>,
    pub tls_key: Option<PathBuf>,
    pub tls_server_name: Option<String>,
    pub credentials_file: Option<PathBuf>,
    /// These gates may not be `auto-advance`.
    pub require_hold: Vec<PhaseId>,
    pub allow_drop: bool,
    pub min_revert_window_seconds: u64,
    pub record_dir: Option<PathBuf>,
    /// What the cluster must turn out to be.
    pub fingerprint: Option<String>,
    /// A command and its arguments, told of holds and ends.
    pub notify: Vec<String>,
    /// The topology server: with it, the stale lock of a dead vtctld can be taken away.
    pub topo: Option<TopologyAddress>,
    pub topo_tls_ca: Option<PathBuf>,
    pub topo_tls_cert: Option<PathBuf>,
    pub topo_tls_key: Option<PathBuf>,
}

const GATES: &[&str] = &["create", "copy", "verify", "switch-replicas", "switch-primary", "complete", "remove-rules"];

/// One `[clusters.NAME]`.
pub static CLUSTER: Table = Table {
    name: "clusters",
    doc: "A cluster under the alias that plan files name.",
    required: false,
    keys: &[
        &VTCTLD,
        &INSECURE,
        &TLS_CA,
        &TLS_CERT,
        &TLS_KEY,
        &TLS_SERVER_NAME,
        &CREDENTIALS_FILE,
        &REQUIRE_HOLD,
        &ALLOW_DROP,
        &MIN_REVERT_WINDOW,
        &RECORD_DIR,
        &FINGERPRINT,
        &NOTIFY,
        &TOPO,
        &TOPO_TLS_CA,
        &TOPO_TLS_CERT,
        &TOPO_TLS_KEY,
    ],
};

macro_rules! key {
    ($static:ident, $name:literal, $kind:expr, $fallback:expr, $doc:literal) => {
        static $static: Key = Key { name: $name, doc: $doc, kind: $kind, fallback: $fallback };
    };
}
key!(VTCTLD, "vtctld", Kind::Text, Fallback::Nothing, "Where vtctld answers gRPC: `host:port`.");
key!(INSECURE, "insecure", Kind::Flag, Fallback::Flag(false), "Talk to vtctld without TLS. Not together with credentials.");
key!(
    TLS_CA,
    "tls-ca",
    Kind::Text,
    Fallback::Nothing,
    "A PEM file with the authorities that may vouch for vtctld. Left out: those of the system."
);
key!(TLS_CERT, "tls-cert", Kind::Text, Fallback::Nothing, "A PEM file with our own certificate, for vtctlds that ask for one.");
key!(TLS_KEY, "tls-key", Kind::Text, Fallback::Nothing, "The PEM file with the key of `tls-cert`.");
key!(
    TLS_SERVER_NAME,
    "tls-server-name",
    Kind::Text,
    Fallback::Nothing,
    "The name that vtctld's certificate bears, when it is not the host's."
);
key!(
    CREDENTIALS_FILE,
    "credentials-file",
    Kind::Text,
    Fallback::Nothing,
    "A JSON file with `Username` and `Password`, as vtctldclient takes it."
);
key!(REQUIRE_HOLD, "require-hold", Kind::Words(GATES), Fallback::Nothing, "Gates that no plan file may set to `auto-advance`.");
key!(
    ALLOW_DROP,
    "allow-drop",
    Kind::Flag,
    Fallback::Flag(false),
    "Whether plan files may drop the source tables at the end. Left out, they may not: who wants that writes `true` here first."
);
key!(
    MIN_REVERT_WINDOW,
    "min-revert-window",
    Kind::Length(Bounds::seconds(0, 30 * DAY)),
    Fallback::Text("0s"),
    "The least revert window that a plan file may have."
);
key!(
    RECORD_DIR,
    "record-dir",
    Kind::Text,
    Fallback::Nothing,
    "Where the records of movements are kept, each as `<cluster>.<target keyspace>.<workflow>.lock`. Left out: beside each plan file."
);
key!(
    FINGERPRINT,
    "fingerprint",
    Kind::Text,
    Fallback::Nothing,
    "What the cluster must turn out to be; `cutover plan --format json` prints it. Another cluster is refused."
);
key!(
    NOTIFY,
    "notify",
    Kind::Texts,
    Fallback::Nothing,
    "A command with its arguments, run at holds, at the end and when a person is needed. It gets the event as JSON on its standard \
     input, and its failure stops nothing."
);
key!(
    TOPO,
    "topo",
    Kind::Text,
    Fallback::Nothing,
    "The topology server of the cluster, as vtctld knows it: `etcd://host:port,host:port/vitess/global`, `etcds` for TLS. With it the \
     lock that a dead vtctld leaves on a workflow for 24 hours is taken away once its owner is proven dead; nothing else is read or \
     written there. Left out: the lock is explained and waited for."
);
key!(
    TOPO_TLS_CA,
    "topo-tls-ca",
    Kind::Text,
    Fallback::Nothing,
    "A PEM file with the authorities that may vouch for the topology server. Left out: those of the system."
);
key!(
    TOPO_TLS_CERT,
    "topo-tls-cert",
    Kind::Text,
    Fallback::Nothing,
    "A PEM file with our own certificate, for topology servers that ask for one."
);
key!(TOPO_TLS_KEY, "topo-tls-key", Kind::Text, Fallback::Nothing, "The PEM file with the key of `topo-tls-cert`.");

/// Reads the file. Paths in it are relative to `folder`, where it lies.
pub fn read(text: &str, folder: &Path) -> Result<OperatorConfig, Vec<Problem>> {
    let (table, mut problems) = source::parse(text);
    let mut config = OperatorConfig::default();
    if let Some(table) = &table {
        let log = Log::default();
        config = decode(&log, table, folder);
        problems.extend(log.into_parts().0);
    }
    problem::sort(&mut problems);
    if problems.iter().any(Problem::is_error) { Err(problems) } else { Ok(config) }
}

fn decode(log: &Log, table: &DeTable<'_>, folder: &Path) -> OperatorConfig {
    let mut root = Section::root(log, table, &[]);
    let mut clusters = root.table(&CLUSTER);
    let mut config = OperatorConfig::default();
    for (name, span) in clusters.names() {
        let path = clusters.path_of(&name);
        let mut table = clusters.named(&name);
        if name == SANDBOX {
            refuse_places(&mut table);
            config.sandbox = Some(cluster(table, folder));
            continue;
        }
        let cluster = cluster(table, folder);
        if !crate::spec::is_alias(&name) {
            log.push(
                Problem::error(
                    "C107",
                    path,
                    Some(span),
                    format!("the cluster alias `{}` is not plain", crate::spec::section::clip(&name)),
                )
                .label("not a cluster alias")
                .help("letters, digits, `-`, `_` and `.`, a letter or digit first, 63 characters at most"),
            );
        } else {
            config.clusters.insert(name, cluster);
        }
    }
    root.finish();
    config
}

/// What counts in the sandbox, which is in this process and keeps its records beside the plan file.
const OF_SANDBOX: [&Key; 4] = [&REQUIRE_HOLD, &ALLOW_DROP, &MIN_REVERT_WINDOW, &NOTIFY];

fn refuse_places(table: &mut Section<'_>) {
    for key in CLUSTER.keys.iter().filter(|key| OF_SANDBOX.iter().all(|known| known.name != key.name)) {
        let Some(found) = table.find(key.name) else { continue };
        let names = OF_SANDBOX.map(|key| format!("`{}`", key.name)).join(", ");
        table.log.push(
            Problem::error("C111", found.path, Some(found.span), format!("the sandbox is built in and takes no `{}`", key.name))
                .label("not of the sandbox")
                .help(format!("remove it; of the sandbox count {names}")),
        );
    }
}

fn cluster(mut table: Section<'_>, folder: &Path) -> ClusterConfig {
    let vtctld = table.text(&VTCTLD).and_then(|text| address(&table, text));
    let insecure = table.flag(&INSECURE).unwrap_or_default();
    let tls_ca = path(&mut table, &TLS_CA, folder);
    let tls_cert = path(&mut table, &TLS_CERT, folder);
    let tls_key = path(&mut table, &TLS_KEY, folder);
    let tls_server_name = table.text(&TLS_SERVER_NAME).map(|text| text.value);
    let credentials_file = path(&mut table, &CREDENTIALS_FILE, folder);
    let require_hold: Vec<String> = table.words(&REQUIRE_HOLD).unwrap_or_default();
    let allow_drop = table.flag(&ALLOW_DROP).unwrap_or_default();
    let min_revert_window_seconds = table.seconds(&MIN_REVERT_WINDOW).map_or(0, |found| found.value);
    let record_dir = path(&mut table, &RECORD_DIR, folder);
    let fingerprint = table.text(&FINGERPRINT).map(|text| text.value);
    let notify = table.texts(&NOTIFY).unwrap_or_default().into_iter().map(|text| text.value).collect();
    let topo = table.text(&TOPO).and_then(|text| topology(&table, text));
    let topo_tls_ca = path(&mut table, &TOPO_TLS_CA, folder);
    let topo_tls_cert = path(&mut table, &TOPO_TLS_CERT, folder);
    let topo_tls_key = path(&mut table, &TOPO_TLS_KEY, folder);

    exclude(&mut table, &TLS_CERT, &TLS_KEY);
    exclude(&mut table, &TOPO_TLS_CERT, &TOPO_TLS_KEY);
    tls_of_topology(&mut table, topo.as_ref());
    if insecure {
        for key in [&CREDENTIALS_FILE, &TLS_CA, &TLS_CERT, &TLS_KEY, &TLS_SERVER_NAME] {
            let Some(found) = table.find(key.name) else { continue };
            let code = if key.name == CREDENTIALS_FILE.name { "C124" } else { "C111" };
            table.log.push(
                Problem::error(
                    code,
                    found.path,
                    Some(found.span),
                    format!("`{}` and `insecure = true` exclude each other", key.name),
                )
                .label("with TLS only")
                .help("remove `insecure`; without it the connection is TLS"),
            );
        }
    }
    table.finish();
    ClusterConfig {
        vtctld,
        insecure,
        tls_ca,
        tls_cert,
        tls_key,
        tls_server_name,
        credentials_file,
        require_hold: require_hold.into_iter().map(PhaseId::new).collect(),
        allow_drop,
        min_revert_window_seconds,
        record_dir,
        fingerprint,
        notify,
        topo,
        topo_tls_ca,
        topo_tls_cert,
        topo_tls_key,
    }
}

/// A certificate needs its key, and a key its certificate.
fn exclude(table: &mut Section<'_>, cert: &Key, key: &Key) {
    let (has_cert, has_key) = (table.find(cert.name), table.find(key.name));
    let (has, lacks) = match (&has_cert, &has_key) {
        (Some(has), None) => (has, key),
        (None, Some(has)) => (has, cert),
        _ => return,
    };
    table.log.push(
        Problem::error("C111", has.path.clone(), Some(has.span.clone()), format!("`{}` is missing beside it", lacks.name))
            .label("alone")
            .help("a certificate and its key are given together"),
    );
}

fn address(table: &Section<'_>, text: Placed<String>) -> Option<Address> {
    match text.value.parse() {
        Ok(address) => Some(address),
        Err(error) => {
            table.log.push(
                Problem::error("C106", text.path, Some(text.span), error.to_string())
                    .label("not an address")
                    .help("vtctld's gRPC port, without `http://`"),
            );
            None
        }
    }
}

fn topology(table: &Section<'_>, text: Placed<String>) -> Option<TopologyAddress> {
    match text.value.parse() {
        Ok(address) => Some(address),
        Err(error) => {
            table.log.push(
                Problem::error("C106", text.path, Some(text.span), error.to_string())
                    .label("not a topology server")
                    .help("such as `etcd://etcd-1:2379,etcd-2:2379/vitess/global`: what vtctld has as --topo-global-server-address and --topo-global-root"),
            );
            None
        }
    }
}

/// TLS files are for `etcds`: with anything else they would be left out in silence.
fn tls_of_topology(table: &mut Section<'_>, topo: Option<&TopologyAddress>) {
    let is_of_no_use = topo.map_or_else(|| table.find(TOPO.name).is_none(), |topo| !topo.is_tls());
    if !is_of_no_use {
        return;
    }
    for key in [&TOPO_TLS_CA, &TOPO_TLS_CERT, &TOPO_TLS_KEY] {
        let Some(found) = table.find(key.name) else { continue };
        table.log.push(
            Problem::error(
                "C111",
                found.path,
                Some(found.span),
                format!("`{}` is without a `topo` that begins with `etcds://`", key.name),
            )
            .label("with TLS only")
            .help("`etcds` in the place of `etcd` makes the connection TLS"),
        );
    }
}

fn path(table: &mut Section<'_>, key: &Key, folder: &Path) -> Option<PathBuf> {
    let text = table.text(key)?;
    if text.value.is_empty() || text.value.starts_with('~') {
        let why = if text.value.is_empty() { "is empty" } else { "begins with `~`, which only a shell knows" };
        table.log.push(
            Problem::error("C106", text.path.clone(), Some(text.span), format!("`{}` {why}", text.path))
                .label("not a path")
                .help("write the whole path, or one relative to the folder of this file"),
        );
        return None;
    }
    Some(folder.join(text.value))
}

/// Every key that the decoder asks for in a `[clusters.NAME]`, by name.
pub fn known_keys() -> BTreeSet<String> {
    let log = Log::default();
    let table = DeTable::new();
    let mut root = Section::root(&log, &table, &[]);
    drop(cluster(root.absent("NAME"), Path::new("")));
    log.into_parts().1.iter().filter_map(|path| path.strip_prefix("NAME.").map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let found = read(text, Path::new("/etc/cutover")).unwrap_err();
        found.into_iter().map(|problem| format!("{} {}: {}", problem.code, problem.path, problem.message)).collect()
    }

    #[test]
    fn the_whole_file_is_read() {
        let config = read(
            r#"
            [clusters."eu.production"]
            vtctld = "vtctld.example.com:15999"
            tls-ca = "ca.pem"
            require-hold = ["switch-primary", "complete"]
            allow-drop = true
            min-revert-window = "30m"
            record-dir = "/var/lib/cutover"
            fingerprint = "sha256:abc"
            notify = ["/usr/bin/tell", "--channel", "db"]
            topo = "etcds://etcd-1:2379,etcd-2:2379/vitess/global"
            topo-tls-ca = "etcd-ca.pem"
            [clusters.empty]
            "#,
            Path::new("/etc/cutover"),
        )
        .unwrap();
        let cluster = &config.clusters["eu.production"];
        assert_eq!(cluster.require_hold, [PhaseId::SWITCH_PRIMARY, PhaseId::COMPLETE]);
        assert_eq!(cluster.min_revert_window_seconds, 1800);
        assert_eq!(cluster.tls_ca.as_deref(), Some(Path::new("/etc/cutover/ca.pem")));
        assert_eq!(cluster.record_dir.as_deref(), Some(Path::new("/var/lib/cutover")));
        assert_eq!(config.clusters["empty"], ClusterConfig::default());
        assert_eq!(cluster.notify, ["/usr/bin/tell", "--channel", "db"]);
        let topo = cluster.topo.as_ref().unwrap();
        assert_eq!((topo.members().len(), topo.root(), topo.is_tls()), (2, "/vitess/global", true));
        assert_eq!(cluster.topo_tls_ca.as_deref(), Some(Path::new("/etc/cutover/etcd-ca.pem")));
        assert_eq!(read("", Path::new("")).unwrap(), OperatorConfig::default());
    }

    #[test]
    fn every_key_of_the_table_is_asked_for() {
        let declared: BTreeSet<String> = CLUSTER.keys.iter().map(|key| key.name.to_owned()).collect();
        assert_eq!(known_keys(), declared);
        assert_eq!(GATES.to_vec(), crate::spec::GATES.iter().map(PhaseId::as_str).collect::<Vec<_>>());
    }

    #[test]
    fn a_guard_that_is_misspelt_never_vanishes() {
        assert_eq!(
            problems("[clusters.production]\nrequire_hold = [\"switch-primary\"]\n[cluster.staging]\n"),
            [
                "C103 clusters.production.require_hold: there is no key `require_hold` in `[clusters.production]`",
                "C103 cluster: there is no key `cluster` at the top of the file",
            ]
        );
        assert_eq!(
            problems("[clusters.production]\nrequire-hold = [\"switch-primry\"]\n"),
            ["C106 clusters.production.require-hold[0]: `switch-primry` is not a value of `clusters.production.require-hold[0]`"]
        );
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        assert_eq!(
            problems("[clusters.a]\ninsecure = true\ncredentials-file = \"c.json\"\ntls-ca = \"ca.pem\"\n"),
            [
                "C124 clusters.a.credentials-file: `credentials-file` and `insecure = true` exclude each other",
                "C111 clusters.a.tls-ca: `tls-ca` and `insecure = true` exclude each other",
            ]
        );
        assert_eq!(problems("[clusters.a]\ntls-key = \"k\"\n"), ["C111 clusters.a.tls-key: `tls-cert` is missing beside it"]);
        assert_eq!(
            problems("[clusters.sandbox]\nnotify = [\"tell\"]\nvtctld = \"a:1\"\n"),
            ["C111 clusters.sandbox.vtctld: the sandbox is built in and takes no `vtctld`"]
        );
        assert_eq!(problems("[clusters.\"a b\"]\n"), ["C107 clusters.a b: the cluster alias `a b` is not plain"]);
        assert_eq!(
            problems("[clusters.a]\ntopo = \"etcd://a:1/v\"\ntopo-tls-ca = \"ca.pem\"\n"),
            ["C111 clusters.a.topo-tls-ca: `topo-tls-ca` is without a `topo` that begins with `etcds://`"]
        );
        assert_eq!(
            problems("[clusters.a]\ntopo-tls-key = \"k\"\ntopo = \"etcds://a:1/v\"\n"),
            ["C111 clusters.a.topo-tls-key: `topo-tls-cert` is missing beside it"]
        );
        assert_eq!(
            problems("[clusters.a]\ntopo = \"etcds://root:hunter2@a:1/v\"\ntopo-tls-ca = \"ca.pem\"\n"),
            [
                "C106 clusters.a.topo: the address of the topology server holds a user or a password: Vitess logs in to etcd with a \
                 client certificate or not at all"
            ]
        );
        assert!(problems("[clusters.a]\nvtctld = \"https://a:1\"\n")[0].starts_with("C106 clusters.a.vtctld"));
        assert!(problems("[clusters.a]\nrecord-dir = \"~/records\"\n")[0].starts_with("C106 clusters.a.record-dir"));
        assert!(problems("clusters = 1\n")[0].starts_with("C105 clusters"));
    }
}
