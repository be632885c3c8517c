//! What a server is to the system: its user, its directory, and where its number is written.

macro_rules! process {
    ($next:ident $($rest:ident)*; $($rows:tt)*) => { $next! { $($rest)*; $($rows)* Process {

    /// File that holds the number of the process to send signals to; empty for none.
    pid: String = Path {
        default: "",
        reason: "Service managers and containers know the process themselves.",
        placeholder: "PATH",
        help: "Write the number of the process that takes signals to this file",
        details: "Written once the addresses are open, removed at the end. One that a server has left behind is \
                  replaced; if that server still runs, this one does not start.",
        equivalents: Equivalents { gunicorn: &["pidfile"], granian: &["--pid-file"], ..NO_EQUIVALENTS },
        sample: ("/run/yett.pid", || Value::Text("/run/yett.pid".into())),
    }

    /// The user that runs the application, by name or number; empty for the one that started the server.
    user: String = Text(account) {
        default: "",
        reason: "Whoever starts the server decides; systemd has its own User=.",
        placeholder: "NAME",
        help: "Run the application as this user",
        details: "Name or number. Taken on once the addresses and the logs are open, which may need more rights, and \
                  before the application is imported. Its groups are those of the user. Logs and unix sockets \
                  become the user's, and so do the new log files that the supervisor makes on SIGUSR1: it stays who it was.",
        equivalents: Equivalents { gunicorn: &["user"], ..NO_EQUIVALENTS },
        sample: ("www-data", || Value::Text("www-data".into())),
    }

    /// The group that runs the application, by name or number; empty for the user's own.
    group: String = Text(account) {
        default: "",
        reason: "The group of the user.",
        placeholder: "NAME",
        help: "Run the application as this group",
        details: "Name or number; without it, the main group of `user`.",
        equivalents: Equivalents { gunicorn: &["group"], ..NO_EQUIVALENTS },
        sample: ("www-data", || Value::Text("www-data".into())),
    }

    /// Permission bits that new files do not get; `None` leaves them as they were.
    umask: Option<u32> = Mode("inherit") {
        default: "inherit",
        reason: "What every other program does.",
        placeholder: "MODE",
        help: "Permission bits that files made by the application lack, like 027",
        details: "`inherit` leaves it as it was. It counts for everything that the server and the application make: \
                  unix sockets (see `unix_mode`), logs, the pid file.",
        sample: ("027", || Value::Int(0o027)),
    }

    /// Directory in which the server and the application run; empty for the one it was started in.
    chdir: String = Path {
        default: "",
        reason: "What every other program does.",
        placeholder: "PATH",
        help: "Change to this directory before anything is opened or imported",
        details: "Relative paths of other settings are seen from there, and modules are imported from there. The \
                  files of settings are still looked for in the directory where the server was started.",
        equivalents: Equivalents { gunicorn: &["chdir"], granian: &["--working-dir"], ..NO_EQUIVALENTS },
        sample: ("/srv/shop", || Value::Text("/srv/shop".into())),
    }

    } } };
}
