//! Leases: who computes a part of a job. One small file beside the part's own, on any file system, without locks.
//!
//! To take a lease, a process writes a file of its own and hard-links it to `<part>.lease`: a link to a name that
//! exists fails, on local disks and on NFS alike (where there are no hard links, exclusive creation does the same).
//! The holder writes the same bytes again every [`Patience::beat`], through the file that it opened, never by name, so
//! that it cannot touch a successor's. It removes the file when the part is in the store.
//!
//! A lease is stale, and anyone may take it over, if
//! - its holder ran on this machine and the system says that the process is gone; or
//! - its last beat is older than [`Patience::stale`] against a file that the observer writes just then, so that both
//!   times come from the clock that the store's file system goes by; or
//! - the observer has seen it unchanged for that long by its own monotonic clock, whatever the file times say: that
//!   holds where the store's clock was set back.
//!
//! A stale lease is renamed away, which only one process can do, and what was renamed is compared with what was judged.
//! If it is another, a third process was faster, and its lease is put back.
//!
//! What this guarantees: as long as every holder beats in time, no two processes compute the same part at once. What it
//! does not: a holder that stood still for longer than [`Patience::stale`] (suspended, or cut off from the file server)
//! finds that its part was given to another. Then the part is computed twice. That is waste, not damage: parts are
//! deterministic, and a result is renamed into place whole.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::files::beside;
use crate::holder::Holder;
use crate::plain;

/// Bytes of a lease: a part and who computes it.
const LARGEST: u64 = 1 << 20;

/// How often the holder of a lease gives a sign of life, and how long the others wait for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Between two signs of life.
    pub beat: Duration,
    /// Without a sign of life for this long, the part is given to another. Network file systems show the times of
    /// files late, by a minute with the usual options of NFS: longer than that, and several beats.
    pub stale: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { beat: Duration::from_secs(10), stale: Duration::from_secs(150) }
    }
}

/// What a lease file says.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    /// For people. The name is the one of leases on disk: the parts of the first jobs were cells.
    #[serde(rename = "cell")]
    part: Value,
    holder: Holder,
    /// Unlike that of any other lease.
    nonce: String,
}

impl Text {
    fn parse(text: &[u8]) -> Option<Self> {
        // Without fields of which it knows nothing: the parser would not check what they hold.
        serde_json::from_slice(text).ok()
    }
}

/// A lease as it looks to one who only reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sign {
    /// The holder's machine.
    pub host: String,
    /// The holder's process there.
    pub pid: u32,
    /// The last beat, by the clock of the store's file system.
    pub beat: SystemTime,
    /// Its holder is known to be gone, or silent for too long by this machine's clock.
    pub lost: bool,
}

/// The lease at this path, if there is one that can be read.
pub fn sign(path: &Path, patience: Patience) -> Option<Sign> {
    let (text, beat) = read(path).ok().flatten()?;
    let holder = Text::parse(&text)?.holder;
    let silent = SystemTime::now().duration_since(beat).unwrap_or_default();
    let lost = silent > patience.stale || holder.is_dead(&Holder::here());
    Some(Sign { host: holder.host, pid: holder.pid, beat, lost })
}

/// The content of the lease at this path if it is stale when the clock of the store's file system shows `now`; `None` if
/// it may be alive, or is gone.
///
/// # Errors
/// If it cannot be read.
pub(crate) fn stale_at(path: &Path, now: SystemTime, patience: Patience) -> io::Result<Option<Vec<u8>>> {
    let Some((text, beat)) = read(path)? else { return Ok(None) };
    let dead = Text::parse(&text).is_some_and(|theirs| theirs.holder.is_dead(&Holder::here()));
    let silent = now.duration_since(beat).unwrap_or_default() > patience.stale;
    Ok((dead || silent).then_some(text))
}

/// The leases of one run.
pub struct Leases {
    patience: Patience,
    me: Holder,
    held: Arc<Held>,
    beater: Option<JoinHandle<()>>,
    /// Leases of others.
    seen: Mutex<BTreeMap<PathBuf, Seen>>,
}

