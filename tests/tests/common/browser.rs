//! A headless Chromium, driven over its debugging protocol: JSON messages ended by a zero byte, on two pipes.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

/// The browser, if this machine has one.
pub(crate) fn installed() -> Option<PathBuf> {
    let names = ["chromium", "chromium-browser", "google-chrome", "chrome"];
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .flat_map(|folder| names.map(|name| folder.join(name)))
        .find(|file| file.is_file())
}

struct Pipes {
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    last: u64,
    events: Vec<Value>,
}

/// One tab.
pub(crate) struct Browser {
    child: Child,
    pipes: RefCell<Pipes>,
    session: String,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts the browser with an empty profile and opens a tab that reports what it logs.
    pub(crate) fn start(program: &Path) -> Self {
        let profile = tempfile::tempdir().unwrap();
        // The protocol is spoken on descriptors 3 and 4, which only a shell can make of 0 and 1 without unsafe code.
        let script = "exec \"$0\" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run \
                      --remote-debugging-pipe --user-data-dir=\"$1\" about:blank 3<&0 4>&1 0</dev/null 1>/dev/null";
        let mut child = Command::new("sh")
            .args(["-c", script])
            .arg(program)
            .arg(profile.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let to = child.stdin.take().unwrap();
        let from = BufReader::new(child.stdout.take().unwrap());
        let pipes = RefCell::new(Pipes { to, from, last: 0, events: Vec::new() });
        let mut browser = Self { child, pipes, session: String::new(), _profile: profile };
        let target = browser.send("Target.createTarget", &json!({"url": "about:blank"}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let session = browser.send("Target.attachToTarget", &attach);
        browser.session = session["sessionId"].as_str().unwrap().to_owned();
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.send(&format!("{domain}.enable"), &json!({}));
        }
        browser
    }

    /// Sends a command and waits for its result; events that arrive meanwhile are kept.
    pub(crate) fn send(&self, method: &str, parameters: &Value) -> Value {
        let id = {
            let pipes = &mut *self.pipes.borrow_mut();
            pipes.last += 1;
            let mut message = json!({"id": pipes.last, "method": method, "params": parameters});
            if !self.session.is_empty() {
                message["sessionId"] = json!(self.session);
            }
            pipes.to.write_all(format!("{message}\0").as_bytes()).unwrap();
            pipes.to.flush().unwrap();
            pipes.last
        };
        loop {
            let message = self.receive();
            if message["id"] == id {
                assert!(message["error"].is_null(), "{method}: {}", message["error"]);
                return message["result"].clone();
            }
            self.pipes.borrow_mut().events.push(message);
        }
    }

    fn receive(&self) -> Value {
        let mut bytes = Vec::new();
        self.pipes.borrow_mut().from.read_until(0, &mut bytes).unwrap();
        assert_eq!(bytes.pop(), Some(0), "the browser is gone");
        serde_json::from_slice(&bytes).unwrap()
    }

    /// Opens a file and waits until it is loaded.
    pub(crate) fn open(&self, file: &Path) {
        self.pipes.borrow_mut().events.clear();
        self.send("Page.navigate", &json!({"url": format!("file://{}", file.display())}));
        while !self.pipes.borrow().events.iter().any(|e| e["method"] == "Page.loadEventFired") {
            let event = self.receive();
            self.pipes.borrow_mut().events.push(event);
        }
    }

    /// Everything that was logged, thrown or asked of the network since the page was opened.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let told = [
            "Runtime.consoleAPICalled",
            "Runtime.exceptionThrown",
            "Log.entryAdded",
            "Network.loadingFailed",
        ];
        let events = &self.pipes.borrow().events;
        let complaint = |e: &&Value| told.iter().any(|m| e["method"] == *m);
        let request = |e: &&Value| {
            let url = e["params"]["request"]["url"].as_str().unwrap_or("file:");
            e["method"] == "Network.requestWillBeSent" && !url.starts_with("file:")
        };
        events.iter().filter(|e| complaint(e) || request(e)).map(Value::to_string).collect()
    }

    /// The value of an expression in the page.
    pub(crate) fn evaluate(&self, expression: &str) -> Value {
        let parameters = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let result = self.send("Runtime.evaluate", &parameters);
        assert!(result["exceptionDetails"].is_null(), "{expression}: {}", result["exceptionDetails"]);
        result["result"]["value"].clone()
    }

    /// A window of this size in CSS pixels, and what the reader prefers (`prefers-color-scheme`) on which medium.
    pub(crate) fn look(&self, width: u32, height: u32, scheme: &str, medium: &str) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500});
        self.send("Emulation.setDeviceMetricsOverride", &size);
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.send("Emulation.setEmulatedMedia", &json!({"media": medium, "features": features}));
    }

    /// Moves the pointer there, or clicks.
    pub(crate) fn pointer(&self, kind: &str, [x, y]: [f64; 2]) {
        let clicks = u32::from(kind != "mouseMoved");
        let button = if clicks > 0 { "left" } else { "none" };
        let event = json!({"type": kind, "x": x, "y": y, "button": button, "clickCount": clicks});
        self.send("Input.dispatchMouseEvent", &event);
    }

    /// Presses a key.
    pub(crate) fn key(&self, key: &str) {
        for kind in ["rawKeyDown", "keyUp"] {
            self.send("Input.dispatchKeyEvent", &json!({"type": kind, "key": key, "code": key}));
        }
    }

    /// Saves what is on the screen where `OVERPARAM_SCREENSHOTS` says, for a person to look at.
    pub(crate) fn screenshot(&self, name: &str) {
        if let Some(folder) = std::env::var_os("OVERPARAM_SCREENSHOTS") {
            let shot = self.send("Page.captureScreenshot", &json!({"format": "png"}));
            let data = shot["data"].as_str().unwrap();
            std::fs::write(Path::new(&folder).join(format!("{name}.png")), decode(data)).unwrap();
        }
    }

    /// The page as a printer gets it.
    pub(crate) fn print(&self) -> Vec<u8> {
        let pdf = self.send("Page.printToPDF", &json!({"printBackground": false}));
        decode(pdf["data"].as_str().unwrap())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Base64.
fn decode(text: &str) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0u32, 0);
    for value in text.bytes().filter_map(|c| ALPHABET.iter().position(|&a| a == c)) {
        bits = bits << 6 | value as u32;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    bytes
}
