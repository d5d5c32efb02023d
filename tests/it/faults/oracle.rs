//! What must hold at every moment, whatever strikes (I1 and I3 here; I5 and I6 where calls leave, I16 where a process ends).

use cutover::sandbox::Sandbox;

use super::script::Script;

/// Asks the application: is every row that was acknowledged where its writes go, once?
pub fn ask(sandbox: &Sandbox, script: &Script, after: &str) {
    for account in sandbox.accounts().unwrap() {
        let table = &account.table;
        if account.lost > 0 {
            let where_to = account.writes_go_to.as_ref().unwrap_or_else(|why| why);
            script.violated(format!(
                "I1: {} acknowledged rows of {table} are lost after {after}; writes: {where_to}",
                account.lost
            ));
        }
        if account.twice > 0 {
            script.violated(format!("I1: {} ids of {table} were given twice after {after}", account.twice));
        }
        if let Err(why) = &account.writes_go_to
            && !why.ends_with("denies them")
        {
            script.violated(format!("I3: writes of {table} go nowhere after {after}: {why}"));
        }
    }
}
