//! Batch scripts for SLURM, as a pure function of what is to be run: nothing here touches a file or a process.

use anyhow::{Result, bail, ensure};
use overparam_eval::report::quoted;

/// What all scripts depend on. Paths are absolute and the same on every node.
pub(crate) struct Scripts {
    /// The program that the nodes run.
    pub(crate) program: String,
    /// The folder that relative paths of the words start from.
    pub(crate) folder: String,
    /// Further arguments of `sbatch`, each one word; they override what stands before them.
    pub(crate) arguments: Vec<String>,
    /// The command whose launcher makes them.
    pub(crate) maker: &'static str,
}

/// Everything that the scripts of `reproduce` depend on.
pub(crate) struct Submission {
    /// What they have in common with all others.
    pub(crate) scripts: Scripts,
    /// Arguments of `reproduce`, `report` and `status` alike.
    pub(crate) words: Vec<String>,
    /// How the report's figures are drawn, as arguments of `report`.
    pub(crate) figures: Vec<String>,
    /// `reproduce --fresh`.
    pub(crate) fresh: bool,
    /// Into how many shards the cells of a round are cut.
    pub(crate) shards: u32,
    /// Threads and cores per task; if none is said, one core, or what the site or the user's arguments give.
    pub(crate) threads: Option<u16>,
}

impl Submission {
    /// The script of the job array of a round: task K computes shard K of these.
    ///
    /// # Errors
    /// If a word cannot stand in a script.
    pub(crate) fn array(&self, round: usize, tasks: &[u32]) -> Result<String> {
        let mut directives: Vec<String> = vec![
            format!("--job-name=overparam-{round}"),
            format!("--array={}", ranges(tasks)),
            format!("--output=round-{round}-%A_%a.log"),
            // A task that is queued again goes on in the same log, and in the same store.
            "--open-mode=append".into(),
            "--requeue".into(),
            "--ntasks=1".into(),
        ];
        directives.extend(self.threads.map(|n| format!("--cpus-per-task={n}")));
        let threads = self.threads.map_or("\"${SLURM_CPUS_PER_TASK:-1}\"".to_owned(), |n| n.to_string());
        let fresh = if self.fresh { " --fresh" } else { "" };
        let run = format!(
            "exec {}{fresh} --threads {threads} --round {round} --shard \"${{SLURM_ARRAY_TASK_ID:?}}/{}\"\n",
            self.scripts.command("reproduce", &self.words)?,
            self.shards
        );
        self.scripts.script(&format!("Computes one shard of round {round}."), &directives, &run)
    }

    /// The script of the report: says what is missing, then judges what is there.
    ///
    /// # Errors
    /// As [`Submission::array`].
    pub(crate) fn report(&self) -> Result<String> {
        let directives = ["--job-name=overparam-report", "--output=report-%j.log", "--ntasks=1"];
        let run = format!(
            "{}\nexec {}\n",
            self.scripts.command("status", &self.words)?,
            self.scripts.command("report", &[&self.words[..], &self.figures].concat())?
        );
        self.scripts.script("Writes the report from the store.", &directives.map(str::to_owned), &run)
    }
}

impl Scripts {
    /// A line that runs the program with these words.
    ///
    /// # Errors
    /// If a word cannot stand in a script.
    pub(crate) fn command(&self, subcommand: &str, words: &[String]) -> Result<String> {
        let words = [self.program.as_str(), subcommand].into_iter().chain(words.iter().map(String::as_str));
        let words: Result<Vec<String>> = words.map(|word| one_line(word).map(quoted)).collect();
        Ok(words?.join(" "))
    }

    /// A script with these directives that runs these lines.
    ///
    /// # Errors
    /// If the folder or an argument cannot stand in a script.
    pub(crate) fn script(&self, purpose: &str, directives: &[String], run: &str) -> Result<String> {
        let mut script =
            format!("#!/bin/sh\n# {purpose} Made by `overparam {} --launcher slurm`.\n", self.maker);
        self.arguments.iter().try_for_each(|argument| free(argument))?;
        for argument in directives.iter().chain(&self.arguments) {
            script += &format!("#SBATCH {}\n", directive(argument)?);
        }
        script += &format!("cd {} || exit 2\n{run}", quoted(one_line(&self.folder)?));
        Ok(script)
    }
}

/// A shell could take a line break in a word; `sbatch` could not, and nobody wants one in a path.
fn one_line(word: &str) -> Result<&str> {
    ensure!(
        !word.contains(char::is_control),
        "{word:?} has a control character: it cannot stand in a batch script"
    );
    Ok(word)
}

/// Refuses what is no argument of `sbatch`, or the launcher's own to set.
fn free(argument: &str) -> Result<()> {
    if !argument.starts_with('-') {
        bail!(
            "--sbatch-arg {argument:?}: expected an argument of sbatch, for example --sbatch-arg=--constraint=avx512"
        );
    }
    let set = ["--array", "--dependency", "-a", "-d"];
    if let Some(name) =
        set.iter().find(|name| argument == **name || argument.starts_with(&format!("{name}=")))
    {
        bail!("--sbatch-arg {argument:?}: {name} is set by the launcher; --array N says how many tasks");
    }
    Ok(())
}

