//! Reading whole files that anyone may have put where they are: never a pipe that nobody writes to, never more than such a
//! file has reason to hold.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read};
use std::path::Path;
use std::time::SystemTime;

/// Opens a file for reading, unless it is something that only has a file's name.
///
/// # Errors
/// As [`File::open`]; for a folder, a pipe or a device, what it is; for a link that leads nowhere, that it does.
pub fn open(path: &Path) -> io::Result<(File, Metadata)> {
    // Before it is opened: opening a pipe waits for someone who writes to it.
    if let Ok(metadata) = fs::metadata(path) {
        if metadata.is_dir() {
            return Err(ErrorKind::IsADirectory.into());
        }
        if !metadata.is_file() {
            return Err(io::Error::other("it is a pipe or a device, not a file"));
        }
    }
    // Opened whatever was found, because that makes NFS ask the server; what it believes about a name may be a minute old.
    let file = File::open(path).map_err(|error| {
        let link =
            error.kind() == ErrorKind::NotFound && fs::symlink_metadata(path).is_ok_and(|m| m.is_symlink());
        if link { io::Error::other("it is a link that leads nowhere") } else { error }
    })?;
    let metadata = file.metadata()?;
    Ok((file, metadata))
}

/// The content of a file of at most `most` bytes, and when it was written.
///
/// # Errors
/// As [`open`], or that it is too large: known before it is read.
pub fn read(path: &Path, most: u64) -> io::Result<(Vec<u8>, SystemTime)> {
    let (file, metadata) = open(path)?;
    let too_large = |length: u64| io::Error::other(format!("it has {length} bytes, expected at most {most}"));
    if metadata.len() > most {
        return Err(too_large(metadata.len()));
    }
    let mut content = Vec::new();
    (&file).take(most + 1).read_to_end(&mut content)?;
    if content.len() as u64 > most {
        return Err(too_large(content.len() as u64));
    }
    Ok((content, file.metadata()?.modified()?))
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::process::Command;

    use super::read;

    #[test]
    fn what_is_no_file_of_that_size_is_an_error_that_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("file"), "12345").unwrap();
        assert_eq!(read(&path("file"), 5).unwrap().0, b"12345");
        fs::create_dir(path("folder")).unwrap();
        symlink("nowhere", path("link")).unwrap();
        symlink("file", path("good-link")).unwrap();
        assert!(Command::new("mkfifo").arg(path("pipe")).status().unwrap().success());
        assert!(read(&path("good-link"), 5).is_ok());
        let error = |name: &str, most: u64| read(&path(name), most).unwrap_err().to_string();
        assert!(error("file", 4).contains("5 bytes, expected at most 4"));
        assert!(error("folder", 9).contains("directory"));
        assert!(error("link", 9).contains("leads nowhere"));
        assert!(error("pipe", 9).contains("not a file"));
        assert!(error("none", 9).contains("No such file"));
    }
}
