//! `livetape config`: checks, shows and documents the settings.

use std::path::Path;

use livetape_core::{
    error::{Code, Problem, exit},
    username::normalise,
};
use livetape_feed::control::Control;

use crate::{
    cli::{
        args,
        options::{
            config::{first, read, resolve},
            folders::{self, Folders},
            serving,
            webhook::Webhook,
        },
        process::output::{complain, say},
        serve::cluster,
    },
    settings::{self, Settings},
};

pub(crate) fn config(args: &args::Config) -> Result<u8, Problem> {
    match &args.command {
        args::ConfigCommand::Check { file, config } => {
            check(&file.clone().or_else(|| config.clone()).unwrap_or_default())
        }
        args::ConfigCommand::Show(flags) => {
            let shown = settings::show(&resolve(flags.config.as_deref(), &[], |_| true).map_err(first)?);
            say(format!("{}\n{shown}", origin(flags.config.as_deref())?))?;
            Ok(exit::DONE)
        }
        args::ConfigCommand::Example => {
            say(settings::example())?;
            Ok(exit::DONE)
        }
    }
}

/// Returns comments that tell where the settings come from, and where those of an installed livetape belong.
fn origin(file: Option<&Path>) -> Result<String, Problem> {
    let mut text = match read(file)? {
        Some((path, _)) => format!("# settings file: {}\n", path.display()),
        None => {
            folders::files().iter().map(|path| format!("# no settings file {}\n", path.display())).collect()
        }
    };
    if let Some(ca) = Folders::find().map(|folders| folders.ca()).filter(|ca| !ca.exists()) {
        text += &format!("# no certificate file {}\n", ca.display());
    }
    Ok(text)
}

/// Reports every problem.
fn check(file: &Path) -> Result<u8, Problem> {
    let file = Some(file).filter(|path| !path.as_os_str().is_empty());
    match resolve(file, &[], |_| true) {
        Ok(resolved) => {
            check_parts(&resolved.settings)?;
            say("✅ Settings are valid\n")?;
            Ok(exit::DONE)
        }
        Err(problems) => {
            for mut problem in problems {
                // It would recommend this command.
                if problem.hint == Code::BadConfig.hint() {
                    problem.hint.clear();
                }
                complain(&problem);
            }
            Ok(Code::BadConfig.exit_code())
        }
    }
}

/// Checks what `serve` and `live` check before they listen.
fn check_parts(settings: &Settings) -> Result<(), Problem> {
    cluster::check(settings)?;
    settings.live.user.as_deref().map(normalise).transpose()?;
    Webhook::new(settings)?;
    Control::with(serving::token_sources(settings))?;
    serving::config(settings).map(drop)
}
