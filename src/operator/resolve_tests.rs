use std::path::Path;

use super::*;
use crate::operator::read;

fn config() -> OperatorConfig {
    let text = r#"
        [clusters.production]
        vtctld = "vtctld.example.com:15999"
        tls-ca = "ca.pem"
        tls-cert = "client.pem"
        tls-key = "client.key"
        credentials-file = "/run/secrets/vtctld.json"

        [clusters.laptop]
        vtctld = "localhost:15999"
        credentials-file = "laptop.json"

        [clusters.lab]
        vtctld = "lab:15999"
        insecure = true
    "#;
    read(text, Path::new("/etc/cutover")).unwrap()
}

fn address(text: &str) -> ConnectionSource {
    ConnectionSource { vtctld: Some(text.into()), ..Default::default() }
}

fn none() -> ConnectionSource {
    ConnectionSource::default()
}

type Vtctld = (String, bool, Option<TlsFiles>, Option<CredentialsSource>);

fn vtctld(found: Result<Connection, ResolveError>) -> Vtctld {
    match found.unwrap().endpoint {
        Endpoint::Vtctld { address, insecure, tls, credentials } => (address.to_string(), insecure, tls, credentials),
        Endpoint::Sandbox => panic!("the sandbox"),
    }
}

#[test]
fn flags_come_before_the_environment_before_the_file() {
    let (flag, variable) = (address("flag:1"), address("variable:2"));
    assert_eq!(vtctld(resolve("production", &flag, &variable, &config())).0, "flag:1");
    assert_eq!(vtctld(resolve("production", &none(), &variable, &config())).0, "variable:2");
    assert_eq!(vtctld(resolve("production", &none(), &none(), &config())).0, "vtctld.example.com:15999");
}

#[test]
fn an_alias_that_nobody_knows_is_refused_with_the_one_that_was_meant() {
    let error = resolve("prodution", &none(), &none(), &config()).unwrap_err();
    assert_eq!(error, ResolveError::NoAddress { alias: "prodution".into(), nearest: Some("production".into()) });
    assert!(error.help().contains("did you mean `production`?"));
}

#[test]
fn the_guards_do_not_vanish_with_an_edit_of_the_alias() {
    let guarded = |alias: &str, flags: &ConnectionSource, variable: &ConnectionSource| {
        resolve(alias, flags, variable, &config()).map(|found| found.config.and_then(|config| config.credentials_file))
    };
    let production = "vtctld.example.com:15999";
    let secret = Some(std::path::PathBuf::from("/run/secrets/vtctld.json"));
    for (flags, variable) in [(address(production), none()), (none(), address(production))] {
        assert_eq!(guarded("production", &flags, &variable), Ok(secret.clone()));
        assert_eq!(guarded("whatever", &flags, &variable), Ok(secret.clone()), "it is the same cluster");
        let error = guarded("lab", &flags, &variable).unwrap_err();
        assert!(matches!(&error, ResolveError::AnotherCluster { owners, .. } if owners == &["production"]), "{error:?}");
        assert!(error.help().contains("`cluster = \"production\"`"), "{}", error.help());
    }
    let error = guarded("prodution", &none(), &address("variable:2")).unwrap_err();
    assert!(matches!(&error, ResolveError::Unknown { nearest: Some(nearest), .. } if nearest == "production"), "{error:?}");
    // A tunnel to a cluster that the file knows.
    assert_eq!(guarded("production", &address("localhost:1"), &none()), Ok(secret));
    // A file that names no cluster has nothing to say about any.
    assert!(resolve("new", &none(), &address("variable:2"), &OperatorConfig::default()).unwrap().config.is_none());
}

#[test]
fn paths_of_the_file_are_relative_to_it() {
    let (_, insecure, tls, credentials) = vtctld(resolve("production", &none(), &none(), &config()));
    assert!(!insecure);
    let tls = tls.unwrap();
    assert_eq!(tls.ca, Some("/etc/cutover/ca.pem".into()));
    assert_eq!(tls.client, Some(("/etc/cutover/client.pem".into(), "/etc/cutover/client.key".into())));
    assert_eq!(credentials, Some(CredentialsSource::File("/run/secrets/vtctld.json".into())));
}

