//! What people type and what files are called, on every screen: nothing of it acts.

use crate::support::{Output, TestEnv};

const SANDBOX: &str = "version = 1\n[keyspaces.commerce.tables.corder]\nrows = 10\n[keyspaces.customer]\nshards = [\"0\"]\n";

fn plan(policy: &str) -> String {
    format!(
        "version = 1\nworkflow = \"c2c\"\ncluster = \"sandbox\"\n[move-tables]\nsource-keyspace = \"commerce\"\ntarget-keyspace = \
         \"customer\"\ntables = [\"corder\"]\n[gates]\npolicy = \"{policy}\"\n[complete]\nsource-tables = \"rename\"\n"
    )
}

fn environment() -> TestEnv {
    let mut env = TestEnv::new();
    env.set("CUTOVER_SANDBOX_CLOCK", "jump");
    env.write("workflow.toml", plan("auto-advance"));
    env.write("sandbox.toml", SANDBOX);
    env
}

/// Arguments hold no zero byte.
fn hostile() -> String {
    super::HOSTILE.replace('\0', "")
}

fn assert_harmless(output: &Output, what: &str) {
    super::assert_harmless(&output.stdout, what);
    super::assert_harmless(&output.stderr, what);
    // What a program reads must be whole, too.
    for line in output.stdout.lines().filter(|line| line.starts_with('{')) {
        let _: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{what}: {error} in {line}"));
    }
}

#[test]
fn what_somebody_gave_as_a_reason_acts_on_no_screen() {
    let env = environment();
    let reason = hostile();
    let commands: Vec<Vec<&str>> = vec![
        vec!["apply", "--yes", "--until", "switch-primary"],
        vec!["pause", "--reason", &reason],
        vec!["resume"],
        vec!["switch-back", "--reason", &reason],
        vec!["approve", "switch-primary", "--reason", &reason],
        vec!["waive", "C201", "commerce.corder", "--reason", &reason],
        vec!["apply"],
        vec!["plan"],
        vec!["status"],
        vec!["history"],
        vec!["history", "--format", "markdown"],
        vec!["cancel", "--confirm", "c2c", "--reason", &reason],
    ];
    for command in commands {
        for format in ["human", "json"] {
            if command.contains(&"--format") && format == "json" {
                continue;
            }
            let mut arguments = command.clone();
            if !command.contains(&"--format") {
                arguments.extend(["--format", format]);
            }
            let output = env.run(&arguments);
            assert!(output.code.is_some_and(|code| code != 101), "{arguments:?}: {output}");
            assert_harmless(&output, &format!("{arguments:?}"));
        }
    }
    let told = env.run(&["history"]);
    assert!(told.stdout.contains("error title=x"), "the reason is there, and made harmless: {told}");
}

#[test]
fn a_file_with_a_hostile_name_acts_on_no_screen() {
    let env = environment();
    // A slash is no part of a name.
    let name = format!("{}.toml", hostile().replace('/', "|"));
    env.write(&name, plan("operator-hold"));
    env.write("broken.toml", format!("{}\n{}", plan("auto-advance"), super::HOSTILE));
    for file in [name.as_str(), "broken.toml", "no such \u{1b}[2J file\n::error::x"] {
        for command in ["validate", "plan", "apply", "status", "history", "switch-back", "cancel"] {
            for format in ["human", "json"] {
                let output = env.run(&[command, file, "--format", format]);
                assert_harmless(&output, &format!("{command} {file:?} {format}"));
            }
        }
    }
}

#[test]
fn an_operators_file_with_hostile_words_acts_on_no_screen() {
    let mut env = environment();
    let words = super::HOSTILE.replace('\u{0}', "");
    let toml = serde_json::to_string(&words).unwrap().replace('\u{7f}', "\\u007f");
    for text in [
        format!("[clusters.{toml}]\nvtctld = \"a:1\"\n"),
        format!("[clusters.a]\nvtctld = {toml}\n"),
        format!("[clusters.a]\ntopo = {toml}\n"),
        format!("[clusters.a]\nrequire-hold = [{toml}]\n"),
        format!("[clusters.a]\n{toml} = 1\n"),
        format!("[clusters.a]\nvtctld = '''{words}'''\n"),
        words.clone(),
    ] {
        let path = env.write("config.toml", &text);
        env.set("CUTOVER_CONFIG", path.to_str().unwrap());
        for command in ["plan", "apply", "status"] {
            let output = env.run(&[command]);
            assert_harmless(&output, &format!("{command} with {text:?}"));
        }
    }
}

#[test]
fn hostile_arguments_act_on_no_screen() {
    let env = environment();
    let words = hostile();
    let commands: [&[&str]; 9] = [
        &["apply", "--until", &words],
        &["apply", "--approve", &words, "--reason", "x"],
        &["approve", &words, "--reason", "x"],
        &["explain", &words],
        &["schema", &words],
        &["status", "--vtctld", &words],
        &["cancel", "--confirm", &words],
        &["init", &words, "customer"],
        &[&words],
    ];
    for command in commands {
        let output = env.run(command);
        assert!(output.code.is_some_and(|code| code != 0 && code != 101), "{command:?}: {output}");
        assert_harmless(&output, &format!("{command:?}"));
    }
}
