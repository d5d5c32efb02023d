//! What a command is given besides its own arguments.

use super::environment::Environment;
use super::error::Error;
use super::files::read_operator_config;
use super::global::{Format, Global};
use super::ui::Ui;
use crate::operator::{Connection, resolve};

pub struct Context {
    pub ui: Ui,
    pub global: Global,
    pub environment: Environment,
}

impl Context {
    /// How to reach the cluster of an alias: flags, environment, operator's file.
    pub fn connection(&mut self, alias: &str) -> Result<Connection, Error> {
        let config = read_operator_config(&self.global, &self.environment)?;
        let connection = resolve(alias, &self.global.connection(), &self.environment.connection, &config)?;
        for note in &connection.notes {
            self.ui.warn(note);
        }
        Ok(connection)
    }

    /// Refuses a format that a command has no form for.
    pub fn without_markdown(&self) -> Result<(), Error> {
        match self.global.format {
            Format::Markdown => Err(Error::usage("this command has no `--format markdown`", "take `human` or `json`")),
            Format::Human | Format::Json => Ok(()),
        }
    }

    pub fn is_json(&self) -> bool {
        self.global.format == Format::Json
    }
}