/// An argument as `sbatch` reads it in a script: words end at white space, a `#` begins a comment, and in double quotes
/// a backslash takes the next character as it is.
fn directive(argument: &str) -> Result<String> {
    let argument = one_line(argument)?;
    if !argument.contains(|c: char| c.is_whitespace() || "\"'\\#".contains(c)) {
        return Ok(argument.to_owned());
    }
    Ok(format!("\"{}\"", argument.replace('\\', "\\\\").replace('"', "\\\"")))
}

/// `1-3,7` for 1, 2, 3, 7.
pub(crate) fn ranges(tasks: &[u32]) -> String {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for &task in tasks {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == task => *last = task,
            _ => runs.push((task, task)),
        }
    }
    let words = runs.iter().map(|(first, last)| match last - first {
        0 => first.to_string(),
        _ => format!("{first}-{last}"),
    });
    words.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::{Scripts, Submission, directive, ranges};

    fn submission() -> Submission {
        Submission {
            scripts: Scripts {
                program: "/shared/it's/xtask-1".into(),
                folder: "/home/me/over param".into(),
                arguments: vec!["--partition=short".into(), "--comment=a \"b\" # c".into()],
                maker: "reproduce",
            },
            words: ["rank-not-norm", "--set", "rule=$(reboot)", "--out", "/shared/my \"out\""]
                .map(str::to_owned)
                .to_vec(),
            figures: Vec::new(),
            fresh: false,
            shards: 8,
            threads: None,
        }
    }

    #[test]
    fn the_array_computes_shards() {
        let golden = r#"#!/bin/sh
# Computes one shard of round 1. Made by `overparam reproduce --launcher slurm`.
#SBATCH --job-name=overparam-1
#SBATCH --array=1-8
#SBATCH --output=round-1-%A_%a.log
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --ntasks=1
#SBATCH --partition=short
#SBATCH "--comment=a \"b\" # c"
cd '/home/me/over param' || exit 2
exec '/shared/it'\''s/xtask-1' reproduce rank-not-norm --set 'rule=$(reboot)' --out '/shared/my "out"' --threads "${SLURM_CPUS_PER_TASK:-1}" --round 1 --shard "${SLURM_ARRAY_TASK_ID:?}/8"
"#;
        let all: Vec<u32> = (1..=8).collect();
        assert_eq!(submission().array(1, &all).unwrap(), golden);
        let again =
            Submission { threads: Some(4), fresh: true, ..submission() }.array(2, &[2, 3, 7]).unwrap();
        assert!(again.contains("#SBATCH --array=2-3,7\n") && again.contains("#SBATCH --cpus-per-task=4\n"));
        assert!(
            again.ends_with("--fresh --threads 4 --round 2 --shard \"${SLURM_ARRAY_TASK_ID:?}/8\"\n"),
            "{again}"
        );
    }

    #[test]
    fn the_report_says_first_what_is_missing() {
        let golden = r#"#!/bin/sh
# Writes the report from the store. Made by `overparam reproduce --launcher slurm`.
#SBATCH --job-name=overparam-report
#SBATCH --output=report-%j.log
#SBATCH --ntasks=1
#SBATCH --partition=short
#SBATCH "--comment=a \"b\" # c"
cd '/home/me/over param' || exit 2
'/shared/it'\''s/xtask-1' status rank-not-norm --set 'rule=$(reboot)' --out '/shared/my "out"'
exec '/shared/it'\''s/xtask-1' report rank-not-norm --set 'rule=$(reboot)' --out '/shared/my "out"'
"#;
        assert_eq!(submission().report().unwrap(), golden);
        let figures = ["--figures", "pdf"].map(str::to_owned).to_vec();
        let drawn = Submission { figures, ..submission() };
        assert!(drawn.report().unwrap().ends_with("'/shared/my \"out\"' --figures pdf\n"));
        assert!(!drawn.array(1, &[1]).unwrap().contains("--figures"));
    }

    /// What the words mean to a shell, not how they are written.
    #[cfg(unix)]
    #[test]
    fn a_shell_reads_back_every_word() {
        let words =
            ["a b", "", "'", "\"", "$HOME `id` \\ *", "ä", "-x", "!", "a'b\"c"].map(str::to_owned).to_vec();
        let scripts = Scripts { program: "printf".into(), ..submission().scripts };
        let command = scripts.command("%s|", &words).unwrap();
        let output = std::process::Command::new("sh").args(["-c", &command]).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), words.join("|") + "|");
    }

    #[test]
    fn what_cannot_stand_in_a_script_is_refused() {
        let with = |argument: &str| {
            let scripts = Scripts { arguments: vec![argument.to_owned()], ..submission().scripts };
            Submission { scripts, ..submission() }.array(1, &[1]).unwrap_err().to_string()
        };
        assert!(with("gpu").contains("expected an argument of sbatch"));
        assert!(with("--comment=a\nrm").contains("control character"));
        assert!(with("--array=1-4").contains("set by the launcher"));
        let scripts = Scripts { folder: "/a\nb".to_owned(), ..submission().scripts };
        assert!(Submission { scripts, ..submission() }.report().is_err());
        assert_eq!(directive("--account=x").unwrap(), "--account=x");
    }

    #[test]
    fn tasks_are_written_as_ranges() {
        assert_eq!(ranges(&[1, 2, 3, 7]), "1-3,7");
        assert_eq!(ranges(&[4]), "4");
        assert_eq!(ranges(&[1, 3, 5]), "1,3,5");
    }
}
