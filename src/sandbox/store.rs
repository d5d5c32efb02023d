//! Where the state stands: a file, changed whole under a lock; or, for tests of one process, memory.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::SandboxError;
use super::state::{FORMAT, State};

const STATE: &str = "state.json";
const LOCK: &str = "state.lock";
const CLIENTS: &str = "clients";

#[derive(Debug)]
pub enum Store {
    Folder(PathBuf, Mutex<Option<Box<Known>>>),
    Memory(Mutex<Box<State>>),
}

/// What a transaction leaves to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeping {
    Always,
    /// Nothing but time has passed: whoever looks next works that out anew, from the state before.
    WhenDue,
}

/// How much of the sandbox's time may be lost with this process.
const MOST_UNKEPT: SignedDuration = SignedDuration::from_millis(250);

/// What this process knows. As long as the file is the same one nobody else has written.
#[derive(Debug)]
pub struct Known {
    file: (u64, u64, i64, i64),
    kept_at: Timestamp,
    state: State,
}

impl Store {
    pub fn in_folder(folder: &Path) -> Self {
        Self::Folder(folder.to_owned(), Mutex::default())
    }

    pub fn in_memory(state: State) -> Self {
        Self::Memory(Mutex::new(Box::new(state)))
    }
}

/// Which file it is: a new one is put in its place with each transaction.
fn identity(folder: &Path) -> Option<(u64, u64, i64, i64)> {
    let metadata = fs::metadata(folder.join(STATE)).ok()?;
    Some((metadata.ino(), metadata.len(), metadata.mtime(), metadata.mtime_nsec()))
}

impl Store {
    /// Runs one transaction. What it returns with an error is not kept.
    ///
    /// # Errors
    /// When the file can't be read or written. Then nothing has changed.
    pub fn transact<T>(&self, keeping: Keeping, change: impl FnOnce(&mut State) -> T) -> Result<T, SandboxError> {
        match self {
            Self::Memory(state) => Ok(change(&mut state.lock().unwrap_or_else(PoisonError::into_inner))),
            Self::Folder(folder, known) => {
                let _lock = lock(folder)?;
                let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
                let now = identity(folder);
                let (mut state, kept_at) = match known.take().filter(|known| Some(known.file) == now) {
                    Some(known) => (known.state, Some((known.file, known.kept_at))),
                    None => (read(folder)?, None),
                };
                let answer = change(&mut state);
                if keeping == Keeping::WhenDue
                    && let Some((file, kept_at)) = kept_at
                    && state.now.duration_since(kept_at) < MOST_UNKEPT
                {
                    *known = Some(Box::new(Known { file, kept_at, state }));
                    return Ok(answer);
                }
                write(folder, &state)?;
                let kept_at = state.now;
                *known = identity(folder).map(|file| Box::new(Known { file, kept_at, state }));
                Ok(answer)
            }
        }
    }
}

/// A process that ends in good order leaves all of its time: what it has seen happen has happened for the next one too.
impl Drop for Store {
    fn drop(&mut self) {
        let Self::Folder(folder, known) = self else { return };
        let known = known.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        let Some(known) = known.filter(|known| known.state.now > known.kept_at) else { return };
        let Ok(_lock) = lock(folder) else { return };
        if identity(folder) == Some(known.file)
            && let Err(error) = write(folder, &known.state)
        {
            tracing::debug!(%error, "a little of the sandbox's time is lost");
        }
    }
}

fn failed<'a>(doing: &'static str, path: &'a Path) -> impl FnOnce(std::io::Error) -> SandboxError + 'a {
    move |source| SandboxError::File { doing, path: path.display().to_string(), source }
}

/// Held until it is dropped, or its process is gone.
pub fn lock(folder: &Path) -> Result<File, SandboxError> {
    let path = folder.join(LOCK);
    fs::create_dir_all(folder).map_err(failed("make", folder))?;
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed("open", &path))?;
    file.lock().map_err(failed("lock", &path))?;
    Ok(file)
}

/// Whether a sandbox has begun there.
pub fn is_begun(folder: &Path) -> bool {
    folder.join(STATE).exists()
}

pub fn read(folder: &Path) -> Result<State, SandboxError> {
    let path = folder.join(STATE);
    let bytes = fs::read(&path).map_err(failed("read", &path))?;
    let unreadable = |why: String| SandboxError::State { path: path.display().to_string(), why };
    let state: State = serde_json::from_slice(&bytes).map_err(|error| unreadable(error.to_string()))?;
    if state.format != FORMAT {
        return Err(unreadable(format!("it has the form {}, and this version knows {FORMAT}", state.format)));
    }
    Ok(state)
}

pub fn write(folder: &Path, state: &State) -> Result<(), SandboxError> {
    let path = folder.join(STATE);
    let text = serde_json::to_vec(state)
        .map_err(|error| SandboxError::State { path: path.display().to_string(), why: error.to_string() })?;
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed("write beside", &path))?;
    file.write_all(&text).map_err(failed("write", &path))?;
    file.persist(&path).map_err(|error| failed("replace", &path)(error.error))?;
    Ok(())
}

/// A mark that a process lives: a file that it holds locked.
#[derive(Debug)]
pub struct Client {
    pub name: String,
    path: PathBuf,
    _file: File,
}

impl Client {
    pub fn new(folder: &Path) -> Result<Self, SandboxError> {
        let clients = folder.join(CLIENTS);
        fs::create_dir_all(&clients).map_err(failed("make", &clients))?;
        let name = uuid::Uuid::new_v4().to_string();
        let path = clients.join(&name);
        let file = File::create(&path).map_err(failed("make", &path))?;
        file.lock().map_err(failed("lock", &path))?;
        Ok(Self { name, path, _file: file })
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // One that is left lying there is known to be dead by its lock.
        fs::remove_file(&self.path).ok();
    }
}

/// Whether the process that waits for an answer still lives.
pub fn lives(folder: &Path, client: &str) -> bool {
    let path = folder.join(CLIENTS).join(client);
    match File::options().write(true).open(&path) {
        Ok(file) => match file.try_lock() {
            Ok(()) => {
                fs::remove_file(&path).ok();
                false
            }
            Err(_) => true,
        },
        Err(_) => false,
    }
}
