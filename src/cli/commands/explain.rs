//! `cutover explain`

use clap::Args;
use serde_json::json;

use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::plan::conflicts;
use crate::report::wrap::wrap;
use crate::{leftovers, operator, plan, sandbox, spec};

/// Explain a code that another command printed
///
/// What it means, why it matters, and what to do.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// A code such as C113; left out, all of them are listed
    code: Option<String>,
}

/// A page with its code and title.
pub struct Page {
    pub code: &'static str,
    pub title: &'static str,
    /// Markdown.
    pub text: &'static str,
}

/// Every page, in the order of the codes.
pub fn pages() -> Vec<Page> {
    let of_files = spec::PAGES.iter().chain(operator::PAGES).chain(sandbox::file::pages::PAGES);
    let mut pages: Vec<Page> = of_files.map(|(code, title, text)| Page { code, title, text }).collect();
    pages.extend(plan::checks::CHECKS.iter().map(|check| Page { code: check.code, title: check.title, text: check.page }));
    pages.push(Page { code: conflicts::CODE, title: conflicts::TITLE, text: conflicts::PAGE });
    pages.extend(crate::run::pages::PAGES.iter().map(|page| Page { code: page.code, title: page.title, text: page.page }));
    pages.extend(leftovers::KINDS.iter().map(|kind| Page { code: kind.code, title: kind.title, text: kind.page }));
    pages.sort_by_key(|page| page.code);
    pages
}

pub fn run(args: ExplainArgs, context: &mut Context) -> Result<Exit, Error> {
    context.without_markdown()?;
    let pages = pages();
    let Some(wanted) = args.code else {
        if context.is_json() {
            let list = pages.iter().map(|page| json!({ "code": page.code, "title": page.title })).collect();
            context.ui.json(&serde_json::Value::Array(list))?;
        } else {
            let lines: String = pages.iter().map(|page| format!("{}  {}\n", page.code, page.title)).collect();
            context.ui.data(&lines)?;
        }
        return Ok(Exit::Done);
    };
    let Some(page) = pages.iter().find(|page| page.code.eq_ignore_ascii_case(wanted.trim())) else {
        return Err(Error::usage(format!("there is no code `{wanted}`"), "`cutover explain` lists them"));
    };
    if context.is_json() {
        context.ui.json(&json!({ "code": page.code, "title": page.title, "text": page.text }))?;
    } else {
        let text = format!("# {}: {}\n\n{}", page.code, page.title, page.text);
        let width = context.ui.drawing.width.clamp(40, 100);
        context.ui.data(&wrap(&text, width))?;
    }
    Ok(Exit::Done)
}
