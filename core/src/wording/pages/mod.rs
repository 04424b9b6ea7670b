//! Pages for holders, as templates: `{name}` is filled in, escaped.

/// The public help page (AC-18, DR-19).
pub const HELP: &str = include_str!("help.html");

/// Where a sandbox is evaluated (OP-12).
pub const SANDBOX: &str = "Ambiente di prova: i messaggi non hanno valore legale";

/// What is said of deleted messages that are kept (AC-13); `{days}`.
pub const KEPT: &str = "I messaggi che elimini con POP3 si possono recuperare per {days} giorni: \
     chiedilo al gestore. Non occupano spazio nella casella.";

/// What is said of them where nothing is kept.
pub const NOT_KEPT: &str =
    "I messaggi che elimini con POP3 non si possono recuperare: prima di eliminarli, salvali.";

/// What a mail program shows beside the link to the help page.
pub const HELP_LINK: &str = "Parametri e istruzioni per i programmi di posta";

/// What an Apple device shows of a profile (AC-16); `{address}`.
pub const PROFILE: &str = "Posta elettronica certificata: {address}";
