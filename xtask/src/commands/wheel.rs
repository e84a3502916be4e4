//! `wheel`: builds the Python wheel and tests it as users get it, in a fresh environment.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail, ensure};

/// Where and with what.
#[derive(clap::Args)]
pub(crate) struct WheelOptions {
    /// The Python to build and test with, 3.10 or later
    #[arg(long, value_name = "PROGRAM", default_value = "python3")]
    python: PathBuf,
    /// Folder for the wheel and the environments [default: wheels, in the target folder]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Build the wheel and install it, but run no tests
    #[arg(long)]
    untested: bool,
}

/// What a wheel may weigh.
const LARGEST: u64 = 20 << 20;

/// Builds the wheel; installs it beside NumPy alone and runs the README's lines; then pytest and mypy.
pub(crate) fn wheel(options: &WheelOptions) -> Result<ExitCode> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().context("the checkout")?;
    let package = root.join("crates/python");
    let out = match &options.out {
        Some(out) => std::path::absolute(out).context("--out")?,
        None => target(&root).join("wheels"),
    };
    fs::create_dir_all(&out).with_context(|| out.display().to_string())?;
    for old in wheels(&out)? {
        fs::remove_file(&old).with_context(|| old.display().to_string())?;
    }

    let tools = environment(&options.python, &out.join("tools"))?;
    run(pip(&tools).arg("maturin>=1.9,<2"))?;
    run(Command::new(tools.join("maturin"))
        .args(["build", "--release", "--locked", "--out"])
        .arg(&out)
        .arg("--interpreter")
        .arg(tools.join("python"))
        .current_dir(&package))?;
    let Some(wheel) = wheels(&out)?.pop() else { bail!("{}: maturin wrote no wheel", out.display()) };
    let size = fs::metadata(&wheel).with_context(|| wheel.display().to_string())?.len();
    ensure!(size < LARGEST, "{} has {size} bytes, more than {LARGEST}", wheel.display());
    say!("{}: {:.1} MB", wheel.display(), size as f64 / 1e6);

    let fresh = environment(&options.python, &out.join("fresh"))?;
    // NumPy comes with it, and nothing else.
    run(pip(&fresh).arg(&wheel))?;
    run(Command::new(fresh.join("python")).arg(package.join("tests/readme.py")).current_dir(&out))?;
    run(Command::new(fresh.join("overparam")).arg("--version"))?;
    if options.untested {
        return Ok(ExitCode::SUCCESS);
    }
    // The same file: pip installs what the tests need beside it.
    run(pip(&fresh).arg(format!("{}[test]", wheel.display())))?;
    // Not where the sources are: what is tested is what was installed.
    run(Command::new(fresh.join("python"))
        .args(["-m", "pytest", "-q", "-p", "no:cacheprovider"])
        .arg(package.join("tests"))
        .current_dir(&out))?;
    run(Command::new(fresh.join("python"))
        .args(["-m", "mypy", "--strict", "--no-incremental"])
        .arg(package.join("tests/typed_user.py"))
        .current_dir(&out))?;
    say!("the wheel is good: {}", wheel.display());
    Ok(ExitCode::SUCCESS)
}

/// Cargo's target folder.
fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}

/// A new virtual environment in a folder, and where its programs are.
fn environment(python: &Path, folder: &Path) -> Result<PathBuf> {
    run(Command::new(python).args(["-m", "venv", "--clear"]).arg(folder))?;
    Ok(folder.join(if cfg!(windows) { "Scripts" } else { "bin" }))
}

fn pip(programs: &Path) -> Command {
    let mut pip = Command::new(programs.join("python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    pip
}

fn wheels(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?;
    Ok(paths.into_iter().filter(|path| path.extension().is_some_and(|e| e == "whl")).collect())
}

fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.status().with_context(|| program.clone())?;
    ensure!(status.success(), "{program} ended with {status}: {command:?}");
    Ok(())
}
