//! The commands that a message ends with, as they must be typed.

use crate::cluster::mutation::shell;

/// Read without being named.
const DEFAULT_FILE: &str = "workflow.toml";

/// Those whose first argument is the plan file.
const WITH_FILE: [&str; 15] = [
    "adopt",
    "apply",
    "approve",
    "cancel",
    "doctor",
    "history",
    "pause",
    "plan",
    "repair",
    "restore-rules",
    "resume",
    "status",
    "switch-back",
    "validate",
    "waive",
];

/// `cutover approve complete …` with the plan file in it, where that isn't the one that is read by default.
pub fn for_file(command: &str, file: Option<&str>) -> String {
    let Some(file) = file.filter(|file| *file != DEFAULT_FILE) else { return command.to_owned() };
    let Some(rest) = command.strip_prefix("cutover ") else { return command.to_owned() };
    let (verb, arguments) = rest.split_once(' ').unwrap_or((rest, ""));
    if !WITH_FILE.contains(&verb) {
        return command.to_owned();
    }
    format!("cutover {verb} {} {arguments}", shell(file)).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::for_file;

    #[test]
    fn the_file_is_named_where_it_must_be() {
        let approve = "cutover approve complete --reason TEXT";
        assert_eq!(for_file(approve, None), approve);
        assert_eq!(for_file(approve, Some("workflow.toml")), approve);
        assert_eq!(for_file(approve, Some("a b.toml")), "cutover approve 'a b.toml' complete --reason TEXT");
        assert_eq!(for_file("cutover apply", Some("x/workflow.toml")), "cutover apply x/workflow.toml");
        assert_eq!(for_file("cutover explain C201", Some("x.toml")), "cutover explain C201");
        assert_eq!(for_file("vtctldclient GetWorkflows customer", Some("x.toml")), "vtctldclient GetWorkflows customer");
    }
}
