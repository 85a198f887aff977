//! `cargo measure`: what each way to serve many clients costs, side by side, and plots of it.

mod canvas;
mod charts;
mod draw;
mod order;
mod page;
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "there they are only read"))]
mod row;
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "nothing is measured there"))]
mod statistics;

#[cfg(target_os = "linux")]
mod load;
#[cfg(target_os = "linux")]
mod machine;
#[cfg(target_os = "linux")]
mod place;
#[cfg(target_os = "linux")]
mod programs;
#[cfg(target_os = "linux")]
mod run;
#[cfg(target_os = "linux")]
mod server;
#[cfg(target_os = "linux")]
mod side_by_side;
#[cfg(target_os = "linux")]
mod sinks;
#[cfg(target_os = "linux")]
mod speech;
#[cfg(target_os = "linux")]
mod takes;

use std::env;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use order::{USAGE, Wish};

/// Where the project is.
const PROJECT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn main() -> ExitCode {
    let say = |words: &str| {
        let _ = writeln!(io::stderr(), "{words}");
    };
    let wish = match Wish::read(env::args_os()) {
        Ok(Wish { help: true, .. }) => {
            let _ = io::stdout().write_all(USAGE.as_bytes());
            return ExitCode::SUCCESS;
        }
        Ok(wish) => wish,
        Err(words) => {
            say(&words);
            return ExitCode::from(2);
        }
    };
    let project = fs::canonicalize(PROJECT).unwrap_or_else(|_| PROJECT.into());
    let folder = match &wish {
        Wish { folder: Some(folder), .. } => folder.clone(),
        Wish { record: true, .. } => project.join("tools/measure/results"),
        _ => target(&project),
    };
    let done = if wish.plot {
        charts::plot(&folder).map_err(|words| (1, words))
    } else {
        measure(&wish, &project, &folder)
    };
    match done {
        Ok(words) => {
            let _ = writeln!(io::stdout(), "{words}");
            ExitCode::SUCCESS
        }
        Err((status, words)) => {
            say(&words);
            ExitCode::from(status)
        }
    }
}

/// Beside what is built: this program is there, too.
fn target(project: &Path) -> PathBuf {
    let here = env::current_exe().ok();
    let target = here.as_deref().and_then(|path| path.ancestors().nth(2));
    target.map_or_else(|| project.join("target"), Path::to_owned).join("measure")
}

#[cfg(not(target_os = "linux"))]
fn measure(_: &Wish, _: &Path, _: &Path) -> Result<String, (u8, String)> {
    Err((
        1,
        "cargo measure needs Linux: it asks the kernel in /proc what a server takes (in a virtual \
         machine or a container it works, too)"
            .to_owned(),
    ))
}

#[cfg(target_os = "linux")]
fn measure(wish: &Wish, project: &Path, folder: &Path) -> Result<String, (u8, String)> {
    use run::{Plan, Run, Trouble, tell};

    let fails = |words: String| (1, words);
    let workshop = programs::Workshop::new(project, &target(project)).map_err(fails)?;
    let (mut programs, missing) = workshop.build(&run::wanted(wish.command.is_some()));
    missing.iter().for_each(|why| tell(&format!("left out: {why}")));
    // Everything that cargo and the network beyond this machine are needed for is done.
    let place = place::Place::find();
    if let Some(why) = &place.why_not {
        tell(&format!("all servers share this machine's own loopback network ({why})"));
    }
    let mut plan = if wish.quick { Plan::QUICK } else { Plan::WHOLE };
    plan.is_strict &= !wish.rough;
    let own = wish.command.clone().map(|command| programs::Program {
        name: "yours".to_owned(),
        command,
        places: usize::MAX,
        at_once: usize::MAX,
        is_own: true,
    });
    programs.extend(own.clone());
    let mut run = Run::new(plan, &place, programs);
    if let Some(own) = &own {
        run.learn(own).map_err(fails)?;
    }
    let results = run.measure(&workshop);
    run.left_out.iter().for_each(|why| tell(&format!("not measured: {why}")));
    let results = results.map_err(|trouble| match trouble {
        Trouble::Fails(words) => (1, words),
        Trouble::Busy(words) => (
            3,
            format!(
                "\nthis machine is too busy to measure, so nothing is written. {words}. (In the last \
                 minute, {} processes wanted a processor.)",
                machine::load()
            ),
        ),
    })?;
    let zeros = results.iter().flat_map(|(_, rows)| rows).filter(|row| row.what == "zero");
    let zeros: Vec<f64> = zeros.map(|row| row.value).collect();
    let (least, most) =
        (zeros.iter().copied().fold(1.0, f64::min), zeros.iter().copied().fold(1.0, f64::max));
    tell(&format!("the zero (the same server twice, in each comparison): from {least} to {most}"));
    let is_yours = |row: &row::Row| own.as_ref().is_some_and(|own| own.name == row.server);
    if own.is_some() && !results.iter().flat_map(|(_, rows)| rows).any(is_yours) {
        return Err((1, "yours could not be measured: nothing is written".to_owned()));
    }
    // What the book has numbers of in its text.
    let is_missing = |why: &String| ["07_", "25_", "26_"].iter().any(|name| why.contains(name));
    if wish.record && run.left_out.iter().any(is_missing) {
        return Err((1, "not all was measured that is needed: nothing is recorded".to_owned()));
    }
    fs::create_dir_all(folder).map_err(|error| fails(format!("{}: {error}", folder.display())))?;
    for (name, rows) in &results {
        let file = |ending| folder.join(format!("{name}.{ending}"));
        if rows.is_empty() {
            // What an earlier run has found is not of this one.
            for ending in ["csv", "svg"] {
                let _ = fs::remove_file(file(ending));
            }
        } else {
            row::write(&file("csv"), rows).map_err(fails)?;
        }
    }
    charts::plot(folder).map_err(fails)
}
