//! Rows as people read them: a table for the terminal, one in markdown, and a plot of how far each row is
//! from its target, as SVG.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::rows::{Row, Run, Target, Verdict};
use crate::sums::Trouble;

/// What to draw.
#[derive(clap::Args)]
pub struct Settings {
    /// Files that `--out` wrote; a later row of the same name takes the place of an earlier one.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The plot.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// Prints the markdown, and draws the plot where it is wanted.
pub fn run(settings: &Settings) -> Result<(), Trouble> {
    let mut all: Option<Run> = None;
    for file in &settings.files {
        let read = read(file)?;
        match &mut all {
            None => all = Some(read),
            Some(all) => merge(all, read),
        }
    }
    let all = all.ok_or("no file")?;
    println!("{}\n\n{}", machine_line(&all.machine), markdown(&all.rows));
    if let Some(file) = &settings.svg {
        std::fs::write(file, svg(&all))?;
    }
    Ok(())
}

fn read(file: &Path) -> Result<Run, Trouble> {
    let text = std::fs::read_to_string(file);
    let text = text.map_err(|error| Trouble::from(format!("{}: {error}", file.display())))?;
    let run = serde_json::from_str(&text);
    run.map_err(|error| Trouble::from(format!("{} holds no rows: {error}", file.display())))
}

/// What a later run measured counts; the first one names the machine.
fn merge(all: &mut Run, later: Run) {
    for row in later.rows {
        let same = |old: &&mut Row| old.of == row.of && old.what == row.what;
        match all.rows.iter_mut().find(same) {
            Some(old) => *old = row,
            None => all.rows.push(row),
        }
    }
}

/// One sentence about the machine.
pub fn machine_line(machine: &Value) -> String {
    let text = |key: &str| match &machine[key] {
        Value::String(text) => text.clone(),
        Value::Null => "?".to_owned(),
        other => other.to_string(),
    };
    let has = |flag: &str| {
        let flags = machine["flags"].as_array();
        flags.is_some_and(|flags| flags.iter().any(|f| f == flag))
    };
    format!(
        "{} of {}, {} cores of {} ({}), {} MB, Linux {}, {} fdatasync/s, load {} before, {} build",
        text("version"),
        text("date"),
        text("cores"),
        text("cpu"),
        if has("avx512ifma") {
            "AVX-512 IFMA"
        } else {
            "no AVX-512 IFMA"
        },
        text("memory_mb"),
        text("kernel"),
        text("fdatasync_per_s"),
        text("load_before"),
        text("build"),
    )
}

fn value(row: &Row) -> String {
    row.value
        .map_or("-".to_owned(), |v| format!("{v} {}", row.unit))
}

fn target(row: &Row) -> String {
    match row.target {
        Some(Target::AtLeast(bound)) => format!("≥ {bound}"),
        Some(Target::AtMost(bound)) => format!("≤ {bound}"),
        None => "-".to_owned(),
    }
}

/// For the terminal.
pub fn plain(run: &Run) -> String {
    let mut text = format!("{}\n", machine_line(&run.machine));
    for row in &run.rows {
        let word = row.verdict().word();
        let (value, target) = (value(row), target(row));
        let _ = writeln!(text, "{:<62} {value:>16} {target:>9}  {word}", row.what);
        if let Some(why) = &row.missing {
            let _ = writeln!(text, "    {}", why.replace('\n', " "));
        }
    }
    text
}

/// A table in markdown.
pub fn markdown(rows: &[Row]) -> String {
    let mut text = "| row | what | ours | target | |\n|---|---|---|---|---|\n".to_owned();
    for row in rows {
        let word = match &row.missing {
            Some(why) => format!(
                "{}: {}",
                row.verdict().word(),
                why.replace(['\n', '|'], " ")
            ),
            None => row.verdict().word().to_owned(),
        };
        let (value, target) = (value(row), target(row));
        let _ = writeln!(
            text,
            "| `{}` | {} | {value} | {target} | {word} |",
            row.of, row.what
        );
    }
    text
}

/// Pixels.
const LABELS: f64 = 480.0;
const BARS: f64 = 420.0;
const LINE: f64 = 24.0;
/// The axis ends at so many times the target.
const AXIS_END: f64 = 2.0;

/// Bars of how far each row is: its target is the line, longer is better; rows without one are left out.
pub fn svg(run: &Run) -> String {
    let rows: Vec<(&Row, f64)> = run
        .rows
        .iter()
        .filter_map(|row| Some((row, row.progress()?)))
        .collect();
    let (width, height) = (LABELS + BARS + 20.0, (rows.len() as f64 + 2.5) * LINE);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
    );
    let goal = LABELS + BARS / AXIS_END;
    for (number, (row, progress)) in rows.iter().enumerate() {
        let y = (number as f64 + 1.5) * LINE;
        let length = (progress / AXIS_END).clamp(0.0, 1.0) * BARS;
        let colour = match row.verdict() {
            Verdict::Pass => "#3a7d44",
            _ => "#b3402e",
        };
        let label = format!("{}: {} ({})", row.what, value(row), target(row));
        let _ = writeln!(
            text,
            "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\">{}</text>\n\
             <rect x=\"{LABELS:.0}\" y=\"{:.0}\" width=\"{length:.1}\" height=\"14\" fill=\"{colour}\"/>",
            LABELS - 8.0,
            y + 11.0,
            escaped(&label),
            y,
        );
    }
    let _ = writeln!(
        text,
        "<line x1=\"{goal}\" y1=\"{:.0}\" x2=\"{goal}\" y2=\"{:.0}\" stroke=\"#222222\"/>\n\
         <text x=\"{goal}\" y=\"{:.0}\" text-anchor=\"middle\">target</text>\n\
         <text x=\"8\" y=\"{:.0}\" fill=\"#555555\" font-size=\"10\">{}</text>\n</svg>",
        LINE,
        height - LINE,
        LINE - 6.0,
        height - 8.0,
        escaped(&machine_line(&run.machine)),
    );
    text
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run() -> Run {
        Run {
            machine: json!({ "cpu": "A <fast> one", "cores": 2, "flags": ["avx512ifma"] }),
            rows: vec![
                Row::new("chain", "messages/s over a & b", "times", 3.0).at_least(2.0),
                Row::new("memory", "above idle", "MB", 90.0).at_most(64.0),
                Row::missing("pool", &Trouble::from("no | module")),
            ],
        }
    }

    #[test]
    fn tables_name_value_target_and_verdict() {
        let run = run();
        let table = markdown(&run.rows);
        assert!(
            table.contains("| messages/s over a & b | 3 times | ≥ 2 | pass |"),
            "{table}"
        );
        assert!(table.contains("| 90 MB | ≤ 64 | FAIL |"), "{table}");
        assert!(table.contains("not measured: no   module |"), "{table}");
        assert!(plain(&run).contains("AVX-512 IFMA"));
    }

    #[test]
    fn the_plot_has_a_bar_for_each_row_with_a_target() {
        let plot = svg(&run());
        assert_eq!(plot.matches("height=\"14\"").count(), 2, "{plot}");
        assert!(plot.contains("over a &amp; b") && plot.contains("A &lt;fast&gt; one"));
    }

    #[test]
    fn later_rows_take_the_place_of_earlier_ones() {
        let mut all = run();
        let mut later = run();
        later.rows.truncate(1);
        later.rows[0].value = Some(2.5);
        merge(&mut all, later);
        assert_eq!((all.rows.len(), all.rows[0].value), (3, Some(2.5)));
    }
}
