//! The files that Postfix runs by: its defaults where nothing of ours speaks against them.

use std::fs::Permissions;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::chain::Other;
use crate::provider::{Quiet, address};
use crate::sums::Trouble;

/// The name in its certificate.
pub const HOST: &str = "posta.test";

/// Services besides the listeners, with the limits of Debian's own `master.cf`.
const SERVICES: &str = "\
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
";

/// More than any load has.
const MAILBOXES: usize = 1000;

/// Writes all of it, with keys and folders.
pub fn write(
    folder: &Path,
    which: Other,
    entrance: SocketAddr,
    back: SocketAddr,
) -> Result<(), Trouble> {
    for name in ["conf", "queue", "data", "mail", "work"] {
        std::fs::create_dir(folder.join(name))?;
    }
    std::fs::set_permissions(folder, Permissions::from_mode(0o755))?;
    for (owner, name) in [("postfix", "data"), ("nobody", "mail"), ("nobody", "work")] {
        Command::new("chown")
            .arg(owner)
            .arg(folder.join(name))
            .quiet()?;
    }
    certificate(folder, "ec", HOST, ["key.pem", "certificate.pem"])?;
    let mailbox = |number| format!("{0} {0}/\n", address(number));
    let mailboxes: String = (0..MAILBOXES).map(mailbox).collect();
    std::fs::write(folder.join("conf/main.cf"), main_cf(folder))?;
    std::fs::write(folder.join("conf/mailboxes"), mailboxes)?;
    let mut master = format!("{entrance} inet n - n - - smtpd\n");
    if which == Other::Filter {
        certificate(folder, "rsa:2048", HOST, ["sign.key", "sign.pem"])?;
        Command::new("chown")
            .arg("nobody")
            .arg(folder.join("sign.key"))
            .quiet()?;
        let script = folder.join("sign.sh");
        std::fs::write(&script, filter(folder, back))?;
        std::fs::set_permissions(&script, Permissions::from_mode(0o755))?;
        master = format!(
            "{entrance} inet n - n - - smtpd\n  -o content_filter=sign:signed\n\
             {back} inet n - n - - smtpd\n  -o smtpd_tls_wrappermode=no\n  \
             -o smtpd_tls_security_level=none\n\
             sign unix - n n - - pipe\n  flags=Rq user=nobody argv={} ${{sender}} ${{recipient}}\n",
            script.display()
        );
    }
    Ok(std::fs::write(
        folder.join("conf/master.cf"),
        master + SERVICES,
    )?)
}

fn certificate(folder: &Path, kind: &str, host: &str, files: [&str; 2]) -> Result<(), Trouble> {
    let mut made = Command::new("openssl");
    made.args(["req", "-x509", "-newkey", kind, "-nodes", "-days", "2"]);
    if kind == "ec" {
        made.args(["-pkeyopt", "ec_paramgen_curve:prime256v1"]);
    }
    made.args(["-subj", &format!("/CN={host}"), "-addext"])
        .arg(format!("subjectAltName=DNS:{host},email:posta@{host}"))
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(folder.join(files[0]))
        .arg("-out")
        .arg(folder.join(files[1]));
    made.quiet()
}

/// `in_flow_delay` is off: it would slow clients down on purpose while deliveries lag.
fn main_cf(folder: &Path) -> String {
    let root = folder.display();
    format!(
        "compatibility_level = 3.6
queue_directory = {root}/queue
data_directory = {root}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = {root}/log
maillog_file_prefixes = {root}
myhostname = {HOST}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
mydestination =
alias_maps =
append_dot_mydomain = no
smtputf8_enable = no
in_flow_delay = 0
message_size_limit = 60000000
mailbox_size_limit = 0
smtpd_tls_wrappermode = yes
smtpd_tls_security_level = encrypt
smtpd_tls_cert_file = {root}/certificate.pem
smtpd_tls_key_file = {root}/key.pem
virtual_mailbox_domains = pec.test
virtual_mailbox_base = {root}/mail
virtual_mailbox_maps = texthash:{root}/conf/mailboxes
virtual_mailbox_limit = 0
virtual_minimum_uid = 1
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
"
    )
}

/// Signs what comes on its input and hands it to the second listener, which filters nothing. Talking SMTP in
/// the shell costs less than `sendmail` with the programs behind it.
fn filter(folder: &Path, back: SocketAddr) -> String {
    let (root, port) = (folder.display(), back.port());
    format!(
        "#!/bin/bash
signed=$(mktemp {root}/work/XXXXXXXX) || exit 75
trap 'rm -f \"$signed\"' EXIT
openssl cms -sign -md sha256 -signer {root}/sign.pem -inkey {root}/sign.key \\
  -from 'posta@{HOST}' -to \"$2\" -subject 'POSTA' -out \"$signed\" || exit 75
exec 3<>/dev/tcp/127.0.0.1/{port} || exit 75
answered() {{
  while read -r line <&3; do
    case $line in ???-*) ;; \"$1\"*) return ;; *) exit 75 ;; esac
  done
  exit 75
}}
say() {{ printf '%s\\r\\n' \"$1\" >&3; answered \"$2\"; }}
answered 220
say 'EHLO filter.test' 250
say \"MAIL FROM:<$1>\" 250
say \"RCPT TO:<$2>\" 250
say DATA 354
sed -e 's/\\r$//' -e 's/^\\./../' -e 's/$/\\r/' \"$signed\" >&3
say . 250
say QUIT 221
"
    )
}