/// A lease's content and time as last seen, and since when by this process's own clock.
type Seen = (Vec<u8>, SystemTime, Instant);

/// A part is this process's to compute, until it is dropped.
pub struct Lease<'a> {
    held: &'a Held,
    path: PathBuf,
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        self.held.release(&self.path);
    }
}

impl Leases {
    /// No leases yet, and a thread that will keep them alive.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub fn new(patience: Patience) -> io::Result<Self> {
        let held = Arc::new(Held::default());
        let (beat, keeper) = (patience.beat, Arc::clone(&held));
        let beater =
            std::thread::Builder::new().name("leases".to_owned()).spawn(move || keeper.beat(beat))?;
        let seen = Mutex::default();
        Ok(Self { patience, me: Holder::here(), held, beater: Some(beater), seen })
    }

    /// Takes the lease in the file `path`, which says what `part` it is of; `None` if another process holds it.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn take(&self, path: &Path, part: &Value) -> io::Result<Option<Lease<'_>>> {
        let taken = self.place(path, part)?;
        Ok(taken.then(|| Lease { held: &self.held, path: path.to_owned() }))
    }

    /// Gives every lease back, and takes no more: the process is about to end with parts in flight.
    pub fn release_all(&self) {
        let mut state = lock(&self.held.state);
        state.closed = true;
        let paths: Vec<PathBuf> = state.files.keys().cloned().collect();
        drop(state);
        paths.iter().for_each(|path| self.held.release(path));
    }

    fn place(&self, path: &Path, part: &Value) -> io::Result<bool> {
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        let own = beside(path, "tmp");
        let nonce = own.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = Text { part: part.clone(), holder: self.me.clone(), nonce };
        let text = serde_json::to_vec(&text).map_err(io::Error::other)?;
        let placed = fs::write(&own, &text).and_then(|()| self.contend(path, &own, &text));
        // Linked or not, nobody needs this name any more; if it stays it is in nobody's way.
        let _ = fs::remove_file(&own);
        if placed? {
            return self.held.hold(path, text);
        }
        Ok(false)
    }

    /// Links `own` to `path`, past a stale lease if there is one; whether it is ours now.
    fn contend(&self, path: &Path, own: &Path, text: &[u8]) -> io::Result<bool> {
        const RACES: usize = 3;
        for _ in 0..RACES {
            if link(own, path, text)? {
                return Ok(true);
            }
            match self.look(path, own)? {
                Sight::Gone => {}
                Sight::Held => return Ok(false),
                Sight::Stale(judged) => remove_stale(path, &judged)?,
            }
        }
        // Others were faster each time.
        Ok(false)
    }

    fn look(&self, path: &Path, own: &Path) -> io::Result<Sight> {
        let Some((text, modified)) = read(path)? else { return Ok(Sight::Gone) };
        if Text::parse(&text).is_some_and(|theirs| theirs.holder.is_dead(&self.me)) {
            return Ok(Sight::Stale(text));
        }
        // The store's time now: that of a file which is written now. A beat in the future has no age.
        let now = File::options().write(true).open(own).and_then(|file| {
            file.sync_all()?;
            file.metadata()?.modified()
        })?;
        let stale = self.patience.stale;
        let age = now.duration_since(modified).unwrap_or_default();
        let mut seen = lock(&self.seen);
        let unchanged = match seen.get(path) {
            Some((before, then, since)) if (before, then) == (&text, &modified) => since.elapsed(),
            _ => {
                seen.insert(path.to_owned(), (text.clone(), modified, Instant::now()));
                Duration::ZERO
            }
        };
        Ok(if age.max(unchanged) > stale { Sight::Stale(text) } else { Sight::Held })
    }
}

