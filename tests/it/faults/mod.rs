//! Nothing that breaks in the middle can hurt, found by enumeration: the whole program in one process over the sandbox, in virtual
//! time; once undisturbed, to count its effects, then once for every effect and every kind of fault, resumed until it ends.

mod adversary;
mod canonical;
mod files;
mod kinds;
mod life;
mod operator;
mod oracle;
mod script;
mod service;
mod world;

use cutover::run::phase::PhaseId;

use life::{Command, World};
use operator::{Outcome, carry_out};
use script::Script;
use world::Moment;

#[test]
fn measure() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let begin = std::time::Instant::now();
        let script = Script::new(0, []);
        script.tell_all();
        let world = World::at(&Moment::beginning(), script.clone());
        for phase in [
            PhaseId::CREATE,
            PhaseId::COPY,
            PhaseId::VERIFY,
            PhaseId::SWITCH_REPLICAS,
            PhaseId::SWITCH_PRIMARY,
            PhaseId::REVERT_WINDOW,
            PhaseId::COMPLETE,
            PhaseId::REMOVE_RULES,
        ] {
            let outcome = carry_out(&world, &Command::until(phase.clone())).await;
            println!("{phase} {outcome:?} {:?} effects {} ", begin.elapsed(), script.count());
            if outcome != Outcome::Done {
                println!("{}", script.story());
                return;
            }
            let at = std::time::Instant::now();
            let moment = world.moment();
            let text = canonical::of(&moment);
            println!("   snapshot {:?} {}", at.elapsed(), text.len());
        }
        std::fs::write("/tmp/story.txt", script.story()).unwrap();
        std::fs::write("/tmp/canonical.txt", canonical::of(&world.moment())).unwrap();
        println!("{:#?}", script.violations());
    });
}