#[test]
fn credentials_stay_with_the_address_that_they_are_kept_for() {
    let found = resolve("production", &none(), &address("elsewhere:15999"), &config()).unwrap();
    assert_eq!(found.notes.len(), 1, "{:?}", found.notes);
    let (_, _, tls, credentials) = vtctld(Ok(found));
    assert_eq!((tls, credentials), (Some(TlsFiles::default()), None));

    // The same address is the same place, whoever names it.
    let found = resolve("production", &address("vtctld.example.com:15999"), &none(), &config()).unwrap();
    assert!(found.notes.is_empty());
    assert!(vtctld(Ok(found)).3.is_some());

    // A level in between that names another address takes nothing along either.
    let flags = address("vtctld.example.com:15999");
    let variable = ConnectionSource { credentials: Some(CredentialsSource::Text("{}".into())), ..address("other:1") };
    let found = vtctld(resolve("production", &flags, &variable, &config()));
    assert_eq!(found.3, Some(CredentialsSource::File("/run/secrets/vtctld.json".into())));

    // What a higher level adds counts for the address of a lower one.
    let flags = ConnectionSource { tls_server_name: Some("vtctld".into()), ..none() };
    let found = vtctld(resolve("production", &flags, &none(), &config()));
    assert_eq!(found.2.unwrap().server_name.as_deref(), Some("vtctld"));
    assert!(found.3.is_some());
}

#[test]
fn tls_is_the_rule_and_plaintext_is_asked_for() {
    let plain = |flags: &ConnectionSource| vtctld(resolve("new", flags, &none(), &OperatorConfig::default()));
    assert_eq!(plain(&address("far:1")).2, Some(TlsFiles::default()));
    assert_eq!(plain(&ConnectionSource { insecure: true, ..address("far:1") }).2, None);
    assert_eq!(plain(&address("localhost:1")).2, None);
    let ca = ConnectionSource { tls_ca: Some("ca.pem".into()), ..address("localhost:1") };
    assert!(plain(&ca).2.is_some());
    assert!(vtctld(resolve("lab", &none(), &none(), &config())).1);
    assert!(vtctld(resolve("laptop", &none(), &none(), &config())).3.is_some());
}

#[test]
fn secrets_never_go_with_plaintext_to_another_machine() {
    let flags = ConnectionSource { insecure: true, credentials: Some(CredentialsSource::File("c".into())), ..address("far:1") };
    assert_eq!(
        resolve("new", &flags, &none(), &OperatorConfig::default()).unwrap_err(),
        ResolveError::PlaintextSecrets("credentials")
    );
    let flags = ConnectionSource { insecure: true, ..none() };
    assert_eq!(resolve("production", &flags, &none(), &config()).unwrap_err(), ResolveError::PlaintextSecrets("TLS files"));
    let flags = ConnectionSource { tls_cert: Some("cert".into()), ..address("far:1") };
    assert_eq!(resolve("new", &flags, &none(), &OperatorConfig::default()).unwrap_err(), ResolveError::HalfCertificate);
}

#[test]
fn the_sandbox_is_never_a_real_cluster() {
    let found = resolve("sandbox", &none(), &address("vtctld.example.com:15999"), &config()).unwrap();
    assert_eq!(found.endpoint, Endpoint::Sandbox);
    assert_eq!(resolve("sandbox", &address("far:1"), &none(), &config()).unwrap_err(), ResolveError::SandboxAddress);
    // What the operator's file says of it is no cluster that another alias could be measured by.
    let of_sandbox = read("[clusters.sandbox]\nnotify = [\"tell\"]\n", Path::new("/etc/cutover")).unwrap();
    assert_eq!(resolve("sandbox", &none(), &none(), &of_sandbox).unwrap().config.unwrap().notify, ["tell"]);
    assert_eq!(resolve("new", &address("far:1"), &none(), &of_sandbox).unwrap().config, None);
}

#[test]
fn a_bad_address_is_named() {
    let error = resolve("new", &address("http://far:1"), &none(), &config()).unwrap_err();
    assert!(error.to_string().contains("http://far:1"), "{error}");
}

#[test]
fn the_topology_server_is_asked_only_behind_its_own_vtctld() {
    let of = |vtctld: &str| {
        let text =
            format!("[clusters.production]\n{vtctld}topo = \"etcds://etcd:2379/vitess/global\"\ntopo-tls-ca = \"ca.pem\"\n");
        read(&text, Path::new("/etc/cutover")).unwrap()
    };
    let with_vtctld = of("vtctld = \"vtctld.example.com:15999\"\n");
    for flags in [none(), address("vtctld.example.com:15999")] {
        let found = resolve("production", &flags, &none(), &with_vtctld).unwrap().topology.unwrap();
        assert_eq!(found.address.to_string(), "etcds://etcd:2379/vitess/global");
        assert_eq!(found.tls.ca, Some("/etc/cutover/ca.pem".into()));
    }
    let elsewhere = resolve("production", &address("other:1"), &none(), &with_vtctld).unwrap();
    assert_eq!(elsewhere.topology, None);
    assert!(elsewhere.notes.iter().any(|note| note.contains("it is not asked")), "{:?}", elsewhere.notes);
    assert!(resolve("production", &none(), &address("any:1"), &of("")).unwrap().topology.is_some());
    assert_eq!(resolve("sandbox", &none(), &none(), &with_vtctld).unwrap().topology, None);
}
