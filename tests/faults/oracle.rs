//! What must hold at every moment, whatever strikes. The sandbox asks itself after each micro-step (I1, I2); here is what it found, and
//! that writes never lead to nothing (I3). I5 and I6 are asked where calls leave, I16 where a process ends.

use cutover::sandbox::Sandbox;

use super::script::Script;

pub fn ask(sandbox: &Sandbox, script: &Script, after: &str) {
    for violation in sandbox.violations_seen().unwrap() {
        script.violated(format!("I1, I2: {violation}, after {after}"));
    }
    for account in sandbox.accounts().unwrap() {
        if let Err(why) = &account.writes_go_to
            && !why.ends_with("denies them")
        {
            script.violated(format!("I3: writes of {} go nowhere after {after}: {why}", account.table));
        }
    }
}
