//! How many processes serve, and how they share the work.

macro_rules! workers {
    ($next:ident $($rest:ident)*; $($rows:tt)*) => { $next! { $($rest)*; $($rows)* Workers {

    /// Processes that run the application; `None` for as many as there are CPUs to use.
    workers: Option<usize> = CountOr(1..=512, "auto") {
        short: Some('w'),
        default: "1",
        reason: "Each takes the application's memory once more; whoever has the memory says so. Uvicorn's and \
                 Gunicorn's default too.",
        placeholder: "N",
        help: "Processes that run the application, or auto",
        details: "`auto` is one for each CPU that this process may use: those of its affinity, and no more than \
                  the quota of its control group (what a container's CPU limit sets), rounded up.",
        reloadable: true,
        equivalents: Equivalents { gunicorn: &["workers"], uvicorn: &["--workers"], granian: &["--workers"] },
        sample: ("4", || Value::Int(4)),
    }

    /// Whether a process of its own looks after the workers.
    supervisor: bool = Bool("Serve in this one process, which nobody looks after") {
        default: "on",
        reason: "A worker that dies or hangs is replaced, and a reload loses no request, with one worker too.",
        help: "Have a process of its own look after the workers",
        details: "Without it there is one worker, this process itself, and no reload; for debuggers, and where \
                  something else starts a new process.",
        sample: ("off", || Value::Bool(false)),
    }

    /// Whether the application is imported once, before the workers are forked.
    preload: bool = Bool("Import the application in each worker") {
        default: "off",
        reason: "Connections and threads that an application opens while it is imported do not survive a fork.",
        help: "Import the application once, and fork the workers from there",
        details: "The workers then share the memory of what was imported. A reload imports it anew.",
        equivalents: Equivalents { gunicorn: &["preload_app"], ..NO_EQUIVALENTS },
        sample: ("on", || Value::Bool(true)),
    }

    /// Whether workers share new connections by their load.
    balance: bool = Bool("Let whichever worker is first take a new connection") {
        default: "on",
        reason: "A worker that is busy then takes no connection while another is free.",
        help: "Share new connections among the workers by their running requests",
        reloadable: true,
        sample: ("off", || Value::Bool(false)),
    }

    } } };
}
