use super::*;
use crate::finding::Finding;
use crate::report::fixtures::{ASCII, COLOUR, HOSTILE, PLAIN, WIDE, no_key, passes, plan_of, slow_binlog};

fn view(drawing: Drawing) -> PlanView<'static> {
    PlanView { drawing, full: false, file: None }
}

#[test]
#[ignore = "shows the pages, for eyes"]
fn show() {
    let mut findings = passes(14);
    findings.extend([slow_binlog("zone1-0000000100"), slow_binlog("zone1-0000000101")]);
    println!("{}", draw(&plan_of(2, "production", findings.clone()), &view(COLOUR)));
    println!("{}", draw(&plan_of(400, "production", findings.clone()), &view(WIDE)));
    findings.extend((1..40).map(|n| no_key(&format!("order_{n:03}"))));
    println!("{}", draw(&plan_of(400, "sandbox", findings.clone()), &view(ASCII)));
    println!("{}", draw(&plan_of(2, "production", findings), &PlanView { full: true, ..view(WIDE) }));
}
