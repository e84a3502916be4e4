//! Which process holds a lease, and whether it is known to have died.

use std::fs;
use std::io;

use serde::{Deserialize, Serialize};

/// A process as others can recognise it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Holder {
    /// The machine's name, for people.
    pub(crate) host: String,
    /// The process.
    pub(crate) pid: u32,
    /// Random at every boot of the machine.
    boot: Option<String>,
    /// Within which `pid` means something: containers have their own.
    namespace: Option<String>,
    /// When the process started, in ticks since boot: another process may get the same `pid` later.
    started: Option<u64>,
}

impl Holder {
    /// This process.
    pub(crate) fn here() -> Self {
        let read = |path: &str| fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
        let pid = std::process::id();
        Self {
            host: read("/proc/sys/kernel/hostname").unwrap_or_else(|| "unknown".to_owned()),
            pid,
            boot: read("/proc/sys/kernel/random/boot_id"),
            namespace: fs::read_link("/proc/self/ns/pid").ok().map(|link| link.display().to_string()),
            started: alive(pid).ok().flatten(),
        }
    }

    /// Whether `observer`, this process, can tell that the holder is no more. Only on one machine, within one
    /// namespace, where the system says so; `false` otherwise.
    pub(crate) fn is_dead(&self, observer: &Self) -> bool {
        let comparable = self.boot.is_some() && self.namespace.is_some() && self.started.is_some();
        comparable
            && (&self.boot, &self.namespace) == (&observer.boot, &observer.namespace)
            && alive(self.pid).is_ok_and(|started| started != self.started)
    }
}

/// When this process started, in ticks since boot; `None` if there is none, or only its exit status is left.
fn alive(pid: u32) -> io::Result<Option<u64>> {
    let text = match fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e),
    };
    // proc(5): `pid (name) state ...`, the start in field 22. The name may hold spaces and brackets.
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    match fields.first() {
        Some(&("Z" | "X")) => Ok(None),
        _ => Ok(fields.get(19).and_then(|field| field.parse().ok())),
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs;
    use std::process::Command;

    use super::{Holder, alive};

    #[test]
    fn the_living_are_alive_and_the_dead_are_known_only_where_the_system_says_so() {
        let me = Holder::here();
        assert!(me.started.is_some() && !me.is_dead(&me));
        assert!(
            Holder { started: me.started.map(|s| s + 1), ..me.clone() }.is_dead(&me),
            "the number was used again"
        );

        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let other = Holder { pid: child.id(), started: alive(child.id()).unwrap(), ..me.clone() };
        assert!(!other.is_dead(&me));
        child.kill().unwrap();
        // Dead though its number and its start are still listed: nobody has asked for its exit status.
        while !fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap().contains(") Z ") {
            std::thread::yield_now();
        }
        assert!(other.is_dead(&me));
        child.wait().unwrap();
        assert!(other.is_dead(&me));
        for elsewhere in [
            Holder { boot: Some("another".into()), ..other.clone() },
            Holder { namespace: Some("another".into()), ..other.clone() },
            Holder { started: None, ..other.clone() },
        ] {
            assert!(!elsewhere.is_dead(&me), "{elsewhere:?}");
        }
        // What the system does not say is not the same on both sides.
        let unknown = [
            Holder { boot: None, ..other.clone() },
            Holder { namespace: None, ..other.clone() },
            Holder { started: None, ..me.clone() },
        ];
        for holder in unknown {
            let observer =
                Holder { boot: holder.boot.clone(), namespace: holder.namespace.clone(), ..me.clone() };
            assert!(!holder.is_dead(&observer), "{holder:?}");
        }
    }
}