impl Drop for Leases {
    fn drop(&mut self) {
        self.release_all();
        lock(&self.held.state).ended = true;
        self.held.bell.notify_all();
        if let Some(beater) = self.beater.take() {
            // It never panics; if it did, there is nothing left to keep alive.
            let _ = beater.join();
        }
    }
}

/// Another process's lease.
enum Sight {
    Gone,
    Held,
    Stale(Vec<u8>),
}

/// Content and time of a lease file; `None` if there is none.
fn read(path: &Path) -> io::Result<Option<(Vec<u8>, SystemTime)>> {
    match plain::read(path, LARGEST) {
        Ok(content) => Ok(Some(content)),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::StaleNetworkFileHandle) => {
            Ok(None)
        }
        Err(e) => Err(e),
    }
}

/// Gives `own`, with this content, the name `path`; `false` if there is a file of that name.
fn link(own: &Path, path: &Path, text: &[u8]) -> io::Result<bool> {
    match fs::hard_link(own, path) {
        Ok(()) => Ok(true),
        // NFS repeats a request whose answer got lost: then the name exists because the first one succeeded.
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            Ok(read(path)?.is_some_and(|(content, _)| content == text))
        }
        Err(_) => match OpenOptions::new().write(true).create_new(true).open(path) {
            Ok(mut file) => file.write_all(text).map(|()| true),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(e) => Err(e),
        },
    }
}

/// Renames a lease away that was judged stale, and puts it back if it is not that one.
pub(crate) fn remove_stale(path: &Path, judged: &[u8]) -> io::Result<()> {
    let away = beside(path, "stale");
    match fs::rename(path, &away) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        renamed => renamed?,
    }
    let content = fs::read(&away)?;
    if content != judged {
        // If a third process has taken the free place meanwhile, two hold the part: see the module's guarantee.
        link(&away, path, &content)?;
    }
    fs::remove_file(&away)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that holds these locks leaves half of a change behind when it panics.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The leases that this run holds.
#[derive(Default)]
struct Held {
    state: Mutex<State>,
    bell: Condvar,
}

#[derive(Default)]
struct State {
    files: BTreeMap<PathBuf, (Arc<File>, Vec<u8>)>,
    /// No more leases.
    closed: bool,
    /// No more beats.
    ended: bool,
}

impl Held {
    /// Keeps a lease just taken alive; `false` if it is another's already.
    fn hold(&self, path: &Path, text: Vec<u8>) -> io::Result<bool> {
        // By its new name: NFS does not remove a name while it is open, but renames it.
        let mut file = match File::options().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(e) => return Err(e),
        };
        let mut content = Vec::new();
        file.read_to_end(&mut content)?;
        if content != text {
            return Ok(false);
        }
        let mut state = lock(&self.state);
        if state.closed {
            drop(file);
            return fs::remove_file(path).map(|()| false);
        }
        state.files.insert(path.to_owned(), (Arc::new(file), text));
        Ok(true)
    }

    /// Removes a lease if it is still held.
    fn release(&self, path: &Path) {
        let Some((file, text)) = lock(&self.state).files.remove(path) else { return };
        drop(file);
        // A lease that cannot be removed, or is another's by now, is left: it grows stale.
        if read(path).is_ok_and(|content| content.is_some_and(|(content, _)| content == text)) {
            let _ = fs::remove_file(path);
        }
    }

    /// Gives signs of life until the end.
    fn beat(&self, every: Duration) {
        let mut state = lock(&self.state);
        while !state.ended {
            state = self.bell.wait_timeout(state, every).unwrap_or_else(PoisonError::into_inner).0;
            let files: Vec<_> = state.files.values().cloned().collect();
            drop(state);
            for (file, text) in files {
                // If the store cannot be written now, the next beat may; if not, the lease grows stale.
                let _ = (&*file)
                    .rewind()
                    .and_then(|()| (&*file).write_all(&text))
                    .and_then(|()| file.sync_data());
            }
            state = lock(&self.state);
        }
    }
}

#[cfg(test)]
mod tests;
