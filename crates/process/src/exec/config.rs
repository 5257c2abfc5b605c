//! The command, and the identity of its results.

use std::time::Duration;

use corpus::stats::ProcessorIdentity;

use crate::options::Options;

/// The configuration of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecConfig {
    /// The command for `sh -c`.
    pub command: String,
    /// The version of the command, which the user changes when the same command does something else.
    pub version: Option<String>,
    /// The maximum time for one document. For the first document of a child, it includes the start.
    pub timeout: Duration,
}

impl ExecConfig {
    /// Returns the identity of its results, with the options that apply to its answers.
    #[must_use]
    pub fn identity(&self, options: &Options) -> ProcessorIdentity {
        // A command may return a text, to which all options apply.
        let then = options.identity();
        let identity = ProcessorIdentity { parameters: then.parameters, ..ProcessorIdentity::new("exec", 1) };
        let identity = identity
            .with("command", &self.command)
            .with("tokenizer", format!("{} {}", then.name, then.version));
        match &self.version {
            Some(version) => identity.with("command_version", version),
            None => identity,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::filter::Numbers;

    #[test]
    fn another_command_version_or_option_is_another_identity() {
        let config = |command: &str, version: Option<&str>| ExecConfig {
            command: command.to_owned(),
            version: version.map(str::to_owned),
            timeout: Duration::from_secs(60),
        };
        let plain = Options::default();
        let masked = Options { numbers: Numbers::Mask, ..Options::default() };
        let identity = config("a", None).identity(&plain);
        assert_eq!((identity.name.as_str(), identity.parameters["command"].as_str()), ("exec", "a"));
        for other in [
            config("b", None).identity(&plain),
            config("a", Some("1")).identity(&plain),
            config("a", None).identity(&masked),
            plain.identity(),
        ] {
            assert_ne!(identity, other);
        }
        let longer = ExecConfig { timeout: Duration::from_secs(1), ..config("a", None) };
        assert_eq!(longer.identity(&plain), identity);
    }
}
