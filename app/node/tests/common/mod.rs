//! Runs the real binary.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests; each test program uses a part of this"
)]

use std::{
    io::{BufReader, Read, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

/// What a command did.
#[derive(Debug)]
pub struct Done {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Done {
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{self:#?}");
        self
    }

    #[track_caller]
    pub fn fails(self, code: i32, parts: &[&str]) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        for part in parts {
            assert!(self.err.contains(part), "no {part:?} in {self:#?}");
        }
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

/// A command of the binary, untouched by the environment of whoever runs the tests.
pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_defchain-app"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("DEFCHAIN_")) {
        command.env_remove(name);
    }
    command
}

pub fn run(command: &mut Command, input: &str) -> Done {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A command that fails early does not read.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let out = child.wait_with_output().unwrap();
    Done {
        code: out.status.code().unwrap_or(-1),
        out: String::from_utf8(out.stdout).unwrap(),
        err: String::from_utf8(out.stderr).unwrap(),
    }
}

/// A node's home in a temporary folder.
pub struct Home {
    pub folder: tempfile::TempDir,
    pub path: PathBuf,
}

impl Home {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("home");
        Self { folder, path }
    }

    pub fn initialised() -> Self {
        let home = Self::new();
        // These tests are about a node; what they pay each other arrives as it left.
        home.run(&["init", "tester", "--chain-id", "deflation-local-1", "--economy", "plain"]).ok();
        home
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = command();
        command.arg("--home").arg(&self.path).args(args);
        command
    }

    pub fn run(&self, args: &[&str]) -> Done {
        run(&mut self.command(args), "")
    }

    pub fn run_with(&self, args: &[&str], input: &str) -> Done {
        run(&mut self.command(args), input)
    }

    pub fn json(&self, args: &[&str]) -> Value {
        let mut all = vec!["--json"];
        all.extend(args);
        self.run(&all).ok().json()
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.file(name)).unwrap()
    }

    pub fn genesis(&self) -> Value {
        serde_json::from_str(&self.read("config/genesis.json")).unwrap()
    }

    pub fn change_genesis(&self, change: impl FnOnce(&mut Value)) {
        let mut genesis = self.genesis();
        change(&mut genesis);
        std::fs::write(self.file("config/genesis.json"), genesis.to_string()).unwrap();
    }
}

/// An operator that is nobody's.
pub fn operator(i: u8) -> String {
    format!("0x{}", format!("{:02x}", 0xa0 + i).repeat(20))
}

/// The modified CometBFT: from the environment, else built now.
pub fn cometbft() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        if let Some(given) = std::env::var_os("DEFCHAIN_COMETBFT") {
            return given.into();
        }
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cometbft-config");
        let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cometbft");
        let mut go = Command::new("go");
        go.current_dir(source).args(["run", "./cmd/build-cometbft", "--out"]).arg(&out);
        let built = go.output().expect("go builds CometBFT: install it, or name a CometBFT in DEFCHAIN_COMETBFT");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        out
    })
}

pub fn free_ports<const N: usize>() -> [u16; N] {
    // Held together, so that they differ.
    let listeners = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

/// Waits until `look` finds something.
#[track_caller]
pub fn wait_for<T>(what: &str, patience: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: not within {patience:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The whole answer; none while nobody answers.
pub fn ask(url: &str, method: &str, params: Value) -> Option<Value> {
    let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let client = reqwest::blocking::Client::builder().timeout(Duration::from_secs(20)).build().unwrap();
    client.post(url).json(&request).send().ok()?.json().ok()
}

pub fn rpc(url: &str, method: &str, params: Value) -> Option<Value> {
    let answer = ask(url, method, params)?;
    if let Some(error) = answer.get("error") {
        panic!("{method}: {error}");
    }
    answer.get("result").cloned()
}

pub fn quantity(value: &Value) -> u64 {
    u64::from_str_radix(value.as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
}

/// None while the node is not up, or its chain has not started.
pub fn height(url: &str) -> Option<u64> {
    ask(url, "eth_blockNumber", json!([]))?.get("result").map(quantity)
}

/// A process that is ended with the test.
pub struct Running(pub Child);

impl Running {
    pub fn start(command: &mut Command) -> Self {
        Self(command.stdin(Stdio::null()).spawn().unwrap())
    }

    pub fn pid(&self) -> i32 {
        i32::try_from(self.0.id()).unwrap()
    }

    pub fn send(&self, signal: nix::sys::signal::Signal) {
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(self.pid()), signal).unwrap();
    }

    /// Waits for its end and returns its exit code.
    #[track_caller]
    pub fn end(&mut self, patience: Duration) -> Option<i32> {
        wait_for("the end of a process", patience, || self.0.try_wait().unwrap()).code()
    }

    /// The first JSON value that it prints.
    pub fn first_json(&mut self) -> Value {
        let out = BufReader::new(self.0.stdout.take().unwrap());
        let mut values = serde_json::Deserializer::from_reader(out).into_iter::<Value>();
        match values.next() {
            Some(Ok(value)) => value,
            other => {
                let mut err = String::new();
                if let Some(mut stderr) = self.0.stderr.take() {
                    stderr.read_to_string(&mut err).unwrap();
                }
                panic!("no JSON: {other:?} {err}")
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended: then there is nothing to end.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
