use std::{
    fs,
    io::{self, IsTerminal, Read},
    path::PathBuf,
};

use anyhow::{Context, Result, bail};
use zeroize::Zeroizing;

/// Shorter passwords are guessed from the file in no time.
const MIN_PASSWORD_CHARS: usize = 8;
/// More than any key or phrase has.
const MAX_SECRET_BYTES: u64 = 4096;

/// Where a keystore's password comes from.
#[derive(Debug, Clone, clap::Args)]
pub struct PasswordArgs {
    /// File whose first line is the password; without it you are asked
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
}

impl PasswordArgs {
    /// The password of an existing keystore.
    ///
    /// # Errors
    /// When there is neither a file nor a terminal.
    pub fn existing(&self, what: &str) -> Result<Zeroizing<String>> {
        match self.in_file()? {
            Some(password) => Ok(password),
            None => prompt(&format!("Password of {what}: ")),
        }
    }

    /// A new password, asked for twice.
    ///
    /// # Errors
    /// When it is too short, or the two differ.
    pub fn new_password(&self, what: &str) -> Result<Zeroizing<String>> {
        let password = match self.in_file()? {
            Some(password) => password,
            None => {
                let first = prompt(&format!("New password for {what}: "))?;
                if prompt("The same again: ")? != first {
                    bail!("the two passwords differ; nothing was written");
                }
                first
            }
        };
        let chars = password.chars().count();
        if chars < MIN_PASSWORD_CHARS {
            bail!("the password has {chars} characters, at least {MIN_PASSWORD_CHARS} are needed; nothing was written");
        }
        Ok(password)
    }

    fn in_file(&self) -> Result<Option<Zeroizing<String>>> {
        let Some(path) = &self.password_file else { return Ok(None) };
        let text = Zeroizing::new(
            fs::read_to_string(path).with_context(|| format!("cannot read the password file {}", path.display()))?,
        );
        Ok(Some(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned())))
    }
}

fn prompt(question: &str) -> Result<Zeroizing<String>> {
    if !io::stdin().is_terminal() {
        bail!("no terminal to ask for a password: give --password-file FILE");
    }
    rpassword::prompt_password(question).map(Zeroizing::new).context("cannot read the password")
}

/// A secret from a pipe, or asked for without echo.
///
/// # Errors
/// When nothing comes.
pub fn read_secret(question: &str) -> Result<Zeroizing<String>> {
    if io::stdin().is_terminal() {
        return rpassword::prompt_password(question).map(Zeroizing::new).context("cannot read from the terminal");
    }
    let mut text = Zeroizing::new(String::new());
    io::stdin().take(MAX_SECRET_BYTES).read_to_string(&mut text).context("cannot read from standard input")?;
    if text.trim().is_empty() {
        bail!("standard input is empty: pipe in a private key (64 hex digits) or a phrase of 12 to 24 words");
    }
    Ok(Zeroizing::new(text.trim().to_owned()))
}
