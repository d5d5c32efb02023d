//! A vtctld that asks who is there: passwords, TLS, client certificates. No secret is ever shown.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use super::support::{Case, Movement, Program, Shape, World, cases};

pub fn tests() -> Vec<Case> {
    cases![a_password_is_asked_for, no_secret_is_shown, tls_with_certificates_on_both_sides]
}

const PASSWORD: &str = "geheim-und-lang";

/// A further vtctld with one user, `operator`; gives its address.
fn vtctld_with_password(world: &World) -> String {
    let users = world.write("users.json", &format!(r#"[{{"Username": "operator", "Password": "{PASSWORD}"}}]"#));
    let flags = ["--grpc-auth-mode", "static", "--grpc-auth-static-password-file", text(&users)];
    world.cluster.more_vtctld("vtctld-static", &flags)
}

fn credentials(password: &str) -> String {
    format!(r#"{{"Username": "operator", "Password": "{password}"}}"#)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

fn at(world: &World, address: &str) -> Program {
    world.cutover().env("CUTOVER_VTCTLD", address)
}

fn a_password_is_asked_for(world: &World) {
    let movement = Movement::prepare(world, &Shape { rows: 10, ..Shape::default() });
    world.write("workflow.toml", &movement.quick_plan("", "1h"));
    let address = vtctld_with_password(world);

    let none = at(world, &address).args(["plan"]).run_expecting(77);
    assert!(none.stderr.contains("CUTOVER_VTCTLD_CREDENTIALS"), "it names the way in: {none}");
    let wrong = world.write("wrong.json", &credentials("another"));
    let said = at(world, &address).args(["plan", "--credentials-file", text(&wrong)]).run_expecting(77);
    assert!(!said.stderr.contains("another"), "{said}");
    at(world, &address).env("CUTOVER_VTCTLD_CREDENTIALS", &credentials("another")).args(["plan"]).run_expecting(77);

    let right = world.write("right.json", &credentials(PASSWORD));
    at(world, &address).args(["plan", "--credentials-file", text(&right)]).run_expecting(0);
    at(world, &address).env("CUTOVER_VTCTLD_CREDENTIALS", text(&right)).args(["plan"]).run_expecting(0);
    at(world, &address).env("CUTOVER_VTCTLD_CREDENTIALS", &credentials(PASSWORD)).args(["plan"]).run_expecting(0);

    let spoilt = world.write("spoilt.json", &format!("{{\"Username\": \"operator\", \"Password\": {PASSWORD}}}"));
    let said = at(world, &address).args(["plan", "--credentials-file", text(&spoilt)]).run_expecting(64);
    assert!(!said.stderr.contains(PASSWORD), "{said}");
    assert!(!world.folder().join("workflow.lock").exists(), "plan writes nothing");
}

fn no_secret_is_shown(world: &World) {
    let movement = Movement::prepare(world, &Shape { rows: 10, ..Shape::default() });
    world.write("workflow.toml", &movement.quick_plan("", "1h"));
    let address = vtctld_with_password(world);
    // `operator:PASSWORD` in base64, as an Authorization header would hold it: Vitess's own headers hold it plain.
    let secrets = [PASSWORD, "b3BlcmF0b3I6Z2VoZWltLXVuZC1sYW5n"];
    let mut seen = 0;
    for arguments in [
        ["-vv", "plan", "--format", "json"].as_slice(),
        &["-vv", "apply", "--yes", "--until", "create", "--format", "json"],
        &["-vv", "apply", "--until", "verify"],
        &["-vv", "cancel", "--confirm", &movement.workflow],
    ] {
        let run = at(world, &address).env("CUTOVER_VTCTLD_CREDENTIALS", &credentials(PASSWORD));
        let said = run.args(arguments.iter().copied()).run_expecting(0);
        assert!(said.stderr.len() > 1000, "-vv logs much: {said}");
        for secret in secrets {
            assert!(!said.stdout.contains(secret) && !said.stderr.contains(secret), "the password is shown by {}", said.what);
        }
    }
    for file in files_below(world.folder()) {
        if ["users.json"].contains(&file.file_name().expect("a file").to_string_lossy().as_ref()) {
            continue;
        }
        let bytes = String::from_utf8_lossy(&std::fs::read(&file).expect("a file of the test")).into_owned();
        assert!(!secrets.iter().any(|secret| bytes.contains(secret)), "the password is in {}", file.display());
        seen += 1;
    }
    assert!(seen > 5, "lockfile, kept pictures and output were looked at: {seen}");
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

/// Signs certificates.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a certificate"))
    }

    /// Writes certificate and key for this name into `NAME.pem` and `NAME.key`.
    fn sign(&self, world: &World, name: &str) -> [PathBuf; 2] {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        [world.write(&format!("{name}.pem"), &certificate.pem()), world.write(&format!("{name}.key"), &key.serialize_pem())]
    }
}

fn tls_with_certificates_on_both_sides(world: &World) {
    let movement = Movement::prepare(world, &Shape { rows: 10, ..Shape::default() });
    world.write("workflow.toml", &movement.quick_plan("", "1h"));
    let (ours, strange) = (Authority::new("ours"), Authority::new("strange"));
    let ca = world.write("ca.pem", &ours.0.pem());
    let strange_ca = world.write("strange-ca.pem", &strange.0.pem());
    let server = ours.sign(world, "vtctld.test");
    let client = ours.sign(world, "cutover.test");
    let strange_client = strange.sign(world, "stranger.test");
    let names = ["grpc-cert", "grpc-key", "grpc-ca"].map(|name| {
        let name = if world.cluster.version().starts_with("v0.22") { name.replace('-', "_") } else { name.to_owned() };
        format!("--{name}")
    });
    let flags = [&names[0], text(&server[0]), &names[1], text(&server[1]), &names[2], text(&ca)];
    let address = world.cluster.more_vtctld("vtctld-tls", &flags);

    let plan = |ca: Option<&Path>, name: &str, client: Option<&[PathBuf; 2]>, code: i32| {
        let mut arguments = vec!["plan"];
        if let Some(ca) = ca {
            arguments.extend(["--tls-ca", text(ca), "--tls-server-name", name]);
        }
        if let Some([certificate, key]) = client {
            arguments.extend(["--tls-cert", text(certificate), "--tls-key", text(key)]);
        }
        at(world, &address).args(arguments).run_expecting(code)
    };
    let expect = |said: super::support::program::Output, parts: &[&str]| {
        let lower = said.stderr.to_lowercase();
        assert!(parts.iter().any(|part| lower.contains(part)), "none of {parts:?} is in {said}");
        assert!(lower.contains(&address), "it names whom it called: {said}");
    };
    plan(Some(&ca), "vtctld.test", Some(&client), 0);
    expect(plan(Some(&ca), "another.test", Some(&client), 69), &["not valid for name", "notvalidforname"]);
    expect(plan(Some(&strange_ca), "vtctld.test", Some(&client), 69), &["unknownissuer", "unknown issuer", "badsignature"]);
    // The server refuses a client's certificate after the client's side of the handshake is done. Whether its reason is read
    // before the connection is gone is up to timing.
    let refused = ["certificate", "handshake", "connection closed", "connection reset", "broken pipe"];
    expect(plan(Some(&ca), "vtctld.test", None, 69), &refused);
    expect(plan(Some(&ca), "vtctld.test", Some(&strange_client), 69), &refused);
    // Its TLS alert, where it arrives before the connection is gone, says it clearer.
    expect(plan(None, "", None, 69), &["tls", "connection reset", "connection closed", "broken pipe"]);

    // A password goes over it too, and the movement's writes do.
    let arguments = ["--tls-ca", text(&ca), "--tls-server-name", "vtctld.test", "--tls-cert", text(&client[0])];
    let run = at(world, &address).args(arguments).args(["--tls-key", text(&client[1]), "apply", "--yes", "--until", "create"]);
    run.run_expecting(0);
    assert!(!movement.routing_rules().is_empty());
}
