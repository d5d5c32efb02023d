//! Who acts: for the record's entries and the lease.

use super::entry::Actor;

/// How long a name may be in the record.
const LIMIT_CHARACTERS: usize = 64;

/// The actor of this process. `user` is what the environment says (`USER`, or `GITHUB_ACTOR`); without it the system's name for
/// the user, or else the number.
pub fn this_process(user: Option<&str>) -> Actor {
    let known = whoami::username().ok();
    let user = user.filter(|user| !user.trim().is_empty()).or(known.as_deref());
    let name = rustix::system::uname();
    let host = name.nodename().to_string_lossy();
    actor(user, rustix::process::getuid().as_raw(), &host, std::process::id(), env!("CARGO_PKG_VERSION"))
}

/// An actor whose names fit on a line.
pub fn actor(user: Option<&str>, uid: u32, host: &str, process: u32, version: &str) -> Actor {
    let user = user.map(plain).filter(|user| !user.is_empty()).unwrap_or_else(|| format!("uid {uid}"));
    let host = Some(plain(host)).filter(|host| !host.is_empty()).unwrap_or_else(|| "unknown".to_owned());
    Actor { user, host, process, version: version.to_owned() }
}

/// Without control characters and without end.
fn plain(text: &str) -> String {
    text.trim().chars().filter(|c| !c.is_control()).take(LIMIT_CHARACTERS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_no_name_has_a_number() {
        assert_eq!(actor(None, 1000, "ops1", 7, "0.1.0").user, "uid 1000");
        assert_eq!(actor(Some("  "), 1000, "ops1", 7, "0.1.0").user, "uid 1000");
    }

    #[test]
    fn names_fit_on_a_line() {
        let actor = actor(Some("mo\nrgan\u{1b}[31m"), 1000, &"h".repeat(300), 7, "0.1.0");
        assert_eq!(actor.user, "morgan[31m");
        assert_eq!(actor.host.len(), 64);
    }

    #[test]
    fn this_process_is_somewhere() {
        let actor = this_process(Some("morgan"));
        assert_eq!((actor.user.as_str(), actor.process), ("morgan", std::process::id()));
        assert!(!actor.host.is_empty());
        assert!(!this_process(None).user.is_empty());
    }
}
