//! The file of a large genesis' accounts: read in one pass, with memory for one line.
//!
//! The file's addresses ascend strictly, so that a duplicate shows without remembering any of them. Its hash and
//! count are known only at its end: whoever applies accounts as they come throws the state away when the last item
//! is an error (InitChain commits nothing before the first block).

use std::{
    fs::File,
    io::{self, BufRead, BufReader, BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use defchain_base::{Address, B256};
use sha2::{Digest, Sha256};

use super::{
    AccountsFile, GenesisAccount,
    problems::{GenesisErrors, Problems},
    validate::{Supply, ValidatedGenesis, check_account},
};

/// The longest line that is read: an account with half a million storage slots.
const MAX_LINE_BYTES: u64 = 64 * 1024 * 1024;

impl AccountsFile {
    /// `accounts-<sha256>.jsonl`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("accounts-{}.jsonl", hex::encode(self.sha256))
    }
}

/// Writes an accounts file into `folder` and says how genesis names it. Accounts must come by ascending address.
///
/// # Errors
/// When the file cannot be written.
pub fn write_accounts_file(
    folder: &Path,
    accounts: impl IntoIterator<Item = GenesisAccount>,
) -> io::Result<AccountsFile> {
    let partial = folder.join("accounts.partial");
    let mut out = BufWriter::new(File::create(&partial)?);
    let mut hasher = Sha256::new();
    let mut count = 0_u64;
    for account in accounts {
        let mut line = serde_json::to_vec(&account)?;
        line.push(b'\n');
        hasher.update(&line);
        out.write_all(&line)?;
        count = count.saturating_add(1);
    }
    out.into_inner()?.sync_all()?;
    let file = AccountsFile { sha256: B256::new(hasher.finalize().into()), count };
    std::fs::rename(partial, folder.join(file.name()))?;
    Ok(file)
}

impl ValidatedGenesis {
    /// Opens the accounts file, if genesis names one, beside the genesis file in `folder`.
    ///
    /// # Errors
    /// When the file cannot be opened, or nobody said where genesis lies.
    pub fn open_accounts_file(&self, folder: Option<&Path>) -> Result<Option<AccountsReader>, GenesisErrors> {
        let Some(file) = &self.accounts_file else { return Ok(None) };
        let Some(folder) = folder else {
            let what = format!("is {}, but this process was not told the folder of genesis.json", file.name());
            return Err(GenesisErrors::one("app_state.accounts_file", what));
        };
        let path = folder.join(file.name());
        let opened = File::open(&path).map_err(|error| {
            let what = format!(
                "cannot open {}: {error}; the file named {} belongs into that folder",
                path.display(),
                file.name()
            );
            GenesisErrors::one("app_state.accounts_file", what)
        })?;
        Ok(Some(AccountsReader {
            file: file.clone(),
            path,
            reader: BufReader::with_capacity(1 << 20, opened),
            hasher: Sha256::new(),
            line: 0,
            previous: None,
            inline: self.accounts.iter().map(|a| a.address).collect(),
            supply: Supply::new(self.supply),
            ended: false,
        }))
    }
}

/// The accounts of a file, each checked; the last item is an error if hash, count or the whole supply are wrong.
pub struct AccountsReader {
    file: AccountsFile,
    path: PathBuf,
    reader: BufReader<File>,
    hasher: Sha256,
    line: u64,
    previous: Option<Address>,
    /// Those of `app_state.accounts`, ascending.
    inline: Vec<Address>,
    supply: Supply,
    ended: bool,
}

impl AccountsReader {
    /// Reads to the end and notes everything that is wrong.
    pub fn check(self, problems: &mut Problems) {
        for item in self {
            if let Err(errors) = item {
                problems.append(errors.0);
            }
        }
    }

    fn at(&self) -> String {
        format!("{}:{}", self.file.name(), self.line)
    }

    /// The next line without its end, or nothing at the end of the file.
    fn next_line(&mut self) -> Result<Option<Vec<u8>>, GenesisErrors> {
        let mut line = Vec::new();
        let limit = MAX_LINE_BYTES.saturating_add(1);
        let failed = |error: io::Error| {
            GenesisErrors::one("app_state.accounts_file", format!("cannot read {}: {error}", self.path.display()))
        };
        self.reader.by_ref().take(limit).read_until(b'\n', &mut line).map_err(failed)?;
        if line.is_empty() {
            return Ok(None);
        }
        self.line = self.line.saturating_add(1);
        if line.len() as u64 > MAX_LINE_BYTES {
            let what = format!("is longer than {MAX_LINE_BYTES} bytes: nothing behind it was read");
            return Err(GenesisErrors::one(self.at(), what));
        }
        self.hasher.update(&line);
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        Ok(Some(line))
    }

    fn account(&mut self, line: &[u8]) -> Result<GenesisAccount, GenesisErrors> {
        let at = self.at();
        let account: GenesisAccount =
            serde_json::from_slice(line).map_err(|error| GenesisErrors::one(&at, error.to_string()))?;
        let mut problems = Problems::default();
        check_account(&account, &at, &mut problems);
        if self.inline.binary_search(&account.address).is_ok() {
            problems.add(&at, format!("{} stands in app_state.accounts already", account.address));
        }
        if let Some(previous) = self.previous.filter(|previous| *previous >= account.address) {
            let what = format!("{} follows {previous}: addresses must ascend, each once", account.address);
            problems.add(&at, what);
        }
        self.previous = Some(account.address);
        self.supply.add(account.balance);
        problems.or(Some(account))
    }

    fn end(&mut self) -> Result<(), GenesisErrors> {
        self.ended = true;
        let mut problems = Problems::default();
        let at = "app_state.accounts_file";
        let found = B256::new(self.hasher.finalize_reset().into());
        if found != self.file.sha256 {
            let what = format!(
                "{} has the SHA-256 {found}, genesis says {}: get the file that belongs to this genesis",
                self.path.display(),
                self.file.sha256
            );
            problems.add(at, what);
        }
        if self.line != self.file.count {
            let what = format!("{} has {} lines, genesis says {}", self.path.display(), self.line, self.file.count);
            problems.add(at, what);
        }
        self.supply.check("all accounts", &mut problems);
        problems.or(Some(()))
    }
}

impl Iterator for AccountsReader {
    type Item = Result<GenesisAccount, GenesisErrors>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        match self.next_line() {
            Ok(Some(line)) => Some(self.account(&line)),
            Ok(None) => self.end().err().map(Err),
            Err(errors) => {
                // What follows cannot be told apart from the rest of this line.
                self.ended = true;
                Some(Err(errors))
            }
        }
    }
}
