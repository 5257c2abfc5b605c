//! `juggle completions` and `juggle man`: files for shells and for man.

use std::{fs, io, path::Path};

use clap::CommandFactory;

use crate::{
    cli::{Cli, CompletionsArgs, ManArgs, help, queue::QueueCli, stage_command},
    exit::{CliError, Exit},
    output::{Out, counted},
};
use flow::lane::Lane;
use settings::{enums::Run, resolved::Settings};

/// Runs `juggle completions`.
///
/// # Errors
/// Returns an error if standard output cannot be written.
pub fn completions(args: &CompletionsArgs, out: &Out) -> Result<Exit, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut help::arrange(Cli::command()), "juggle", &mut script);
    out.line(String::from_utf8_lossy(&script).trim_end())?;
    Ok(Exit::Done)
}

/// Runs `juggle man`.
///
/// # Errors
/// Returns an error if a page cannot be written.
pub fn pages(args: &ManArgs, settings: &Settings, out: &Out) -> Result<Exit, CliError> {
    let mut programs = vec![help::arrange(Cli::command()), help::arrange(QueueCli::command())];
    programs.extend(Lane::ALL.map(stage_command));
    let mut pages = Vec::new();
    for program in programs {
        let name = program.get_name().to_owned();
        collect(program, &name, &mut pages);
    }
    let directory = args.directory.as_path();
    if settings.run == Run::Real {
        write(directory, pages.as_slice()).map_err(|error| CliError::unwritten(directory, &error))?;
    }
    let pages = counted(pages.len() as u64, "page");
    out.line(&format!(
        "{pages} in {}. To read one: man -l {}/juggle.1",
        directory.display(),
        directory.display()
    ))?;
    Ok(Exit::Done)
}

/// Renders the page of a command and those of its subcommands.
fn collect(command: clap::Command, name: &str, pages: &mut Vec<(String, Vec<u8>)>) {
    for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
        collect(below.clone(), &format!("{name}-{}", below.get_name()), pages);
    }
    let mut page = Vec::new();
    let titled = command.name(name.to_owned()).display_name(name.to_owned());
    clap_mangen::Man::new(titled).render(&mut page).expect("a vector takes everything");
    pages.push((format!("{name}.1"), page));
}

fn write(directory: &Path, pages: &[(String, Vec<u8>)]) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    pages.iter().try_for_each(|(name, page)| fs::write(directory.join(name), page))
}
